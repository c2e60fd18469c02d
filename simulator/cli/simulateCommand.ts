/** `faultline simulate JOB`: the job at any scale in virtual time, under each deployment and failover strategy, with what it gives and costs. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { Option } from "commander";
import { calibrationOf } from "../client/calibrateFromRun";
import type { SimulationRequest } from "../client/simulateJob";
import { planFor } from "../client/simulateJob";
import { runSimulation } from "../client/simulationThreads";
import { loadJobFile } from "../client/jobFileLoading";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import { sweepChart } from "../observe/sweepChart";
import { FAILURE_KINDS, FAILURE_UNITS } from "../virtual/failureModel";
import { chartOfSweep } from "../observe/simulationFigures";
import type { SimulationResult } from "../observe/simulationResult";
import type { SimulationPlan } from "../virtual/simulation";
import type { CommandIo } from "./commandIo";
import { ProgressBar } from "./progressBar";
import type { SimulateOptions, Sweep } from "./simulateOptions";
import { readRequest, readSweep } from "./simulateOptions";
import { simulationText, sweepText } from "./simulateText";

export function registerSimulateCommand(program: Command, io: CommandIo): void {
  program
    .command("simulate")
    .description("simulate a job at any scale in virtual time, under each deployment and failover strategy")
    .argument("<job>", "job file")
    .option("--seed <number>", "first seed; the same seed gives the same answer", "1")
    .option("--seeds <number>", "runs of each combination, from as many seeds", "5")
    .option("--duration <duration>", "virtual time that is measured", "1h")
    .option("--deployments <list>", "which, separated by commas", "embedded,sidecar,rpc-service,external")
    .option("--strategies <list>", "failover strategies", "region,full")
    .option("--parallelism <number>", "of every operator that has the job's")
    .option("--instances <number>", "instances of each service")
    .option("--task-managers <number>", "TaskManagers; by default as many as the slots need")
    .option("--nodes <number>", "machines; by default one for each TaskManager")
    .option("--gpus <number>", "devices over all nodes; by default one for each copy of a model")
    .option("--device-memory <size>", "memory of a device, such as 80GB")
    .option("--model-memory <size>", "memory that a copy of the model takes")
    .option("--rate <number>", "records a second; by default the job's own rate")
    .option("--burst <burst>", "5x,10m,30s: five times the rate, every 10 minutes, for 30 seconds")
    .addOption(new Option("--arrivals <kind>", "whether records wait for a job that does not run, or are made by it").choices(["external", "paced"]).default("external"))
    .option("--checkpoint-interval <duration>", "instead of the job's own")
    .option("--load-time <duration>", "to load the model")
    .option("--warm-up <duration>", "to warm it up")
    .option("--run-time <duration>", "one run of the model")
    .option("--row-time <duration>", "what each request in a run adds")
    .option("--mtbf <kind=duration...>", `mean time between failures of one unit: ${FAILURE_KINDS.join(", ")}`, [])
    .option("--fault-every <duration>", "one failure of each of these kinds in turn (without --mtbf: device, node, taskmanager, model, task)")
    .option("--repair <duration>", "how long a device or node is away")
    .option("--device-price <number>", "price of a device for an hour")
    .option("--node-price <number>", "price of a node for an hour")
    .option("--calibrate <run>", "take times from a run on this machine: its id, `latest`, or its folder")
    .option("--sweep <name=values>", "parallelism=1..64, instances=1,2,5, rate=1000..9000:1000, …")
    .option("--chart <file>", "where the page with the sweep's chart goes", "sweep.html")
    .option("--keep", "keep the journal of each combination's first seed as a run, for graph, timeline and report")
    .addOption(new Option("--progress <form>", "how progress is told on standard error: a bar, or a JSON document a line").choices(["bar", "json"]).default("bar"))
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .addHelpText("after", `\nKinds of failures:\n${FAILURE_KINDS.map((kind) => `  ${kind.padEnd(12)} ${FAILURE_UNITS[kind]}`).join("\n")}\n`)
    .action(async (jobFile: string, options: SimulateOptions) => {
      const request = readRequest(jobFile, options);
      const job = await loadJobFile(jobFile);
      const timings = options.calibrate === undefined ? undefined : await calibrationOf(options.calibrate);
      const calibrated = { ...request, timings };
      const bar = new ProgressBar(io, options.progress === "json" ? "json" : options.format === "text" ? "bar" : "none");
      const kept: string[] = [];
      const onKept = options.keep !== true ? undefined : (run: string, of: { readonly deployment: string; readonly failoverStrategy: string }): void => {
        kept.push(`Journal of ${of.deployment}, ${of.failoverStrategy}: run ${run}`);
        bar.tell({ kept: { run, deployment: of.deployment, failoverStrategy: of.failoverStrategy } });
      };
      if (options.sweep === undefined) {
        const plan = planFor(job, calibrated);
        const results = await runSimulation(plan, {
          onProgress: ({ done, runs, deployment, failoverStrategy }) => bar.show(done / runs, `${deployment}, ${failoverStrategy}`),
          onKept,
        });
        bar.end();
        io.out(options.format === "json" ? document(plan, request, { results }) : `${simulationText(plan, results)}${kept.map((line) => `${line}\n`).join("")}`);
        process.exitCode = results.every(({ states }) => states.NOT_STARTED === undefined) ? 0 : 1;
        return;
      }
      const sweep = readSweep(options.sweep);
      const points = await runSweep(job, jobFile, options, calibrated, sweep, bar);
      bar.end();
      if (options.format === "json") {
        io.out(document(points[0].plan, request, { sweep: { parameter: sweep.parameter, points: points.map(({ value, results }) => ({ value, results })) } }));
        return;
      }
      const file = resolve(options.chart ?? "sweep.html");
      writeChart(file, sweepChart(chartOfSweep(job.name, sweep.parameter, points)));
      io.out(`${sweepText(sweep, points)}\nChart: ${file}\n`);
    });
}

interface SweepPoint {
  readonly value: string;
  readonly plan: SimulationPlan;
  readonly results: readonly SimulationResult[];
}

/** Every point is checked before the first one runs. */
async function runSweep(job: JobSpec, jobFile: string, options: SimulateOptions, request: SimulationRequest, sweep: Sweep, bar: ProgressBar): Promise<SweepPoint[]> {
  const option = sweep.parameter.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const plans = sweep.values.map((value) => {
    const swept = { ...readRequest(jobFile, { ...options, [option]: value }), timings: request.timings };
    return { value, plan: planFor(job, swept) };
  });
  const points: SweepPoint[] = [];
  for (const [index, { value, plan }] of plans.entries()) {
    const results = await runSimulation(plan, {
      onProgress: ({ done, runs, deployment }) => bar.show((index + done / runs) / plans.length, `${sweep.parameter} ${value}, ${deployment}`),
    });
    points.push({ value, plan, results });
  }
  return points;
}

/** Depends on the job file and on what was asked for, and on nothing else. */
function document(plan: SimulationPlan, request: SimulationRequest, found: object): string {
  const { jobFile: _, timings: __, ...asked } = request;
  return `${JSON.stringify({ simulation: { job: plan.job.name, ...asked, ratePerSecond: plan.arrivals.ratePerSecond }, ...found }, undefined, 2)}\n`;
}

function writeChart(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (error) {
    throw FaultlineError.of("FL1001", `The chart cannot be written (${(error as NodeJS.ErrnoException).code}).`, "Name another file with --chart.", { file });
  }
}
