/**
 * A loaded model: a thread with an ONNX Runtime session on one device, and what it is called with.
 */
import { statSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import type { Worker } from "node:worker_threads";
import { FaultlineError } from "../graph/errors";
import type {
  DeviceCandidate,
  DeviceTrial,
  ModelProblem,
  ModelTensor,
  ModelThreadAnswer,
  ModelThreadRequest,
} from "./modelThreadMessages";
import { startModelThread } from "./modelThreadStart";
import { modelSignature, type ModelSignature } from "./modelSignature";
import type { RpcMetrics } from "../observe/journalEvent";

export interface ModelSessionOptions {
  /** Absolute path of the ONNX file. */
  readonly path: string;
  readonly candidates: readonly DeviceCandidate[];
  /** Threads of one operator on the CPU. */
  readonly intraOpThreads: number;
  /** FL3009 when loading and the trial run take longer; default 10 minutes. */
  readonly openTimeoutMs?: number;
}

export interface ModelRun {
  readonly outputs: readonly ModelTensor[];
  /** In the thread, input conversion included. */
  readonly runMs: number;
}

interface PendingRun {
  readonly resolve: (run: ModelRun) => void;
  readonly reject: (error: FaultlineError) => void;
}

/** One request's share of a run. */
export interface RunPart {
  readonly rows: number;
  /** On the clock of `performance.now()`; Infinity for none. */
  readonly deadlineMs: number;
  /** Services that wait for it. */
  readonly callChain: readonly string[];
}

/** What a service runs: a model on a device, or a person's code. */
export interface Runnable {
  /** Only a model is warmed up with zeros. */
  readonly kind: "model" | "code";
  readonly signature: ModelSignature;
  /** The device it got, in a person's words. */
  readonly device: string;
  /** Devices that were tried before, and why they were not taken. */
  readonly failedDevices: readonly DeviceTrial[];
  /** One run; the memory of numeric inputs is given away. Runs are done one after the other. */
  run(inputs: readonly ModelTensor[], parts: readonly RunPart[]): Promise<ModelRun>;
  /** Of the calls that it makes itself, since the last time. */
  takeCallMetrics?(): readonly RpcMetrics[];
  /** Faults of a device. @throws Error where there is none */
  loseDevice(): void;
  exhaustMemory(bytes: number, allocator: Uint8Array): void;
  close(): Promise<void>;
}

export class ModelSession implements Runnable {
  readonly kind = "model";
  private readonly pending = new Map<number, PendingRun>();
  private nextRun = 0;
  private dead: FaultlineError | undefined;

  private constructor(
    private readonly worker: Worker,
    readonly signature: ModelSignature,
    /** The device it got, in a person's words. */
    readonly device: string,
    /** Devices that were tried before, and why they were not taken. */
    readonly failedDevices: readonly DeviceTrial[],
    readonly loadMs: number,
  ) {
    worker.on("message", (answer: ModelThreadAnswer) => this.onAnswer(answer));
    worker.on("error", (error) => this.onDeath(`its thread failed: ${error.message}`));
    worker.on("exit", () => this.onDeath("its thread ended"));
  }

  /**
   * Loads the model on the first candidate that makes a session and runs it.
   * FL3001 no such file, FL3002 not ONNX, FL3003 no device, FL3004 not usable, FL3006 out of memory, FL3009 too slow.
   */
  static async open(options: ModelSessionOptions): Promise<ModelSession> {
    // The thread comes up while the file is looked at; on a failure it goes at once.
    const worker = startModelThread();
    try {
      await checkReadable(options.path);
      const opened = await openInThread(worker, options);
      const signature = modelSignature(opened.inputs, withTrialShapes(opened.outputs, opened.trialShapes));
      return new ModelSession(worker, signature, opened.device, opened.failed, opened.loadMs);
    } catch (error) {
      // Not terminate(): that would abort the process when the thread is in native code. One that hangs must not hold the process.
      worker.on("error", () => undefined);
      worker.postMessage({ kind: "close" } satisfies ModelThreadRequest);
      worker.unref();
      throw error;
    }
  }

  /**
   * One run. The memory of numeric inputs goes to the thread and cannot be used afterwards. Runs are done one after the other.
   * FL3006 out of memory, FL3010 the model failed, FL3008 the session is closed.
   */
  run(inputs: readonly ModelTensor[]): Promise<ModelRun> {
    if (this.dead !== undefined) return Promise.reject(this.dead);
    const run = this.nextRun++;
    const transfer = new Set<ArrayBuffer>();
    for (const { data } of inputs) if (ArrayBuffer.isView(data)) transfer.add(data.buffer as ArrayBuffer);
    return new Promise((resolve, reject) => {
      this.pending.set(run, { resolve, reject });
      this.post({ kind: "run", run, inputs }, [...transfer]);
    });
  }

  /** Fault: the device goes away under the session. Every run from now on fails with FL3011. */
  loseDevice(): void {
    this.post({ kind: "loseDevice" });
  }

  /** Fault: every run asks the device for this much memory first; 0 ends that. */
  exhaustMemory(bytes: number, allocator: Uint8Array): void {
    this.post({ kind: "exhaustMemory", bytes, allocator });
  }

  async close(): Promise<void> {
    if (this.dead !== undefined) return;
    const ended = new Promise<void>((resolve) => this.worker.once("exit", () => resolve()));
    this.post({ kind: "close" });
    await ended;
  }

  private post(request: ModelThreadRequest, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(request, transfer);
  }

  private onAnswer(answer: ModelThreadAnswer): void {
    if (answer.kind !== "ran" && answer.kind !== "runFailed") return;
    const pending = this.pending.get(answer.run);
    this.pending.delete(answer.run);
    if (answer.kind === "ran") pending?.resolve(answer);
    else pending?.reject(problemError(answer));
  }

  private onDeath(reason: string): void {
    if (this.dead !== undefined) return;
    this.dead = FaultlineError.of("FL3008", `The model cannot run any more: ${reason}.`);
    for (const pending of this.pending.values()) pending.reject(this.dead);
    this.pending.clear();
  }
}

function problemError(problem: ModelProblem): FaultlineError {
  return FaultlineError.of(problem.code, problem.message, problem.hint);
}

async function checkReadable(path: string): Promise<void> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw FaultlineError.of(
      "FL3001",
      `Model not found: ${path}.`,
      "Check the path; in a job file it is relative to that file.",
    );
  }
  if (!stats.isFile()) throw FaultlineError.of("FL3001", `Not a file: ${path}.`, "Name the ONNX file itself.");
  await access(path, constants.R_OK).catch(() => {
    throw FaultlineError.of("FL3001", `The model cannot be read: ${path}.`, "Check its permissions.");
  });
}

