/**
 * A model behind a bounded queue with dynamic batching: what an instance serves, and what `deployment: embedded` calls. It is the
 * `Batcher` of core with the clock, the timers and the model.
 */
import { performance } from "node:perf_hooks";
import { Batcher, type BatchEntry } from "../core/batcher";
import { FaultlineError } from "../graph/errors";
import type { BatchingConfig, ServiceQueueConfig } from "../graph/jobFile";
import { LatencyHistogram } from "../observe/latencyHistogram";
import type { InstanceMetrics } from "../observe/journalEvent";
import { partOutputs, stackParts, type BatchPart } from "./modelBatch";
import type { ModelRun, Runnable, RunPart } from "./modelSession";
import type { ModelTensor } from "./modelThreadMessages";

/** Below this, handing a batch over (0.1 to 0.3 ms) shows in the throughput. */
const HAND_OVER_AHEAD_BELOW_MS = 100;

export type CallOutcome =
  | {
      readonly kind: "ok";
      readonly outputs: readonly ModelTensor[];
      /** Rows that a result cache knew. */
      readonly cacheHits?: number;
    }
  /** Not run: the queue was full, it waited too long, its deadline passed, it was cancelled, or the model is draining. */
  | {
      readonly kind: "refused";
      readonly reason: "queue-full" | "too-large" | "wait" | "deadline" | "cancelled" | "draining";
    }
  | { readonly kind: "failed"; readonly error: FaultlineError };

/** One request: as many rows as its tensors have. */
export interface ModelCall extends BatchEntry, BatchPart, RunPart {
  readonly arrivedMs: number;
  /** Called exactly once. */
  settle(outcome: CallOutcome): void;
}

export type RunModel = (inputs: readonly ModelTensor[], parts: readonly RunPart[]) => Promise<ModelRun>;

interface MutableCounts {
  requests: number;
  rejected: number;
  expired: number;
  batches: number;
  batchSizes: Record<number, number>;
  busyMs: number;
  wastedMs: number;
}

export class BatchedModel {
  private readonly batcher: Batcher<ModelCall>;
  private readonly executing = new Set<ModelCall>();
  private readonly abandoned = new WeakSet<ModelCall>();
  private readonly latency = new LatencyHistogram();
  private counts: MutableCounts = emptyCounts();
  private timer: NodeJS.Timeout | undefined;
  private timerAtMs = Infinity;
  private pollPlanned = false;
  private draining = false;
  private totalRows = 0;
  private totalMs = 0;
  private readonly idleWaiters: (() => void)[] = [];
  private readonly interceptors: ((run: RunModel) => RunModel)[] = [];
  private run: RunModel;

  constructor(
    readonly session: Runnable,
    batching: BatchingConfig,
    private readonly queue: ServiceQueueConfig,
    /** Told when the device is gone (FL3011): this model will never run again. */
    private readonly onDeviceLost: (error: FaultlineError) => void = () => undefined,
  ) {
    this.run = (inputs, parts) => this.session.run(inputs, parts);
    const { batchAxis } = session.signature;
    const maxSize =
      batchAxis.kind === "none"
        ? 1
        : batchAxis.kind === "fixed"
          ? Math.min(batchAxis.size, batching.maxSize)
          : batching.maxSize;
    this.batcher = new Batcher({
      maxSize,
      maxDelayMs: batching.maxDelayMs,
      maxLength: queue.maxLength,
      maxWaitMs: queue.maxWaitMs,
      handOverAheadBelowMs: HAND_OVER_AHEAD_BELOW_MS,
    });
  }

  /** Rows of one request, at most. */
  get maxRows(): number {
    return this.batcher.config.maxSize;
  }
  /** Device time of one row, mean over all that ran. */
  get meanRowMs(): number {
    return this.totalRows === 0 ? 0 : this.totalMs / this.totalRows;
  }
  get queueConfig(): ServiceQueueConfig {
    return this.queue;
  }

  /** Puts something between the queue and the model, for a fault; the result takes it out. */
  intercept(interceptor: (run: RunModel) => RunModel): () => void {
    this.interceptors.push(interceptor);
    this.chainInterceptors();
    return () => {
      this.interceptors.splice(this.interceptors.indexOf(interceptor), 1);
      this.chainInterceptors();
    };
  }

  private chainInterceptors(): void {
    const direct: RunModel = (inputs, parts) => this.session.run(inputs, parts);
    this.run = this.interceptors.reduce((run, interceptor) => interceptor(run), direct);
  }

  submit(call: ModelCall): void {
    if (this.draining) return this.refuse(call, "draining");
    const admission = this.batcher.offer(call, performance.now());
    if (admission === "queued") this.planPoll();
    else this.refuse(call, admission === "expired" ? "deadline" : admission);
  }

  /**
   * Drops what an origin has in the queue. What runs already goes on, and its time on the device counts as wasted: a run cannot be
   * aborted.
   */
  cancelOrigin(origin: number): void {
    for (const call of this.batcher.cancel((entry) => entry.origin === origin)) this.refuse(call, "cancelled");
    for (const call of this.executing) if (call.origin === origin) this.abandoned.add(call);
    this.planPoll();
  }

