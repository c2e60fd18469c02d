/**
 * One service instance as others see it: the Open Inference Protocol v2 over gRPC (`inference.GRPCInferenceService`, with Triton's
 * `ModelStreamInfer`) and `grpc.health.v1.Health`, on loopback.
 *
 * It listens before its models are loaded: live, but not ready, and every inference is answered UNAVAILABLE until then.
 */
import { timingSafeEqual } from "node:crypto";
import { performance } from "node:perf_hooks";
import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  status,
  type Metadata,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { FaultlineError } from "../graph/errors";
import {
  HEALTH_SERVICE,
  healthServiceDefinition,
  INFERENCE_SERVICE,
  inferenceServiceDefinition,
  type ModelInferRequest,
  type ModelInferResponse,
  type ModelMetadataResponse,
  type ModelStreamInferResponse,
} from "../proto/openInference";
import type { BatchedModel } from "./batchedModel";
import { callChainOf, refusal, refused, responseTo, statusOf } from "./callAnswer";
import { CHUNKS_HEADER } from "./chunkedTensors";
import { HealthService } from "./healthService";
import { CallRefused, checkInputs, parseInferRequest } from "./inferRequest";
import { InferStream, type IncomingRequest, type InferStreamCall } from "./inferStream";
import type { LoadedModel } from "./loadedModels";
import { reflectionDefinitions, reflectionImplementation } from "./reflectionService";
import type { ResultCache } from "./resultCache";

export interface InferenceServerOptions {
  /** Id of the service: a request that it waits for itself already is refused. */
  readonly service: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Asked for in `authorization: Bearer …` by everything but health checks; none when `undefined`. */
  readonly token: string | undefined;
  /** A larger message is answered RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** Requests that are being received in chunks on one stream may have as many bytes together. */
  readonly maxTensorBytes: number;
  /** Called when the first answer of a model has gone out. */
  readonly onFirstAnswer: () => void;
}

const QUIET_MS = 250;
/** How long callers that were not told, or do not care, may go on. */
const LAME_DUCK_MS = 5_000;
/** How long answers may take to go out once the last run is through. */
const FLUSH_LIMIT_MS = 2_000;

export const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
export const DEFAULT_MAX_TENSOR_BYTES = 1024 * 1024 * 1024;

// What goes wrong comes back as an error or a status; gRPC's log would say it a second time, in its own words.
if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);

interface NamedVersion {
  readonly name?: string;
  readonly version?: string;
}

export class InferenceServer {
  private readonly server: Server;
  private readonly models = new Map<string, BatchedModel>();
  private readonly caches = new Map<BatchedModel, ResultCache>();
  private readonly health = new HealthService(
    (service) => service === INFERENCE_SERVICE || service === HEALTH_SERVICE || this.models.has(service),
  );
  private readonly streams = new Set<InferStreamCall>();
  private ready = false;
  private draining = false;
  private refusing = false;
  private lastStreamRequestMs = -Infinity;
  private answered = false;
  private nextOrigin = 1;
  private readonly authorization: Buffer | undefined;

  constructor(private readonly options: InferenceServerOptions) {
    this.authorization = options.token === undefined ? undefined : Buffer.from(`Bearer ${options.token}`);
    this.server = new Server({
      "grpc.max_receive_message_length": options.maxMessageBytes,
      "grpc.max_send_message_length": -1,
    });
    this.server.addService(healthServiceDefinition(), this.health.implementation());
    for (const definition of reflectionDefinitions()) this.server.addService(definition, reflectionImplementation());
    this.server.addService(inferenceServiceDefinition(), {
      ServerLive: this.unary(() => ({ live: true })),
      ServerReady: this.unary(() => ({ ready: this.ready })),
      ModelReady: this.unary(({ name, version }: NamedVersion) => {
        this.model(name, version);
        return { ready: this.ready };
      }),
      ServerMetadata: this.unary(() => ({
        name: "faultline",
        version: "1",
        extensions: ["model_stream_infer", CHUNKS_HEADER],
      })),
      ModelMetadata: this.unary(({ name, version }: NamedVersion) => this.modelMetadata(name, version)),
      ModelInfer: (
        call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>,
        reply: sendUnaryData<ModelInferResponse>,
      ) => this.modelInfer(call, reply),
      ModelStreamInfer: (call: InferStreamCall) => this.modelStreamInfer(call),
    });
  }

