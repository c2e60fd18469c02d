/**
 * Prediction against reality: the example runs once with a few crashes, times are taken from its journal, and four faults under two deployments are
 * predicted in virtual time and then done to real processes. Both reports are drawn by the same code.
 */
import { openRun } from "../../simulator/client/openRun";
import { calibrationOf } from "../../simulator/client/calibrateFromRun";
import { loadJobFile } from "../../simulator/client/jobFileLoading";
import { copiesOf } from "../../simulator/virtual/simulation";
import { predictFault } from "../../simulator/virtual/predictFault";
import type { SimulatedTimings } from "../../simulator/virtual/simulatedTimings";
import type { FailureReport } from "../../simulator/observe/runReport";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { Workspace } from "../process/faultlineCli";

const RATE = 600;
const BEFORE_MS = 6_000;
const AFTER_MS = 12_000;
const FAULTS = [
  ["crash", "service:langid#1"],
  ["crash", "taskmanager:0"],
  ["terminate", "taskmanager:1"],
  ["crash", "coordinator"],
] as const;

async function main(): Promise<void> {
  const workspace = new Workspace();
  try {
    const timings = await calibrate(workspace);
    process.stdout.write("| deployment | fault | | recovered after | predicted | off by | dip: depth | predicted | dip: duration | predicted |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (const deployment of ["rpc-service", "embedded"] as const) {
      for (const [fault, target] of FAULTS) {
        const real = await strike(workspace, deployment, fault, target);
        const predicted = await predict(workspace, timings, deployment, fault, target);
        print(deployment, fault, target, real, predicted);
      }
    }
  } finally {
    await workspace.dispose();
  }
}

/** Under the deployment with most parts: each kind of process ends once. */
async function calibrate(workspace: Workspace): Promise<SimulatedTimings> {
  const run = workspace.run(example(workspace));
  await run.event("checkpoint.completed");
  const client = await openRun(run.directory);
  for (const target of ["service:langid#0", "taskmanager:1", "coordinator"]) {
    const events = run.events.length;
    await client.inject({ fault: "crash", target });
    await run.event("job.state", (event) => event.seq >= events || target === "service:langid#0");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }
  await run.report();
  return calibrationOf(run.directory);
}

function example(workspace: Workspace): string {
  return workspace.exampleJob((job) => {
    job.operators.texts.repeat = 1;
    job.operators.texts.rate = RATE;
  });
}

async function strike(workspace: Workspace, deployment: string, fault: string, target: string): Promise<FailureReport | undefined> {
  const run = workspace.run(example(workspace), "--deployment", deployment);
  await run.event("job.state", (event) => event.to === "RUNNING");
  const client = await openRun(run.directory);
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
  await client.inject({ fault, target });
  const report = await run.report();
  return report.failures[0];
}

async function predict(workspace: Workspace, timings: SimulatedTimings, deployment: "rpc-service" | "embedded", fault: "crash" | "terminate", target: string): Promise<FailureReport | undefined> {
  const file = await loadJobFile(example(workspace));
  const job = { ...file, services: file.services.map((service) => ({ ...service, deployment })) };
  const copies = copiesOf(job);
  const events = predictFault({
    job,
    seed: 1,
    arrivals: { ratePerSecond: RATE, burst: undefined, kind: "paced" },
    machines: { nodes: job.runtime.taskManagers, devices: copies, copiesPerDevice: 1 },
    timings,
    fault,
    // The task manager that carries that copy.
    target: deployment === "embedded" && target.startsWith("service:") ? "taskmanager:1" : target,
    beforeMs: BEFORE_MS,
    afterMs: AFTER_MS,
  });
  return reportOf(events).failures[0];
}

function print(deployment: string, fault: string, target: string, real: FailureReport | undefined, predicted: FailureReport | undefined): void {
  const [was, will] = [real?.recoveredAfterMs ?? NaN, predicted?.recoveredAfterMs ?? NaN];
  const depth = (of: FailureReport | undefined): string => {
    const dip = of?.dip ?? undefined;
    return dip === undefined ? "not known" : `${(dip.depth * 100).toFixed(0)} %`;
  };
  const duration = (of: FailureReport | undefined): string => ms(of?.dip?.durationMs ?? NaN);
  const cells = [deployment, fault, target, ms(was), ms(will), `${(((will - was) / was) * 100).toFixed(0)} %`, depth(real), depth(predicted), duration(real), duration(predicted)];
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

function ms(value: number): string {
  return Number.isNaN(value) ? "not known" : `${value.toFixed(0)} ms`;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
