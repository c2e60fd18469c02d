/**
 * What a journal says, sorted by what it is about: attempts of tasks and instances, lives of processes, faults, failures, failovers. The
 * report, its page and the trace are drawn from it. A pure fold; it tolerates events of kinds that it does not know and metrics left out.
 *
 * Memory grows with what happened (states, failures, checkpoints), not with metrics: those go into bins.
 */
import type { ExecutionState, JobState } from "../graph/executionState";
import type { GraphDescription } from "../graph/graphDescription";
import { AttemptObjects, type AttemptLog, type InstanceAttempt, type TaskAttempt } from "./attemptLog";
import { rpcsOf } from "./journalEvent";
import type {
  Cause,
  InstancePhase,
  JournalEvent,
  JournalEventOf,
  LossEvidence,
  ProcessName,
  SubtaskName,
} from "./journalEvent";
import { LatencyHistogram } from "./latencyHistogram";
import { ServiceFiguresFold } from "./serviceFigures";
import { ThroughputSeries } from "./throughputSeries";
import { VertexLoads } from "./vertexLoad";

/** One life of a process. */
export interface ProcessLife {
  readonly process: ProcessName;
  readonly pid: number;
  readonly startedAt: number;
  connectedAt: number | undefined;
  lost: { readonly at: number; readonly evidence: LossEvidence; readonly expected: boolean } | undefined;
}

export interface Injection {
  readonly injection: number;
  readonly fault: string;
  readonly target: string;
  readonly at: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Over as soon as it happened; the others go on until they are healed. */
  readonly momentary: boolean;
  effective: { readonly at: number; readonly evidence: string } | undefined;
  failed: Cause | undefined;
  healed: { readonly at: number; readonly by: "command" | "duration" | "end" } | undefined;
}

export type FailoverFact = JournalEventOf<"failover"> & { finishedAt?: number };

/** A coordinator that followed one that died. */
export interface Takeover {
  readonly at: number;
  readonly pid: number;
  readonly fromCheckpoint: number | undefined;
  /** Source subtask → records that it had emitted at that checkpoint; `undefined` when the journal does not say. */
  readonly offsets: Readonly<Record<SubtaskName, number>> | undefined;
}

export interface RetryFact {
  readonly at: number;
  readonly instance: SubtaskName;
  requests: number;
}

/** Journals of earlier versions do not say it. */
const MOMENTARY = new Set(["crash", "terminate"]);
/** Retries of one instance within this time are one fact. */
const RETRY_BIN_MS = 50;

export class RunFacts {
  started: JournalEventOf<"run.started"> | undefined;
  ended: JournalEventOf<"run.ended"> | undefined;
  /** A stop was asked for. */
  stopping: "drain" | "cancel" | "savepoint" | undefined;
  lastAt = 0;
  readonly jobStates: { readonly state: JobState; readonly at: number; readonly cause?: Cause }[] = [];
  readonly processes = new Map<ProcessName, ProcessLife[]>();
  readonly injections = new Map<number, Injection>();
  readonly failures: JournalEventOf<"failure">[] = [];
  readonly failovers: FailoverFact[] = [];
  readonly comparisons: JournalEventOf<"failover.compared">[] = [];
  readonly takeovers: Takeover[] = [];
  readonly endpoints: JournalEventOf<"service.endpoints">[] = [];
  readonly rewound: JournalEventOf<"source.rewound">[] = [];
  readonly ejected: { readonly at: number; readonly instance: SubtaskName }[] = [];
  /** `at`: when it completed or failed. */
  readonly checkpoints: {
    readonly checkpoint: number;
    readonly at: number;
    readonly ok: boolean;
    readonly durationMs?: number;
  }[] = [];
  readonly damagedCheckpoints: JournalEventOf<"checkpoint.damaged">[] = [];
  readonly checkpointDurations = new LatencyHistogram();
  longestCheckpointMs: number | null = null;
  longestAlignmentMs: number | null = null;
  readonly loads = new VertexLoads();
  lastCheckpoint: JournalEventOf<"checkpoint.completed"> | undefined;
  firstRecordAt: number | undefined;
  committedRecords = 0;
  commits = 0;
  readonly rpc = { requests: 0, succeeded: 0, retried: 0, failed: 0, wastedMs: 0 };
  readonly services = new ServiceFiguresFold();
  throughput: ThroughputSeries | undefined;
  /** Records that a source subtask had emitted, by the last metrics of each attempt. */
  readonly sourceOffsets = new Map<SubtaskName, { readonly attempt: number; offset: number }[]>();
  readonly #retries = new Map<string, RetryFact>();

