/**
 * What the coordinator and its workers (TaskManagers and service instances) say to each other, on one bidirectional gRPC stream a
 * worker over the run's private socket. Both ends are always of one build, so the messages are these types, carried as msgpack.
 */
import type { JobSpec } from "../graph/jobFile";
import type { Cause, InstancePhase, JournalEventBody, ProcessName, SubtaskName } from "../observe/journalEvent";
import type { SavepointRequest } from "../core/checkpoint";
import type { ServiceEndpoint, TaskDeployment } from "../core/deployment";
import type { JobMasterInput } from "../core/jobMasterState";
import type { FaultOrder } from "../faults/faultDefinition";
import type { FaultMessage } from "./faultPerformer";

export type { ProducerLocation, ServiceEndpoint, StateHandle, TaskDeployment } from "../core/deployment";

export type WorkerRole = "taskmanager" | "service";

export type WorkerMessage =
  | {
      readonly kind: "hello";
      readonly role: WorkerRole;
      readonly process: ProcessName;
      readonly pid: number;
      /** It is connected, and goes on over another socket. */
      readonly again?: boolean;
      /** TaskManagers: path of the socket that other TaskManagers read partitions from. */
      readonly dataAddress?: string;
      /** Service instances that meet a new coordinator: where they are in their life. */
      readonly instance?: { readonly instance: SubtaskName; readonly attempt: number; readonly phase: InstancePhase; readonly address?: string; readonly device?: string };
    }
  | { readonly kind: "heartbeat" }
  /** What workers tell the JobMaster, as it takes it. */
  | Extract<
      JobMasterInput,
      { kind: "taskState" | "endOfData" | "instancePhase" | "instanceFailed" | "checkpointAck" | "checkpointDeclined" }
    >
  /** A fault that this worker carries out took effect, could not be carried out, or is over. */
  | FaultMessage
  /** Something for the journal that only the worker sees: metrics, retries, commits, logs. */
  | { readonly kind: "journal"; readonly at: number; readonly body: JournalEventBody };

export type CoordinatorMessage =
  | { readonly kind: "welcome"; readonly job: JobSpec; readonly heartbeatIntervalMs: number; readonly metricsIntervalMs: number; readonly serviceToken: string }
  | { readonly kind: "deploy"; readonly deployments: readonly TaskDeployment[] }
  | { readonly kind: "cancel"; readonly tasks: readonly { readonly task: SubtaskName; readonly attempt: number }[] }
  /** To the TaskManagers of source subtasks: emit the barrier. `final`: no data follows it (all sources are at their end, or the job stops). `savepoint`: aligned also where the job's checkpoints are not. */
  | { readonly kind: "triggerCheckpoint"; readonly checkpoint: number; readonly tasks: readonly { readonly task: SubtaskName; readonly attempt: number }[]; readonly final: boolean; readonly savepoint?: "suspend" | "go on" }
  /** Commit what was prepared for this checkpoint (two-phase sinks). After a `final` one, tasks finish. */
  | { readonly kind: "checkpointComplete"; readonly checkpoint: number; readonly final: boolean }
  | { readonly kind: "checkpointAborted"; readonly checkpoint: number }
  /** What finished attempts have left to be read again is not needed any more. */
  | { readonly kind: "releasePartitions"; readonly producers: readonly { readonly task: SubtaskName; readonly attempt: number }[] }
  | { readonly kind: "endpoints"; readonly service: string; readonly instances: readonly ServiceEndpoint[] }
  | { readonly kind: "performFault"; readonly order: FaultOrder }
  | { readonly kind: "endFault"; readonly injection: number }
  /** Service instances: stop taking new calls, finish those under way, then exit. */
  | { readonly kind: "drain" }
  | { readonly kind: "shutdown" };

/** Calls of people and tools on a run (`inject`, `stop`, …), unary on the same socket. */
export type RunRequest =
  | { readonly kind: "status" }
  | { readonly kind: "inject"; readonly fault: string; readonly target: string; readonly parameters: Readonly<Record<string, unknown>>; readonly by?: "command" | "schedule"; /** One of the targets, by a number from 0 to 1. */ readonly pick?: number }
  | { readonly kind: "heal" }
  | { readonly kind: "stop"; readonly mode: "drain" | "cancel" }
  | { readonly kind: "checkpoint" }
  /** Answered at once; the journal tells the outcome, under the name of the request. Asked twice, it is taken once. */
  | { readonly kind: "savepoint"; readonly savepoint: SavepointRequest }
  | { readonly kind: "scale"; readonly service: string; readonly parallelism: number };

export type RunReply =
  | { readonly kind: "ok"; readonly detail?: Readonly<Record<string, unknown>> }
  | { readonly kind: "error"; readonly cause: Cause };
