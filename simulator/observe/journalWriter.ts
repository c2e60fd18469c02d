/**
 * Writes the journal of a run: NDJSON, append-only, one writer.
 *
 * Events are gathered for a few milliseconds and written in one piece, one write at a time, at positions that this writer keeps. So a crash
 * can tear the tail and nothing else. When the disk is slower than the run, `append` writes synchronously above a bound: the run waits
 * for its journal, and memory stays bounded.
 */
import * as fs from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError } from "../graph/errors";
import type { JournalEvent, JournalEventBody } from "./journalEvent";
import { formatJournalLine, JOURNAL_FILE, MAX_LINE_BYTES, parseJournalLine } from "./journalLine";

export interface JournalWriterOptions {
  /** Go on with the journal that is there (an absent one is begun); without it, an existing journal is an error. */
  readonly recover?: boolean;
  /** Called once, with the first error of the disk. */
  readonly onError?: (error: FaultlineError) => void;
  /** How long events are gathered before they are written, ms. Default 2. */
  readonly gatherMs?: number;
  /** Characters that wait for the disk, at most. Default 4 Mi. */
  readonly maxPending?: number;
  /** Milliseconds since the epoch, with a fraction. */
  readonly clock?: () => number;
}

/** What {@link JournalWriter.open} found of an earlier writer. */
export interface JournalRecovery {
  /** `seq` of the last good event; −1 when there is none. */
  readonly lastSeq: number;
  /** Bytes of a torn tail that were cut off. */
  readonly truncatedBytes: number;
}

/** Milliseconds since the epoch with a fraction, steady within a process. */
export function journalClock(): number {
  return performance.timeOrigin + performance.now();
}

export class JournalWriter {
  readonly file: string;
  readonly recovered: JournalRecovery;
  /** Resolves with the first error of the disk; never rejects. From then on events are counted in {@link dropped} and not written. */
  readonly failure: Promise<FaultlineError>;

  readonly #fd: number;
  readonly #options: JournalWriterOptions;
  readonly #clock: () => number;
  readonly #maxPending: number;
  #nextSeq: number;
  #position: number;
  #pending: string[] = [];
  #pendingChars = 0;
  #inFlight: { readonly bytes: Buffer; readonly position: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pump: Promise<void> | undefined;
  #error: FaultlineError | undefined;
  #dropped = 0;
  #closed: Promise<void> | undefined;
  #reportFailure!: (error: FaultlineError) => void;

