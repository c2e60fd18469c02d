/**
 * Reads a long journal that comes as pieces of NDJSON cut anywhere, in slices so short that the page stays smooth. Lines that are not
 * events are passed over, as every reader of the journal does; they are counted.
 */
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { parseJournalLine } from "../../simulator/observe/journalLine";

/** Time for one slice; a frame has 16 ms. */
const SLICE_MS = 11;
const EVENTS_A_BATCH = 200;
const LINE_FEED = 10;

export interface JournalReading {
  readonly batch: (events: readonly JournalEvent[]) => void;
  readonly done: (skipped: number) => void;
}

export class JournalPieces {
  readonly #decoder = new TextDecoder();
  readonly #pieces: Uint8Array[] = [];
  readonly #turn = new MessageChannel();
  /** A line that a piece ended in. */
  #rest: Uint8Array | undefined;
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
    this.#pieces.push(piece);
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
    let batch: JournalEvent[] = [];
    const pass = (): void => {
      if (batch.length > 0) this.reading.batch(batch);
      batch = [];
    };
    for (let line = this.#nextLine(); line !== undefined; line = this.#nextLine()) {
      const event = line === "" ? undefined : parseJournalLine(line);
      if (event !== undefined) batch.push(event);
      else if (line !== "") this.#skipped++;
      if (batch.length < EVENTS_A_BATCH) continue;
      pass();
      if (performance.now() >= end) {
        this.#schedule();
        return;
      }
    }
    pass();
    if (this.#last && this.#pieces.length === 0) {
      this.dispose();
      this.reading.done(this.#skipped);
    }
  }

  #nextLine(): string | undefined {
    for (let piece = this.#pieces[0]; piece !== undefined; piece = this.#pieces[0]) {
      const feed = piece.indexOf(LINE_FEED, this.#at);
      const part = piece.subarray(this.#at, feed < 0 ? piece.length : feed);
      if (feed >= 0) {
        this.#at = feed + 1;
        const whole = this.#rest === undefined ? part : joined(this.#rest, part);
        this.#rest = undefined;
        return this.#decoder.decode(whole);
      }
      this.#rest = this.#rest === undefined ? part : joined(this.#rest, part);
      this.#pieces.shift();
      this.#at = 0;
    }
    return undefined;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
