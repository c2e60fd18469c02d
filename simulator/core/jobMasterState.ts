/** The JobMaster's state, what comes in, and what goes out. All of it is data; the rules are in the files beside this one. */
import type { ExecutionState, JobState } from "../graph/executionState";
import type { JobSpec } from "../graph/jobFile";
import type { Cause, InstancePhase, JournalEventBody, LossEvidence, ProcessName, SubtaskName } from "../observe/journalEvent";
import type { ServiceAutoscaling } from "./autoscaler";
import type { CheckpointCoordinatorState, CompletedCheckpoint, SavepointRequest } from "./checkpoint";
import type { ServiceEndpoint, StateHandle, TaskDeployment } from "./deployment";
import type { RestartStrategyState } from "./restartStrategy";
import type { SeededRandom } from "./seededRandom";
import type { SlotKey, SlotPoolState } from "./slotPool";
import type { Topology } from "./topology";

/** One subtask: a stream task, or a service instance. A restart is a new attempt of the same record. */
export interface TaskRecord {
  readonly name: SubtaskName;
  /** Its place among all tasks of the job, counted from 0. */
  readonly number: number;
  readonly vertex: string;
  readonly index: number;
  readonly vertexKind: "stream" | "service";
  /** Counts from 0. */
  attempt: number;
  state: ExecutionState;
  /** TaskManager, or the instance's own process. */
  process: ProcessName | undefined;
  /** The failover that restarts it; a later one takes it over. Flink's `ExecutionVertexVersion` says the same by numbers. */
  failover: Failover | undefined;
  /** A source subtask that has no more records. */
  atEnd: boolean;
  /** What its present attempt left to be read by other regions is not there (any more): lost, or let go. */
  outputGone: boolean;
  /** The checkpoint that its present attempt was given the state of. */
  restoredFrom: number | undefined;
  /** The slot that it has, where slots are given back (batch). */
  slot: SlotKey | undefined;
  /** Service instances. */
  phase: InstancePhase | undefined;
  address: string | undefined;
  device: string | undefined;
  /** Being scaled in: out of the endpoints, finishing what it has. */
  draining: boolean;
}

export type ProcessState = "STARTING" | "CONNECTED" | "LOST";

export interface ProcessRecord {
  readonly name: ProcessName;
  readonly role: "taskmanager" | "service";
  state: ProcessState;
  pid: number | undefined;
  dataAddress: string | undefined;
  lastHeartbeatMs: number;
  /** Its end was seen: its name is free for a successor. One that is only silent is lost, and told to die, before it is gone. */
  gone: boolean;
  /** Told to end: its loss is not a failure. */
  stopping: boolean;
}

/** A restart under way: cancelling and waiting for its delay, then until every task runs again. */
export interface Failover {
  readonly id: number;
  /** Tasks that it took and that no later failover has taken over. */
  readonly members: Set<TaskRecord>;
  /** Those of them that are not yet where its phase wants them: down, then up. */
  readonly waitingFor: Set<TaskRecord>;
  readonly dueAtMs: number;
  phase: "CANCELLING" | "RESTARTING";
}

/** How many tasks of a kind are in each state. */
export type TaskCounts = Record<ExecutionState, number>;

