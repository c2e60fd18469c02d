/** One run that this window knows: its journal so far, the fold over it, and the way to act on it. */
import * as vscode from "vscode";
import type { FaultRequest, Run } from "../../simulator/client/run";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { foldRunView } from "./foldRunView";
import { EMPTY_RUN_VIEW, type RunView } from "./runView";

/** Events are handed on together: one message a frame or so is enough for people, and much cheaper than one an event. */
const BATCH_MS = 40;
/** Of the metrics, which come for ever, the newest this many are kept; everything else is kept. */
const METRICS_KEPT = 6_000;

/** How long after the end of a run's processes the rest of its journal is waited for. */
const LAST_WORD_MS = 1_000;

/** How long a run that is called off may take to cancel its tasks before its processes are ended. */
const CALL_OFF_LIMIT_MS = 5_000;

export interface EventBatch {
  /** `seq` of the first. */
  readonly from: number;
  readonly events: readonly JournalEvent[];
}

export class RunSession implements vscode.Disposable {
  readonly id: string;
  readonly directory: string;
  private readonly added = new vscode.EventEmitter<EventBatch>();
  private readonly viewChanged = new vscode.EventEmitter<RunView>();
  private readonly over = new vscode.EventEmitter<void>();
  /** New events, in order, none twice. */
  readonly onDidAddEvents = this.added.event;
  readonly onDidChangeView = this.viewChanged.event;
  /** Every process of the run is gone, and its last event was handed on. */
  readonly onDidEnd = this.over.event;
  private readonly disposables = new DisposableList();
  private readonly reading = new AbortController();
  private history: JournalEvent[] = [];
  private metricsKept = 0;
  private pending: JournalEvent[] = [];
  private disposed = false;
  private lastWordTimer: ReturnType<typeof setTimeout> | undefined;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private currentView: RunView = EMPTY_RUN_VIEW;
  private outcome: { readonly state: string } | undefined;
  readonly ended: Promise<void>;

  constructor(
    private readonly run: Run,
    readonly jobFile: string,
    readonly job: string,
    readonly startedAt: number,
    /** A run that somebody is running now; a past one is only read. */
    readonly live: boolean,
    private readonly log: vscode.LogOutputChannel,
    /** A journal that was opened by itself, wherever it lies: there is no run's folder around it. */
    readonly journalFile?: vscode.Uri,
  ) {
    this.id = run.id;
    this.directory = run.directory;
    for (const emitter of [this.added, this.viewChanged, this.over]) this.disposables.push(emitter);
    this.ended = this.follow();
  }

  get view(): RunView {
    return this.currentView;
  }

  /** What the run ended as; undefined while it goes on. */
  get endedAs(): string | undefined {
    return this.outcome?.state;
  }

  get active(): boolean {
    return this.live && this.outcome === undefined;
  }

  /** How many events of the journal were handed on. */
  get events(): number {
    return (this.history.at(-1)?.seq ?? -1) + 1;
  }

  get journal(): vscode.Uri {
    return this.journalFile ?? vscode.Uri.joinPath(vscode.Uri.file(this.directory), "journal.ndjson");
  }

  get owned(): boolean {
    return this.run.owned;
  }

  /** The journal up to here for a view that begins or was hidden, and the `seq` that comes next. */
  snapshot(): { readonly events: readonly JournalEvent[]; readonly next: number } {
    this.flush();
    return { events: [...this.history], next: (this.history.at(-1)?.seq ?? -1) + 1 };
  }

  inject(request: FaultRequest): Promise<void> {
    return this.run.inject(request);
  }

  heal(): Promise<void> {
    return this.run.heal();
  }

  stop(mode: "drain" | "cancel"): Promise<void> {
    return this.run.stop(mode);
  }

  /** This extension host ends and another takes its place: the run is to go on. */
  async handOver(): Promise<void> {
    if (this.active) await this.run.handOver?.();
  }

  /** Ends every process of a run of this window at once. */
  kill(): Promise<void> {
    return this.run.dispose();
  }

  /** Cancels it as a person would; one that does not obey in time is ended process by process. Resolves when none of them is there. */
  async callOff(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, CALL_OFF_LIMIT_MS)));
    // One that cannot be asked any more, or not yet, is ended all the same.
    const obeyed = this.run.stop("cancel").then(
      () => this.ended,
      () => undefined,
    );
    await Promise.race([obeyed, limit]);
    clearTimeout(timer);
    if (this.active) await this.kill();
    await this.ended;
  }

  checkpoint(): Promise<void> {
    return this.run.checkpoint();
  }

  savepoint(): ReturnType<Run["savepoint"]> {
    return this.run.savepoint({});
  }

  scale(service: string, parallelism: number): Promise<void> {
    return this.run.scale(service, parallelism);
  }

  dispose(): void {
    this.disposed = true;
    this.reading.abort();
    clearTimeout(this.flushTimer);
    clearTimeout(this.lastWordTimer);
    this.disposables.dispose();
    this.run.dispose().catch((error: unknown) => this.log.warn(`Letting go of run ${this.id}: ${String(error)}`));
  }

  private async follow(): Promise<void> {
    if (this.owned) void this.run.ended.then(() => this.stopReadingSoon());
    try {
      for await (const event of this.read()) this.add(event);
      if (this.disposed) return;
      if (this.owned) await this.run.ended;
      this.flush();
      this.outcome = { state: this.lastState() };
    } catch (error) {
      if (this.disposed) return;
      this.log.error(`Reading the journal of run ${this.id}: ${String(error)}`);
      this.flush();
      this.outcome = { state: "UNREACHABLE" };
    }
    this.over.fire();
  }

  /** A run that was killed says no last word: its journal ends in the middle, and nobody adds to it any more. */
  private stopReadingSoon(): void {
    if (!this.disposed) this.lastWordTimer = setTimeout(() => this.reading.abort(), LAST_WORD_MS);
  }

  /** Of a run that is over, what is there; nobody adds to it any more. */
  private read(): AsyncIterable<JournalEvent> {
    if (this.live || this.journalFile !== undefined) return this.run.events(this.reading.signal);
    return loadBundle("extensionRun").readJournal(this.journal.fsPath);
  }

  /** The state that the journal ends with; one that ends in the middle was cut off. */
  private lastState(): string {
    return this.currentView.ended ? (this.currentView.jobState ?? "UNKNOWN") : "CRASHED";
  }

  private add(event: JournalEvent): void {
    this.pending.push(event);
    this.flushTimer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    const events = this.pending;
    const first = events[0];
    if (first === undefined) return;
    this.pending = [];
    this.keep(events);
    const before = this.currentView;
    this.currentView = foldRunView(before, events);
    this.added.fire({ from: first.seq, events });
    if (this.currentView !== before) this.viewChanged.fire(this.currentView);
  }

  private keep(events: readonly JournalEvent[]): void {
    for (const event of events) {
      this.history.push(event);
      if (event.kind === "metrics") this.metricsKept += 1;
    }
    if (this.metricsKept < 2 * METRICS_KEPT) return;
    let drop = this.metricsKept - METRICS_KEPT;
    this.history = this.history.filter((event) => event.kind !== "metrics" || drop-- <= 0);
    this.metricsKept = METRICS_KEPT;
  }
}