  constructor(readonly attempts: AttemptLog = new AttemptObjects()) {}

  static of(events: Iterable<JournalEvent>): RunFacts {
    const facts = new RunFacts();
    for (const event of events) facts.add(event);
    return facts;
  }

  get tasks(): AttemptLog["tasks"] {
    return this.attempts.tasks;
  }
  get instances(): AttemptLog["instances"] {
    return this.attempts.instances;
  }
  get startAt(): number {
    return this.started?.at ?? 0;
  }
  get endAt(): number {
    return this.ended?.at ?? this.lastAt;
  }
  get graph(): GraphDescription | undefined {
    return this.started?.graph;
  }
  /** In the order of time. */
  get retries(): readonly RetryFact[] {
    return [...this.#retries.values()];
  }

  add(event: JournalEvent): void {
    if (event.at > this.lastAt) this.lastAt = event.at;
    this.services.add(event);
    switch (event.kind) {
      // First, since most events of a long journal are of these two: kinds are compared one after the other.
      case "task.state":
        this.attempts.taskState(event);
        break;
      case "metrics":
        this.throughput?.add(event);
        this.loads.add(event);
        this.#metrics(event);
        break;
      case "run.started":
        this.started = event;
        this.throughput = new ThroughputSeries(event.at, event.graph);
        break;
      case "run.ended":
        this.ended = event;
        break;
      case "run.stopping":
        this.stopping = event.mode;
        break;
      case "job.state":
        this.jobStates.push({ state: event.to, at: event.at, cause: event.cause });
        break;
      case "coordinator.recovered":
        this.takeovers.push({
          at: event.at,
          pid: event.pid,
          fromCheckpoint: event.fromCheckpoint,
          offsets:
            this.lastCheckpoint?.checkpoint === event.fromCheckpoint ? this.lastCheckpoint?.sourceOffsets : undefined,
        });
        break;
      case "process.started":
        this.#lives(event.process).push(life(event.process, event.pid, event.at));
        break;
      case "process.connected": {
        const known = this.#lives(event.process).findLast((one) => one.pid === event.pid && one.lost === undefined);
        if (known !== undefined) known.connectedAt ??= event.at;
        else this.#lives(event.process).push({ ...life(event.process, event.pid, event.at), connectedAt: event.at });
        break;
      }
      case "process.lost": {
        let known = this.#lives(event.process).findLast((one) => one.pid === event.pid && one.lost === undefined);
        if (known === undefined) this.#lives(event.process).push((known = life(event.process, event.pid, event.at)));
        known.lost = { at: event.at, evidence: event.evidence, expected: event.expected };
        break;
      }
      case "instance.phase":
        this.attempts.instancePhase(event);
        break;
      case "task.restored":
        this.attempts.taskRestored(event);
        break;
      case "service.endpoints":
        this.endpoints.push(event);
        break;
      case "failure":
        this.failures.push(event);
        break;
      case "failover":
        this.failovers.push({ ...event });
        break;
      case "failover.compared":
        this.comparisons.push(event);
        break;
      case "failover.finished": {
        const failover = this.failovers.findLast((one) => one.id === event.id);
        if (failover !== undefined) failover.finishedAt = event.at;
        break;
      }
      case "checkpoint.completed":
        this.lastCheckpoint = event;
        this.checkpoints.push({ checkpoint: event.checkpoint, at: event.at, ok: true, durationMs: event.durationMs });
        this.checkpointDurations.record(event.durationMs);
        this.longestAlignmentMs = Math.max(this.longestAlignmentMs ?? 0, event.alignmentMs);
        this.longestCheckpointMs = Math.max(this.longestCheckpointMs ?? 0, event.durationMs);
        break;
      case "checkpoint.failed":
        this.checkpoints.push({ checkpoint: event.checkpoint, at: event.at, ok: false });
        break;
      case "checkpoint.damaged":
        this.damagedCheckpoints.push(event);
        break;
      case "source.rewound":
        this.rewound.push(event);
        break;
      case "sink.first-record":
        this.firstRecordAt = Math.min(this.firstRecordAt ?? event.at, event.at);
        break;
      case "sink.committed":
        this.committedRecords += event.records;
        this.commits += 1;
        break;
      case "fault.injected":
        this.injections.set(event.injection, {
          injection: event.injection,
          fault: event.fault,
          target: event.target,
          at: event.at,
          parameters: event.parameters,
          momentary: event.momentary ?? MOMENTARY.has(event.fault),
          effective: undefined,
          failed: undefined,
          healed: undefined,
        });
        break;
      case "fault.effective": {
        const injection = this.injections.get(event.injection);
        if (injection !== undefined) injection.effective ??= { at: event.at, evidence: event.evidence };
        break;
      }
      case "fault.failed": {
        const injection = this.injections.get(event.injection);
        if (injection !== undefined) injection.failed = event.cause;
        break;
      }
      case "fault.healed": {
        const injection = this.injections.get(event.injection);
        if (injection !== undefined) injection.healed ??= { at: event.at, by: event.by };
        break;
      }
      case "client.retry": {
        const key = `${event.instance} ${Math.floor(event.at / RETRY_BIN_MS)}`;
        const known = this.#retries.get(key);
        if (known !== undefined) known.requests += event.requests;
        else this.#retries.set(key, { at: event.at, instance: event.instance, requests: event.requests });
        break;
      }
      case "client.ejected":
        this.ejected.push({ at: event.at, instance: event.instance });
        break;
      default:
        break;
    }
  }

  #lives(process: ProcessName): ProcessLife[] {
    return entry(this.processes, process);
  }

