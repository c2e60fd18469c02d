/** What the tasks of one TaskManager share, and what they tell the rest. */
import { FaultlineError } from "../graph/errors";
import type { ExecutionGraph } from "../graph/executionGraph";
import type { CheckpointingConfig, JobSpec } from "../graph/jobFile";
import type { JobGraph } from "../graph/jobGraph";
import type { Cause, JournalEventBody, ProcessName, SubtaskName } from "../observe/journalEvent";
import { errorText } from "../operators/functionModule";
import type { FunctionModules } from "../operators/functionModule";
import type { TaskDeployment, WorkerMessage } from "./controlMessages";
import type { StreamDebugger } from "./debug/streamDebugger";
import type { DataConnections } from "./exchange/dataConnection";
import type { ResultPartitionManager } from "./exchange/resultPartitionManager";
import type { ManagedInferenceClient } from "./inferenceClients";
import type { CheckpointStorageFaults } from "./storageFaults";
import type { TaskScheduler } from "./taskScheduler";

export interface TaskFaults {
  readonly storage: CheckpointStorageFaults;
  /** Why the task is to decline its checkpoint, if it is. */
  declines(task: SubtaskName): Cause | undefined;
}

export interface TaskEnvironment {
  readonly process: ProcessName;
  readonly runDirectory: string;
  readonly job: JobSpec;
  readonly graph: JobGraph;
  readonly execution: ExecutionGraph;
  /** A batch job has none: what is kept between regions takes their place. */
  readonly checkpointing: CheckpointingConfig | undefined;
  readonly modules: FunctionModules;
  readonly scheduler: TaskScheduler;
  readonly partitions: ResultPartitionManager;
  readonly connections: DataConnections;
  readonly dataAddress: string;
  /** Faults that tasks carry out. */
  readonly faults?: TaskFaults;
  /** Debug runs only. */
  readonly streamDebugger?: Pick<StreamDebugger, "gate">;
  openClient(service: string, deployment: TaskDeployment, model?: string): Promise<ManagedInferenceClient>;
  send(message: WorkerMessage): void;
  journal(body: JournalEventBody): void;
}

/** A failure as it is told to people: never a stack trace. */
export function causeOf(error: unknown): Cause {
  if (!(error instanceof FaultlineError)) {
    return { code: "FL2003", message: `A task failed: ${errorText(error)}` };
  }
  const { file, line, column } = error.location ?? {};
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(file === undefined || line === undefined
      ? {}
      : { detail: `${file}:${line}${column === undefined ? "" : `:${column}`}` }),
  };
}
