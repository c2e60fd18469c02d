/**
 * A service instance's process in virtual time: it loads, warms up, joins, answers batches one after the other, drains. The queue and the
 * batches are those of `core/batcher`.
 */
import { Batcher } from "../core/batcher";
import type { BatchEntry } from "../core/batcher";
import type { JobMasterInput } from "../core/jobMasterState";
import type { ServiceSpec } from "../graph/jobFile";
import type { InstancePhase, SubtaskName } from "../observe/journalEvent";
import type { VirtualEvent } from "./eventLoop";
import type { VirtualProcess } from "./virtualProcess";

/** How long the parts of an instance's life take; the next value of each. */
export interface InstanceTiming {
  startMs(): number;
  loadMs(): number;
  warmMs(): number;
  /** One run of the model over this many rows. */
  runMs(rows: number): number;
}

export type Refusal = "unavailable" | "overloaded" | "too-late";

/** `origin` says who asks: a client's requests are cancelled together. */
export interface InstanceRequest extends BatchEntry {
  answered(): void;
  refused(why: Refusal): void;
}

/** A batch that runs. */
class BatchRun implements VirtualEvent {
  readonly cancelled = false;

  constructor(
    private readonly instance: VirtualInstance,
    readonly batch: readonly InstanceRequest[],
    readonly rows: number,
    readonly runMs: number,
  ) {}

  happen(): void {
    const { process } = this.instance;
    if (process.state === "running") this.instance.onRunOver(this);
    else process.run(() => this.instance.onRunOver(this));
  }
}

export interface InstanceOptions {
  readonly spec: ServiceSpec;
  readonly instance: SubtaskName;
  readonly attempt: number;
  readonly process: VirtualProcess;
  readonly timing: InstanceTiming;
  /** A phase was entered; the one before took `previousPhaseMs`. */
  onPhase(phase: InstancePhase, previousPhaseMs: number | undefined): void;
  /** The device ran this long; `wanted` of the rows had somebody waiting. */
  onRun?(runMs: number, rows: number, wanted: number): void;
}

/** Counts since the last time, gauges as of now. */
export type InstanceLoad = Omit<Extract<JobMasterInput, { kind: "instanceLoad" }>, "kind" | "instance" | "attempt">;

class LoadCounts {
  private requests = 0;
  private batches = 0;
  private busyMs = 0;
  private executing = 0;
  private sinceMs = 0;

  began(rows: number): void {
    this.batches++;
    this.executing += rows;
  }

  ended(rows: number, runMs: number): void {
    this.requests += rows;
    this.busyMs += runMs;
    this.executing -= rows;
  }

  take(nowMs: number, queueDepth: number): InstanceLoad {
    const { requests, batches, busyMs, executing, sinceMs } = this;
    this.requests = 0;
    this.batches = 0;
    this.busyMs = 0;
    this.sinceMs = nowMs;
    return { intervalMs: nowMs - sinceMs, requests, batches, busyMs, queueDepth, inFlight: executing };
  }
}

export class VirtualInstance {
  private phaseNow: InstancePhase = "STARTING";
  private phaseSince: number;
  private readonly batcher: Batcher<InstanceRequest>;
  private wakeAtMs = Infinity;
  private underWay = 0;
  private onDrained: (() => void) | undefined;
  private readonly goneOrigins = new Set<number>();
  /** Counted where somebody asks. */
  private readonly counts: LoadCounts | undefined;

  constructor(private readonly options: InstanceOptions) {
    const { spec } = options;
    this.phaseSince = options.process.now;
    this.counts = spec.autoscaler === undefined ? undefined : new LoadCounts();
    this.batcher = new Batcher<InstanceRequest>({
      maxSize: spec.batching.maxSize,
      maxDelayMs: spec.batching.maxDelayMs,
      maxLength: spec.queue.maxLength,
      maxWaitMs: spec.queue.maxWaitMs,
      handOverAheadBelowMs: 0,
    });
  }

  get phase(): InstancePhase {
    return this.phaseNow;
  }

