/**
 * A client's connection to one instance: a channel of its own and one `ModelStreamInfer` stream, with many calls in a message.
 *
 * Calls gather in an outbox and go out together: at the end of the tick, or, while answers are outstanding, when a message is full or
 * {@link GATHER_MS} have passed. So a message costs nothing to wait for when there is little to do, and messages are large when there is much.
 */
import { url as inspectorUrl } from "node:inspector";
import { performance } from "node:perf_hooks";
import {
  Client,
  credentials,
  Metadata,
  status,
  type ClientDuplexStream,
  type ClientOptions,
  type ServiceError,
} from "@grpc/grpc-js";
import type { Tensors } from "../core/tensor";
import type { FaultlineError } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import {
  CODE_PARAMETER,
  inferenceServiceDefinition,
  STATUS_PARAMETER,
  type InferParameters,
  type ModelInferRequest,
  type ModelInferResponse,
  type ModelStreamInferResponse,
} from "../proto/openInference";
import { batchRequest, splitOutputs } from "./callBatch";
import {
  ABANDONED,
  CHUNK,
  CHUNKED_FROM_BYTES,
  CHUNKS_HEADER,
  ChunkedAnswers,
  chunkedTensors,
  chunksOf,
} from "./chunkedTensors";
import { responseTensors } from "./inferRequest";
import type { ModelSignature } from "./modelSignature";
import { prepareCall, type PendingCall } from "./pendingCall";
import { readModelMetadata } from "./remoteModel";
import { longToNumber } from "./tensorContents";

/** An instance as the coordinator announces it (or as the job file names it, for `external`). */
export interface ServiceEndpoint {
  /** `langid#1`. */
  readonly instance: string;
  readonly attempt: number;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly token: string | undefined;
}

/**
 * `streams`: many calls in a message, large tensors in chunks. `pekko-rpc`: as Flink's RPC carries a call today, one in a message, and a
 * message over the frame size (`pekko.framesize`, 10 MiB) vanishes without an error; the caller learns by its ask timeout.
 */
export type ConnectionTransport =
  { readonly kind: "streams" } | { readonly kind: "pekko-rpc"; readonly frameBytes: number };

/** Calls that a connection had. */
export interface CallsOfConnection {
  readonly sent: readonly PendingCall[];
  readonly unsent: readonly PendingCall[];
}

/** A model as an instance knows it. */
export interface KnownModel {
  readonly name: string;
  readonly signature: ModelSignature;
}

interface SentMessage {
  readonly calls: readonly PendingCall[];
  readonly sentMs: number;
}

export interface ConnectionOwner {
  /** The instance can be called. */
  onReady(connection: InstanceConnection): void;
  /** The stream is gone; these calls were on it, those were waiting to be sent. */
  onLost(
    connection: InstanceConnection,
    sent: readonly PendingCall[],
    unsent: readonly PendingCall[],
    reason: string,
  ): void;
  onResult(connection: InstanceConnection, call: PendingCall, outputs: Tensors): void;
  /** A message was answered; `ok` unless the instance failed on it. */
  onAnswered(
    connection: InstanceConnection,
    ok: boolean,
    latencyMs: number,
    parameters: InferParameters | undefined,
  ): void;
  /** The instance lives, but answered a message with an error. */
  onRefused(
    connection: InstanceConnection,
    calls: readonly PendingCall[],
    code: status,
    message: string,
    faultlineCode?: string,
  ): void;
  /** The call cannot be sent at all. */
  onUnsendable(call: PendingCall, error: FaultlineError): void;
}

/** While answers are outstanding, calls wait this long for others. */
const GATHER_MS = 1;
/** Messages on their way for which a message that is not full does not wait. */
const EAGER_MESSAGES = 2;

/** A channel is used for one connection and never connects again by itself: its back-off would cost up to a second. */
const CHANNEL_OPTIONS: ClientOptions = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
};
/** An instance that hangs answers no ping: its calls go elsewhere long before their own timeout. Servers of others may not like pings. */
const KEEPALIVE: ClientOptions = { "grpc.keepalive_time_ms": 2_000, "grpc.keepalive_timeout_ms": 3_000 };
const CONNECT_TIMEOUT_MS = 5_000;
const SAME_DEADLINE_MS = 2;
/** Calls that together are larger do not share a message. */
const MESSAGE_BYTES = CHUNKED_FROM_BYTES;

