/** What the entries of TaskManagers and service instances share: their arguments, the lifeline, and how they end. */
import { readFileSync, rmSync } from "node:fs";
import { watchLifeline } from "./lifeline";
import { wakeProcessesOfRun } from "./processesOfRun";
import type { RunConfig } from "./runDirectory";
import { decodeRunConfig, runPaths } from "./runDirectory";

export interface WorkerEnvironment {
  readonly directory: string;
  readonly process: string;
  readonly args: readonly string[];
  readonly config: RunConfig;
  readonly token: string;
}

/** Reads `RUN_DIRECTORY PROCESS_NAME …` and ties this process to the run's owner. */
export function startWorker(): WorkerEnvironment {
  const [directory = ".", name = "", ...args] = process.argv.slice(2);
  const config = decodeRunConfig(readFileSync(runPaths.config(directory), "utf8"));
  watchLifeline(() => {
    wakeProcessesOfRun(directory);
    // The coordinator removes the sockets too; whoever is last leaves nothing behind, also when the coordinator died with the owner.
    if (process.platform !== "win32") rmSync(config.socketDirectory, { recursive: true, force: true });
    process.exit(1);
  });
  // The terminal's Ctrl-C goes to the whole group; the run's owner decides what it means.
  process.on("SIGINT", () => undefined);
  return { directory, process: name, args, config, token: readFileSync(runPaths.token(directory), "utf8") };
}
