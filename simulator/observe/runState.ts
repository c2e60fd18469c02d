/**
 * The state of a run at one moment: what a picture of it shows. A pure fold over the journal, without I/O, for browsers too.
 *
 * The state is mutable inside, so that an event costs the same however large the job is; {@link snapshot} gives a copy as plain JSON, and
 * {@link restore} goes on from one. Every part carries in `changed` the `seq` of the event that changed it last: a view redraws what is
 * newer than what it drew. Gaps in `seq` are allowed: journals with old metrics left out fold to the same present.
 */
import type { ExecutionState, JobState } from "../graph/executionState";
import type { GraphDescription } from "../graph/graphDescription";
import type { Cause, HistogramCounts, InstancePhase, JournalEventOf, ProcessName, SubtaskName } from "./journalEvent";

/** Of calls, over the last metrics interval. */
export interface CallRates {
  readonly service: string;
  readonly perSecond: number;
  readonly retriedPerSecond: number;
  readonly failedPerSecond: number;
  readonly inFlight: number;
  readonly latencyMs: HistogramCounts;
}

export interface TaskLive {
  readonly task: SubtaskName;
  readonly vertex: string;
  readonly index: number;
  state: ExecutionState;
  attempt: number;
  /** When the state was entered, ms since the epoch. */
  since: number;
  /** Attempts after the first. */
  restarts: number;
  process: ProcessName | null;
  /** Over the last metrics interval; 0 while the task does not run. */
  recordsInPerSecond: number;
  recordsOutPerSecond: number;
  bytesOutPerSecond: number;
  /** Shares of time, 0 to 1. */
  busy: number;
  backPressured: number;
  idle: number;
  buffersInUse: number;
  watermarkMs: number | null;
  calls: CallRates | null;
  /** Since the run's start, replays included. */
  recordsIn: number;
  recordsOut: number;
  cause: Cause | null;
  /** The failover that restarts it at the moment. */
  failover: number | null;
  changed: number;
}

export interface InstanceLive {
  readonly instance: SubtaskName;
  readonly service: string;
  readonly index: number;
  state: ExecutionState;
  /** `null` before its process starts and after it was lost. */
  phase: InstancePhase | null;
  /** When the phase, or the loss, began. */
  since: number;
  attempt: number;
  /** Attempts after the first. */
  restarts: number;
  process: ProcessName | null;
  pid: number | null;
  device: string | null;
  address: string | null;
  /** Among the endpoints that clients know. */
  registered: boolean;
  queueDepth: number;
  inFlight: number;
  requestsPerSecond: number;
  rejectedPerSecond: number;
  /** Mean over the last metrics interval; `null` when nothing ran. */
  batchSize: number | null;
  busy: number;
  /** Over the last metrics interval; `LatencyHistogram` gives quantiles of it. */
  latencyMs: HistogramCounts;
  loadDelayMs: number;
  /** Since the run's start. */
  requests: number;
  retriedAway: number;
  cause: Cause | null;
  failover: number | null;
  changed: number;
}

export interface ProcessLive {
  readonly process: ProcessName;
  pid: number;
  state: "STARTING" | "CONNECTED" | "LOST" | "ENDED";
  since: number;
  starts: number;
  rssBytes: number | null;
  changed: number;
}

export interface FaultLive {
  readonly injection: number;
  readonly fault: string;
  readonly target: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly at: number;
  /** Over as soon as it happened. */
  readonly momentary: boolean;
  /** ACTIVE: seen from outside and not healed. A crash is over when what it hit is connected again. */
  state: "INJECTED" | "ACTIVE";
  evidence: string | null;
}

export interface FailoverLive {
  readonly id: number;
  readonly at: number;
  readonly strategy: "region" | "full";
  readonly regions: readonly string[];
  readonly tasks: readonly SubtaskName[];
  readonly instances: readonly SubtaskName[];
  readonly untouched: number;
  readonly delayMs: number;
  readonly restoredCheckpoint: number | null;
  finishedAt: number | null;
}

export interface FailureLive {
  readonly id: number;
  readonly at: number;
  readonly task: SubtaskName;
  readonly cause: Cause;
}