  #sourceOffset(task: SubtaskName, attempt: number, offset: number): void {
    const known = entry(this.sourceOffsets, task);
    const last = known.findLast((one) => one.attempt === attempt);
    if (last === undefined) known.push({ attempt, offset });
    else last.offset = Math.max(last.offset, offset);
  }

  #metrics(event: JournalEventOf<"metrics">): void {
    for (const task in event.tasks) {
      const metrics = event.tasks[task];
      if (metrics === undefined) continue;
      const { sourceOffset } = metrics;
      if (sourceOffset !== undefined) this.#sourceOffset(task, metrics.attempt, sourceOffset);
      for (const rpc of rpcsOf(metrics)) {
        this.rpc.requests += rpc.requests;
        this.rpc.succeeded += rpc.succeeded;
        this.rpc.retried += rpc.retried;
        this.rpc.failed += rpc.failed;
      }
    }
    for (const instance in event.instances) this.rpc.wastedMs += event.instances[instance]?.wastedMs ?? 0;
  }
}

/** A run's journal: its events, or what was folded from them already. */
export type RunHistory = RunFacts | Iterable<JournalEvent>;

export function factsOf(history: RunHistory): RunFacts {
  return history instanceof RunFacts ? history : RunFacts.of(history);
}

/** When the attempt first entered one of these states. */
export function enteredAt(attempt: TaskAttempt, ...states: readonly ExecutionState[]): number | undefined {
  return attempt.states.find((one) => states.includes(one.state))?.at;
}

/** When the instance's attempt first reached the phase. */
export function reachedAt(attempt: InstanceAttempt, phase: InstancePhase): number | undefined {
  return attempt.phases.find((one) => one.phase === phase)?.at;
}

function life(process: ProcessName, pid: number, startedAt: number): ProcessLife {
  return { process, pid, startedAt, connectedAt: undefined, lost: undefined };
}

function entry<K, V>(map: Map<K, V[]>, key: K): V[] {
  let list = map.get(key);
  if (list === undefined) map.set(key, (list = []));
  return list;
}
