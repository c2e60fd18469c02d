/** `faultline compare JOB`: the same job, load and fault run in several ways, what each costs, and advice drawn from that. */
import type { Command } from "commander";
import { Option } from "commander";
import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { ComparedVariant, Variant } from "../client/compareRuns";
import { compareRuns } from "../client/compareRuns";
import { checkFaultRequest } from "../client/faultAvailability";
import { loadJobFile } from "../client/jobFileLoading";
import { findFault } from "../faults/catalogue";
import type { Advice } from "../faults/deploymentAdvice";
import { adviseDeployment } from "../faults/deploymentAdvice";
import { checkTarget } from "../faults/jobTargets";
import { parseDuration } from "../graph/durations";
import { FaultlineError } from "../graph/errors";
import type { Deployment, JobSpec } from "../graph/jobFile";
import type { CommandIo, OutputFormat } from "./commandIo";
import { comparePage } from "./comparePage";
import type { LossRatio } from "./compareTable";
import { compareRows, compareText, lossRatio, lostRecords, lostSeconds, middle, noiseFloor, ratioText } from "./compareTable";
import { parseSettings } from "./settings";

const DEPLOYMENTS: readonly Deployment[] = ["embedded", "sidecar", "rpc-service", "external"];
const STRATEGIES = ["region", "full"] as const;
const SCHEDULERS = ["default", "adaptive"] as const;
const MAX_REPEAT = 20;

interface Options {
  readonly fault: string;
  readonly target: string;
  readonly deployments: string;
  readonly failover?: string;
  readonly scheduler?: string;
  readonly after: string;
  readonly loadDelay?: string;
  readonly repeat: string;
  readonly set: readonly string[];
  readonly baseline: boolean;
  readonly out?: string;
  readonly format: OutputFormat;
}

export function registerCompareCommand(program: Command, io: CommandIo): void {
  program
    .command("compare")
    .description("run a job under several deployments with the same fault, and show what each costs and which to use")
    .argument("<job>", "job file")
    .requiredOption("--fault <fault>", "name of the fault")
    .requiredOption("--target <target>", "where; under `embedded`, service:NAME#N names the task that carries that copy of the model")
    .option("--deployments <list>", "which, separated by commas: embedded, sidecar, rpc-service, external", "embedded,sidecar,rpc-service")
    .option("--failover <list>", "failover strategies to compare as well: region,full")
    .option("--scheduler <list>", "schedulers to compare as well: default,adaptive")
    .option("--after <duration>", "how long after the job is running", "5s")
    .option("--load-delay <duration>", "stated extra time of every load of a model, for example 5s")
    .option("--repeat <n>", "runs with the fault, of each", "1")
    .option("--set <name=value...>", "parameters of the fault", [])
    .option("--no-baseline", "leave out the runs without a fault, and the advice")
    .option("--out <file>", "where to write the page")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .action(async (jobFile: string, options: Options) => {
      const parameters = parseSettings(findFault(options.fault), options.set);
      checkFaultRequest(options.fault, options.target, parameters);
      const variants = variantsOf(options);
      const job = await loadJobFile(jobFile);
      checkTarget(job, options.target);
      const compared = await compareRuns({
        jobFile,
        variants,
        fault: { fault: options.fault, target: options.target, parameters, trigger: { kind: "after", delayMs: durationOf(options.after) }, location: undefined },
        repeat: repeatOf(options.repeat),
        baseline: options.baseline,
        loadDelayMs: options.loadDelay === undefined ? undefined : durationOf(options.loadDelay),
        onStage: (variant, what) => {
          if (options.format === "text") io.err(`${variant}: ${what}\n`);
        },
      });
      for (const problem of compared.flatMap(({ faulted }) => faulted.flatMap(({ problems }) => problems))) io.err(`${problem.code}: ${problem.message}\n`);
      const advice = options.baseline ? adviceOf(job, compared) : undefined;
      const rows = compareRows(compared);
      const page = resolve(options.out ?? join(dirname(compared[0]?.faulted[0]?.html ?? "."), "compare.html"));
      await writeFile(page, comparePage(`What a ${options.fault} of ${options.target} costs ${job.name}`, rows, compared, advice, ratioOf(compared)));
      if (options.format === "json") io.out(`${JSON.stringify({ ...compareDocument(compared), lostThroughputRatio: ratioOf(compared), advice: advice ?? null, html: page }, undefined, 2)}\n`);
      else io.out(textOf(rows, compared, advice, page));
      const fine = compared.every(({ faulted }) => faulted.every(({ injected, report }) => injected && report.run.state === "FINISHED"));
      process.exitCode = fine ? 0 : 1;
    });
}