  private constructor(
    file: string,
    fd: number,
    position: number,
    recovered: JournalRecovery,
    options: JournalWriterOptions,
  ) {
    this.file = file;
    this.#fd = fd;
    this.#position = position;
    this.recovered = recovered;
    this.#nextSeq = recovered.lastSeq + 1;
    this.#options = options;
    this.#clock = options.clock ?? journalClock;
    this.#maxPending = options.maxPending ?? 4 * 1024 * 1024;
    this.failure = new Promise((resolve) => (this.#reportFailure = resolve));
  }

  /**
   * Opens `DIRECTORY/journal.ndjson` for writing. With `recover`, cuts off a torn tail and goes on after the last good event.
   * @throws FaultlineError FL2001 when the file cannot be made or read; FL2011 when nothing in an existing file is a journal.
   */
  static async open(directory: string, options: JournalWriterOptions = {}): Promise<JournalWriter> {
    const file = join(directory, JOURNAL_FILE);
    let fd: number | undefined;
    try {
      fd = openForWriting(file, options.recover === true);
      const tail = await findTail(file);
      if (tail.size > tail.end) fs.ftruncateSync(fd, tail.end);
      let position = tail.end;
      if (tail.needsLineFeed) position += fs.writeSync(fd, "\n", position);
      const recovered = { lastSeq: tail.lastSeq, truncatedBytes: tail.size - tail.end };
      return new JournalWriter(file, fd, position, recovered, options);
    } catch (error) {
      if (fd !== undefined) fs.closeSync(fd);
      throw error instanceof FaultlineError ? error : diskError(file, error);
    }
  }

  /** `seq` of the event that `append` will make next. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Events that were not written since {@link failure}. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Gives the event its place and time and hands it on for writing. `at` is for what happened earlier or elsewhere.
   * @throws FaultlineError FL1004 when the event is longer than a line may be; it is then not in the journal and takes no `seq`.
   */
  append(body: JournalEventBody, at?: number): JournalEvent {
    const time = Math.round((at ?? this.#clock()) * 1000) / 1000;
    const event: JournalEvent = { seq: this.#nextSeq, at: time, ...body };
    const line = formatJournalLine(event) + "\n";
    if (
      line.length > MAX_LINE_BYTES ||
      (line.length > MAX_LINE_BYTES / 3 && Buffer.byteLength(line) > MAX_LINE_BYTES)
    ) {
      throw FaultlineError.of(
        "FL1004",
        `An event of kind "${body.kind}" is longer than a line of the journal may be (${MAX_LINE_BYTES} bytes).`,
        "Shorten the message or the list that it carries.",
      );
    }
    this.#nextSeq += 1;
    if (this.#error !== undefined || this.#closed !== undefined) {
      this.#dropped += 1;
      return event;
    }
    this.#pending.push(line);
    this.#pendingChars += line.length;
    if (this.#pendingChars >= this.#maxPending) this.flushSync();
    else if (this.#pump === undefined) this.#timer ??= setTimeout(() => this.#startPump(), this.#options.gatherMs ?? 2);
    return event;
  }

  /**
   * Resolves when everything appended so far is with the operating system: it then survives the death of this process.
   * @throws FaultlineError FL2001
   */
  async flush(): Promise<void> {
    this.#startPump();
    await this.#pump;
    if (this.#error !== undefined) throw this.#error;
  }

  /** {@link flush} without waiting for the event loop, for the last moments of a process. Errors go to {@link failure}. */
  flushSync(): void {
    if (this.#error !== undefined) return;
    try {
      // What is in flight may or may not have reached the file yet: the same bytes at the same place do no harm.
      if (this.#inFlight !== undefined) writeFullySync(this.#fd, this.#inFlight.bytes, this.#inFlight.position);
      const bytes = this.#takePending();
      if (bytes === undefined) return;
      const position = this.#position;
      this.#position += bytes.length;
      writeFullySync(this.#fd, bytes, position);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Writes what is left, makes the file durable (fsync) and closes it. Later events are dropped.
   * @throws FaultlineError FL2001
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#startPump();
    await this.#pump;
    try {
      if (this.#error === undefined) await promised((done) => fs.fsync(this.#fd, done));
    } catch (error) {
      this.#fail(error);
    }
    try {
      await promised((done) => fs.close(this.#fd, done));
    } catch (error) {
      this.#fail(error);
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #startPump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pump ??= this.#writePending().finally(() => (this.#pump = undefined));
  }

  async #writePending(): Promise<void> {
    for (;;) {
      const bytes = this.#error === undefined ? this.#takePending() : undefined;
      if (bytes === undefined) return;
      const position = this.#position;
      this.#position += bytes.length;
      this.#inFlight = { bytes, position };
      try {
        await writeFully(this.#fd, bytes, position);
      } catch (error) {
        this.#fail(error);
      }
      this.#inFlight = undefined;
    }
  }

  #takePending(): Buffer | undefined {
    if (this.#pending.length === 0) return undefined;
    const bytes = Buffer.from(this.#pending.join(""), "utf8");
    this.#pending = [];
    this.#pendingChars = 0;
    return bytes;
  }

  #fail(error: unknown): void {
    if (this.#error !== undefined) return;
    this.#error = diskError(this.file, error);
    this.#dropped += this.#pending.length;
    this.#pending = [];
    this.#pendingChars = 0;
    this.#reportFailure(this.#error);
    this.#options.onError?.(this.#error);
  }
}

function openForWriting(file: string, recover: boolean): number {
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  return fs.openSync(file, O_RDWR | O_CREAT | (recover ? 0 : O_EXCL), 0o600);
}

interface Tail {
  readonly size: number;
  /** Where the last good line ends, its line feed included. */
  readonly end: number;
  readonly lastSeq: number;
  /** The last good line is whole but for its line feed. */
  readonly needsLineFeed: boolean;
}

/** Looks for the last good line from the file's end backwards. */
async function findTail(file: string): Promise<Tail> {
  const handle = await openFile(file, "r");
  try {
    const { size } = await handle.stat();
    if (size === 0) return { size, end: 0, lastSeq: -1, needsLineFeed: false };
    const block = 64 * 1024;
    let start = size;
    let bytes: Buffer = Buffer.alloc(0);
    while (start > 0 && bytes.length <= MAX_LINE_BYTES) {
      const from = Math.max(0, start - Math.max(block, bytes.length));
      const more = Buffer.alloc(start - from);
      await handle.read(more, 0, more.length, from);
      bytes = Buffer.concat([more, bytes]);
      start = from;
      const found = lastGoodLine(bytes, start === 0);
      if (found !== undefined)
        return { size, end: start + found.end, lastSeq: found.seq, needsLineFeed: found.needsLineFeed };
    }
    if (start > 0 || bytes.includes(0x0a)) {
      throw FaultlineError.of(
        "FL2011",
        "Nothing near the end of the journal is an event.",
        "This run cannot be taken up again; start a new one.",
        { file },
      );
    }
    return { size, end: 0, lastSeq: -1, needsLineFeed: false };
  } finally {
    await handle.close();
  }
}

/** `fromStart`: the bytes begin at a line's begin; otherwise the first line in them is not whole. */
function lastGoodLine(
  bytes: Buffer,
  fromStart: boolean,
): { end: number; seq: number; needsLineFeed: boolean } | undefined {
  let end = bytes.length;
  while (end > 0) {
    const lineFeed = bytes.lastIndexOf(0x0a, end - 1);
    const endsWithLineFeed = lineFeed === end - 1;
    const before = endsWithLineFeed ? (end >= 2 ? bytes.lastIndexOf(0x0a, end - 2) : -1) : lineFeed;
    if (before === -1 && !fromStart) return undefined;
    const event = parseJournalLine(bytes.toString("utf8", before + 1, endsWithLineFeed ? end - 1 : end));
    if (event !== undefined) return { end, seq: event.seq, needsLineFeed: !endsWithLineFeed };
    end = before + 1;
  }
  return undefined;
}

async function writeFully(fd: number, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await new Promise<number>((resolve, reject) =>
      fs.write(fd, bytes, written, bytes.length - written, position + written, (error, count) =>
        error === null ? resolve(count) : reject(error),
      ),
    );
  }
}

function writeFullySync(fd: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length;) {
    written += fs.writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
}

function promised(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error === null ? resolve() : reject(error))));
}

function diskError(file: string, error: unknown): FaultlineError {
  const code = (error as NodeJS.ErrnoException).code;
  const [why, hint] =
    code === "ENOSPC" || code === "EDQUOT"
      ? ["the disk is full", "Make room on that disk, or choose another folder for the run."]
      : code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? ["writing there is not permitted", "Choose a folder that you may write to."]
        : code === "EEXIST"
          ? ["another journal is there already", "Choose a new folder for the run."]
          : code === "ENOENT"
            ? ["its folder does not exist", "Make the folder, or choose another one."]
            : [
                code === "EIO" ? "the disk reports an error" : String((error as Error).message),
                "Check the disk and the folder.",
              ];
  return FaultlineError.of("FL2001", `The journal cannot be written: ${why}.`, hint, { file }, error);
}
