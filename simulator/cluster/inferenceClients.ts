/** The client that a task calls a service with, by how the service's model is run. */
import type { InferenceClientEvent } from "../inference/inferenceClient";
import type { InferenceClient } from "../inference/inferenceClient";
import type { InstancePhase, SubtaskName } from "../observe/journalEvent";
import type { ServiceSpec } from "../graph/jobFile";
import type { ServiceEndpoint } from "./controlMessages";

/** A client whose endpoints may change. */
export interface ManagedInferenceClient extends InferenceClient {
  updateEndpoints?(endpoints: readonly ServiceEndpoint[]): void;
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
}

/** Makes the client of a task; when it resolves, calls may be made (an embedded model is loaded). */
export type InferenceClientFactory = (request: InferenceClientRequest) => Promise<ManagedInferenceClient>;

/** The program's own clients. Loaded when the first is needed: a job without services needs neither gRPC nor ONNX Runtime. */
export const openInferenceClient: InferenceClientFactory = async ({
  service,
  model,
  task,
  subtask,
  endpoints,
  onEvent,
  onPhase,
}) => {
  if (service.deployment === "embedded") {
    const { EmbeddedClient } = await import("../inference/embeddedClient");
    return EmbeddedClient.open({ spec: service, subtask, onPhase, ...(model === undefined ? {} : { model }) });
  }
  const { RosClient } = await import("../inference/rosClient");
  return new RosClient({
    spec: service,
    ...(model === undefined ? {} : { model }),
    task,
    onEvent,
    ...(service.deployment === "external" ? {} : { endpoints }),
  });
};