export interface JobMasterState {
  readonly job: JobSpec;
  topology: Topology;
  jobState: JobState;
  /** Why the job is failing, once it is. */
  failure: Cause | undefined;
  readonly tasks: Map<SubtaskName, TaskRecord>;
  /** The same records by vertex, in order of their index. */
  readonly tasksByVertex: Map<string, TaskRecord[]>;
  /** The same records by the process that each was deployed to last. */
  readonly tasksByProcess: Map<ProcessName, Set<TaskRecord>>;
  readonly streamCounts: TaskCounts;
  readonly serviceCounts: TaskCounts;
  /** Stream tasks in SCHEDULED, by region: they wait for slots, endpoints or inputs. */
  readonly scheduled: Map<string, Set<TaskRecord>>;
  readonly processes: Map<ProcessName, ProcessRecord>;
  /** When the heartbeats are to be looked at next. */
  heartbeatCheckAtMs: number;
  readonly slots: SlotPoolState;
  readonly jobRestarts: RestartStrategyState;
  readonly serviceRestarts: Map<string, RestartStrategyState>;
  /** Services that another job runs: who can be called. */
  readonly attachedEndpoints: Map<string, readonly ServiceEndpoint[]>;
  /** Services with an autoscaler. */
  readonly autoscaling: Map<string, ServiceAutoscaling>;
  /** Restarts under way, by their id. */
  readonly failovers: Map<number, Failover>;
  /** Those of them to which something happened that they may have waited for: thousands may be under way. */
  readonly movedFailovers: Set<Failover>;
  failoverCount: number;
  failureCount: number;
  /** Failures of consumers that wait for their producer's. */
  readonly heldFailures: Map<SubtaskName, { readonly attempt: number; readonly cause: Cause; readonly producer: SubtaskName }>;
  readonly checkpoints: CheckpointCoordinatorState;
  readonly random: SeededRandom;
  /** Batch: all tasks have finished, and what the sinks prepared is being committed. */
  committing: boolean;
  /** Set once a stop was asked for; `savepoint` once that savepoint is complete: then there is no way back. */
  stopping: StopMode | undefined;
  /** While a new coordinator waits for its predecessor's processes. */
  recovering: RecoveredJob | undefined;
  /** All that was told to end has ended, or the job is over: no more commands but `endJob`. */
  ended: boolean;
}

/** What a coordinator that takes over from a dead one knows: from the journal, and from the checkpoints on disk. */
export interface RecoveredJob {
  /** Task → its last attempt. */
  readonly attempts: ReadonlyMap<SubtaskName, number>;
  /** Tasks whose last attempt finished. */
  readonly finished?: ReadonlySet<SubtaskName>;
  /** Instances that were there; those that connect again keep their loaded model. */
  readonly instances: readonly SubtaskName[];
  readonly completed: readonly CompletedCheckpoint[];
  readonly nextCheckpoint: number;
  readonly failureCount: number;
  readonly failoverCount: number;
  /** Service → number of instances that it was scaled to. */
  readonly parallelism?: ReadonlyMap<string, number>;
  /** The stop that had been asked for. */
  readonly stopping?: StopMode;
  /** Why the job was failing for good, if it was. */
  readonly failure?: Cause;
  /** Processes of the run that live and will connect, so far as that is known; otherwise all are waited for that could be there. */
  readonly awaited?: readonly ProcessName[];
}

export type StopMode = "drain" | "cancel" | "savepoint";

export type TimerName = string;

export type JobMasterInput =
  | { readonly kind: "start" }
  | {
      readonly kind: "workerConnected";
      readonly process: ProcessName;
      readonly role: "taskmanager" | "service";
      readonly pid: number;
      readonly dataAddress?: string;
      readonly instance?: { readonly instance: SubtaskName; readonly attempt: number; readonly phase: InstancePhase; readonly address?: string; readonly device?: string };
    }
  /** `pid`, where known, keeps the loss of a process that was replaced already from being taken for that of its successor. */
  | { readonly kind: "workerLost"; readonly process: ProcessName; readonly pid?: number; readonly evidence: LossEvidence }
  | { readonly kind: "heartbeat"; readonly process: ProcessName }
  | { readonly kind: "taskState"; readonly task: SubtaskName; readonly attempt: number; readonly state: ExecutionState; readonly cause?: Cause; readonly producer?: SubtaskName }
  | { readonly kind: "endOfData"; readonly task: SubtaskName; readonly attempt: number }
  | {
      readonly kind: "instancePhase";
      readonly instance: SubtaskName;
      readonly attempt: number;
      readonly phase: InstancePhase;
      readonly device?: string;
      readonly address?: string;
      readonly previousPhaseMs?: number;
      readonly loadDelayMs?: number;
    }
  | { readonly kind: "instanceFailed"; readonly instance: SubtaskName; readonly attempt: number; readonly cause: Cause }
  | {
      readonly kind: "checkpointAck";
      readonly checkpoint: number;
      readonly task: SubtaskName;
      /** Of its deployment; without it the task is looked for by name. */
      readonly number?: number;
      readonly attempt: number;
      readonly handle: StateHandle;
      readonly alignmentMs: number;
      readonly sourceOffset?: number;
    }
  | { readonly kind: "checkpointDeclined"; readonly checkpoint: number; readonly task: SubtaskName; readonly attempt: number; readonly cause: Cause }
  /** The checkpoint's metadata is on disk: it is complete. */
  | { readonly kind: "checkpointStored"; readonly checkpoint: number; readonly bytes: number; readonly path: string }
  | { readonly kind: "checkpointStoreFailed"; readonly checkpoint: number; readonly cause: Cause }
  /** Batch: what the sinks had prepared is committed, or cannot be. */
  | { readonly kind: "outputCommitted" }
  | { readonly kind: "outputCommitFailed"; readonly cause: Cause }
  | { readonly kind: "timer"; readonly timer: TimerName }
  | { readonly kind: "stop"; readonly mode: "drain" | "cancel" }
  | { readonly kind: "scale"; readonly service: string; readonly parallelism: number; readonly by: "command" | "autoscaler"; readonly reason?: string }
  /** What an instance did in an interval, for the autoscaler: counts, and gauges as of its end. */
  | {
      readonly kind: "instanceLoad";
      readonly instance: SubtaskName;
      readonly attempt: number;
      readonly intervalMs: number;
      readonly requests: number;
      readonly batches: number;
      readonly busyMs: number;
      readonly queueDepth: number;
      readonly inFlight: number;
    }
  | { readonly kind: "triggerCheckpoint" }
  | { readonly kind: "savepoint"; readonly savepoint: SavepointRequest }
  /** Who of a service that another job runs can be called now. */
  | { readonly kind: "attachedEndpoints"; readonly service: string; readonly endpoints: readonly ServiceEndpoint[] };

