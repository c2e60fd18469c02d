/**
 * Prediction against reality. Under each of two deployments the example runs once with a few faults of each kind, and times are taken from its
 * journal. With these each of four faults is predicted in virtual time, from many seeds; then it is done to real processes, again and again in
 * one run. Both reports are drawn by the same code, strike by strike, and means are compared; standard error and spread are printed beside them.
 *
 * What a fault costs depends on how long before it the last checkpoint was: strikes are spread evenly over the time between two, in both worlds.
 * Throughput is never quite even: moments without a fault say how deep a dip seems to be where there is none, and what is no deeper is none. They are
 * of the same run, half-way between strikes that it had recovered from, and of a run without any fault: how buffers and metrics fall together
 * differs from run to run, and stays through one.
 *
 * `PREDICTION_BENCH=embedded` measures that deployment alone.
 */
import { openRun } from "../../simulator/client/openRun";
import { calibrationOf } from "../../simulator/client/calibrateFromRun";
import { loadJobFile } from "../../simulator/client/jobFileLoading";
import { copiesOf } from "../../simulator/virtual/simulation";
import { predictFault } from "../../simulator/virtual/predictFault";
import type { SimulatedTimings } from "../../simulator/virtual/simulatedTimings";
import type { DipReport, FailureReport } from "../../simulator/observe/runReport";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { RunFacts } from "../../simulator/observe/runFacts";
import { throughputDip } from "../../simulator/observe/throughputDip";
import type { RunUnderTest } from "../process/faultlineCli";
import { Workspace } from "../process/faultlineCli";

const RATE = 600;
const FIRST_MS = 4_000;
/**
 * No multiple of the interval of checkpoints, 1 s: they come 0, 0.38, 0.75, 0.13, 0.5 … of it after one, and each of these eight places twice. Longer
 * than the longest delay before a restart, 5 s: a dip that the next strike cuts off has no duration.
 */
const APART_MS = 7_375;
const STRIKES = 16;
/** The first of a kind finds processes that have not been through it; with few strikes it would weigh more than it does among the sixteen. */
const CALIBRATING_STRIKES = 8;
const SEEDS = 20;
const ASKED = 0.2;
/**
 * In this order in the run that times are taken from. A coordinator that takes over reads the journal, and a long one takes longer: it is struck when the
 * journal is about as long as in its own run, and not in the run's first seconds either.
 */
const FAULTS = [
  ["crash", "service:langid#1"],
  ["crash", "coordinator"],
  ["crash", "taskmanager:0"],
  ["terminate", "taskmanager:1"],
] as const;
type DeploymentUnderTest = "rpc-service" | "embedded";
const DEPLOYMENTS = (["rpc-service", "embedded"] as const).filter((one) => (process.env.PREDICTION_BENCH ?? one) === one);

async function main(): Promise<void> {
  const workspace = new Workspace();
  let [within, rows] = [0, 0];
  try {
    process.stdout.write("Means ± standard error; in brackets the least and the greatest. `off`: the prediction against what happened.\n\n");
    print(["deployment", "fault", "target", "figure", "happened", "predicted", "off"]);
    print(Array.from({ length: 7 }, () => "---"));
    for (const deployment of DEPLOYMENTS) {
      const timings = await calibrate(workspace, deployment);
      const withoutFaults = await dipsOfNothing(workspace, deployment);
      print([deployment, "no fault", "", "dip: depth", spreadText(withoutFaults, "%"), "", ""]);
      for (const [fault, target] of FAULTS) {
        const happened = await strike(workspace, deployment, FAULTS.filter((one) => one[0] === fault && one[1] === target), STRIKES);
        const real = (await happened.report()).failures.filter((failure) => failure.fault === fault);
        const between = dipsBetween(happened, real);
        if (between.length > 0) print([deployment, "between strikes", target, "dip: depth", spreadText(between, "%"), "", ""]);
        const undisturbed = [...withoutFaults, ...between];
        const predicted = await predict(workspace, timings, deployment, fault, target);
        for (const [name, unit, of] of FIGURES) {
          const [was, will] = [valuesOf(real, of), valuesOf(predicted, of)];
          const off = mean(will) / mean(was) - 1;
          const noDip = name.startsWith("dip") && isNone(real, undisturbed) && isNone(predicted, undisturbed);
          rows++;
          if (noDip || Math.abs(off) <= ASKED) within++;
          print([deployment, fault, target, name, spreadText(was, unit), spreadText(will, unit), noDip ? "no dip in either" : `${(off * 100).toFixed(0)} %`]);
        }
      }
    }
    process.stdout.write(`\n${within} of ${rows} within ${ASKED * 100} %\n`);
  } finally {
    await workspace.dispose();
  }
}

const FIGURES: readonly (readonly [string, "ms" | "%" | "records", (of: FailureReport) => number | null | undefined])[] = [
  ["recovered after", "ms", (failure) => failure.recoveredAfterMs],
  ["dip: depth", "%", (failure) => depthOf(failure.dip)],
  ["dip: duration", "ms", (failure) => failure.dip?.durationMs],
  ["dip: records late", "records", (failure) => failure.dip?.area],
];