export interface CheckpointsLive {
  completed: number;
  failed: number;
  /** Triggered and neither completed nor failed. */
  pending: readonly number[];
  last: {
    readonly checkpoint: number;
    readonly at: number;
    readonly durationMs: number;
    readonly bytes: number;
    readonly alignmentMs: number;
  } | null;
  lastFailure: { readonly checkpoint: number; readonly at: number; readonly cause: Cause } | null;
}

export interface LogLine {
  readonly at: number;
  readonly process: ProcessName;
  readonly level: "error" | "warn" | "info";
  readonly message: string;
}

export interface RunState {
  /** `seq` and time of the last event; −1 before the first. */
  seq: number;
  at: number;
  startedAt: number;
  run: JournalEventOf<"run.started">["run"] | null;
  graph: GraphDescription | null;
  job: JobState;
  cause: Cause | null;
  ended: boolean;
  /** Coordinators that took over. */
  takeovers: number;
  firstRecordAt: number | null;
  committedRecords: number;
  readonly tasks: Map<SubtaskName, TaskLive>;
  readonly instances: Map<SubtaskName, InstanceLive>;
  readonly processes: Map<ProcessName, ProcessLive>;
  /** Faults that are not over, by injection. */
  readonly faults: Map<number, FaultLive>;
  readonly endpoints: Map<
    string,
    readonly { readonly instance: SubtaskName; readonly attempt: number; readonly address: string }[]
  >;
  readonly checkpoints: CheckpointsLive;
  /** The latest ones, oldest first; `failureCount` and `failoverCount` count all. */
  readonly failures: FailureLive[];
  readonly failovers: FailoverLive[];
  failureCount: number;
  failoverCount: number;
  injectionCount: number;
  readonly log: LogLine[];
}

/** {@link RunState} as plain JSON. */
export type RunSnapshot = Omit<RunState, "tasks" | "instances" | "processes" | "faults" | "endpoints"> & {
  readonly tasks: readonly TaskLive[];
  readonly instances: readonly InstanceLive[];
  readonly processes: readonly ProcessLive[];
  readonly faults: readonly FaultLive[];
  readonly endpoints: readonly (readonly [
    service: string,
    instances: readonly { readonly instance: SubtaskName; readonly attempt: number; readonly address: string }[],
  ])[];
};

export function initialRunState(): RunState {
  return {
    seq: -1,
    at: 0,
    startedAt: 0,
    run: null,
    graph: null,
    job: "INITIALIZING",
    cause: null,
    ended: false,
    takeovers: 0,
    firstRecordAt: null,
    committedRecords: 0,
    tasks: new Map(),
    instances: new Map(),
    processes: new Map(),
    faults: new Map(),
    endpoints: new Map(),
    checkpoints: { completed: 0, failed: 0, pending: [], last: null, lastFailure: null },
    failures: [],
    failovers: [],
    failureCount: 0,
    failoverCount: 0,
    injectionCount: 0,
    log: [],
  };
}

/** A copy that later events do not change. The graph, which never changes, is shared. */
export function snapshot(state: RunState): RunSnapshot {
  const { graph, tasks, instances, processes, faults, endpoints, ...rest } = state;
  return {
    ...structuredClone(rest),
    graph,
    tasks: [...tasks.values()].map((one) => ({ ...one })),
    instances: [...instances.values()].map((one) => ({ ...one })),
    processes: [...processes.values()].map((one) => ({ ...one })),
    faults: [...faults.values()].map((one) => ({ ...one })),
    endpoints: [...endpoints],
  };
}

/** The state that a snapshot was taken of, to go on from. */
export function restore(from: RunSnapshot): RunState {
  const { graph, tasks, instances, processes, faults, endpoints, ...rest } = from;
  return {
    ...structuredClone(rest),
    graph,
    tasks: new Map(tasks.map((one) => [one.task, { ...one }])),
    instances: new Map(instances.map((one) => [one.instance, { ...one }])),
    processes: new Map(processes.map((one) => [one.process, { ...one }])),
    faults: new Map(faults.map((one) => [one.injection, { ...one }])),
    endpoints: new Map(endpoints),
  };
}

export function newTask(task: SubtaskName, since: number, changed: number): TaskLive {
  return {
    task,
    ...placeOf(task),
    state: "CREATED",
    attempt: 0,
    since,
    restarts: 0,
    process: null,
    recordsInPerSecond: 0,
    recordsOutPerSecond: 0,
    bytesOutPerSecond: 0,
    busy: 0,
    backPressured: 0,
    idle: 0,
    buffersInUse: 0,
    watermarkMs: null,
    calls: null,
    recordsIn: 0,
    recordsOut: 0,
    cause: null,
    failover: null,
    changed,
  };
}

