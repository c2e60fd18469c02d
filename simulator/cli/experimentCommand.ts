/** `faultline experiment FILE…`: runs experiments and gives a verdict on every hypothesis. */
import type { Command } from "commander";
import { Option } from "commander";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExperimentResult } from "../client/runExperiment";
import { checkExperiment } from "../client/checkExperiment";
import { commandsText, notConfirmed, plannedCommands } from "../client/flink/commandFaults";
import { loadExperiment, runExperiment } from "../client/runExperiment";
import type { Experiment } from "../faults/experiment";
import { FaultlineError } from "../graph/errors";
import type { CommandIo, OutputFormat } from "./commandIo";
import { ExperimentProgress } from "./experimentProgress";
import { junitXml } from "./junitXml";
import type { Paint } from "./paint";
import { paintFor } from "./paint";

/** As a shell says it of a command that Ctrl-C ended. */
const STOPPED = 130;

export function registerExperimentCommand(program: Command, io: CommandIo): void {
  program
    .command("experiment")
    .description("run an experiment, or every experiment of a folder: a run without faults, a run with them, and a verdict")
    .argument("<file>", "NAME.experiment.json, or a folder of them")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .option("--junit <file>", "write the verdicts as JUnit XML too")
    .option("--yes", "run the commands of experiments on a Flink cluster that is there without asking", false)
    .option("--parallel <n>", "experiments of a folder that run side by side; they share the machine, so that times are longer", "1")
    .action(async (path: string, options: { format: OutputFormat; junit?: string; parallel: string; yes: boolean }) => {
      const paint = paintFor(io);
      // All of them are read before the first is run: bad input starts nothing.
      const [files, isFolder] = await experimentFiles(path);
      const experiments = await Promise.all(files.map(loadExperiment));
      await Promise.all(experiments.filter(({ flink }) => flink === undefined).map(checkExperiment));
      // One question for all commands, before the first experiment runs; in a log of a machine they can be read too.
      const confirmed = await confirmAll(experiments, options.yes, io);
      const progress = new ExperimentProgress(io, options.format === "text", experiments.length);
      // What was started is ended and tidied up; a second signal ends this process at once, and everything else with it.
      const stopping = new AbortController();
      const stop = (): void => stopping.abort();
      process.once("SIGINT", stop).once("SIGTERM", stop);
      const results = await inParallel(experiments, sideBySide(options.parallel), async (experiment) => {
        const result = await runExperiment(experiment, (stage) => progress.onStage(experiment.name, stage), {
          confirm: confirmed,
          signal: stopping.signal,
        });
        progress.onOver(experiment.name, result);
        if (options.format === "text") io.out(verdictText(result, paint));
        return result;
      })
        .catch((error: unknown) => {
          if (!stopping.signal.aborted) throw error;
          io.err("Stopped.\n");
          return undefined;
        })
        .finally(() => progress.end());
      process.off("SIGINT", stop).off("SIGTERM", stop);
      if (results === undefined) {
        process.exitCode = STOPPED;
        return;
      }
      if (options.junit !== undefined) await writeFile(options.junit, junitXml(results));
      const [only] = results;
      if (options.format === "json") {
        const documents = results.map(experimentDocument);
        io.out(`${JSON.stringify(documents.length === 1 && only !== undefined ? documents[0] : { experiments: documents }, undefined, 2)}\n`);
      } else if (results.length > 1) io.out(summary(results));
      // One alone is asked whether it holds; a folder, whether everything in it went as it should.
      process.exitCode = results.every(({ held, asExpected }) => (isFolder ? asExpected : held)) ? 0 : 1;
    });
}

/** Shows every command of a person that would be run, and asks. @throws FaultlineError FL5017 */
export async function confirmAll(experiments: readonly Experiment[], yes: boolean, io: CommandIo): Promise<() => Promise<boolean>> {
  const texts = experiments.flatMap(({ name, flink, faults }) => {
    const commands = plannedCommands(faults);
    return flink === undefined || commands.length === 0 ? [] : [commandsText(name, flink, commands)];
  });
  if (texts.length === 0) return () => Promise.resolve(false);
  io.err(`${texts.join("\n")}\n`);
  const isSure = yes || (io.ask !== undefined && /^y(es)?$/i.test((await io.ask("Run them? [y/N] ")).trim()));
  if (!isSure) throw notConfirmed(experiments.flatMap(({ faults }) => plannedCommands(faults)));
  return () => Promise.resolve(true);
}

function sideBySide(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count;
  throw FaultlineError.of("FL1000", `"${text}" is no number of experiments.`, "Write a whole number from 1 to 64.");
}

/** At most so many at a time; the results in the order of the tasks. */
async function inParallel<T, R>(tasks: readonly T[], count: number, run: (task: T) => Promise<R>): Promise<readonly R[]> {
  const results = new Map<number, R>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < tasks.length; index = next++) {
      for (const task of tasks.slice(index, index + 1)) results.set(index, await run(task));
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, tasks.length) }, work));
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}

/** The report of the run with faults, the verdicts, and the run without faults beside it. */
function experimentDocument({ experiment, held, asExpected, reasons, hypothesis, report, control, html }: ExperimentResult): object {
  return { ...report, experiment, held, asExpected, reasons, hypothesis, control: { hypothesis: control.hypothesis, ...control.report }, html };
}

async function experimentFiles(path: string): Promise<readonly [files: readonly string[], isFolder: boolean]> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) return [[path], false];
  const names = (await readdir(path)).filter((name) => name.endsWith(".experiment.json")).sort();
  if (names.length === 0) throw FaultlineError.of("FL1001", "There is no experiment in this folder.", "Experiments are called NAME.experiment.json.", { file: path });
  return [names.map((name) => join(path, name)), true];
}

function summary(results: readonly ExperimentResult[]): string {
  const held = results.filter((result) => result.held).length;
  const broken = results.filter((result) => !result.held && result.asExpected);
  const wrong = results.filter(({ asExpected }) => !asExpected);
  const parts = [
    `${held} of ${results.length} experiments held`,
    ...(broken.length === 0 ? [] : [`${broken.map(({ experiment }) => experiment).join(", ")} did not, as it must not`]),
    ...(wrong.length === 0 ? [] : [`not as expected: ${wrong.map(({ experiment }) => experiment).join(", ")}`]),
  ];
  return `${parts.join("; ")}.\n`;
}

function verdictText(result: ExperimentResult, paint: Paint): string {
  const mark = (held: boolean): string => (held ? paint.green("held    ") : paint.red("not held"));
  const width = Math.max(...result.hypothesis.map(({ name }) => name.length));
  const lines = [
    `${mark(result.held)} ${paint.bold(result.experiment)}  ${result.report.injected} fault${result.report.injected === 1 ? "" : "s"} took effect`,
    ...result.hypothesis.map(({ name, held, observed, expected, mustFail }) => {
      const wanted = !mustFail ? "" : held ? `, ${paint.red("but the faults have to break it")}` : ", as it has to be";
      return `  ${mark(held)} ${name.padEnd(width)}  ${observed === null ? "not measured" : round(observed)} (${expected})${wanted}`;
    }),
    ...result.reasons.map((reason) => `  ${paint.red(reason)}`),
    `  ${paint.dim(result.html)}`,
  ];
  return `${lines.join("\n")}\n\n`;
}

function round(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toLocaleString("en", { maximumFractionDigits: 1 });
}
