/**
 * Reads a long journal that comes as pieces of NDJSON cut anywhere, in slices so short that the page stays smooth. Lines that are not
 * events are passed over, as every reader of the journal does; they are counted.
 */
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { isJournalEvent, parseJournalLine } from "../../simulator/observe/journalLine";

/** Time for one slice; a frame has 16 ms. */
const SLICE_MS = 11;
/** Decoded at once: small enough that one block with its events takes no more than a few milliseconds. */
const BLOCK_BYTES = 64 * 1024;

export interface JournalReading {
  readonly batch: (events: readonly JournalEvent[]) => void;
  readonly done: (skipped: number) => void;
}

export class JournalPieces {
  readonly #decoder = new TextDecoder();
  readonly #pieces: Uint8Array[] = [];
  readonly #turn = new MessageChannel();
  /** Start of a line that goes on in the next block. */
  #rest = "";
  #at = 0;
  #last = false;
  #waiting = false;
  #skipped = 0;
  #ended = false;

  constructor(private readonly reading: JournalReading) {
    this.#turn.port1.onmessage = () => {
      this.#waiting = false;
      if (!this.#ended) this.#slice();
    };
  }

  add(piece: Uint8Array, last: boolean): void {
    if (piece.length > 0) this.#pieces.push(piece);
    this.#last ||= last;
    this.#schedule();
  }

  /** Reads no further; another journal came. */
  dispose(): void {
    this.#ended = true;
    this.#turn.port1.close();
  }

  #schedule(): void {
    if (this.#waiting || this.#ended) return;
    this.#waiting = true;
    this.#turn.port2.postMessage(undefined);
  }

  #slice(): void {
    const end = performance.now() + SLICE_MS;
    for (let block = this.#nextBlock(); block !== undefined; block = this.#nextBlock()) {
      this.#read(block);
      if (performance.now() < end) continue;
      this.#schedule();
      return;
    }
    if (!this.#last) return;
    // A last line that is cut off is no event: whoever wrote it did not get to its end.
    this.dispose();
    this.reading.done(this.#skipped);
  }

  #nextBlock(): string | undefined {
    const piece = this.#pieces[0];
    if (piece === undefined) return undefined;
    const block = piece.subarray(this.#at, this.#at + BLOCK_BYTES);
    this.#at += BLOCK_BYTES;
    if (this.#at >= piece.length) {
      this.#pieces.shift();
      this.#at = 0;
    }
    return this.#decoder.decode(block, { stream: true });
  }

  #read(block: string): void {
    const cut = block.lastIndexOf("\n");
    if (cut < 0) {
      this.#rest += block;
      return;
    }
    const lines = this.#rest + block.slice(0, cut);
    this.#rest = block.slice(cut + 1);
    this.reading.batch(this.#parse(lines));
  }

  /** All lines at once, which is faster; one by one where that fails. */
  #parse(lines: string): readonly JournalEvent[] {
    try {
      const values: unknown = JSON.parse(`[${lines.replaceAll("\n", ",")}]`);
      if (Array.isArray(values) && values.every(isJournalEvent)) return values;
    } catch {
      // One of the lines is damaged, or empty.
    }
    const events: JournalEvent[] = [];
    for (const line of lines.split("\n")) {
      const event = line === "" ? undefined : parseJournalLine(line);
      if (event !== undefined) events.push(event);
      else if (line !== "") this.#skipped++;
    }
    return events;
  }
}
