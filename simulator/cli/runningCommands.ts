/** Commands on runs that there are: `ps`, `inject`, `heal`, `scale`, `stop`, `savepoint`, `report`. */
import type { Command } from "commander";
import { Option } from "commander";
import { finishRun } from "../client/finishRun";
import { findRun, listRuns, openRun } from "../client/openRun";
import { checkFaultRequest } from "../client/faultAvailability";
import { findFault } from "../faults/catalogue";
import { FaultlineError } from "../graph/errors";
import { reportText } from "../observe/reportText";
import type { CommandIo, OutputFormat } from "./commandIo";
import { faultHelp } from "./faultsCommand";
import { paintFor } from "./paint";
import { parseSettings } from "./settings";

const formatOption = () => new Option("--format <format>", "what to print").choices(["text", "json"]).default("text");
const RUN_ARGUMENT = "id of a run, `latest`, or its folder";

export function registerRunningCommands(program: Command, io: CommandIo): void {
  const answer = (format: OutputFormat, document: object, text: string): void => io.out(format === "json" ? `${JSON.stringify(document)}\n` : `${text}\n`);

  program
    .command("ps")
    .description("list the runs, going on and over")
    .addOption(formatOption())
    .action(async ({ format }: { format: OutputFormat }) => {
      const runs = await listRuns();
      const rows = runs.map((run) => `${run.id}  ${run.state.padEnd(10)} ${run.job}  ${run.directory}`);
      answer(format, { runs }, rows.length === 0 ? "No runs yet. Start one with `faultline run JOB`." : rows.join("\n"));
    });

  program
    .command("inject")
    .description("inject a fault into a run")
    .argument("<run>", RUN_ARGUMENT)
    .argument("<fault>", "one of the faults below")
    .argument("<target>", "service:NAME#N, taskmanager:N, coordinator, task:VERTEX#N, link:A->B; * for any")
    .option("--set <name=value...>", "parameters of the fault", [])
    .addOption(formatOption())
    .addHelpText("after", faultHelp())
    .action(async (name: string, fault: string, target: string, options: { set: string[]; format: OutputFormat }) => {
      const parameters = parseSettings(findFault(fault), options.set);
      checkFaultRequest(fault, target, parameters);
      const run = await openRun(name);
      await run.inject({ fault, target, parameters });
      answer(options.format, { injected: { fault, target }, run: run.id }, `Injected ${fault} into ${target} of ${run.id}.`);
    });

  program
    .command("heal")
    .description("heal every fault of a run that can be healed")
    .argument("<run>", RUN_ARGUMENT)
    .addOption(formatOption())
    .action(async (name: string, { format }: { format: OutputFormat }) => {
      const run = await openRun(name);
      await run.heal();
      answer(format, { healed: true, run: run.id }, `Healed ${run.id}.`);
    });

  program
    .command("scale")
    .description("change the number of instances of a service")
    .argument("<run>", RUN_ARGUMENT)
    .argument("<service>", "id of a service")
    .argument("<n>", "number of instances")
    .addOption(formatOption())
    .action(async (name: string, service: string, text: string, { format }: { format: OutputFormat }) => {
      const parallelism = Number(text);
      if (!Number.isInteger(parallelism) || parallelism < 1 || parallelism > 1024) {
        throw FaultlineError.of("FL1013", `"${text}" is no number of instances.`, "Write a whole number from 1 to 1024.");
      }
      const run = await openRun(name);
      await run.scale(service, parallelism);
      answer(format, { service, parallelism, run: run.id }, `${service} is being scaled to ${parallelism}.`);
    });

  program
    .command("stop")
    .description("stop a run: sources end and everything is committed; or with a savepoint to go on from; or at once with --cancel")
    .argument("<run>", RUN_ARGUMENT)
    .addOption(new Option("--cancel", "at once; nothing more is committed").conflicts("savepoint"))
    .option("--savepoint", "end with a savepoint: nothing is drained, so that a run that starts from it goes on exactly there")
    .option("--directory <dir>", "folder to put the savepoint in (the run's own otherwise)")
    .addOption(formatOption())
    .action(async (name: string, options: { cancel?: boolean; savepoint?: boolean; directory?: string; format: OutputFormat }) => {
      const run = await openRun(name);
      if (options.savepoint === true) {
        const ended = run.ended;
        const savepoint = await run.savepoint({ directory: options.directory, stop: true });
        const { state } = await ended;
        answer(options.format, { run: run.id, state, savepoint: savepoint.path }, `${run.id} is ${state}.\nSavepoint: ${savepoint.path}`);
        return;
      }
      await run.stop(options.cancel === true ? "cancel" : "drain");
      const { state } = await run.ended;
      answer(options.format, { run: run.id, state }, `${run.id} is ${state}.`);
    });

  program
    .command("savepoint")
    .description("take a savepoint of a run, which goes on; start from it with `faultline run JOB --from-savepoint DIR`")
    .argument("<run>", RUN_ARGUMENT)
    .option("--directory <dir>", "folder to put it in (the run's own otherwise)")
    .addOption(formatOption())
    .action(async (name: string, options: { directory?: string; format: OutputFormat }) => {
      const run = await openRun(name);
      const { path, checkpoint, bytes, durationMs } = await run.savepoint({ directory: options.directory });
      answer(options.format, { run: run.id, savepoint: path, checkpoint, bytes, durationMs }, `Savepoint: ${path}`);
    });

  program
    .command("report")
    .description("the recovery report of a run")
    .argument("<run>", RUN_ARGUMENT)
    .addOption(formatOption())
    .action(async (name: string, { format }: { format: OutputFormat }) => {
      const { directory } = await findRun(name);
      const { report, html } = await finishRun(directory);
      if (format === "json") io.out(`${JSON.stringify(report, undefined, 2)}\n`);
      else io.out(`${reportText(report, { paint: paintFor(io), columns: io.columns })}\nReport: ${html}\n`);
    });
}
