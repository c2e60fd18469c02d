/** Starts the thread that runs a model. Imports next to nothing, so that a process can start it before it loads anything else. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

/**
 * ONNX Runtime 1.29 and later reports its use to its maker unless it is told not to, on Linux too. A model of our users is their own affair.
 * Set here, in the main thread, since a worker thread changes no more than its own copy of the environment.
 */
process.env.ORT_DISABLE_TELEMETRY = "1";

let ahead: Worker | undefined;

/** Starts a thread now, which loads ONNX Runtime while the process does other things; the next model that is opened takes it. */
export function startModelThreadAhead(): void {
  ahead ??= newThread();
}

/** The thread that was started ahead, or a new one. */
export function startModelThread(): Worker {
  const worker = ahead ?? newThread();
  ahead = undefined;
  return worker;
}

/** From the built package, or from the source tree with tsx's loader. */
function newThread(): Worker {
  const built = join(__dirname, "modelThread.js");
  if (existsSync(built)) return new Worker(built, { execArgv: [] });
  return new Worker(join(__dirname, "modelThread.ts"), { execArgv: ["--require", require.resolve("tsx/cjs")] });
}
