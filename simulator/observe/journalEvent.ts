/**
 * The journal's events: everything that happens in a run, in one order. The graph's live state, the timeline, the report, the trace,
 * time travel and the tests are folds over them, and nothing else is a source of truth.
 *
 * On disk: NDJSON, one event a line, `seq` dense from 0, in `RUN/journal.ndjson`. The first event is always `run.started` and names the
 * schema version. Readers skip kinds that they do not know and a last line that is cut off.
 */
import type { ErrorCode } from "../graph/errors";
import type { ExecutionState, JobState } from "../graph/executionState";
import type { GraphDescription } from "../graph/graphDescription";

export const JOURNAL_SCHEMA = 1;

/** `taskmanager:0`, `service:langid#1`, `coordinator`. */
export type ProcessName = string;
/** `VERTEX#INDEX`: a stream task, or a service instance (`langid#1`). */
export type SubtaskName = string;

/** Phases of a service instance, in order; a new attempt starts again. SERVING: its first answer went out. */
export type InstancePhase = "STARTING" | "LOADING" | "WARMING" | "READY" | "SERVING" | "DRAINING";

/** What went wrong, for a person. Never a stack trace; `detail` may hold the position in the person's own source. */
export interface Cause {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly detail?: string;
}

export type LossEvidence =
  | { readonly by: "exit"; readonly exitCode: number | null; readonly signal: string | null }
  | { readonly by: "connection" }
  | { readonly by: "heartbeat"; readonly silentMs: number };

/** Histogram of latencies with a relative error of at most 1 %: bucket index → count (see `latencyHistogram.ts`). */
export type HistogramCounts = Readonly<Record<number, number>>;

/** Of one stream task, since the metrics before (counts), or now (gauges). */
export interface TaskMetrics {
  readonly attempt: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Milliseconds of the interval; the three add up to about `intervalMs`. */
  readonly busyMs: number;
  readonly backPressuredMs: number;
  readonly idleMs: number;
  readonly buffersInUse: number;
  readonly watermarkMs?: number;
  /** Source subtasks: records emitted so far, by this job and not by this attempt alone. */
  readonly sourceOffset?: number;
  /** Tasks with an rpc operator. */
  readonly rpc?: RpcMetrics;
  /** Of the other rpc operators, where several are chained in one task. */
  readonly otherRpc?: readonly RpcMetrics[];
}

export interface RpcMetrics {
  readonly service: string;
  readonly requests: number;
  readonly succeeded: number;
  readonly retried: number;
  readonly failed: number;
  /** Of those that failed: their time was over. */
  readonly expired?: number;
  readonly hedged?: number;
  readonly cacheHits?: number;
  readonly inFlight: number;
  readonly latencyMs: HistogramCounts;
}

const NONE: readonly RpcMetrics[] = [];

/** What the rpc operators of a task told, in their order. */
export function rpcsOf({ rpc, otherRpc }: TaskMetrics): readonly RpcMetrics[] {
  if (rpc === undefined) return otherRpc ?? NONE;
  return otherRpc === undefined ? [rpc] : [rpc, ...otherRpc];
}

/** Of one service instance, since the metrics before (counts), or now (gauges). */
export interface InstanceMetrics {
  readonly attempt: number;
  readonly requests: number;
  readonly rejected: number;
  /** Of those rejected: dropped from the queue since their deadline had passed, before they cost device time. */
  readonly expired?: number;
  readonly batches: number;
  /** Batch size → how many. */
  readonly batchSizes: Readonly<Record<number, number>>;
  readonly queueDepth: number;
  readonly inFlight: number;
  readonly busyMs: number;
  /** Device time spent on requests nobody waited for any more. */
  readonly wastedMs: number;
  readonly latencyMs: HistogramCounts;
  /** With a result cache: rows that it knew, and the device time that they would have cost. */
  readonly cacheHits?: number;
  readonly savedMs?: number;
  /** Of code: the calls of other services that it made. */
  readonly calls?: readonly RpcMetrics[];
  /** Share of its time that the device was busy, whoever kept it so (0 to 1), and its memory in use: where the device tells. */
  readonly deviceUtilisation?: number;
  readonly deviceMemoryBytes?: number;
}