export type JobMasterCommand =
  | { readonly kind: "startProcess"; readonly process: ProcessName; readonly role: "taskmanager" | "service"; readonly instance?: { readonly instance: SubtaskName; readonly attempt: number; readonly service: string } }
  /** `kill`: SIGKILL; `drain`: finish what is under way, then end. */
  | { readonly kind: "endProcess"; readonly process: ProcessName; readonly how: "kill" | "drain" | "shutdown" }
  | { readonly kind: "deploy"; readonly process: ProcessName; readonly deployments: readonly TaskDeployment[] }
  | { readonly kind: "cancel"; readonly process: ProcessName; readonly tasks: readonly { readonly task: SubtaskName; readonly attempt: number }[] }
  | {
      readonly kind: "triggerBarriers";
      readonly process: ProcessName;
      readonly checkpoint: number;
      readonly tasks: readonly { readonly task: SubtaskName; readonly attempt: number }[];
      readonly final: boolean;
      /** A savepoint: aligned in every job. `suspend`: sources give nothing after its barrier. */
      readonly savepoint: "suspend" | "go on" | undefined;
    }
  /** What these finished attempts left to be read is not needed any more. */
  | { readonly kind: "releasePartitions"; readonly process: ProcessName; readonly producers: readonly { readonly task: SubtaskName; readonly attempt: number }[] }
  /** Batch: commit what the sinks of these attempts prepared, and nothing else. Answered by `outputCommitted` or `outputCommitFailed`. */
  | { readonly kind: "commitOutput"; readonly tasks: readonly { readonly task: SubtaskName; readonly vertex: string; readonly index: number; readonly attempt: number }[] }
  /** With `savepoint` into its folder too; one that does not stop the job there alone, as recovery is not to use it. */
  | { readonly kind: "storeCheckpoint"; readonly checkpoint: CompletedCheckpoint; readonly savepoint: SavepointRequest | undefined }
  | { readonly kind: "notifyCheckpointComplete"; readonly process: ProcessName; readonly checkpoint: number; readonly final: boolean }
  | { readonly kind: "notifyCheckpointAborted"; readonly process: ProcessName; readonly checkpoint: number }
  /** Delete the files of a checkpoint that is not needed any more. */
  | { readonly kind: "discardCheckpoint"; readonly checkpoint: number }
  | { readonly kind: "pushEndpoints"; readonly process: ProcessName; readonly service: string; readonly instances: readonly ServiceEndpoint[] }
  /** Sets the timer, in place of one of the same name. */
  | { readonly kind: "setTimer"; readonly timer: TimerName; readonly atMs: number }
  | { readonly kind: "cancelTimer"; readonly timer: TimerName }
  | { readonly kind: "endJob"; readonly state: JobState; readonly cause?: Cause };

/** One step: the state at hand, the time it happens, and what it brings about. */
export interface Transition {
  readonly state: JobMasterState;
  readonly nowMs: number;
  readonly commands: JobMasterCommand[];
  readonly events: JournalEventBody[];
}