/** Depths, %, that are seen at the moments of the strikes in a run without any. */
async function dipsOfNothing(workspace: Workspace, deployment: DeploymentUnderTest): Promise<readonly number[]> {
  const run = await strike(workspace, deployment, [], 0, FIRST_MS + STRIKES * APART_MS);
  await run.report();
  const facts = RunFacts.of(run.events);
  const running = (facts.jobStates.find(({ state }) => state === "RUNNING")?.at ?? facts.startAt) - facts.startAt;
  const { throughput } = facts;
  if (throughput === undefined) return [];
  return Array.from({ length: STRIKES }, (_, index) => {
    const at = running + FIRST_MS + index * APART_MS;
    const dip = throughputDip(throughput, { at, steadyFrom: running, until: at + APART_MS });
    return depthOf(dip) ?? 0;
  }).sort((a, b) => a - b);
}

/** The same at moments half-way between strikes, as far as the run had recovered a second before. */
function dipsBetween(run: RunUnderTest, strikes: readonly FailureReport[]): readonly number[] {
  const { throughput } = RunFacts.of(run.events);
  if (throughput === undefined) return [];
  const depths: (number | null)[] = strikes.map(({ injectedAtMs, recoveredAfterMs, dip }) => {
    const wellAfterMs = Math.max(recoveredAfterMs ?? Infinity, dip?.durationMs ?? Infinity);
    const at = injectedAtMs + APART_MS / 2;
    if (injectedAtMs + wellAfterMs + 1_000 > at) return null;
    return depthOf(throughputDip(throughput, { at, steadyFrom: injectedAtMs + wellAfterMs, until: injectedAtMs + APART_MS }));
  });
  return depths.filter((depth): depth is number => depth !== null).sort((a, b) => a - b);
}

function isNone(failures: readonly FailureReport[], undisturbed: readonly number[]): boolean {
  return mean(valuesOf(failures, (failure) => depthOf(failure.dip))) <= Math.max(...undisturbed);
}

/** Percent below the level before, at the slowest moment. */
function depthOf(dip: DipReport | null): number | null {
  return dip === null ? null : (1 - Math.min(1, dip.lowest / dip.before)) * 100;
}

/** A few of each kind of fault, under this deployment. */
async function calibrate(workspace: Workspace, deployment: DeploymentUnderTest): Promise<SimulatedTimings> {
  const run = await strike(workspace, deployment, FAULTS, CALIBRATING_STRIKES);
  await run.report();
  return calibrationOf(run.directory);
}

/** Faults one after the other, all of them so many times; then the job is stopped. */
async function strike(workspace: Workspace, deployment: DeploymentUnderTest, faults: readonly (typeof FAULTS)[number][], times: number, firstMs = FIRST_MS): Promise<RunUnderTest> {
  const run = workspace.run(example(workspace), "--deployment", deployment);
  await run.event("job.state", (event) => event.to === "RUNNING");
  const client = await openRun(run.directory);
  await new Promise((resolve) => setTimeout(resolve, firstMs));
  // Those of one kind in a row, in the run that times are taken from too: what one leaves behind (a process that is warm, say) the next one finds.
  for (const [fault, target] of faults) {
    for (let time = 0; time < times; time++) {
      await client.inject({ fault, target });
      await new Promise((resolve) => setTimeout(resolve, APART_MS));
    }
  }
  await client.stop("drain");
  return run;
}

function example(workspace: Workspace): string {
  return workspace.exampleJob((job) => {
    job.operators.texts.repeat = 20;
    job.operators.texts.rate = RATE;
  });
}

async function predict(workspace: Workspace, timings: SimulatedTimings, deployment: DeploymentUnderTest, fault: "crash" | "terminate", target: string): Promise<FailureReport[]> {
  const file = await loadJobFile(example(workspace));
  const job = { ...file, services: file.services.map((service) => ({ ...service, deployment })) };
  const copies = copiesOf(job);
  const failures: FailureReport[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const events = predictFault({
      job,
      seed,
      arrivals: { ratePerSecond: RATE, burst: undefined, kind: "paced" },
      machines: { nodes: job.runtime.taskManagers, devices: copies, copiesPerDevice: 1 },
      timings,
      fault,
      target,
      // The task manager that carries that copy.
      process: deployment === "embedded" && target.startsWith("service:") ? "taskmanager:1" : target,
      strikesMs: Array.from({ length: STRIKES }, (_, index) => FIRST_MS + index * APART_MS),
      untilMs: FIRST_MS + STRIKES * APART_MS,
    });
    failures.push(...reportOf(events).failures.filter((failure) => failure.fault === fault));
  }
  return failures;
}

function valuesOf(failures: readonly FailureReport[], of: (failure: FailureReport) => number | null | undefined): readonly number[] {
  return failures
    .map(of)
    .filter((value): value is number => typeof value === "number")
    .sort((a, b) => a - b);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function standardError(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1) / values.length);
}

function spreadText(sorted: readonly number[], unit: string): string {
  if (sorted.length === 0) return "not known";
  const [least, greatest] = [sorted[0], sorted[sorted.length - 1]];
  return `${mean(sorted).toFixed(0)} ± ${standardError(sorted).toFixed(0)} ${unit} (${least.toFixed(0)} to ${greatest.toFixed(0)})`;
}

function print(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