export type JournalEventBody =
  | {
      readonly kind: "run.started";
      readonly schema: number;
      readonly run: {
        readonly id: string;
        readonly job: string;
        readonly jobFile: string;
        readonly directory: string;
        readonly engine: "local" | "virtual" | "flink";
        readonly deployment: string;
        readonly failoverStrategy: "region" | "full";
        readonly scheduler: "default" | "adaptive";
        readonly machine: { readonly cores: number; readonly memoryBytes: number; readonly platform: string; readonly node: string };
        readonly seed?: number;
      };
      readonly graph: GraphDescription;
    }
  /** A coordinator took the run over from one that died; `seq` goes on. */
  | { readonly kind: "coordinator.recovered"; readonly pid: number; readonly fromCheckpoint?: number }
  | { readonly kind: "job.state"; readonly from: JobState; readonly to: JobState; readonly cause?: Cause }
  | { readonly kind: "process.started"; readonly process: ProcessName; readonly pid: number }
  | { readonly kind: "process.connected"; readonly process: ProcessName; readonly pid: number }
  /** A debug run: the process waits for a debugger on this port of 127.0.0.1. */
  | { readonly kind: "process.inspectable"; readonly process: ProcessName; readonly pid: number; readonly port: number }
  | { readonly kind: "process.lost"; readonly process: ProcessName; readonly pid: number; readonly evidence: LossEvidence; readonly expected: boolean }
  | {
      readonly kind: "task.state";
      readonly task: SubtaskName;
      readonly vertexKind: "stream" | "service";
      readonly attempt: number;
      readonly from: ExecutionState;
      readonly to: ExecutionState;
      /** TaskManager, or the instance's own process. */
      readonly process?: ProcessName;
      readonly cause?: Cause;
    }
  | {
      readonly kind: "instance.phase";
      readonly instance: SubtaskName;
      readonly attempt: number;
      readonly phase: InstancePhase;
      /** From LOADING's end on. */
      readonly device?: string;
      readonly address?: string;
      readonly pid?: number;
      /** How long the phase before this one took. */
      readonly previousPhaseMs?: number;
      /** Extra, stated load delay contained in the LOADING phase. */
      readonly loadDelayMs?: number;
    }
  /** The endpoints of a service as pushed to every client. */
  | { readonly kind: "service.endpoints"; readonly service: string; readonly instances: readonly { readonly instance: SubtaskName; readonly attempt: number; readonly address: string }[] }
  /** A failure as the JobMaster saw it. `id` counts failures from 1. */
  | { readonly kind: "failure"; readonly id: number; readonly task: SubtaskName; readonly attempt: number; readonly process?: ProcessName; readonly cause: Cause }
  /** What the JobMaster decided about failures. */
  | {
      readonly kind: "failover";
      readonly id: number;
      readonly failures: readonly number[];
      readonly strategy: "region" | "full";
      readonly regions: readonly string[];
      /** Stream tasks that restart. */
      readonly tasks: readonly SubtaskName[];
      /** Service instances that restart. */
      readonly instances: readonly SubtaskName[];
      /** Live stream tasks and instances that do not. */
      readonly untouched: number;
      readonly delayMs: number;
      readonly restoredCheckpoint?: number;
    }
  | { readonly kind: "failover.finished"; readonly id: number }
  /**
   * A real Flink's failover, held against the scope that `graph/failoverScope.ts` computes for the tasks that failed. `missing` were
   * predicted and did not restart, `unexpected` restarted and were not predicted.
   */
  | {
      readonly kind: "failover.compared";
      readonly id: number;
      readonly agrees: boolean;
      /** Tasks that failed by themselves or with their TaskManager; empty for a failure of the job as a whole. */
      readonly failed: readonly SubtaskName[];
      readonly lostProcesses: readonly ProcessName[];
      readonly strategy: "region" | "full";
      readonly predicted: number;
      readonly actual: number;
      readonly missing: readonly SubtaskName[];
      readonly unexpected: readonly SubtaskName[];
      /** What the judgement rests on: exceptions, placements, states before; in sentences. */
      readonly evidence: readonly string[];
    }
  | { readonly kind: "checkpoint.triggered"; readonly checkpoint: number; readonly tasks: number; readonly reason: "periodic" | "final" | "savepoint" | "manual" }
  | {
      readonly kind: "checkpoint.completed";
      readonly checkpoint: number;
      readonly durationMs: number;
      readonly bytes: number;
      readonly path: string;
      /** Longest alignment of any task. */
      readonly alignmentMs: number;
      /** Source subtask → records that it had emitted at this checkpoint. */
      readonly sourceOffsets: Readonly<Record<SubtaskName, number>>;
    }
  | { readonly kind: "checkpoint.failed"; readonly checkpoint: number; readonly cause: Cause }
  | { readonly kind: "checkpoint.damaged"; readonly checkpoint: number; readonly path: string; readonly cause: Cause }
  /** Not used by recovery and without effect on sinks, unless it stopped the job. `path`: absolute. */
  | {
      readonly kind: "savepoint.completed";
      readonly request: string;
      readonly checkpoint: number;
      readonly path: string;
      readonly bytes: number;
      readonly durationMs: number;
      readonly alignmentMs: number;
      /** The job ends with it. */
      readonly stop: boolean;
    }
  | { readonly kind: "savepoint.failed"; readonly request: string; readonly checkpoint: number | undefined; readonly cause: Cause }
  /** The run began from a savepoint, or from a checkpoint of another run. */
  | {
      readonly kind: "savepoint.restored";
      /** Absolute. */
      readonly path: string;
      readonly checkpoint: number;
      /** Operators whose parallelism is another now. */
      readonly rescaled: readonly { readonly operator: string; readonly from: number; readonly to: number }[];
      /** Operators whose state was left behind, as was asked for. */
      readonly skipped: readonly string[];
    }
  | { readonly kind: "task.restored"; readonly task: SubtaskName; readonly attempt: number; readonly checkpoint: number | undefined; readonly bytes: number }
  /** Rewound records of a source subtask: emitted before the failure and to be emitted again. */
  | { readonly kind: "source.rewound"; readonly task: SubtaskName; readonly attempt: number; readonly records: number }
  | { readonly kind: "sink.first-record"; readonly task: SubtaskName }
  | { readonly kind: "sink.committed"; readonly task: SubtaskName; readonly checkpoint: number | undefined; readonly files: readonly string[]; readonly records: number }
  | { readonly kind: "fault.injected"; readonly injection: number; readonly fault: string; readonly target: string; readonly parameters: Readonly<Record<string, unknown>>; readonly by: "command" | "schedule"; /** Over as soon as it happened. */ readonly momentary?: boolean }
  /** Seen from outside: the process is gone, stopped, …; without this event a fault did not happen. */
  | { readonly kind: "fault.effective"; readonly injection: number; readonly evidence: string }
  | { readonly kind: "fault.failed"; readonly injection: number; readonly cause: Cause }
  | { readonly kind: "fault.healed"; readonly injection: number; readonly by: "command" | "duration" | "end" }
  | { readonly kind: "client.retry"; readonly task: SubtaskName; readonly service: string; readonly instance: SubtaskName; readonly requests: number; readonly reason: string }
  | { readonly kind: "client.ejected"; readonly task: SubtaskName; readonly service: string; readonly instance: SubtaskName; readonly reason: string }
  | { readonly kind: "service.scaled"; readonly service: string; readonly from: number; readonly to: number; readonly by: "command" | "autoscaler"; readonly reason?: string }
  | {
      readonly kind: "metrics";
      readonly intervalMs: number;
      readonly process: ProcessName;
      readonly rssBytes: number;
      readonly tasks?: Readonly<Record<SubtaskName, TaskMetrics>>;
      readonly instances?: Readonly<Record<SubtaskName, InstanceMetrics>>;
    }
  | { readonly kind: "log"; readonly process: ProcessName; readonly level: "error" | "warn" | "info"; readonly message: string; readonly code?: ErrorCode }
  /** A stop was asked for. `drain`: sources end where they are, the rest is flushed and committed, and the job is FINISHED. */
  | { readonly kind: "run.stopping"; readonly mode: "drain" | "cancel" | "savepoint" }
  | { readonly kind: "run.ended"; readonly state: JobState; readonly cause?: Cause };

/** `at`: milliseconds since the epoch, with a fraction; on one machine all processes' times are comparable. Order is `seq`, not `at`. */
export type JournalEvent = JournalEventBody & { readonly seq: number; readonly at: number };
export type JournalEventKind = JournalEventBody["kind"];
export type JournalEventOf<K extends JournalEventKind> = Extract<JournalEvent, { kind: K }>;