export function newInstance(instance: SubtaskName, since: number, changed: number): InstanceLive {
  const { vertex, index } = placeOf(instance);
  return {
    instance,
    service: vertex,
    index,
    state: "CREATED",
    phase: null,
    since,
    attempt: 0,
    restarts: 0,
    process: null,
    pid: null,
    device: null,
    address: null,
    registered: false,
    queueDepth: 0,
    inFlight: 0,
    requestsPerSecond: 0,
    rejectedPerSecond: 0,
    batchSize: null,
    busy: 0,
    latencyMs: {},
    loadDelayMs: 0,
    requests: 0,
    retriedAway: 0,
    cause: null,
    failover: null,
    changed,
  };
}

/** What the task did over the metrics interval. */
export function measureTask(task: TaskLive, event: JournalEventOf<"metrics">, changed: number): void {
  const metrics = event.tasks?.[task.task];
  if (metrics === undefined) return;
  task.recordsIn += metrics.recordsIn;
  task.recordsOut += metrics.recordsOut;
  task.changed = changed;
  // The counts that an attempt ends with have no interval and make no rate; nor does what an attempt that is over still sends.
  const interval = event.intervalMs;
  if (metrics.attempt < task.attempt || interval <= 0) return;
  const seconds = interval / 1000;
  const { rpc } = metrics;
  task.recordsInPerSecond = metrics.recordsIn / seconds;
  task.recordsOutPerSecond = metrics.recordsOut / seconds;
  task.bytesOutPerSecond = metrics.bytesOut / seconds;
  task.busy = metrics.busyMs / interval;
  task.backPressured = metrics.backPressuredMs / interval;
  task.idle = metrics.idleMs / interval;
  task.buffersInUse = metrics.buffersInUse;
  task.watermarkMs = metrics.watermarkMs ?? null;
  task.calls = null;
  if (rpc !== undefined) {
    task.calls = {
      service: rpc.service,
      perSecond: rpc.requests / seconds,
      retriedPerSecond: rpc.retried / seconds,
      failedPerSecond: rpc.failed / seconds,
      inFlight: rpc.inFlight,
      latencyMs: rpc.latencyMs,
    };
  }
}

/** What the instance did over the metrics interval. */
export function measureInstance(instance: InstanceLive, event: JournalEventOf<"metrics">, changed: number): void {
  const metrics = event.instances?.[instance.instance];
  if (metrics === undefined) return;
  instance.requests += metrics.requests;
  instance.changed = changed;
  if (metrics.attempt < instance.attempt || event.intervalMs <= 0) return;
  const seconds = event.intervalMs / 1000;
  let batches = 0;
  let batched = 0;
  for (const size in metrics.batchSizes) {
    const count = metrics.batchSizes[size] ?? 0;
    batches += count;
    batched += count * Number(size);
  }
  instance.queueDepth = metrics.queueDepth;
  instance.inFlight = metrics.inFlight;
  instance.requestsPerSecond = metrics.requests / seconds;
  instance.rejectedPerSecond = metrics.rejected / seconds;
  instance.batchSize = batches === 0 ? null : batched / batches;
  instance.busy = metrics.busyMs / event.intervalMs;
  instance.latencyMs = metrics.latencyMs;
}

/** A task or an instance that does not run has no rates. */
export function calmTask(task: TaskLive): void {
  task.recordsInPerSecond = task.recordsOutPerSecond = task.bytesOutPerSecond = 0;
  task.busy = task.backPressured = task.idle = task.buffersInUse = 0;
  task.calls = null;
}

export function calmInstance(instance: InstanceLive): void {
  instance.queueDepth = instance.inFlight = instance.requestsPerSecond = instance.rejectedPerSecond = instance.busy = 0;
  instance.batchSize = null;
  instance.latencyMs = {};
}

function placeOf(subtask: SubtaskName): { readonly vertex: string; readonly index: number } {
  const hash = subtask.lastIndexOf("#");
  return { vertex: subtask.slice(0, hash), index: Number(subtask.slice(hash + 1)) };
}
