/**
 * `deployment: embedded`: the model runs in the process of the operator that calls it, behind the same queue and batching as in an instance.
 * When the model takes the process down, the task and its whole region go with it.
 */
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import type { Tensors } from "../core/tensor";
import { FaultlineError } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import type { InstanceMetrics, InstancePhase, RpcMetrics } from "../observe/journalEvent";
import { LatencyHistogram } from "../observe/latencyHistogram";
import { BatchedModel } from "./batchedModel";
import { splitOutputs } from "./callBatch";
import { deviceCandidates } from "./device";
import { autoAccelerators } from "./doctorDevices";
import type { InferenceCallOptions, InferenceClient } from "./inferenceClient";
import { ModelSession, type Runnable } from "./modelSession";
import type { ModelSignature } from "./modelSignature";
import { PendingCall, prepareCall } from "./pendingCall";
import { rawBytes } from "./tensorContents";
import { warmUp } from "./warmUp";

export interface EmbeddedClientOptions {
  readonly spec: ServiceSpec;
  /** Of the service's models; the first when absent. */
  readonly model?: string;
  /** 0-based index of the subtask: spreads copies of the model over GPUs. */
  readonly subtask: number;
  /** Threads of the model on the CPU; by default the cores divided by the service's parallelism. */
  readonly intraOpThreads?: number;
  /** For a service of code, which is run instead of a model. */
  readonly openCode?: () => Promise<Runnable>;
  readonly onPhase?: (
    phase: InstancePhase,
    details: { readonly device?: string; readonly previousPhaseMs?: number; readonly loadDelayMs?: number },
  ) => void;
}

export class EmbeddedClient implements InferenceClient {
  private readonly calls = new Set<PendingCall>();
  private readonly latency = new LatencyHistogram();
  private counts = { requests: 0, succeeded: 0, retried: 0, failed: 0, expired: 0 };
  private closed = false;

  private constructor(
    readonly model: BatchedModel,
    readonly device: string,
  ) {}

  /** Loads the model and warms it up. Rejects as `ModelSession.open`. */
  static async open(options: EmbeddedClientOptions): Promise<EmbeddedClient> {
    const { spec, onPhase } = options;
    let startedMs = performance.now();
    const lap = () => {
      const nowMs = performance.now();
      const elapsed = nowMs - startedMs;
      startedMs = nowMs;
      return elapsed;
    };
    const delayed = spec.loadDelayMs > 0 ? { loadDelayMs: spec.loadDelayMs } : {};
    onPhase?.("LOADING", delayed);
    const session = await (options.openCode?.() ?? openModel(options));
    if (spec.loadDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, spec.loadDelayMs));
    const { device } = session;
    onPhase?.("WARMING", { device, previousPhaseMs: lap(), ...delayed });
    await warmUp(session, spec.batching.maxSize, spec.warmupRuns);
    onPhase?.("READY", { device, previousPhaseMs: lap() });
    return new EmbeddedClient(new BatchedModel(session, spec.batching, spec.queue), device);
  }

  async signature(): Promise<ModelSignature> {
    return this.model.session.signature;
  }

  get inFlight(): number {
    return this.calls.size;
  }

  call(inputs: Tensors, { timeoutMs, callChain = [] }: InferenceCallOptions): Promise<Tensors> {
    this.counts.requests += 1;
    return new Promise((resolve, reject) => {
      const nowMs = performance.now();
      const call = new PendingCall(inputs, undefined, nowMs, nowMs + timeoutMs, resolve, reject);
      this.calls.add(call);
      const { signature } = this.model.session;
      try {
        if (this.closed) throw FaultlineError.of("FL3008", "The client is closed.");
        prepareCall(call, signature);
      } catch (error) {
        return this.fail(call, error as FaultlineError);
      }
      const batched = signature.batchAxis.kind !== "none";
      this.model.submit({
        rows: 1,
        group: call.group,
        origin: 0,
        callChain,
        arrivedMs: nowMs,
        deadlineMs: call.deadlineMs,
        shapes: signature.inputs.map(({ name }) => {
          const shape = inputs[name]?.shape ?? [];
          return batched ? [1, ...shape] : shape;
        }),
        contents: signature.inputs.map(({ name, type }) => {
          const data = inputs[name]?.data ?? [];
          return type === "BYTES" ? (data as readonly string[]) : rawBytes(data);
        }),
        settle: (outcome) => {
          if (outcome.kind === "ok") {
            const [outputs] = splitOutputs(signature, outcome.outputs, 1);
            if (outputs !== undefined) return this.succeed(call, outputs);
          }
          this.fail(
            call,
            outcome.kind === "failed" ? outcome.error : refusedError(outcome.kind === "refused" ? outcome.reason : ""),
          );
        },
      });
    });
  }

  takeMetrics(): Omit<RpcMetrics, "service"> {
    const counts = this.counts;
    this.counts = { requests: 0, succeeded: 0, retried: 0, failed: 0, expired: 0 };
    return { ...counts, inFlight: this.calls.size, latencyMs: this.latency.take() };
  }

  /** What the model did, as an instance tells it. */
  takeModelMetrics(): Omit<InstanceMetrics, "attempt"> {
    return this.model.takeMetrics();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const call of this.calls)
      this.fail(call, FaultlineError.of("FL3008", "The client was closed while the call was in flight."));
    await this.model.close();
  }

  private succeed(call: PendingCall, outputs: Tensors): void {
    if (call.settled) return;
    call.settled = true;
    this.calls.delete(call);
    this.counts.succeeded += 1;
    this.latency.record(performance.now() - call.startedMs);
    call.resolve(outputs);
  }

  private fail(call: PendingCall, error: FaultlineError): void {
    if (call.settled) return;
    call.settled = true;
    this.calls.delete(call);
    this.counts.failed += 1;
    if (error.code === "FL3009") this.counts.expired += 1;
    call.reject(error);
  }
}

async function openModel({ spec, model, subtask, intraOpThreads }: EmbeddedClientOptions): Promise<ModelSession> {
  const accelerators = spec.device === "auto" ? await autoAccelerators() : [];
  return ModelSession.open({
    path: spec.models.find(({ name }) => name === model)?.path ?? spec.model,
    candidates: deviceCandidates(spec.device, subtask, accelerators),
    intraOpThreads: intraOpThreads ?? Math.max(1, Math.floor(availableParallelism() / Math.max(1, spec.parallelism))),
  });
}

function refusedError(reason: string): FaultlineError {
  switch (reason) {
    case "queue-full":
      return FaultlineError.of(
        "FL3007",
        "The model's queue is full.",
        "Lower the operator's capacity, or raise queue.maxLength.",
      );
    case "wait":
      return FaultlineError.of("FL3007", "The call waited longer in the model's queue than queue.maxWait allows.");
    case "deadline":
      return FaultlineError.of("FL3009", "The call's time was over before the model could run.");
    default:
      return FaultlineError.of("FL3008", "The client was closed while the call was in flight.");
  }
}
