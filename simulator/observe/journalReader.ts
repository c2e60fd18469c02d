/**
 * Reads the journal of a run: one that ended, one that goes on, or one that crashed half-way.
 */
import { open, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { FaultlineError } from "../graph/errors";
import { FileChanges } from "./fileChanges";
import type { JournalEvent } from "./journalEvent";
import { damaged, JournalOrder, MAX_LINE_BYTES, parseJournalLine } from "./journalLine";

const BLOCK_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

/**
 * The events of a journal that is there, in order. A torn last line is left out.
 * @throws FaultlineError FL1001 when the file cannot be read, FL1004 when a line is over 16 MiB, FL2011 when a line before the last is
 * damaged or an event is missing, FL1003 when a newer program wrote it.
 */
export async function* readJournal(file: string): AsyncGenerator<JournalEvent, void, undefined> {
  for await (const batch of readJournalBatches(file)) yield* batch;
}

/** As {@link readJournal}, many events at a time: the quick way through a long journal. */
export async function* readJournalBatches(file: string): AsyncGenerator<readonly JournalEvent[], void, undefined> {
  const journal = new JournalTail(file);
  try {
    await journal.open();
    for (;;) {
      const events = await journal.read();
      if (events.length > 0) yield events;
      else break;
    }
    const last = journal.unendedLine();
    if (last !== undefined) yield [last];
  } finally {
    await journal.close();
  }
}

export interface FollowOptions {
  /** Ends the iteration quietly. */
  readonly signal?: AbortSignal;
  /** How often the file is looked at when nothing says that it changed, ms. Default 250. */
  readonly pollMs?: number;
}

/**
 * The events that are there, then each new one as it comes; in the order of `seq`, none twice. Ends after `run.ended` or when the signal
 * aborts. Waits for a journal that is not there yet, as long as its folder is. A torn tail is waited for: a coordinator that takes the run
 * over cuts it off and goes on.
 * @throws FaultlineError as {@link readJournal}
 */
export async function* followJournal(
  file: string,
  options: FollowOptions = {},
): AsyncGenerator<JournalEvent, void, undefined> {
  for await (const batch of followJournalBatches(file, options)) yield* batch;
}

/** As {@link followJournal}, many events at a time. */
export async function* followJournalBatches(
  file: string,
  options: FollowOptions = {},
): AsyncGenerator<readonly JournalEvent[], void, undefined> {
  const aborted = (): boolean => options.signal?.aborted === true;
  const journal = new JournalTail(file);
  await requireFolder(file);
  const changes = new FileChanges(file, options.pollMs ?? 250, options.signal);
  try {
    while (!aborted()) {
      // Armed before the look, so that a change during it is not missed.
      const changed = changes.next();
      if (!journal.isOpen) await journal.openWhenThere();
      const events = journal.isOpen ? await journal.read() : [];
      if (events.length === 0) {
        await changed;
        continue;
      }
      if (aborted()) return;
      yield events;
      if (events.at(-1)?.kind === "run.ended") return;
    }
  } finally {
    changes.dispose();
    await journal.close();
  }
}

/**
 * Reads on from the last whole line. Bytes behind it are read again each time instead of being kept, because a recovering writer may cut
 * them off and write others in their place.
 */
class JournalTail {
  readonly #file: string;
  readonly #order: JournalOrder;
  #handle: FileHandle | undefined;
  /** End of the last whole line that was an event. */
  #consumed = 0;
  #line = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: string) {
    this.#file = file;
    this.#order = new JournalOrder(file);
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  async open(): Promise<void> {
    try {
      this.#handle = await open(this.#file, "r");
      if ((await this.#handle.stat()).isDirectory())
        throw Object.assign(new Error("it is a folder"), { code: "EISDIR" });
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  async openWhenThere(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      if ((((error as Error).cause ?? {}) as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      await requireFolder(this.#file);
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** The next events; none when there is no whole line behind the last one now. */
  async read(): Promise<readonly JournalEvent[]> {
    for (let block = BLOCK_BYTES; ; block *= 2) {
      const bytes = await this.#block(block);
      const atEnd = bytes.length < block;
      const end = bytes.lastIndexOf(LINE_FEED) + 1;
      this.#rest = atEnd ? bytes.subarray(end) : Buffer.alloc(0);
      if (end > 0) {
        const { events, bytes: used } = this.#parse(bytes.subarray(0, end), atEnd);
        this.#consumed += used;
        return events;
      }
      if (bytes.length > MAX_LINE_BYTES) throw tooLong(this.#file, this.#line + 1);
      if (atEnd) return [];
    }
  }

  /** The last line when all it lacks is its line feed. */
  unendedLine(): JournalEvent | undefined {
    const event = this.#rest.length === 0 ? undefined : parseJournalLine(this.#rest.toString("utf8"));
    if (event !== undefined) this.#order.accept(event, this.#line + 1);
    return event;
  }

  async #block(length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    try {
      while (filled < length) {
        const { bytesRead } = await (this.#handle as FileHandle).read(
          buffer,
          filled,
          length - filled,
          this.#consumed + filled,
        );
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      throw unreadable(this.#file, error);
    }
    return buffer.subarray(0, filled);
  }

  /** A last line that is no event is torn when the file ends there, and damage when anything follows. */
  #parse(lines: Buffer, atEnd: boolean): { events: readonly JournalEvent[]; bytes: number } {
    const text = lines.toString("utf8");
    const events: JournalEvent[] = [];
    for (let from = 0; from < text.length;) {
      const to = text.indexOf("\n", from);
      const event = parseJournalLine(text.slice(from, to));
      if (event === undefined) {
        if (to + 1 < text.length || !atEnd || this.#rest.length > 0)
          throw damaged(this.#file, this.#line + 1, "it is not an event");
        return { events, bytes: lines.lastIndexOf(LINE_FEED, lines.length - 2) + 1 };
      }
      this.#line += 1;
      this.#order.accept(event, this.#line);
      events.push(event);
      from = to + 1;
    }
    return { events, bytes: lines.length };
  }
}

async function requireFolder(file: string): Promise<void> {
  const folder = dirname(file);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw FaultlineError.of(
      "FL1001",
      `There is no folder ${folder}.`,
      "Name the folder of a run; `faultline ps` lists runs.",
      { file: folder },
    );
  }
}

function tooLong(file: string, line: number): FaultlineError {
  return FaultlineError.of(
    "FL1004",
    `Line ${line} of the journal is longer than ${MAX_LINE_BYTES} bytes.`,
    "A journal of Faultline has no such line; check that this is the right file.",
    { file, line },
  );
}

function unreadable(file: string, error: unknown): FaultlineError {
  const code = (error as NodeJS.ErrnoException).code;
  const why =
    code === "ENOENT"
      ? "it does not exist"
      : code === "EACCES" || code === "EPERM"
        ? "reading it is not permitted"
        : code === "EISDIR"
          ? "it is a folder"
          : (error as Error).message;
  return FaultlineError.of(
    "FL1001",
    `The journal cannot be read: ${why}.`,
    "Name the folder of a run; `faultline ps` lists runs.",
    { file },
    error,
  );
}