  get instance(): SubtaskName {
    return this.options.instance;
  }

  get attempt(): number {
    return this.options.attempt;
  }

  get process(): VirtualProcess {
    return this.options.process;
  }

  get queueDepth(): number {
    return this.batcher.depth;
  }

  /** What it did since the last time, or since it is ready; undefined where the service has no autoscaler. */
  takeLoad(): InstanceLoad | undefined {
    const { counts, batcher, options } = this;
    return counts?.take(options.process.now, batcher.depth);
  }

  /** From the process's start until it takes calls. */
  start(): void {
    const { process, timing } = this.options;
    process.post(timing.startMs(), () => {
      this.enter("LOADING");
      process.post(timing.loadMs(), () => {
        this.enter("WARMING");
        process.post(timing.warmMs(), () => this.enter("READY"));
      });
    });
  }

  request(request: InstanceRequest): void {
    if (this.phaseNow !== "READY" && this.phaseNow !== "SERVING") {
      request.refused("unavailable");
      return;
    }
    const admission = this.batcher.offer(request, this.options.process.now);
    if (admission !== "queued") {
      request.refused(admission === "expired" ? "too-late" : "overloaded");
      return;
    }
    this.underWay++;
    this.poll();
  }

  /** A client is gone: what it asked for and is not running yet is dropped. */
  cancel(origin: number): void {
    this.goneOrigins.add(origin);
    this.underWay -= this.batcher.cancel((entry) => entry.origin === origin).length;
    this.poll();
    this.endIfDrained();
  }

  /** Takes no more calls; `drained` when those under way are answered. Does nothing before the instance is ready, as the real one. */
  drain(drained: () => void): void {
    if (this.phaseNow !== "READY" && this.phaseNow !== "SERVING") return;
    this.onDrained = drained;
    this.enter("DRAINING");
    this.endIfDrained();
  }

  private poll(): void {
    const { options } = this;
    for (;;) {
      const decision = this.batcher.poll(options.process.now);
      for (const { entry } of decision.dropped) {
        this.underWay--;
        entry.refused("too-late");
      }
      if (decision.batch === undefined) {
        if (decision.wakeAtMs < this.wakeAtMs) {
          this.wakeAtMs = decision.wakeAtMs;
          options.process.timer(decision.wakeAtMs, () => {
            this.wakeAtMs = Infinity;
            this.poll();
          });
        }
        break;
      }
      this.run(decision.batch, decision.rows);
    }
  }

  private run(batch: readonly InstanceRequest[], rows: number): void {
    const { process, timing } = this.options;
    const runMs = timing.runMs(rows);
    this.counts?.began(rows);
    process.put(runMs, new BatchRun(this, batch, rows, runMs));
  }

  onRunOver({ batch, rows, runMs }: BatchRun): void {
    const { options } = this;
    this.batcher.finished(runMs);
    this.underWay -= batch.length;
    this.counts?.ended(rows, runMs);
    options.onRun?.(runMs, rows, this.wantedOf(batch));
    for (const request of batch) request.answered();
    if (this.phaseNow === "READY") this.enter("SERVING");
    this.poll();
    this.endIfDrained();
  }

  /** Requests that somebody still waits for. */
  private wantedOf(batch: readonly InstanceRequest[]): number {
    if (this.goneOrigins.size === 0) return batch.length;
    let wanted = 0;
    for (const { origin } of batch) if (!this.goneOrigins.has(origin)) wanted++;
    return wanted;
  }

  private endIfDrained(): void {
    if (this.underWay > 0 || this.onDrained === undefined) return;
    const { onDrained } = this;
    this.onDrained = undefined;
    onDrained();
  }

  private enter(phase: InstancePhase): void {
    const now = this.options.process.now;
    const previousPhaseMs = now - this.phaseSince;
    this.phaseNow = phase;
    this.phaseSince = now;
    if (phase === "READY") this.counts?.take(now, 0);
    this.options.onPhase(phase, previousPhaseMs);
  }
}
