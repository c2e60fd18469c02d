/** `faultline run JOB`: runs a job on this machine, shows how it goes, and ends with the recovery report. */
import type { Command } from "commander";
import { Option } from "commander";
import { checkFaultRequest } from "../client/faultAvailability";
import { finishRun } from "../client/finishRun";
import { startRun } from "../client/startRun";
import { readOutcome } from "../client/runOutcome";
import type { FaultRequest, Run } from "../client/run";
import { findFault } from "../faults/catalogue";
import { parseDuration } from "../graph/durations";
import { FaultlineError, formatProblem } from "../graph/errors";
import type { Deployment } from "../graph/jobFile";
import { reportText } from "../observe/reportText";
import type { CommandIo, OutputFormat } from "./commandIo";
import { paintFor } from "./paint";
import { RunProgress } from "./runProgress";
import { runTogether } from "./runTogether";
import { parseSettings } from "./settings";

const BAD_INPUT_CODES = /^FL(1|300[1-4])/;

interface RunOptions {
  readonly format: OutputFormat;
  readonly deployment?: Deployment;
  readonly directory?: string;
  readonly fault?: string;
  readonly target?: string;
  readonly after?: string;
  readonly set: readonly string[];
  readonly from?: string;
  readonly fromSavepoint?: string;
  readonly allowNonRestoredState?: boolean;
}

export function registerRunCommand(program: Command, io: CommandIo): void {
  program
    .command("run")
    .description("run a job on this machine, as real processes; several together, with the services that they share")
    .argument("<job...>", "job files (NAME.faultline.json)")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .addOption(new Option("--deployment <deployment>", "run every service of the job this way").choices(["embedded", "sidecar", "rpc-service", "external"]))
    .option("--directory <dir>", "folder for everything of the run (a new one otherwise)")
    .option("--from-savepoint <dir>", "begin from a savepoint, or from a checkpoint of a run (its folder, or the run's)")
    .addOption(new Option("--from <dir>", "the same").conflicts("fromSavepoint"))
    .option("--allow-non-restored-state", "leave state of operators behind that the job does not have")
    .option("--fault <fault>", "inject this fault once, see `faultline inject --help`")
    .option("--target <target>", "where, for example service:langid#1")
    .option("--after <duration>", "how long after the job is running, for example 10s", "5s")
    .option("--set <name=value...>", "parameters of the fault", [])
    .action(async (jobs: readonly string[], options: RunOptions) => {
      if (jobs.length > 1) {
        for (const name of ["fault", "target", "from", "fromSavepoint"] as const) {
          if (options[name] !== undefined) throw FaultlineError.of("FL1000", `--${name.replace("S", "-s")} is for one job, not for several.`);
        }
        process.exitCode = await runTogether(jobs, options, io);
        return;
      }
      const planned = plannedFault(options);
      const run = await startRun({
        jobFile: jobs[0],
        deployment: options.deployment,
        directory: options.directory,
        from: options.fromSavepoint ?? options.from,
        allowNonRestoredState: options.allowNonRestoredState,
      });
      const progress = new RunProgress(io, options.format === "text" ? paintFor(io) : undefined);
      const stopListening = stopOnSignals(run, io);
      const timers: NodeJS.Timeout[] = [];
      const watching = (async () => {
        for await (const event of run.events()) {
          progress.observe(event);
          if (planned !== undefined && timers.length === 0 && event.kind === "job.state" && event.to === "RUNNING") {
            timers.push(
              setTimeout(() => {
                run.inject(planned.request).catch((error: unknown) => io.err(`${error instanceof FaultlineError ? formatProblem(error.problems[0]) : String(error)}\n`));
              }, planned.afterMs),
            );
          }
        }
      })();
      await run.ended;
      await Promise.race([watching, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
      timers.forEach(clearTimeout);
      stopListening();
      progress.end();
      const finished = await finishRun(run.directory);
      if (options.format === "json") io.out(`${JSON.stringify(finished.report, undefined, 2)}\n`);
      else io.out(`${reportText(finished.report, { paint: paintFor(io), columns: io.columns })}\nReport: ${finished.html}\n`);
      process.exitCode = exitCode(finished.report.run.state, await readOutcome(run.directory), io);
    });
}

function plannedFault(options: RunOptions): { readonly request: FaultRequest; readonly afterMs: number } | undefined {
  if (options.fault === undefined && options.target === undefined) return undefined;
  if (options.fault === undefined || options.target === undefined) {
    throw FaultlineError.of("FL1000", "--fault and --target belong together.", "For example: --fault crash --target 'service:langid#1'.");
  }
  const parameters = parseSettings(findFault(options.fault), options.set);
  checkFaultRequest(options.fault, options.target, parameters);
  const afterMs = parseDuration(options.after ?? "5s");
  if (afterMs === undefined) throw FaultlineError.of("FL1024", `"${options.after}" is no duration.`, "Write 250ms, 10s, 5m or 1h.");
  return { request: { fault: options.fault, target: options.target, parameters }, afterMs };
}

/** A job that never ran because of what it was given is bad input; one that failed while it ran is a failed job. */
function exitCode(state: string, outcome: { readonly code: string | undefined; readonly ran: boolean; readonly problem: string | undefined }, io: CommandIo): number {
  if (state !== "FAILED" && state !== "CRASHED") return 0;
  if (outcome.problem !== undefined) io.err(`${outcome.problem}\n`);
  return !outcome.ran && outcome.code !== undefined && BAD_INPUT_CODES.test(outcome.code) ? 2 : 1;
}

/** Ctrl-C lets the job finish what it has; a second one cancels it; a third one ends at once. */
function stopOnSignals(run: Run, io: CommandIo): () => void {
  let asked = 0;
  const onSignal = (): void => {
    asked++;
    if (asked > 2) process.exit(130);
    io.err(asked === 1 ? "\nStopping: sources end, everything is committed. Again to cancel at once.\n" : "\nCancelling.\n");
    run.stop(asked === 1 ? "drain" : "cancel").catch(() => void run.dispose());
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
}
