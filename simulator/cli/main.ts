/** Entry of the command line `faultline`. Exit 0 fine; 1 the job failed or a hypothesis did not hold; 2 bad usage or bad input. */
import { Command, CommanderError } from "commander";
import { FaultlineError, formatProblem } from "../graph/errors";
import { processIo } from "./commandIo";
import { registerCompareCommand } from "./compareCommand";
import { registerDoctorCommand } from "./doctorCommand";
import { registerExperimentCommand } from "./experimentCommand";
import { registerExportCommand } from "./exportCommand";
import { registerFaultsCommand } from "./faultsCommand";
import { registerFlinkCommands } from "./flinkCommands";
import { registerGraphCommands } from "./graphCommands";
import { registerRunCommand } from "./runCommand";
import { registerRunningCommands } from "./runningCommands";
import { registerServeCommand } from "./serveCommand";
import { registerSimulateCommand } from "./simulateCommand";
import { programVersion } from "./version";

export const EXIT_FAILED = 1;
export const EXIT_BAD_INPUT = 2;

export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("faultline")
    .description("See the pipelined regions of a stream-processing job, run it here with real model inference, break it, and see what restarted.")
    .version(programVersion())
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride();
  registerGraphCommands(program, processIo);
  registerRunCommand(program, processIo);
  registerRunningCommands(program, processIo);
  registerFaultsCommand(program, processIo);
  registerExperimentCommand(program, processIo);
  registerCompareCommand(program, processIo);
  registerSimulateCommand(program, processIo);
  registerServeCommand(program, processIo);
  registerFlinkCommands(program, processIo);
  registerExportCommand(program, processIo);
  registerDoctorCommand(program, processIo);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_BAD_INPUT;
  if (error instanceof FaultlineError) {
    for (const problem of error.problems) processIo.err(`${formatProblem(problem)}\n`);
    return error.code.startsWith("FL2") && error.code !== "FL2001" ? EXIT_FAILED : EXIT_BAD_INPUT;
  }
  // A defect of this program: the person gets one sentence and a place to look, not a stack.
  const message = error instanceof Error ? error.message : String(error);
  processIo.err(`FL2003: Something went wrong that should not have: ${message} Set FAULTLINE_DEBUG=1 for more.\n`);
  if (process.env.FAULTLINE_DEBUG && error instanceof Error) processIo.err(`${error.stack}\n`);
  return EXIT_FAILED;
}

// A reader that closes the pipe (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
});

void main(process.argv);