  /** Binds to loopback; the port that it got. FL3005 when the port is in use. */
  listen(): Promise<number> {
    const { port } = this.options;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) return resolve(bound);
        const inUse = /EADDRINUSE/.test(error.message);
        reject(
          FaultlineError.of(
            "FL3005",
            inUse ? `Port ${port} is in use.` : `Port ${port} cannot be opened: ${error.message}`,
            "Choose another port, or leave it out to get a free one.",
          ),
        );
      });
    });
  }

  addModel({ name, model, cache }: LoadedModel): void {
    this.models.set(name, model);
    if (cache !== undefined) this.caches.set(model, cache);
  }

  /** Models are loaded and warm: calls are taken from now on. */
  setReady(): void {
    this.ready = true;
    this.health.set(true);
  }

  /**
   * Takes no new callers (UNAVAILABLE), finishes what it was given, and resolves when the last answer has gone out. Callers that are
   * connected learn of the drain at about the same time as the instance: what they sent before is still taken, until they have gone or
   * none of them has sent anything for {@link QUIET_MS}.
   */
  async drain(): Promise<void> {
    this.draining = true;
    this.ready = false;
    this.health.set(false);
    const startedMs = performance.now();
    for (let nowMs = startedMs; this.streams.size > 0 && nowMs - startedMs < LAME_DUCK_MS; nowMs = performance.now()) {
      if (nowMs - Math.max(startedMs, this.lastStreamRequestMs) > QUIET_MS) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.refusing = true;
    await Promise.all([...this.models.values()].map((model) => model.drain()));
    for (const stream of this.streams) stream.end();
    this.health.close();
    // Closing at once would cut off answers that are still in a buffer; a caller that never reads must not hold the instance.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FLUSH_LIMIT_MS);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Lets go of the port and of every connection at once. */
  close(): void {
    this.health.close();
    this.server.forceShutdown();
  }

  private modelMetadata(name: string | undefined, version: string | undefined): ModelMetadataResponse {
    const [known, model] = this.model(name, version);
    const { inputs, outputs } = model.session.signature;
    const metadata = (value: (typeof inputs)[number]) => ({
      name: value.name,
      datatype: value.type,
      shape: value.shape,
    });
    return {
      name: known,
      versions: ["1"],
      platform: "onnxruntime_onnx",
      inputs: inputs.map(metadata),
      outputs: outputs.map(metadata),
    };
  }

  /** The model of that name; an empty name is enough when there is only one. */
  private model(name: string | undefined, version: string | undefined): readonly [string, BatchedModel] {
    const [only] = this.models;
    if (only === undefined) throw new CallRefused(status.UNAVAILABLE, "The model is being loaded.", "FL3008");
    const named = name === undefined || name === "" ? undefined : this.models.get(name);
    const found = named !== undefined && name !== undefined ? ([name, named] as const) : undefined;
    const chosen = found ?? ((name ?? "") === "" && this.models.size === 1 ? only : undefined);
    if (chosen === undefined) {
      const names = [...this.models.keys()].join(", ");
      throw new CallRefused(status.NOT_FOUND, `There is no model "${name ?? ""}" here; there is: ${names}.`, "FL3008");
    }
    if (version !== undefined && version !== "" && version !== "1") {
      throw new CallRefused(
        status.NOT_FOUND,
        `Model "${chosen[0]}" has no version "${version}"; it has version 1.`,
        "FL3008",
      );
    }
    return chosen;
  }

  private modelInfer(
    call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>,
    reply: sendUnaryData<ModelInferResponse>,
  ): void {
    const deadline = call.getDeadline();
    const deadlineMs = fromNow(deadline instanceof Date ? deadline.getTime() : deadline);
    const origin = this.nextOrigin++;
    let model: BatchedModel | undefined;
    call.on("cancelled", () => model?.cancelOrigin(origin));
    try {
      this.checkToken(call.metadata);
      this.checkNotDraining();
      model = this.infer({ request: call.request, owned: false }, origin, deadlineMs, (answer) => {
        if (answer instanceof CallRefused) reply({ code: answer.status, details: answer.message });
        else reply(null, answer);
      });
    } catch (error) {
      reply(statusOf(error));
    }
  }

  private modelStreamInfer(call: InferStreamCall): void {
    try {
      this.checkToken(call.metadata);
      this.checkNotDraining();
    } catch (error) {
      call.emit("error", statusOf(error));
      return;
    }
    const origin = this.nextOrigin++;
    const used = new Set<BatchedModel>();
    const stream = new InferStream(call, this.options.maxTensorBytes, (request) => {
      const [, model] = this.model(request.modelName, request.modelVersion);
      checkInputs(request, model.session.signature, model.maxRows);
    });
    let outstanding = 0;
    let ended = false;
    this.streams.add(call);
    const gone = () => {
      if (!this.streams.delete(call)) return;
      stream.drop();
      for (const model of used) model.cancelOrigin(origin);
    };
    const answer = async (response: ModelStreamInferResponse) => {
      await stream.send(response);
      outstanding -= 1;
      if (ended && outstanding === 0) call.end();
    };
    call.on("cancelled", gone);
    call.on("error", gone);
    call.on("data", (message: ModelInferRequest) => {
      this.lastStreamRequestMs = performance.now();
      outstanding += 1;
      try {
        const whole = stream.receive(message);
        if (whole === undefined) {
          outstanding -= 1;
          return;
        }
        used.add(
          this.infer(
            whole,
            origin,
            Infinity,
            (result) =>
              void answer(result instanceof CallRefused ? refusal(message, result) : { inferResponse: result }),
          ),
        );
      } catch (error) {
        void answer(refusal(message, error));
      }
    });
    call.on("end", () => {
      ended = true;
      if (outstanding === 0) call.end();
    });
  }

  /** Queues one request and says for which model. @throws CallRefused before it is queued; afterwards `answer` is called once. */
  private infer(
    { request, owned }: IncomingRequest,
    origin: number,
    deadlineMs: number,
    answer: (result: ModelInferResponse | CallRefused) => void,
  ): BatchedModel {
    if (this.refusing) throw new CallRefused(status.UNAVAILABLE, "This instance is going away.", "FL3008");
    const [name, model] = this.model(request.modelName, request.modelVersion);
    if (!this.ready && !this.draining)
      throw new CallRefused(status.UNAVAILABLE, "The model is being warmed up.", "FL3008");
    const callChain = callChainOf(request.parameters, this.options.service);
    const parsed = parseInferRequest(request, model.session.signature, model.maxRows);
    const arrivedMs = performance.now();
    (this.caches.get(model) ?? model).submit({
      rows: parsed.rows,
      group: parsed.group,
      shapes: parsed.shapes,
      contents: parsed.contents,
      owned,
      callChain,
      origin,
      arrivedMs,
      deadlineMs: Math.min(deadlineMs, arrivedMs + parsed.timeoutMs),
      settle: (outcome) => {
        answer(outcome.kind === "ok" ? responseTo(name, request, parsed, outcome) : refused(outcome, model));
        if (outcome.kind === "ok" && !this.answered) {
          this.answered = true;
          this.options.onFirstAnswer();
        }
      },
    });
    return model;
  }

  private unary<Request, Response>(answer: (request: Request) => Response) {
    return (call: ServerUnaryCall<Request, Response>, reply: sendUnaryData<Response>) => {
      try {
        this.checkToken(call.metadata);
        reply(null, answer(call.request));
      } catch (error) {
        reply(statusOf(error));
      }
    };
  }

  private checkNotDraining(): void {
    if (this.draining) throw new CallRefused(status.UNAVAILABLE, "This instance is going away.", "FL3008");
  }

  private checkToken(metadata: Metadata): void {
    if (this.authorization === undefined) return;
    const given = Buffer.from(String(metadata.get("authorization")[0] ?? ""));
    if (given.length === this.authorization.length && timingSafeEqual(given, this.authorization)) return;
    throw new CallRefused(
      status.UNAUTHENTICATED,
      "The token is missing or wrong; send it as `authorization: Bearer TOKEN`.",
    );
  }
}

/** An absolute time of `Date.now()`'s clock on the clock of `performance.now()`. */
function fromNow(epochMs: number): number {
  return epochMs === Infinity ? Infinity : performance.now() + (epochMs - Date.now());
}
