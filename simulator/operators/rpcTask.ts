/**
 * A person's code as a service (FLIP-582's `RpcTask`: one queue, one single-threaded loop). The queue is the instance's `BatchedModel`, as for a
 * model; the loop is a thread of its own, so that requests, deadlines and health checks are answered while the code computes. What it calls
 * is called from here, by clients that know the endpoints.
 */
import { performance } from "node:perf_hooks";
import type { Worker } from "node:worker_threads";
import { closesCallCycle } from "../core/serviceCallCycle";
import { FaultlineError } from "../graph/errors";
import { cycleText } from "../inference/callAnswer";
import type { InferenceClient } from "../inference/inferenceClient";
import { modelSignature, type ModelSignature, type ValueSignature } from "../inference/modelSignature";
import type { ModelRun, Runnable, RunPart } from "../inference/modelSession";
import type { ModelTensor } from "../inference/modelThreadMessages";
import { ownThread } from "../inference/ownThread";
import type { RpcMetrics } from "../observe/journalEvent";
import { buffersOf, compact } from "./rpcTaskMessages";
import type { PlainProblem, RpcTaskAnswer, RpcTaskRequest, RpcTaskStart } from "./rpcTaskMessages";

/** Clients of the services that the code calls, made when it first calls them. */
export interface CalledServices {
  open(service: string, model: string | undefined): Promise<InferenceClient>;
  takeMetrics(): readonly RpcMetrics[];
  close(): Promise<void>;
}

export interface RpcTaskOptions extends RpcTaskStart {
  readonly called: CalledServices;
  /** Its thread is gone: it will never answer again. */
  readonly onDead?: (error: FaultlineError) => void;
}

interface PendingRun {
  readonly resolve: (run: ModelRun) => void;
  readonly reject: (error: FaultlineError) => void;
}

export class RpcTask implements Runnable {
  readonly kind = "code";
  readonly device = "cpu";
  readonly failedDevices = [];
  private readonly pending = new Map<number, PendingRun>();
  private nextRun = 0;
  private dead: FaultlineError | undefined;
  private closing = false;
  private readonly name: string;

  private constructor(
    private readonly worker: Worker,
    readonly signature: ModelSignature,
    private readonly options: RpcTaskOptions,
  ) {
    this.name = `${options.service}#${options.instance}`;
    worker.on("message", (answer: RpcTaskAnswer) => this.onAnswer(answer));
    worker.on("error", (error) => this.onDeath(error.message));
    worker.on("exit", (code) => this.onDeath(`it ended with code ${code}`));
  }

  /** Loads the module and calls `open`. FL1020 no such export, or no `RpcService`; FL1021 the module, or FL2004 its `open`, threw. */
  static async open(options: RpcTaskOptions): Promise<RpcTask> {
    const { called: _called, onDead: _onDead, ...start } = options;
    const worker = ownThread(__dirname, "rpcTaskThread", { workerData: start });
    const opened = await new Promise<RpcTaskAnswer>((resolve) => {
      const failed = (why: string) =>
        resolve({
          kind: "notOpened",
          problem: { code: "FL1021", message: `The code of "${options.service}" could not be started: ${why}.` },
        });
      worker.once("message", resolve);
      worker.on("error", (error) => failed(error.message));
      worker.on("exit", (code) => failed(`its thread ended with code ${code}`));
    });
    if (opened.kind === "opened") {
      return new RpcTask(worker, modelSignature(opened.inputs.map(batched), opened.outputs.map(batched)), options);
    }
    await worker.terminate();
    throw opened.kind === "notOpened" ? errorOf(opened.problem) : new Error(`the thread said ${opened.kind} first`);
  }

  run(inputs: readonly ModelTensor[], parts: readonly RunPart[]): Promise<ModelRun> {
    if (this.dead !== undefined) return Promise.reject(this.dead);
    const run = this.nextRun++;
    const nowMs = performance.now();
    const rows = parts.map((part) => ({
      rows: part.rows,
      remainingMs: part.deadlineMs - nowMs,
      callChain: part.callChain,
    }));
    return new Promise((resolve, reject) => {
      this.pending.set(run, { resolve, reject });
      this.post({ kind: "run", run, inputs, rows }, buffersOf(inputs));
    });
  }

  takeCallMetrics(): readonly RpcMetrics[] {
    return this.options.called.takeMetrics();
  }

  loseDevice(): never {
    throw new Error(`"${this.options.service}" runs code and has no device.`);
  }

  exhaustMemory(): never {
    throw new Error(`"${this.options.service}" runs code and has no device.`);
  }

  async close(): Promise<void> {
    await this.options.called.close();
    if (this.dead !== undefined || this.closing) return;
    this.closing = true;
    const ended = new Promise<void>((resolve) => this.worker.once("exit", () => resolve()));
    this.post({ kind: "close" });
    // Code that never comes back must not hold the process; no native code runs in this thread that could not be stopped.
    const timer = setTimeout(() => void this.worker.terminate(), CLOSE_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  }

  private post(request: RpcTaskRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.worker.postMessage(request, transfer);
  }

  private onAnswer(answer: RpcTaskAnswer): void {
    if (answer.kind === "call") return void this.call(answer);
    if (answer.kind !== "ran" && answer.kind !== "runFailed") return;
    const pending = this.pending.get(answer.run);
    this.pending.delete(answer.run);
    if (answer.kind === "ran") pending?.resolve(answer);
    else pending?.reject(errorOf(answer.problem));
  }

  private async call(request: Extract<RpcTaskAnswer, { kind: "call" }>): Promise<void> {
    const { call, service, model, inputs, timeoutMs, key } = request;
    const callChain = [...request.callChain, this.name];
    try {
      const cycle = closesCallCycle(callChain, service);
      if (cycle !== undefined) throw FaultlineError.of("FL1011", cycleText(cycle), CYCLE_HINT);
      const untilMs = performance.now() + timeoutMs;
      const client = await this.options.called.open(service, model);
      const outputs = await client.call(inputs, {
        timeoutMs: untilMs - performance.now(),
        callChain,
        ...(key === undefined ? {} : { key }),
      });
      const own = compact(outputs);
      this.post({ kind: "answered", call, outputs: own }, buffersOf(Object.values(own)));
    } catch (error) {
      this.post({ kind: "callFailed", call, problem: problemOf(error) });
    }
  }

  private onDeath(reason: string): void {
    if (this.dead !== undefined) return;
    this.dead = FaultlineError.of("FL3008", `The code of "${this.options.service}" does not run any more: ${reason}.`);
    for (const pending of this.pending.values()) pending.reject(this.dead);
    this.pending.clear();
    if (!this.closing) this.options.onDead?.(this.dead);
  }
}

const CLOSE_LIMIT_MS = 2_000;
const CYCLE_HINT = "Remove one of these calls, or move what both need into a service of its own.";

function batched(value: ValueSignature): ValueSignature {
  return { ...value, shape: [-1, ...value.shape] };
}

function errorOf({ code, message, hint, location }: PlainProblem): FaultlineError {
  return FaultlineError.of(code, message, hint, location);
}

function problemOf(error: unknown): PlainProblem {
  if (!(error instanceof FaultlineError)) return { code: "FL3008", message: String(error) };
  const { code, message, hint } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}
