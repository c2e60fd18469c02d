/** `grpc.health.v1.Health`: SERVING once the instance is warm, NOT_SERVING before and while it drains. */
import {
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { ServingStatus } from "../proto/openInference";

interface HealthCheckRequest {
  readonly service?: string;
}
interface HealthCheckResponse {
  readonly status: ServingStatus;
}
type Watch = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

export class HealthService {
  private current: ServingStatus = ServingStatus.NOT_SERVING;
  private readonly watches = new Set<Watch>();

  /** @param knows names of services that exist, besides the empty name for the whole server. */
  constructor(private readonly knows: (service: string) => boolean) {}

  set(serving: boolean): void {
    const next = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    if (next === this.current) return;
    this.current = next;
    for (const watch of this.watches) if (this.exists(watch.request)) watch.write({ status: next });
  }

  /** Ends every watch, so that the server can shut down. */
  close(): void {
    this.set(false);
    for (const watch of this.watches) watch.end();
    this.watches.clear();
  }

  implementation(): UntypedServiceImplementation {
    return {
      Check: (
        call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>,
        reply: sendUnaryData<HealthCheckResponse>,
      ) => {
        if (this.exists(call.request)) reply(null, { status: this.current });
        else reply({ code: status.NOT_FOUND, details: `There is no service "${call.request.service ?? ""}".` });
      },
      Watch: (call: Watch) => {
        this.watches.add(call);
        call.on("cancelled", () => this.watches.delete(call));
        call.write({ status: this.exists(call.request) ? this.current : ServingStatus.SERVICE_UNKNOWN });
      },
    };
  }

  private exists({ service = "" }: HealthCheckRequest): boolean {
    return service === "" || this.knows(service);
  }
}
