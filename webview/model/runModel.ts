/**
 * A run as the view holds it: the journal folded into facts, the newest metrics of every subtask, and what changed since the last drawing.
 */
import type {
  InstanceMetrics,
  JournalEvent,
  JournalEventOf,
  SubtaskName,
  TaskMetrics,
} from "../../simulator/observe/journalEvent";
import { RunFacts } from "../../simulator/observe/runFacts";
import type { RunHandle } from "../protocol";
import { AttemptHistory } from "./attemptHistory";
import { LaneHistory } from "./laneHistory";

export interface Timed<M> {
  readonly at: number;
  readonly intervalMs: number;
  readonly metrics: M;
}

/** Metrics kept over all subtasks; above, every second one of the older half goes. */
const MOST_METRICS = 240_000;
/** Metrics older than this many of their intervals say nothing of the moment. */
const STALE_INTERVALS = 4;

/** Metrics by subtask and time, so that a moment in the past has its figures too; the further back, the coarser. */
export class MetricsHistory<M> {
  readonly #bySubtask = new Map<SubtaskName, MetricsColumns<M>>();

  add(subtask: SubtaskName, at: number, intervalMs: number, metrics: M): void {
    let columns = this.#bySubtask.get(subtask);
    if (columns === undefined) this.#bySubtask.set(subtask, (columns = { at: [], intervalMs: [], metrics: [] }));
    columns.at.push(at);
    columns.intervalMs.push(intervalMs);
    columns.metrics.push(metrics);
    const most = Math.max(32, Math.floor(MOST_METRICS / this.#bySubtask.size));
    if (columns.at.length <= most) return;
    const half = columns.at.length >> 1;
    thinOut(columns.at, half);
    thinOut(columns.intervalMs, half);
    thinOut(columns.metrics, half);
  }

  /** Those of a moment; undefined when the newest before it are stale. */
  at(subtask: SubtaskName, moment: number): Timed<M> | undefined {
    const columns = this.#bySubtask.get(subtask);
    if (columns === undefined) return undefined;
    const index = notAfter(columns.at, moment) - 1;
    if (index < 0) return undefined;
    const at = columns.at[index];
    const intervalMs = columns.intervalMs[index];
    const stale = moment - at > Math.max(1000, intervalMs * STALE_INTERVALS);
    return stale ? undefined : { at, intervalMs, metrics: columns.metrics[index] };
  }
}

/** Side by side and not as an object for each: a long journal has hundreds of thousands, and what is kept is copied by each collection of garbage. */
interface MetricsColumns<M> {
  readonly at: number[];
  readonly intervalMs: number[];
  readonly metrics: M[];
}

/** Of the first so many every second one goes. */
function thinOut(list: unknown[], first: number): void {
  let kept = 0;
  for (let i = 0; i < list.length; i++) if (i >= first || i % 2 === 0) list[kept++] = list[i];
  list.length = kept;
}

/** How many moments, in their order, are not after this one. */
function notAfter(moments: readonly number[], moment: number): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle] <= moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class RunModel {
  readonly attempts = new AttemptHistory();
  readonly lanes = new LaneHistory(this.attempts);
  readonly facts = new RunFacts(this.attempts);
  /** `seq` of the next event. */
  next = 0;
  readonly taskMetrics = new MetricsHistory<TaskMetrics>();
  readonly instanceMetrics = new MetricsHistory<InstanceMetrics>();
  /** Events that a sentence can be made of, newest last; bounded. */
  readonly milestones: JournalEvent[] = [];
  ended = false;
  readonly #failures = new Map<number, JournalEventOf<"failure">>();
  #skewMs: number | undefined;

  constructor(readonly handle: RunHandle) {}

  /**
   * @returns which subtasks look different now, and whether figures did; `gap` when events are missing in between: then nothing was folded.
   */
  add(
    events: readonly JournalEvent[],
    received: number,
  ): { readonly changed: ReadonlySet<SubtaskName>; readonly figures: boolean; readonly gap: boolean } {
    const changed = new Set<SubtaskName>();
    let figures = false;
    for (const event of events) {
      if (event.seq < this.next) continue;
      if (event.seq > this.next && !this.sparse) return { changed, figures, gap: true };
      this.next = event.seq + 1;
      this.facts.add(event);
      switch (event.kind) {
        case "task.state":
          changed.add(event.task);
          this.lanes.changed(event.task, event.at);
          break;
        case "instance.phase":
          changed.add(event.instance);
          this.lanes.changed(event.instance, event.at);
          break;
        case "metrics":
          figures = true;
          this.#metrics(event);
          break;
        default:
          this.#rare(event);
          break;
      }
    }
    const last = events.at(-1);
    if (last !== undefined && this.handle.live && !this.ended) {
      const skew = received - last.at;
      this.#skewMs = Math.min(this.#skewMs ?? skew, skew);
    }
    return { changed, figures, gap: false };
  }

  /** The failure that a failover answers first. */
  failureOf(failover: { readonly failures: readonly number[] }): JournalEventOf<"failure"> | undefined {
    for (const id of failover.failures) {
      const failure = this.#failures.get(id);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /** While a snapshot is read, `seq` may jump: metrics were left out. */
  sparse = false;

  /** The present of the run, ms since the epoch by the run's clock, which need not be the browser's. */
  now(clock: number): number {
    if (!this.handle.live || this.ended || this.#skewMs === undefined) return this.facts.lastAt;
    return Math.max(this.facts.lastAt, clock - this.#skewMs);
  }

  /** What is neither a change nor a measurement. */
  #rare(event: JournalEvent): void {
    if (event.kind === "failure") this.#failures.set(event.id, event);
    else if (event.kind === "run.ended") this.ended = true;
    if (!MILESTONES.has(event.kind)) return;
    this.milestones.push(event);
    if (this.milestones.length > 400) this.milestones.splice(0, 200);
  }

  #metrics(event: JournalEvent & { kind: "metrics" }): void {
    const { at, intervalMs } = event;
    // The counts that a task ends with cover no stretch of time: they are no rate.
    if (intervalMs <= 0) return;
    for (const task in event.tasks) this.taskMetrics.add(task, at, intervalMs, event.tasks[task]);
    for (const instance in event.instances) {
      this.instanceMetrics.add(instance, at, intervalMs, event.instances[instance]);
    }
  }
}

const MILESTONES: ReadonlySet<JournalEvent["kind"]> = new Set([
  "run.started",
  "coordinator.recovered",
  "job.state",
  "process.lost",
  "failure",
  "failover",
  "failover.finished",
  "checkpoint.failed",
  "checkpoint.damaged",
  "sink.first-record",
  "fault.injected",
  "fault.effective",
  "fault.failed",
  "fault.healed",
  "service.scaled",
  "run.ended",
]);