const methods = inferenceServiceDefinition();

export class InstanceConnection {
  private readonly client: Client;
  private readonly metadata = new Metadata();
  private stream: ClientDuplexStream<ModelInferRequest, ModelStreamInferResponse> | undefined;
  private readonly outbox: PendingCall[] = [];
  private readonly sent = new Map<string, SentMessage>();
  private lastAnswerMs = -Infinity;
  private sentCalls = 0;
  private readonly chunkedAnswers = new ChunkedAnswers();
  private nextId = 0;
  private closed = false;
  private flushPlanned = false;
  private gatherTimer: NodeJS.Timeout | undefined;
  private lastSendMs = -Infinity;
  private retiring = false;
  /** Calls that may be on their way: at most the instance's queue, and less while it says that it is full. */
  private window: number;
  signature: ModelSignature | undefined;
  private readonly takesChunks: boolean;
  /** Of the model, at this instance. */
  private modelName = "";
  private ready = false;

  constructor(
    readonly endpoint: ServiceEndpoint,
    private readonly spec: Pick<ServiceSpec, "batching" | "queue" | "deployment">,
    private readonly modelNames: readonly string[],
    private readonly transport: ConnectionTransport,
    private readonly owner: ConnectionOwner,
    /** What another instance of the service said of its model: this one is called as soon as it is reached. */
    known?: KnownModel,
  ) {
    this.window = spec.queue.maxLength;
    if (endpoint.token !== undefined) this.metadata.set("authorization", `Bearer ${endpoint.token}`);
    const external = spec.deployment === "external";
    // Others' servers know nothing of chunks.
    this.takesChunks = !external && transport.kind === "streams";
    if (this.takesChunks) this.metadata.set(CHUNKS_HEADER, "1");
    this.client = new Client(endpoint.address, credentials.createInsecure(), {
      ...CHANNEL_OPTIONS,
      // Whoever stands at a breakpoint reads no answer to its ping either.
      ...(external || inspectorUrl() !== undefined ? {} : KEEPALIVE),
    });
    if (known !== undefined) this.expect(known);
    this.readMetadata();
  }

  get instance(): string {
    return this.endpoint.instance;
  }
  /** Calls here that are not settled. */
  get load(): number {
    return this.outbox.length + this.sentCalls;
  }

  enqueue(call: PendingCall): void {
    if (this.signature === undefined) throw new Error("the connection is not ready");
    try {
      prepareCall(call, this.signature);
    } catch (error) {
      this.owner.onUnsendable(call, error as FaultlineError);
      return;
    }
    call.lastInstance = this.endpoint.instance;
    this.outbox.push(call);
    this.planFlush();
  }

  /** What it is called with, once it can be called. */
  get model(): KnownModel | undefined {
    return this.signature === undefined ? undefined : { name: this.modelName, signature: this.signature };
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** For how long it has answered nothing although it has something to answer. */
  silentMs(nowMs: number): number {
    for (const { sentMs } of this.sent.values()) return nowMs - Math.max(sentMs, this.lastAnswerMs);
    return 0;
  }

  /** Gives all calls back; answers that still come are not looked at. */
  abandon(): CallsOfConnection {
    const sent = [...this.sent.values()].flatMap(({ calls }) => calls).filter((call) => !call.settled);
    const unsent = this.outbox.splice(0).filter((call) => !call.settled);
    this.sent.clear();
    this.chunkedAnswers.clear();
    this.sentCalls = 0;
    return { sent, unsent };
  }

  /** Sends nothing more; goes when the answers that are outstanding have come. Returns what was not sent. */
  retire(): readonly PendingCall[] {
    this.retiring = true;
    const unsent = this.outbox.splice(0);
    if (this.sentCalls === 0) this.close();
    return unsent;
  }

  /** Lets go at once; the instance drops what it has in its queue for this stream. */
  close(): CallsOfConnection {
    const calls = this.abandon();
    if (this.closed) return calls;
    this.closed = true;
    clearTimeout(this.gatherTimer);
    this.stream?.cancel();
    this.client.close();
    return calls;
  }

  private readMetadata(): void {
    readModelMetadata(this.client, this.metadata, this.modelNames).then(
      (model) => this.takeModel(model),
      (error: Error) => this.lose(error.message),
    );
  }

  /** The stream and the question for the model's metadata leave together: a new instance's first calls do not wait for the answer. */
  private expect(known: KnownModel): void {
    this.openStream();
    this.client.waitForReady(Date.now() + CONNECT_TIMEOUT_MS, (error) => {
      if (error !== undefined) this.lose(error.message);
      else if (!this.ready) this.takeModel(known);
    });
  }

  private takeModel({ name, signature }: KnownModel): void {
    if (this.closed) return;
    this.signature = signature;
    this.modelName = name;
    if (this.stream === undefined) this.openStream();
    if (this.ready) return;
    this.ready = true;
    this.owner.onReady(this);
  }

  private openStream(): void {
    const method = methods.ModelStreamInfer;
    if (method === undefined) throw new Error("ModelStreamInfer is not defined");
    const stream = this.client.makeBidiStreamRequest<ModelInferRequest, ModelStreamInferResponse>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize as (bytes: Buffer) => ModelStreamInferResponse,
      this.metadata,
    );
    this.stream = stream;
    stream.on("data", (response: ModelStreamInferResponse) => this.onAnswer(response));
    stream.on("error", (error: ServiceError) => this.lose(error.details || error.message));
    stream.on("end", () => this.lose("the instance ended the stream"));
  }

