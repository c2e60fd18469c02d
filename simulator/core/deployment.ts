/** What the JobMaster hands to a TaskManager so that a subtask runs: Flink's `TaskDeploymentDescriptor` and what it refers to. */
import type { ProcessName, SubtaskName } from "../observe/journalEvent";

/** A file with the state of one subtask at one checkpoint. */
export interface StateHandle {
  /** Relative to the run's folder. */
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** Where the subtasks that a consumer reads from are. */
export interface ProducerLocation {
  readonly task: SubtaskName;
  readonly attempt: number;
  /** Name of the TaskManager; its data address is `dataAddress`. */
  readonly process: ProcessName;
  readonly dataAddress: string;
}

/** The TaskManager knows the job; this says which subtask, and where its producers are. */
export interface TaskDeployment {
  readonly task: SubtaskName;
  /** Its place among all tasks of the job, counted from 0: by it the JobMaster finds the task again at once. */
  readonly number: number;
  readonly vertex: string;
  readonly index: number;
  readonly attempt: number;
  readonly restore: { readonly checkpoint: number; readonly handle: StateHandle } | undefined;
  /** For each input edge (index in the job graph), its producers in order of their subtask index. */
  readonly inputs: readonly { readonly edge: number; readonly producers: readonly ProducerLocation[] }[];
  /** Endpoints of the services that the task calls, as of now; changes are pushed. */
  readonly endpoints: Readonly<Record<string, readonly ServiceEndpoint[]>>;
}

export interface ServiceEndpoint {
  readonly instance: SubtaskName;
  readonly attempt: number;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly token: string | undefined;
}
