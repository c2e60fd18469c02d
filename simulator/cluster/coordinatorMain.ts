/** Entry of the coordinator process: `coordinator RUN_DIRECTORY [--recover]`. */
import { readFileSync } from "node:fs";
import { FaultlineError, formatProblem } from "../graph/errors";
import { Coordinator } from "./coordinator";
import { COORDINATOR_CANNOT_START, COORDINATOR_DONE } from "./coordinatorExit";
import { watchLifeline } from "./lifeline";
import { decodeRunConfig, runPaths } from "./runDirectory";

async function main(directory: string, recover: boolean): Promise<void> {
  // Workers that are being started meanwhile end by the same lifeline.
  const started: { coordinator?: Coordinator } = {};
  watchLifeline(() => {
    started.coordinator?.killEverything();
    process.exit(1);
  });
  const config = decodeRunConfig(readFileSync(runPaths.config(directory), "utf8"));
  const token = readFileSync(runPaths.token(directory), "utf8");
  started.coordinator = await Coordinator.start(config, token, recover);
  await started.coordinator.done;
  process.exit(COORDINATOR_DONE);
}

const [directory = ".", flag] = process.argv.slice(2);
process.on("SIGINT", () => undefined);
main(directory, flag === "--recover").catch((error: unknown) => {
  const problem = error instanceof FaultlineError ? error.problems[0] : { code: "FL2002" as const, message: String(error instanceof Error ? (error.stack ?? error.message) : error) };
  process.stderr.write(`${formatProblem(problem)}\n`);
  process.exit(COORDINATOR_CANNOT_START);
});
