/** Starts the thread that runs a model. Imports next to nothing, so that a process can start it before it loads anything else. */
import { performance } from "node:perf_hooks";
import type { Worker } from "node:worker_threads";
import { GATE_BUSY, GATE_IDLE, GATE_STOPPED, type ModelThreadRequest } from "./modelThreadMessages";
import { ownThread } from "./ownThread";

/**
 * ONNX Runtime 1.29 and later reports its use to its maker unless it is told not to, on Linux too. A model of our users is their own affair.
 * Set here, in the main thread, since a worker thread changes no more than its own copy of the environment.
 */
process.env.ORT_DISABLE_TELEMETRY = "1";

/** Of the threads that live. */
const gates = new Set<Int32Array>();
let ahead: Worker | undefined;

/** Starts a thread now, which loads ONNX Runtime while the process does other things; the next model that is opened takes it. */
export function startModelThreadAhead(): void {
  ahead ??= newThread();
}

/** No model is opened after all. */
export function stopModelThreadAhead(): void {
  ahead?.postMessage({ kind: "close" } satisfies ModelThreadRequest);
  ahead?.unref();
  ahead = undefined;
}

/** The thread that was started ahead, or a new one. */
export function startModelThread(): Worker {
  const worker = ahead ?? newThread();
  ahead = undefined;
  return worker;
}

function newThread(): Worker {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  // Until it says otherwise it loads ONNX Runtime.
  gate[0] = GATE_BUSY;
  const worker = ownThread(__dirname, "modelThread", { workerData: gate });
  if (gates.size === 0) process.on("exit", stopAtExit);
  gates.add(gate);
  worker.once("exit", () => {
    gates.delete(gate);
    if (gates.size === 0) process.off("exit", stopAtExit);
  });
  return worker;
}

/** A process that ends waits as long for what its models are doing. */
const EXIT_LIMIT_MS = 2_000;

/**
 * A thread that is stopped in the middle of native code aborts the whole process, with a message and a core (SIGABRT). So a process that
 * exits first lets every thread come to the end of its run, and none begins another. A run that takes too long is left to the kernel.
 */
function stopAtExit(): void {
  const untilMs = performance.now() + EXIT_LIMIT_MS;
  for (const gate of gates) {
    while (Atomics.compareExchange(gate, 0, GATE_IDLE, GATE_STOPPED) === GATE_BUSY) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) process.kill(process.pid, "SIGKILL");
      Atomics.wait(gate, 0, GATE_BUSY, Math.max(0, leftMs));
    }
  }
}
