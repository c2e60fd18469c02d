/** What an instance of code calls: a client for each service and model, made when it is first called, with the endpoints as they are pushed. */
import { FaultlineError } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import type { InferenceClient } from "../inference/inferenceClient";
import type { JournalEventBody, RpcMetrics, SubtaskName } from "../observe/journalEvent";
import type { CalledServices } from "../operators/rpcTask";
import type { ServiceEndpoint } from "./controlMessages";
import { openInferenceClient, type ManagedInferenceClient } from "./inferenceClients";

export interface CalledServicesOptions {
  readonly services: readonly ServiceSpec[];
  /** Who calls. */
  readonly instance: SubtaskName;
  /** Its number, and so which of the sidecars and GPUs are its own. */
  readonly index: number;
  readonly journal: (body: JournalEventBody) => void;
  readonly onClosed?: () => void;
}

export class ServiceClients implements CalledServices {
  private readonly endpoints = new Map<string, readonly ServiceEndpoint[]>();
  /** By service, then by model. */
  private readonly clients = new Map<string, Map<string, Promise<ManagedInferenceClient>>>();
  private closed = false;

  constructor(private readonly options: CalledServicesOptions) {}

  update(service: string, endpoints: readonly ServiceEndpoint[]): void {
    this.endpoints.set(service, endpoints);
    for (const client of this.clients.get(service)?.values() ?? []) {
      client.then(
        (opened) => opened.updateEndpoints?.(this.endpoints.get(service) ?? []),
        () => undefined,
      );
    }
  }

  /** Rejects with FL1010 for what is no service, and as the client's own opening (an embedded model is loaded). */
  async open(service: string, model: string | undefined): Promise<InferenceClient> {
    if (this.closed) throw FaultlineError.of("FL3008", "The instance is going away.");
    let ofService = this.clients.get(service);
    if (ofService === undefined)
      this.clients.set(service, (ofService = new Map<string, Promise<ManagedInferenceClient>>()));
    const known = ofService.get(model ?? "");
    if (known !== undefined) return known;
    const opening = this.make(service, model);
    ofService.set(model ?? "", opening);
    // One that could not be made may be there the next time.
    opening.catch(() => ofService.delete(model ?? ""));
    return opening;
  }

  takeMetrics(): readonly RpcMetrics[] {
    return this.taken.flatMap(([service, client]) => {
      const metrics = client.takeMetrics();
      return metrics.requests + metrics.succeeded + metrics.failed + metrics.inFlight === 0
        ? []
        : [{ service, ...metrics }];
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.options.onClosed?.();
    await Promise.all(this.taken.map(([, client]) => client.close()));
  }

  /** Those that are there, with the names of their services. */
  private readonly taken: (readonly [string, ManagedInferenceClient])[] = [];

  private async make(id: string, model: string | undefined): Promise<ManagedInferenceClient> {
    const { services, instance, index, journal } = this.options;
    const service = services.find((candidate) => candidate.id === id);
    if (service === undefined) throw FaultlineError.of("FL1010", `There is no service "${id}".`);
    if (service.deployment === "embedded" && service.function !== undefined) {
      throw FaultlineError.of(
        "FL1015",
        `"${id}" is code that is embedded in the tasks that call it; a service cannot call it.`,
        "Give it another deployment.",
      );
    }
    const client = await openInferenceClient({
      service,
      ...(model === undefined ? {} : { model }),
      task: instance,
      subtask: index,
      endpoints: this.endpoints.get(id) ?? [],
      onEvent: (event) => {
        const { kind, instance: other, reason } = event;
        if (kind === "retry")
          journal({
            kind: "client.retry",
            task: instance,
            service: id,
            instance: other,
            requests: event.requests,
            reason,
          });
        else journal({ kind: "client.ejected", task: instance, service: id, instance: other, reason });
      },
      onPhase: () => undefined,
    });
    this.taken.push([id, client]);
    if (this.closed) await client.close();
    if (service.deployment === "rpc-service" || service.deployment === "sidecar")
      client.updateEndpoints?.(this.endpoints.get(id) ?? []);
    return client;
  }
}