  /** Takes no more calls; resolves when all that were taken are settled. */
  drain(): Promise<void> {
    this.draining = true;
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Counts since the last call of this method; gauges as of now. Requests are counted in rows. */
  takeMetrics(): Omit<InstanceMetrics, "attempt"> {
    const counts = this.counts;
    this.counts = emptyCounts();
    let inFlight = 0;
    for (const call of this.executing) inFlight += call.rows;
    const calls = this.session.takeCallMetrics?.() ?? [];
    return {
      ...counts,
      queueDepth: this.batcher.depth,
      inFlight,
      latencyMs: this.latency.take(),
      ...(calls.length === 0 ? {} : { calls }),
    };
  }

  /** Refuses what waits and lets go of the model. */
  async close(): Promise<void> {
    this.draining = true;
    clearTimeout(this.timer);
    for (const call of this.batcher.cancel(() => true)) this.refuse(call, "draining");
    await this.session.close();
  }

  private planPoll(): void {
    if (this.pollPlanned) return;
    this.pollPlanned = true;
    // Requests that came in one read of the socket go into one batch.
    setImmediate(() => {
      this.pollPlanned = false;
      this.poll();
    });
  }

  private poll(): void {
    for (;;) {
      const nowMs = performance.now();
      const decision = this.batcher.poll(nowMs);
      for (const { entry, reason } of decision.dropped) this.refuse(entry, reason);
      if (decision.batch === undefined) {
        this.setTimer(decision.wakeAtMs, nowMs);
        return;
      }
      void this.runBatch(decision.batch, decision.rows);
    }
  }

  private setTimer(atMs: number, nowMs: number): void {
    if (atMs === this.timerAtMs) return;
    clearTimeout(this.timer);
    this.timerAtMs = atMs;
    if (atMs === Infinity) return;
    this.timer = setTimeout(
      () => {
        this.timerAtMs = Infinity;
        this.poll();
      },
      Math.max(0, Math.min(atMs - nowMs, 2 ** 31 - 1)),
    );
  }

  private async runBatch(batch: readonly ModelCall[], rows: number): Promise<void> {
    for (const call of batch) this.executing.add(call);
    this.counts.batches += 1;
    this.counts.batchSizes[rows] = (this.counts.batchSizes[rows] ?? 0) + 1;
    const startedMs = performance.now();
    let runMs: number | undefined;
    try {
      const run = await this.run(stackParts(this.session.signature, batch, rows), batch);
      runMs = run.runMs;
      this.settleBatch(batch, rows, run.outputs);
      this.countTime(batch, rows, runMs);
    } catch (error) {
      if (error instanceof FaultlineError && error.code === "FL3011") this.onDeviceLost(error);
      if (batch.length > 1) await this.runOneByOne(batch);
      else for (const call of batch) this.settle(call, failed(error));
    } finally {
      for (const call of batch) this.executing.delete(call);
      this.batcher.finished(runMs ?? performance.now() - startedMs);
      this.poll();
      if (this.isIdle()) for (const resolve of this.idleWaiters.splice(0)) resolve();
    }
  }

  /** A record that the model cannot take must not fail the requests of others in its batch. */
  private async runOneByOne(batch: readonly ModelCall[]): Promise<void> {
    for (const call of batch) {
      try {
        const run = await this.run(stackParts(this.session.signature, [call], call.rows), [call]);
        this.settleBatch([call], call.rows, run.outputs);
        this.countTime([call], call.rows, run.runMs);
      } catch (error) {
        this.settle(call, failed(error));
      }
    }
  }

  private settleBatch(batch: readonly ModelCall[], rows: number, outputs: readonly ModelTensor[]): void {
    // All parts first: when one cannot be cut out, none has been answered yet.
    let from = 0;
    const parts = batch.map((call) => {
      const part = partOutputs(this.session.signature, outputs, from, call.rows, rows);
      from += call.rows;
      return part;
    });
    batch.forEach((call, index) => this.settle(call, { kind: "ok", outputs: parts[index] ?? [] }));
  }

  private countTime(batch: readonly ModelCall[], rows: number, runMs: number): void {
    this.counts.busyMs += runMs;
    this.totalMs += runMs;
    this.totalRows += rows;
    for (const call of batch) if (this.abandoned.has(call)) this.counts.wastedMs += (runMs * call.rows) / rows;
  }

  private settle(call: ModelCall, outcome: CallOutcome): void {
    this.counts.requests += call.rows;
    const latencyMs = performance.now() - call.arrivedMs;
    for (let row = 0; row < call.rows; row++) this.latency.record(latencyMs);
    call.settle(outcome);
  }

  private refuse(call: ModelCall, reason: Extract<CallOutcome, { kind: "refused" }>["reason"]): void {
    if (reason !== "cancelled") this.counts.rejected += call.rows;
    if (reason === "deadline") this.counts.expired += call.rows;
    call.settle({ kind: "refused", reason });
    if (this.isIdle()) for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private isIdle(): boolean {
    return this.batcher.depth === 0 && this.batcher.runningBatches === 0;
  }
}

function failed(error: unknown): CallOutcome {
  return {
    kind: "failed",
    error: error instanceof FaultlineError ? error : FaultlineError.of("FL3010", `The model failed: ${String(error)}`),
  };
}

function emptyCounts(): MutableCounts {
  return { requests: 0, rejected: 0, expired: 0, batches: 0, batchSizes: {}, busyMs: 0, wastedMs: 0 };
}
