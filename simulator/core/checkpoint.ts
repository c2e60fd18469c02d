/** Checkpoints as data: under way, complete, and what the checkpoint coordinator keeps of them. */
import type { SubtaskName } from "../observe/journalEvent";
import type { StateHandle } from "./deployment";
import type { TaskTable } from "./taskTable";

export interface CompletedCheckpoint {
  readonly checkpoint: number;
  readonly handles: ReadonlyMap<SubtaskName, StateHandle>;
  readonly sourceOffsets: ReadonlyMap<SubtaskName, number>;
  readonly final: boolean;
}

/** A savepoint that was asked for. Aligned always. Flink's `SavepointRestoreSettings` read the other way round. */
export interface SavepointRequest {
  /** Names the request: who asked follows the journal for it. */
  readonly request: string;
  /** Absolute path of the folder that the savepoint is to be. */
  readonly directory: string;
  /** Stop-with-savepoint: nothing after its barrier counts, and the job is FINISHED once it is complete. */
  readonly stop: boolean;
}

export type CheckpointReason = "periodic" | "final" | "savepoint" | "manual";

export interface PendingCheckpoint {
  readonly checkpoint: number;
  readonly reason: CheckpointReason;
  readonly final: boolean;
  readonly savepoint: SavepointRequest | undefined;
  readonly triggeredAtMs: number;
  /** Tasks that have not acknowledged, with the attempt that is asked. */
  readonly waitingFor: TaskTable<number>;
  readonly handles: TaskTable<StateHandle>;
  readonly sourceOffsets: Map<SubtaskName, number>;
  alignmentMs: number;
  /** All have acknowledged; the metadata is being written. */
  storing: boolean;
}

export interface CheckpointCoordinatorState {
  nextCheckpoint: number;
  /** In order of their number. */
  readonly pending: PendingCheckpoint[];
  /** Savepoints asked for that wait until no checkpoint is pending, first come first. */
  readonly savepointsDue: SavepointRequest[];
  /** Newest last; as many as are retained. */
  readonly completed: CompletedCheckpoint[];
  lastEndedAtMs: number;
  /** The last checkpoint of all is complete; a restart of stream tasks makes another one due. */
  finalCompleted: boolean;
  consecutiveFailures: number;
}
