/** Entry of the coordinator process: `coordinator RUN_DIRECTORY… [--recover]`, a folder for each of its jobs. */
import { FaultlineError, formatProblem } from "../graph/errors";
import { COORDINATOR_CANNOT_START, COORDINATOR_DONE } from "./coordinatorExit";
import { Dispatcher } from "./dispatcher";
import { watchLifeline } from "./lifeline";
import { wakeProcessesOfRun } from "./processesOfRun";

async function main(directories: readonly string[], recover: boolean): Promise<void> {
  const dispatcher = new Dispatcher();
  // Workers that are being started meanwhile end by the same lifeline.
  watchLifeline(() => {
    dispatcher.killEverything();
    directories.forEach(wakeProcessesOfRun);
    process.exit(1);
  });
  await dispatcher.start(directories, recover);
  await dispatcher.done();
  process.exit(COORDINATOR_DONE);
}

const args = process.argv.slice(2);
process.on("SIGINT", () => undefined);
main(
  args.filter((arg) => arg !== "--recover"),
  args.includes("--recover"),
).catch((error: unknown) => {
  const problem =
    error instanceof FaultlineError
      ? error.problems[0]
      : { code: "FL2002" as const, message: String(error instanceof Error ? (error.stack ?? error.message) : error) };
  process.stderr.write(`${formatProblem(problem)}\n`);
  process.exit(COORDINATOR_CANNOT_START);
});
