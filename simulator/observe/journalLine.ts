/**
 * One line of the journal as text. No I/O, so that a browser can use it too.
 */
import { FaultlineError } from "../graph/errors";
import { JOURNAL_SCHEMA, type JournalEvent } from "./journalEvent";

/** Name of the journal in a run's folder. */
export const JOURNAL_FILE = "journal.ndjson";

/** Bytes of one line, at most; neither written nor read above. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** The event as it stands in the file, without the line feed; `seq` and `at` first, so that a person can read along. */
export function formatJournalLine(event: JournalEvent): string {
  return JSON.stringify(event);
}

/** The event of a line; `undefined` when the text is not one. Kinds that are not known are kept: folds pass over them. */
export function parseJournalLine(text: string): JournalEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isJournalEvent(value) ? value : undefined;
}

/** Whether the value has the frame of an event: `seq`, `at`, `kind`. What a kind holds is not looked at. */
export function isJournalEvent(value: unknown): value is JournalEvent {
  if (typeof value !== "object" || value === null) return false;
  const { seq, at, kind } = value as { seq?: unknown; at?: unknown; kind?: unknown };
  return typeof seq === "number" && typeof at === "number" && typeof kind === "string";
}

/** Holds the order of a journal: events come densely from 0 and the first names a schema that is known. */
export class JournalOrder {
  #next: number;

  constructor(
    readonly file: string,
    next = 0,
  ) {
    this.#next = next;
  }

  /** `seq` of the event that comes next. */
  get next(): number {
    return this.#next;
  }

  /** @throws FaultlineError FL2011 when events are missing before this one, FL1003 when a newer program wrote the journal. */
  accept(event: JournalEvent, line: number): void {
    if (event.seq !== this.#next) {
      const missing = event.seq > this.#next ? `event ${this.#next} is missing` : `event ${event.seq} is there twice`;
      throw damaged(this.file, line, `${missing} before this line`);
    }
    if (event.seq === 0) checkSchema(event, this.file);
    this.#next += 1;
  }
}

function checkSchema(event: JournalEvent, file: string): void {
  if (event.kind !== "run.started")
    throw damaged(file, 1, `the first event is "${String(event.kind)}" and not "run.started"`);
  if (event.schema > JOURNAL_SCHEMA) {
    throw FaultlineError.of(
      "FL1003",
      `This journal has schema ${event.schema}; this program reads schemas up to ${JOURNAL_SCHEMA}.`,
      "Open it with the version of Faultline that wrote it, or a newer one.",
      { file, line: 1 },
    );
  }
}

/** FL2011 with its line, counted from 1. */
export function damaged(file: string, line: number, what: string): FaultlineError {
  return FaultlineError.of(
    "FL2011",
    `The journal is damaged in line ${line}: ${what}.`,
    "Events up to the line before it can be trusted; run the job again for a whole journal.",
    { file, line },
  );
}
