/** Threads that are a file of their own, in the built package as in the source tree. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker, type WorkerOptions } from "node:worker_threads";

/** @param folder of the caller; the built package has all files in one. @param name of the thread's file, without its ending */
export function ownThread(folder: string, name: string, options: Pick<WorkerOptions, "workerData" | "resourceLimits">): Worker {
  const built = join(folder, `${name}.js`);
  return existsSync(built)
    ? new Worker(built, { ...options, execArgv: [] })
    : new Worker(join(folder, `${name}.ts`), { ...options, execArgv: ["--require", require.resolve("tsx/cjs")] });
}