  private lose(reason: string): void {
    if (this.closed) return;
    const { sent, unsent } = this.close();
    this.owner.onLost(this, sent, unsent, reason);
  }

  private planFlush(): void {
    if (this.flushPlanned) return;
    this.flushPlanned = true;
    setImmediate(() => {
      this.flushPlanned = false;
      this.flush();
    });
  }

  private flush(): void {
    clearTimeout(this.gatherTimer);
    this.gatherTimer = undefined;
    while (!this.closed && this.outbox.length > 0) {
      const room = this.sentCalls === 0 ? Infinity : this.window - this.sentCalls;
      if (room < 1) return;
      const nowMs = performance.now();
      const full = this.outbox.length >= this.spec.batching.maxSize;
      if (!full && this.sent.size >= EAGER_MESSAGES && nowMs - this.lastSendMs < GATHER_MS) {
        this.gatherTimer = setTimeout(() => this.flush(), GATHER_MS);
        return;
      }
      this.send(this.takeMessage(Math.min(room, this.maxCalls()), nowMs), nowMs);
    }
  }

  private maxCalls(): number {
    if (this.transport.kind === "pekko-rpc") return 1;
    const axis = this.signature?.batchAxis;
    const { maxSize } = this.spec.batching;
    if (axis?.kind === "dynamic") return maxSize;
    return axis?.kind === "fixed" ? Math.min(axis.size, maxSize) : 1;
  }

  /**
   * The next calls that may share a message: of the group and the chain of the first, with about its deadline, in order, at most `limit`. Settled
   * ones are left out; those with another deadline are left for the next message.
   */
  private takeMessage(limit: number, nowMs: number): PendingCall[] {
    const calls: PendingCall[] = [];
    const later: PendingCall[] = [];
    let taken = 0;
    let bytes = 0;
    for (const call of this.outbox) {
      const head = calls[0];
      if (!call.settled) {
        if (head !== undefined && (call.group !== head.group || call.chain !== head.chain || call.alone || head.alone))
          break;
        if (calls.length >= limit || (head !== undefined && bytes + call.bytes > MESSAGE_BYTES)) break;
        if (head === undefined || haveAsLong(head, call, nowMs)) {
          calls.push(call);
          bytes += call.bytes;
        } else if (later.push(call) > limit) {
          taken += 1;
          break;
        }
      }
      taken += 1;
    }
    this.outbox.splice(0, taken, ...later);
    return calls;
  }

  private send(calls: readonly PendingCall[], nowMs: number): void {
    if (calls.length === 0 || this.signature === undefined) return;
    const id = String(this.nextId++);
    let deadlineMs = Infinity;
    for (const call of calls) {
      call.attempts += 1;
      call.sentMs = nowMs;
      if (call.deadlineMs < deadlineMs) deadlineMs = call.deadlineMs;
    }
    if (this.transport.kind === "pekko-rpc" && (calls[0]?.bytes ?? 0) > this.transport.frameBytes) return;
    this.sent.set(id, { calls, sentMs: nowMs });
    this.sentCalls += calls.length;
    this.lastSendMs = nowMs;
    const request = batchRequest(this.signature, this.modelName, id, calls, deadlineMs - nowMs);
    if (calls.length === 1 && (calls[0]?.bytes ?? 0) >= CHUNKED_FROM_BYTES && this.takesChunks) {
      void this.sendChunked(id, request);
    } else {
      this.stream?.write(request);
    }
  }

