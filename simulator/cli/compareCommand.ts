/** `faultline compare JOB`: the same job, load and fault under each deployment, with what it costs and without a fault at all. */
import type { Command } from "commander";
import { Option } from "commander";
import { checkFaultRequest } from "../client/faultAvailability";
import type { MeasuredRun } from "../client/measuredRun";
import { measureRun } from "../client/runExperiment";
import { findFault } from "../faults/catalogue";
import { parseDuration } from "../graph/durations";
import { FaultlineError } from "../graph/errors";
import type { Deployment } from "../graph/jobFile";
import type { CommandIo, OutputFormat } from "./commandIo";
import { parseSettings } from "./settings";

const DEPLOYMENTS: readonly Deployment[] = ["embedded", "sidecar", "rpc-service", "external"];

interface CompareOptions {
  readonly fault: string;
  readonly target: string;
  readonly deployments: string;
  readonly after: string;
  readonly set: readonly string[];
  readonly baseline: boolean;
  readonly format: OutputFormat;
}

interface Compared {
  readonly deployment: Deployment;
  readonly faulted: MeasuredRun;
  readonly baseline: MeasuredRun | undefined;
}

export function registerCompareCommand(program: Command, io: CommandIo): void {
  program
    .command("compare")
    .description("run a job under several deployments with the same fault, and show what each costs")
    .argument("<job>", "job file")
    .requiredOption("--fault <fault>", "name of the fault")
    .requiredOption("--target <target>", "where; under `embedded`, service:NAME#N names the task that carries that copy of the model")
    .option("--deployments <list>", "which, separated by commas", "embedded,sidecar,rpc-service")
    .option("--after <duration>", "how long after the job is running", "5s")
    .option("--set <name=value...>", "parameters of the fault", [])
    .option("--no-baseline", "leave out the runs without a fault")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .action(async (job: string, options: CompareOptions) => {
      const deployments = readDeployments(options.deployments);
      const parameters = parseSettings(findFault(options.fault), options.set);
      checkFaultRequest(options.fault, options.target, parameters);
      const delayMs = parseDuration(options.after);
      if (delayMs === undefined) throw FaultlineError.of("FL1024", `"${options.after}" is no duration.`, "Write 250ms, 10s, 5m or 1h.");
      const fault = { fault: options.fault, target: options.target, parameters, trigger: { kind: "after" as const, delayMs }, location: undefined };
      const compared: Compared[] = [];
      for (const deployment of deployments) {
        if (options.format === "text") io.err(`${deployment}\n`);
        const baseline = options.baseline ? await measureRun({ jobFile: job, deployment }, []) : undefined;
        compared.push({ deployment, baseline, faulted: await measureRun({ jobFile: job, deployment }, [fault]) });
      }
      for (const problem of compared.flatMap(({ faulted }) => faulted.problems)) io.err(`${problem.code}: ${problem.message}\n`);
      io.out(options.format === "json" ? `${JSON.stringify(compareDocument(compared), undefined, 2)}\n` : compareText(compared));
      process.exitCode = compared.every(({ faulted }) => faulted.report.injected > 0 && faulted.report.run.state === "FINISHED") ? 0 : 1;
    });
}

function readDeployments(list: string): readonly Deployment[] {
  return list.split(",").map((name) => {
    const deployment = DEPLOYMENTS.find((candidate) => candidate === name.trim());
    if (deployment === undefined) throw FaultlineError.of("FL1000", `"${name}" is no deployment.`, `Deployments: ${DEPLOYMENTS.join(", ")}.`);
    if (deployment === "external") throw FaultlineError.of("FL1033", "The instances of an external service are no processes of the run.", "Compare embedded, sidecar and rpc-service.");
    return deployment;
  });
}

function compareDocument(compared: readonly Compared[]): object {
  return {
    deployments: compared.map(({ deployment, faulted, baseline }) => ({
      deployment,
      ...faulted.report,
      modelsLoaded: faulted.modelsLoaded,
      lostThroughput: lostThroughput(faulted),
      baseline: baseline?.report,
    })),
  };
}

/** Area of the dips: records that came later than at the level before; `null` when no dip could be told. */
function lostThroughput({ report }: MeasuredRun): number | null {
  const areas = report.failures.flatMap(({ dip }) => (dip === null ? [] : [dip.area]));
  return areas.length === 0 ? null : areas.reduce((sum, area) => sum + area, 0);
}

function compareText(compared: readonly Compared[]): string {
  const rows: readonly (readonly [string, (one: Compared) => string])[] = [
    ["stream tasks restarted", ({ faulted }) => String(total(faulted, (failure) => failure.restartedTasks.length))],
    ["service instances restarted", ({ faulted }) => String(total(faulted, (failure) => failure.restartedInstances.length))],
    ["records replayed", ({ faulted }) => String(total(faulted, (failure) => failure.recordsReplayed))],
    ["calls retried", ({ faulted }) => String(faulted.report.rpc.retried)],
    ["recovered after", ({ faulted }) => ms(longest(faulted))],
    ["throughput lost (records later than without)", ({ faulted }) => number(lostThroughput(faulted))],
    ["lost / duplicated", ({ faulted }) => `${faulted.report.records.lost ?? "?"} / ${faulted.report.records.duplicated ?? "?"}`],
    ["p99 of calls, no fault", ({ baseline }) => (baseline === undefined ? "" : ms(baseline.report.rpc.p99Ms))],
    ["records/s, no fault", ({ baseline }) => (baseline === undefined ? "" : number(baseline.report.records.perSecond))],
  ];
  const first = Math.max(...rows.map(([name]) => name.length));
  const column = 16;
  const lines = [
    `${"".padEnd(first)}  ${compared.map(({ deployment }) => deployment.padStart(column)).join("")}`,
    ...rows.map(([name, value]) => `${name.padEnd(first)}  ${compared.map((one) => value(one).padStart(column)).join("")}`),
  ];
  return `${lines.join("\n")}\n`;
}

function total({ report }: MeasuredRun, of: (failure: MeasuredRun["report"]["failures"][number]) => number): number {
  return report.failures.reduce((sum, failure) => sum + of(failure), 0);
}

function longest({ report }: MeasuredRun): number | null {
  const times = report.failures.map((failure) => failure.recoveredAfterMs);
  return times.length === 0 || times.some((time) => time === null) ? null : Math.max(...times.map((time) => time ?? 0));
}

function ms(value: number | null): string {
  if (value === null) return "not known";
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(0)} ms`;
}

function number(value: number | null): string {
  return value === null ? "not known" : Math.round(value).toLocaleString("en");
}
