/** The client that a task calls a service with, by how the service's model is run. */
import type * as Embedded from "../inference/embeddedClient";
import type * as Ros from "../inference/rosClient";
import type { BatchedModel } from "../inference/batchedModel";
import type { InferenceClientEvent } from "../inference/inferenceClient";
import type { InferenceClient } from "../inference/inferenceClient";
import type { FaultlineError } from "../graph/errors";
import type { FunctionModules } from "../operators/functionModule";
import type { CalledServices } from "../operators/rpcTask";
import type * as RpcTasks from "../operators/rpcTask";
import type { InstanceMetrics, InstancePhase, SubtaskName } from "../observe/journalEvent";
import type { ServiceSpec } from "../graph/jobFile";
import type { ServiceEndpoint } from "./controlMessages";

/** A client whose endpoints may change. */
export interface ManagedInferenceClient extends InferenceClient {
  updateEndpoints?(endpoints: readonly ServiceEndpoint[]): void;
  /** Of a model in this process. */
  takeModelMetrics?(): Omit<InstanceMetrics, "attempt">;
  /** Loaded in this process (`embedded`). */
  readonly model?: BatchedModel;
}

export interface InferenceClientRequest {
  readonly service: ServiceSpec;
  /** Of the service's models; the first when absent. */
  readonly model?: string;
  /** Who calls. */
  readonly task: SubtaskName;
  readonly subtask: number;
  readonly endpoints: readonly ServiceEndpoint[];
  readonly onEvent: (event: InferenceClientEvent) => void;
  /** A model that is loaded in this process (`deployment: embedded`) goes through the phases of an instance. */
  readonly onPhase: (
    phase: InstancePhase,
    details: { readonly device?: string; readonly previousPhaseMs?: number; readonly loadDelayMs?: number },
  ) => void;
  /** For code that runs in this process (`deployment: embedded`). */
  readonly code?: RpcTaskParts & { readonly attempt: number };
}

/** What code needs that is run as a service. */
export interface RpcTaskParts {
  readonly modules: FunctionModules;
  readonly called: CalledServices;
}

/** Makes the client of a task; when it resolves, calls may be made (an embedded model is loaded). */
export type InferenceClientFactory = (request: InferenceClientRequest) => Promise<ManagedInferenceClient>;

/* eslint-disable @typescript-eslint/no-require-imports -- `import()` does not pass through the loader that runs the sources */
const lazily = {
  embedded: () => require("../inference/embeddedClient") as typeof Embedded,
  ros: () => require("../inference/rosClient") as typeof Ros,
  rpcTask: () => require("../operators/rpcTask") as typeof RpcTasks,
};
/* eslint-enable @typescript-eslint/no-require-imports */

/** The program's own clients. Loaded when the first is needed: a job without services needs neither gRPC nor ONNX Runtime. */
export const openInferenceClient: InferenceClientFactory = async ({
  service,
  model,
  task,
  subtask,
  endpoints,
  onEvent,
  onPhase,
  code,
}) => {
  if (service.deployment === "embedded") {
    const { EmbeddedClient } = lazily.embedded();
    if (service.function !== undefined && code !== undefined) {
      const openCode = () => openRpcTask(service, subtask, code.attempt, code);
      return EmbeddedClient.open({ spec: service, subtask, onPhase, openCode });
    }
    return EmbeddedClient.open({ spec: service, subtask, onPhase, ...(model === undefined ? {} : { model }) });
  }
  const { RosClient } = lazily.ros();
  return new RosClient({
    spec: service,
    ...(model === undefined ? {} : { model }),
    task,
    onEvent,
    ...(service.deployment === "external" ? {} : { endpoints }),
  });
};

/** The thread that runs a service's code. Rejects as `RpcTask.open`. */
export function openRpcTask(
  service: ServiceSpec,
  instance: number,
  attempt: number,
  { modules, called, onDead }: RpcTaskParts & { readonly onDead?: (error: FaultlineError) => void },
): Promise<RpcTasks.RpcTask> {
  if (service.function === undefined) throw new Error(`the service ${service.id} has no function`);
  const { RpcTask } = lazily.rpcTask();
  return RpcTask.open({
    service: service.id,
    instance,
    attempt,
    function: service.function,
    modules,
    calls: service.calls,
    called,
    ...(onDead === undefined ? {} : { onDead }),
  });
}
