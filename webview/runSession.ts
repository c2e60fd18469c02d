/**
 * The run that is looked at: folds what the host sends of it, and knows which moment is shown, the present or one that somebody went back
 * to. Whoever draws is told what changed.
 */
import { JournalPieces } from "./model/journalPieces";
import { RunModel } from "./model/runModel";
import type { HostMessage, HostMessageOf } from "./protocol";

export interface RunChange {
  /** Vertices some of whose subtasks look different. */
  readonly vertices?: Iterable<string>;
  readonly figures?: boolean;
  /** Nothing is as it was. */
  readonly everything?: boolean;
  /** Another run, or another beginning of this one: what was drawn of it is void. */
  readonly fresh?: boolean;
}

export interface RunSessionEvents {
  readonly changed: (change: RunChange) => void;
  /** A long journal was read to its end. */
  readonly read: () => void;
  /** Events are missing: the host should send a snapshot. */
  readonly resync: (run: string, have: number) => void;
}

export type RunMessage = Extract<
  HostMessage,
  { kind: "runStarting" | "runStarted" | "runFailed" | "snapshot" | "journal" | "events" | "runEnded" }
>;

/** While a long journal is read, drawing only shows how far it is. */
const WHILE_READING_MS = 400;
/** Nearer to the present than this, a moment is the present. */
const PRESENT_MS = 50;

export class RunSession {
  #run: RunModel | undefined;
  #journal: JournalPieces | undefined;
  /** What came while the journal was read. */
  #held: HostMessageOf<"events">[] = [];
  #ended: HostMessageOf<"runEnded"> | undefined;
  #starting = false;
  #travel: number | undefined;
  #toldAt = 0;

  constructor(private readonly events: RunSessionEvents) {}

  get run(): RunModel | undefined {
    return this.#run;
  }
  get isStarting(): boolean {
    return this.#starting;
  }
  /** Runs, and can be acted upon. */
  get isLive(): boolean {
    return this.#run !== undefined && this.#run.handle.live && !this.#run.ended && this.#ended === undefined;
  }
  /** A long journal is on its way into the model. */
  get isReading(): boolean {
    return this.#journal !== undefined;
  }
  get hasReport(): boolean {
    return this.#ended?.report === true;
  }
  /** The moment that is looked at when it is not the present, ms since the epoch. */
  get travel(): number | undefined {
    return this.#travel;
  }
  /** The moment of the picture. */
  get at(): number {
    return this.#travel ?? this.#run?.now(Date.now()) ?? Date.now();
  }

  receive(message: RunMessage): void {
    switch (message.kind) {
      case "runStarting":
        this.#starting = true;
        break;
      case "runStarted":
        this.#starting = false;
        this.#ended = undefined;
        this.#begin(new RunModel(message.run));
        break;
      case "runFailed":
        this.#starting = false;
        break;
      case "snapshot":
        this.#snapshot(message);
        break;
      case "journal":
        this.#journalPiece(message);
        break;
      case "events":
        this.#events(message);
        break;
      case "runEnded":
        if (this.#run?.handle.id !== message.run) break;
        this.#ended = message;
        this.#starting = false;
        this.#run.ended = true;
        this.events.changed({ everything: true });
        break;
    }
  }

  /** Goes to a moment of the run; undefined, or one that is hardly past, is the present. */
  travelTo(at: number | undefined): void {
    const run = this.#run;
    this.#travel =
      at !== undefined && run !== undefined && at < run.now(Date.now()) - PRESENT_MS
        ? Math.max(at, run.facts.startAt, run.attempts.keptFrom)
        : undefined;
    this.events.changed({ everything: true });
  }

  #begin(run: RunModel): void {
    this.#journal?.dispose();
    this.#journal = undefined;
    this.#held = [];
    this.#run = run;
    this.#travel = undefined;
    this.events.changed({ everything: true, fresh: true });
  }

  #snapshot(message: HostMessageOf<"snapshot">): void {
    if (this.#run?.handle.id !== message.run) return;
    const travel = this.#travel;
    const run = new RunModel(this.#run.handle);
    run.sparse = true;
    run.add(message.events, Date.now());
    run.sparse = false;
    run.next = message.next;
    run.ended ||= this.#ended !== undefined;
    this.#begin(run);
    this.#travel = travel;
  }

  /** A long journal comes in pieces; what was read so far is shown while the rest is read. */
  #journalPiece(message: HostMessageOf<"journal">): void {
    const handle = this.#run?.handle;
    if (handle === undefined || handle.id !== message.run) return;
    if (this.#journal === undefined) {
      const run = new RunModel(handle);
      run.sparse = true;
      this.#begin(run);
      this.#journal = new JournalPieces({
        batch: (events) => {
          run.add(events, Date.now());
          if (performance.now() - this.#toldAt < WHILE_READING_MS) return;
          this.#toldAt = performance.now();
          this.events.changed({ figures: true });
        },
        done: () => {
          run.sparse = false;
          run.ended ||= this.#ended !== undefined;
          this.#journal = undefined;
          const held = this.#held;
          this.#held = [];
          for (const message of held) this.#events(message);
          this.events.read();
          document.body.dataset.journal = handle.id;
          this.events.changed({ everything: true });
        },
      });
    }
    this.#journal.add(message.bytes, message.last);
  }

  #events(message: HostMessageOf<"events">): void {
    const run = this.#run;
    if (run === undefined || run.handle.id !== message.run) return;
    if (this.#journal !== undefined) {
      this.#held.push(message);
      return;
    }
    const { changed, figures, gap } = run.add(message.events, Date.now());
    if (gap) {
      this.events.resync(message.run, run.next - 1);
      return;
    }
    const vertices = new Set(Array.from(changed, (subtask) => subtask.slice(0, subtask.lastIndexOf("#"))));
    this.events.changed({ vertices, figures });
  }
}