/** Sizes of outputs that the model does not declare, as far as the trial run told the number of dimensions. */
function withTrialShapes<V extends { readonly name: string; readonly shape: readonly number[] }>(
  outputs: readonly V[],
  trialShapes: Readonly<Record<string, readonly number[]>> | undefined,
): readonly V[] {
  return outputs.map((output) => {
    const seen = trialShapes?.[output.name];
    if (seen === undefined || seen.length === output.shape.length) return output;
    return { ...output, shape: seen.map((size, axis) => (axis === 0 && size === TRIAL_ROWS ? -1 : size)) };
  });
}

/** An odd number of rows, so that an output axis of this size is the batch axis and not a coincidence. */
const TRIAL_ROWS = 3;

function openInThread(
  worker: Worker,
  options: ModelSessionOptions,
): Promise<Extract<ModelThreadAnswer, { kind: "opened" }>> {
  const timeoutMs = options.openTimeoutMs ?? 600_000;
  return new Promise((resolve, reject) => {
    // Listeners are removed one by one: Worker has listeners of its own that keep its port going.
    const finish = () => {
      clearTimeout(timer);
      worker.off("error", onError).off("exit", onExit).off("message", onMessage);
    };
    const fail = (error: Error) => {
      finish();
      reject(error);
    };
    const onError = (error: Error) =>
      fail(
        FaultlineError.of(
          "FL3003",
          `ONNX Runtime does not start here: ${error.message}`,
          "`faultline doctor` says what is missing.",
        ),
      );
    const onExit = () => fail(FaultlineError.of("FL3003", "The thread of the model ended while loading."));
    const onMessage = (answer: ModelThreadAnswer) => {
      if (answer.kind !== "opened")
        return fail(answer.kind === "notOpened" ? problemError(answer) : new Error(answer.kind));
      finish();
      resolve(answer);
    };
    const timer = setTimeout(
      () =>
        fail(
          FaultlineError.of(
            "FL3009",
            `Loading ${options.path} took more than ${timeoutMs / 1000} s.`,
            "The device may hang.",
          ),
        ),
      timeoutMs,
    );
    worker.on("error", onError).on("exit", onExit).on("message", onMessage);
    worker.postMessage({
      kind: "open",
      path: options.path,
      candidates: options.candidates,
      intraOpThreads: options.intraOpThreads,
      trialRows: TRIAL_ROWS,
    } satisfies ModelThreadRequest);
  });
}
