/** The journal of a virtual run: the events that a real run would write, with virtual times. A crash of its writer loses what was not flushed. */
import type { JournalEvent, JournalEventBody } from "../observe/journalEvent";

/** How long events are gathered before they are handed to the operating system. */
export const JOURNAL_GATHER_MS = 2;

export class VirtualJournal {
  private readonly written: JournalEvent[] = [];
  private flushedCount = 0;
  private passedOn = 0;

  /** @param startMs the virtual day: `at` of the world's beginning, in ms since the epoch. */
  constructor(
    private readonly startMs: number,
    private readonly now: () => number,
    /** Without it, events are kept in memory. */
    private readonly sink?: (body: JournalEventBody, at: number, seq: number) => void,
  ) {}

  append(body: JournalEventBody, at = this.now()): void {
    if (this.sink === undefined) {
      this.written.push(this.eventOf(body, at, this.written.length));
      return;
    }
    this.sink(body, at, this.passedOn++);
  }

  get events(): readonly JournalEvent[] {
    return this.written;
  }

  get length(): number {
    return this.written.length + this.passedOn;
  }

  /** Events up to now survive the death of their writer. */
  flush(): void {
    this.flushedCount = this.written.length;
  }

  get unflushed(): number {
    return this.written.length - this.flushedCount;
  }

  /** The writer died: of what it had not flushed, only the first `kept` events are there. */
  tear(kept: number): void {
    this.written.length = Math.min(this.written.length, this.flushedCount + kept);
    this.flushedCount = this.written.length;
  }

  /** The whole of an event. */
  eventOf(body: JournalEventBody, at: number, seq: number): JournalEvent {
    return { seq, at: Math.round((this.startMs + at) * 1000) / 1000, ...body };
  }
}
