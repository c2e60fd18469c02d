/** Entry of the coordinator process: `coordinator RUN_DIRECTORY [--recover]`. */
import { readFileSync, rmSync } from "node:fs";
import { FaultlineError, formatProblem } from "../graph/errors";
import { readJournal } from "../observe/journalReader";
import { Coordinator } from "./coordinator";
import { COORDINATOR_CANNOT_START, COORDINATOR_DONE } from "./coordinatorExit";
import { recoverRun } from "./jobRecovery";
import type { RecoveredRun } from "./jobRecovery";
import { watchLifeline } from "./lifeline";
import { wakeProcessesOfRun } from "./processesOfRun";
import type { RunConfig } from "./runDirectory";
import { decodeRunConfig, runPaths } from "./runDirectory";
import { WorkerProcesses } from "./workerProcesses";

async function main(directory: string, recover: boolean): Promise<void> {
  // Workers that are being started meanwhile end by the same lifeline.
  const started: { coordinator?: Coordinator } = {};
  watchLifeline(() => {
    started.coordinator?.killEverything();
    wakeProcessesOfRun(directory);
    process.exit(1);
  });
  const config = decodeRunConfig(readFileSync(runPaths.config(directory), "utf8"));
  const token = readFileSync(runPaths.token(directory), "utf8");
  const recovered = recover ? await recoverRun(directory, readJournal(runPaths.journal(directory))) : undefined;
  if (recovered?.ended !== undefined) {
    // The coordinator before died between its last word and its end.
    clearUp(config, recovered);
    process.exit(COORDINATOR_DONE);
  }
  started.coordinator = await Coordinator.start(config, token, recovered);
  await started.coordinator.done;
  process.exit(COORDINATOR_DONE);
}

function clearUp(config: RunConfig, { predecessors }: RecoveredRun): void {
  const processes = new WorkerProcesses(config, () => undefined);
  processes.expect(predecessors);
  processes.killStrays();
  if (process.platform !== "win32") rmSync(config.socketDirectory, { recursive: true, force: true });
}

const [directory = ".", flag] = process.argv.slice(2);
process.on("SIGINT", () => undefined);
main(directory, flag === "--recover").catch((error: unknown) => {
  const problem = error instanceof FaultlineError ? error.problems[0] : { code: "FL2002" as const, message: String(error instanceof Error ? (error.stack ?? error.message) : error) };
  process.stderr.write(`${formatProblem(problem)}\n`);
  process.exit(COORDINATOR_CANNOT_START);
});