function variantsOf({ deployments, failover, scheduler }: Options): readonly Variant[] {
  const strategies = failover === undefined ? [undefined] : listOf(failover, STRATEGIES, "failover strategy");
  const schedulers = scheduler === undefined ? [undefined] : listOf(scheduler, SCHEDULERS, "scheduler");
  return listOf(deployments, DEPLOYMENTS, "deployment").flatMap((deployment) =>
    strategies.flatMap((failoverStrategy) =>
      schedulers.map((one) => ({
        name: [deployment, failoverStrategy, one].filter((part) => part !== undefined).join(" "),
        deployment,
        ...(failoverStrategy === undefined ? {} : { failoverStrategy }),
        ...(one === undefined ? {} : { scheduler: one }),
      })),
    ),
  );
}

function listOf<T extends string>(list: string, known: readonly T[], what: string): readonly T[] {
  return list.split(",").map((name) => {
    const found = known.find((candidate) => candidate === name.trim());
    if (found === undefined) throw FaultlineError.of("FL1000", `"${name}" is no ${what}.`, `One or more of: ${known.join(", ")}.`);
    return found;
  });
}

function durationOf(text: string): number {
  const duration = parseDuration(text);
  if (duration === undefined) throw FaultlineError.of("FL1024", `"${text}" is no duration.`, "Write 250ms, 10s, 5m or 1h.");
  return duration;
}

function repeatOf(text: string): number {
  const times = Number(text);
  if (Number.isInteger(times) && times >= 1 && times <= MAX_REPEAT) return times;
  throw FaultlineError.of("FL1000", `"${text}" is no number of repetitions.`, `Write a whole number from 1 to ${MAX_REPEAT}.`);
}

/** Embedded against rpc-service, as far as both were measured. */
function adviceOf(job: JobSpec, compared: readonly ComparedVariant[]): Advice | undefined {
  const of = (deployment: Deployment): ComparedVariant | undefined => compared.find(({ variant }) => variant.deployment === deployment);
  const embedded = of("embedded");
  const service = of("rpc-service");
  if (embedded === undefined || service === undefined) return undefined;
  if (embedded.capacityPerSecond === null || service.capacityPerSecond === null) return undefined;
  const lost = [lostSeconds(embedded), lostSeconds(service)];
  if (lost.some((seconds) => seconds.length === 0)) return undefined;
  return adviseDeployment({
    embedded: { lostSeconds: lost[0] ?? [], capacityPerSecond: embedded.capacityPerSecond },
    service: { lostSeconds: lost[1] ?? [], capacityPerSecond: service.capacityPerSecond },
    instances: Math.max(1, ...job.services.map(({ parallelism }) => parallelism)),
    loadPerSecond: loadOf(embedded),
    loadSeconds: ((service.loadMs ?? embedded.loadMs) ?? 0) / 1000,
  });
}

/** Records of the sources a second before the fault. */
function loadOf({ steadyPerSecond, faulted: [first] }: ComparedVariant): number | undefined {
  const dip = first?.dip;
  return steadyPerSecond ?? (dip === undefined || dip === null ? undefined : dip.before * (first?.recordsPerCount ?? 1));
}

/** The report of the first run with the fault, what all of them cost, and the run without. */
function compareDocument(compared: readonly ComparedVariant[]): object {
  return {
    deployments: compared.map((one) => {
      const [first] = one.faulted;
      return {
        deployment: one.variant.deployment,
        variant: one.variant.name,
        ...first?.report,
        restartedTasks: first?.restartedTasks ?? null,
        modelsLoadedAgain: first?.modelsLoadedAgain ?? null,
        wastedDeviceMs: first?.wastedDeviceMs ?? null,
        lostThroughput: middle(lostRecords(one)),
        lostThroughputs: lostRecords(one),
        lostThroughputNoise: noiseFloor(one),
        repetitions: one.faulted.map(({ course: _, report, ...figures }) => ({ ...figures, run: report.run.id, state: report.run.state })),
        steadyPerSecond: one.steadyPerSecond,
        capacityPerSecond: one.capacityPerSecond,
        loadMs: one.loadMs,
        baseline: one.baseline,
      };
    }),
  };
}

function textOf(rows: ReturnType<typeof compareRows>, compared: readonly ComparedVariant[], advice: Advice | undefined, page: string): string {
  const parts = [compareText(rows, compared.map(({ variant }) => variant.name))];
  const ratio = ratioOf(compared);
  if (ratio !== null) parts.push(`\n${ratioText(ratio)}`);
  if (advice !== undefined) parts.push(`\nAdvice: ${advice.sentences.join(" ")}\n`);
  parts.push(`\nPicture: ${page}\n`);
  return parts.join("");
}

/** Of the first way to run each. */
function ratioOf(compared: readonly ComparedVariant[]): LossRatio | null {
  const of = (deployment: Deployment): ComparedVariant | undefined => compared.find(({ variant }) => variant.deployment === deployment);
  return lossRatio(of("embedded"), of("rpc-service"));
}
