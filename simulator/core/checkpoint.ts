/** Checkpoints as data: under way, complete, and what the checkpoint coordinator keeps of them. */
import type { SubtaskName } from "../observe/journalEvent";
import type { StateHandle } from "./deployment";

export interface CompletedCheckpoint {
  readonly checkpoint: number;
  readonly handles: ReadonlyMap<SubtaskName, StateHandle>;
  readonly sourceOffsets: ReadonlyMap<SubtaskName, number>;
  readonly final: boolean;
}

export type CheckpointReason = "periodic" | "final" | "savepoint" | "manual";

export interface PendingCheckpoint {
  readonly checkpoint: number;
  readonly reason: CheckpointReason;
  readonly final: boolean;
  readonly triggeredAtMs: number;
  /** Tasks that have not acknowledged, with the attempt that is asked. */
  readonly waitingFor: Map<SubtaskName, number>;
  readonly handles: Map<SubtaskName, StateHandle>;
  readonly sourceOffsets: Map<SubtaskName, number>;
  alignmentMs: number;
  /** All have acknowledged; the metadata is being written. */
  storing: boolean;
}

export interface CheckpointCoordinatorState {
  nextCheckpoint: number;
  /** In order of their number. */
  readonly pending: PendingCheckpoint[];
  /** Newest last; as many as are retained. */
  readonly completed: CompletedCheckpoint[];
  lastEndedAtMs: number;
  /** The last checkpoint of all is complete; a restart of stream tasks makes another one due. */
  finalCompleted: boolean;
  consecutiveFailures: number;
}