  /** One chunk after the other, each when the one before has left: a large tensor is not in memory a second time. */
  private async sendChunked(id: string, request: ModelInferRequest): Promise<void> {
    const contents = request.rawInputContents ?? [];
    const { rawInputContents: _, ...first } = request;
    await this.written({ ...first, inputs: chunkedTensors(request.inputs, contents) });
    for (const { index, bytes } of chunksOf(contents)) {
      // Settled meanwhile: its time is over, or the instance has refused it.
      const wanted = this.sent.get(id)?.calls.some((call) => !call.settled) === true;
      await this.written({
        modelName: "",
        id,
        inputs: [],
        parameters: { [CHUNK]: { int64Param: wanted ? index : ABANDONED } },
        rawInputContents: wanted ? [bytes] : [],
      });
      if (!wanted) return;
    }
  }

  private written(message: ModelInferRequest): Promise<void> {
    return new Promise((resolve) => {
      if (this.stream === undefined || this.closed) resolve();
      else this.stream.write(message, () => resolve());
    });
  }

  private onAnswer({ errorMessage = "", inferResponse }: ModelStreamInferResponse): void {
    const id = inferResponse?.id ?? "";
    const message = this.sent.get(id);
    if (message === undefined || this.signature === undefined) return;
    this.lastAnswerMs = performance.now();
    const whole = errorMessage === "" ? this.chunkedAnswers.receive(inferResponse ?? undefined) : undefined;
    if (errorMessage === "" && whole === undefined) return;
    if (whole !== undefined && this.vanishes(whole)) return;
    const { calls } = message;
    this.sent.delete(id);
    this.sentCalls -= calls.length;
    const parameters = inferResponse?.parameters;
    const failed = whole === undefined && statusOf(parameters) === Number(status.INTERNAL);
    this.owner.onAnswered(this, !failed, this.lastAnswerMs - message.sentMs, parameters);
    if (whole === undefined) this.refused(calls, errorMessage, parameters);
    else {
      this.window = Math.min(this.spec.queue.maxLength, this.window + calls.length);
      this.deliver(this.signature, calls, whole);
    }
    if (this.retiring && this.sentCalls === 0) this.close();
    else if (this.outbox.length > 0) this.planFlush();
  }

  private vanishes({ rawOutputContents = [] }: ModelInferResponse): boolean {
    if (this.transport.kind !== "pekko-rpc") return false;
    return rawOutputContents.reduce((sum, { byteLength }) => sum + byteLength, 0) > this.transport.frameBytes;
  }

  private refused(calls: readonly PendingCall[], message: string, parameters: InferParameters | undefined): void {
    const code = statusOf(parameters);
    if (code === Number(status.RESOURCE_EXHAUSTED)) this.window = Math.max(1, Math.floor(this.window / 2));
    const open = calls.filter((call) => !call.settled);
    this.owner.onRefused(this, open, code, message, parameters?.[CODE_PARAMETER]?.stringParam);
  }

  private deliver(signature: ModelSignature, calls: readonly PendingCall[], response: ModelInferResponse): void {
    let results: readonly Tensors[];
    try {
      results = splitOutputs(signature, responseTensors(response), calls.length);
    } catch (error) {
      const open = calls.filter((call) => !call.settled);
      this.owner.onRefused(this, open, status.DATA_LOSS, (error as Error).message, "FL3010");
      return;
    }
    calls.forEach((call, index) => {
      const result = results[index];
      if (!call.settled && result !== undefined) this.owner.onResult(this, call, result);
    });
  }
}

/** Deadlines so near to each other that one message can go by the earlier: within a tenth of the time left, or {@link SAME_DEADLINE_MS}. */
function haveAsLong(a: PendingCall, b: PendingCall, nowMs: number): boolean {
  const apartMs = Math.abs(a.deadlineMs - b.deadlineMs);
  return apartMs <= SAME_DEADLINE_MS || apartMs <= 0.1 * (Math.min(a.deadlineMs, b.deadlineMs) - nowMs);
}

/** gRPC status of a refusal on the stream. */
function statusOf(parameters: InferParameters | undefined): number {
  return longToNumber(parameters?.[STATUS_PARAMETER]?.int64Param ?? status.INTERNAL);
}
