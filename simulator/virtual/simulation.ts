/** A job simulated under several deployments and failover strategies, from several seeds: what it gives and what it costs. */
import type { Deployment, JobSpec } from "../graph/jobFile";
import type { JobState } from "../graph/executionState";
import type { JournalEvent } from "../observe/journalEvent";
import type { Estimate, SimulationResult } from "../observe/simulationResult";
import type { ArrivalPattern } from "./arrivals";
import type { FailureModel } from "./failureModel";
import type { MachineCount } from "./machines";
import type { SimulatedTimings } from "./simulatedTimings";
import type { SimulatedRun } from "./simulationRun";
import { simulateRun } from "./simulationRun";

/** What a person asks for, with every default filled in. */
export interface SimulationPlan {
  readonly job: JobSpec;
  readonly seed: number;
  /** Runs of each combination: seeds `seed`, `seed + 1`, … */
  readonly seeds: number;
  readonly durationMs: number;
  readonly arrivals: ArrivalPattern;
  readonly nodes: number | undefined;
  readonly devices: number | undefined;
  readonly deviceMemoryBytes: number | undefined;
  readonly modelMemoryBytes: number | undefined;
  readonly timings: SimulatedTimings;
  readonly failures: FailureModel;
  readonly deployments: readonly Deployment[];
  readonly strategies: readonly ("region" | "full")[];
  readonly price: { readonly deviceHour: number | undefined; readonly nodeHour: number | undefined };
}

/** One run of a plan: a combination under one of its seeds. */
export interface SimulationPart {
  /** Of {@link combinations}. */
  readonly combination: number;
  /** Of the seeds, from 0. */
  readonly seed: number;
}

/** Runs of the model under a deployment: who carries copies of it, and how many; with an autoscaler, at most. */
export function copiesOf(job: JobSpec): number {
  let copies = 0;
  for (const service of job.services) {
    if (service.deployment === "sidecar") copies += job.runtime.taskManagers;
    else if (service.deployment !== "embedded") copies += Math.max(service.parallelism, service.autoscaler?.max ?? 0);
    else for (const operator of job.operators) if (operator.kind === "rpc" && operator.rpc.service === service.id) copies += operator.parallelism;
  }
  return copies;
}

export function combinations(plan: SimulationPlan): readonly { readonly deployment: Deployment | "none"; readonly failoverStrategy: "region" | "full"; readonly job: JobSpec }[] {
  const deployments: readonly (Deployment | "none")[] = plan.job.services.length === 0 ? ["none"] : plan.deployments;
  return deployments.flatMap((deployment) =>
    plan.strategies.map((failoverStrategy) => ({ deployment, failoverStrategy, job: jobUnder(plan.job, deployment, failoverStrategy) })),
  );
}

function jobUnder(job: JobSpec, deployment: Deployment | "none", failoverStrategy: "region" | "full"): JobSpec {
  return {
    ...job,
    runtime: { ...job.runtime, failoverStrategy },
    services: job.services.map((service) => ({
      ...service,
      deployment: deployment === "none" ? service.deployment : deployment,
      // Others cannot be scaled.
      autoscaler: (deployment === "none" ? service.deployment : deployment) === "rpc-service" ? service.autoscaler : undefined,
      addresses: deployment === "external" ? Array.from({ length: service.parallelism }, (_, index) => `${service.id}:${index}`) : [],
    })),
  };
}

/** Nodes and devices: what was asked for, else a node for each TaskManager and a device for each copy of a model. */
export function machinesOf(plan: SimulationPlan, job: JobSpec): MachineCount {
  const copies = copiesOf(job);
  const devices = plan.devices ?? copies;
  const { deviceMemoryBytes: memory, modelMemoryBytes: model } = plan;
  const fit = memory === undefined || model === undefined ? Infinity : Math.floor(memory / model);
  return { nodes: plan.nodes ?? job.runtime.taskManagers, devices, copiesPerDevice: fit };
}

/** Takes the journal of a run, and is told how its job stood when the simulation was over. */
export interface JournalKeeper {
  add(event: JournalEvent): void;
  end(state: JobState): void;
}

/** Entries of tasks in the metrics of a journal that is kept, over all its metrics; and no more than so many metrics, and one a second. */
const KEPT_ENTRIES = 1_000_000;
const KEPT_METRICS = 2_000;

function metricsIntervalMs({ durationMs }: SimulationPlan, job: JobSpec): number {
  const tasks = job.operators.reduce((sum, { parallelism }) => sum + parallelism, 0);
  return Math.max(1_000, durationMs / Math.min(KEPT_METRICS, Math.max(10, KEPT_ENTRIES / tasks)));
}

/** Every run of the plan, one combination after the other. They know nothing of each other: in what order they run, and where, is the same. */
export function partsOf(plan: SimulationPlan): readonly SimulationPart[] {
  return combinations(plan).flatMap((_, combination) => Array.from({ length: plan.seeds }, (__, seed) => ({ combination, seed })));
}

/** @param keeper takes the journal */
export function runPart(plan: SimulationPlan, part: SimulationPart, onProgress?: (share: number) => void, keeper?: JournalKeeper): SimulatedRun {
  const { job } = combinations(plan)[part.combination];
  const outcome = simulateRun({
    job,
    seed: plan.seed + part.seed,
    durationMs: plan.durationMs,
    arrivals: plan.arrivals,
    machines: machinesOf(plan, job),
    timings: plan.timings,
    failures: plan.failures,
    onProgress,
    ...(keeper === undefined ? {} : { onEvent: (event: JournalEvent) => keeper.add(event), metricsMs: metricsIntervalMs(plan, job) }),
  });
  keeper?.end(isJobState(outcome.state) ? outcome.state : "SUSPENDED");
  return outcome;
}

/** @param runs of all {@link partsOf} the plan, in that order */
export function resultsOf(plan: SimulationPlan, runs: readonly SimulatedRun[]): readonly SimulationResult[] {
  return combinations(plan).map(({ deployment, failoverStrategy, job }, index) => {
    const { nodes, devices } = machinesOf(plan, job);
    return summarize(plan, { deployment, failoverStrategy, nodes, devices, copies: copiesOf(job) }, runs.slice(index * plan.seeds, (index + 1) * plan.seeds));
  });
}

/** The job had ended by itself; otherwise only the simulation is over. */
function isJobState(state: string): state is "FAILED" | "CANCELED" | "FINISHED" {
  return state === "FAILED" || state === "CANCELED" || state === "FINISHED";
}

const HOUR_MS = 3_600_000;

function summarize(
  plan: SimulationPlan,
  what: Pick<SimulationResult, "deployment" | "failoverStrategy" | "nodes" | "devices" | "copies">,
  runs: readonly SimulatedRun[],
): SimulationResult {
  const { durationMs, price } = plan;
  const of = (value: (run: SimulatedRun) => number | null | undefined): Estimate | null => estimate(runs.map(value));
  const perSecond = (count: number): number => (count * 1000) / durationMs;
  const states: Record<string, number> = {};
  for (const { state } of runs) states[state] = (states[state] ?? 0) + 1;
  const perMillion = (amount: number, { distinct }: SimulatedRun): number | null => (distinct === 0 ? null : (amount / distinct) * 1e6);
  const nodeHours = (what.nodes * durationMs) / HOUR_MS;
  return {
    ...what,
    states,
    causes: [...new Set(runs.flatMap(({ cause }) => (cause === undefined ? [] : [cause])))],
    startMs: of((run) => run.startedAfterMs),
    throughputPerSecond: of((run) => perSecond(run.distinct)),
    arrivedPerSecond: of((run) => perSecond(run.arrived)),
    goodput: of((run) => (run.results === 0 ? null : run.distinct / run.results)),
    calls: { p50Ms: of((run) => run.calls.p50Ms), p95Ms: of((run) => run.calls.p95Ms), p99Ms: of((run) => run.calls.p99Ms), retried: of((run) => run.calls.retried) },
    records: { p50Ms: of((run) => run.records.p50Ms), p95Ms: of((run) => run.records.p95Ms), p99Ms: of((run) => run.records.p99Ms), waiting: of((run) => run.backlog) },
    deviceHours: {
      held: of((run) => run.device.heldMs / HOUR_MS),
      used: of((run) => run.device.usedMs / HOUR_MS),
      wasted: of((run) => run.device.wastedMs / HOUR_MS),
    },
    downtime: { ms: of((run) => run.downMs), share: of((run) => run.downMs / durationMs) },
    faults: of((run) => Object.values(run.faults).reduce((sum, count) => sum + count, 0)),
    tasksRestarted: of((run) => run.tasksRestarted),
    instancesRestarted: of((run) => run.instancesRestarted),
    instances: { ready: of((run) => run.instances.readyMs / durationMs), scaledOut: of((run) => run.instances.scaledOut), scaledIn: of((run) => run.instances.scaledIn), ejected: of((run) => run.instances.ejected) },
    checkpoints: { completed: of((run) => run.checkpoints.completed), failed: of((run) => run.checkpoints.failed) },
    deviceHoursPerMillion: of((run) => perMillion(run.device.heldMs / HOUR_MS, run)),
    costPerMillion:
      price.deviceHour === undefined && price.nodeHour === undefined
        ? null
        : of((run) => perMillion((run.device.heldMs / HOUR_MS) * (price.deviceHour ?? 0) + nodeHours * (price.nodeHour ?? 0), run)),
  };
}

/** Student's t at 97.5 % for 1, 2, … degrees of freedom; more are taken for normal. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042];

export function estimate(values: readonly (number | null | undefined)[]): Estimate | null {
  const known = values.filter((value): value is number => typeof value === "number");
  if (known.length === 0) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  if (known.length === 1) return { mean: rounded(mean), low: rounded(mean), high: rounded(mean) };
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (known.length - 1);
  const half = (STUDENT[known.length - 2] ?? 1.96) * Math.sqrt(variance / known.length);
  const least = Math.min(...known) >= 0 ? 0 : -Infinity;
  return { mean: rounded(mean), low: rounded(Math.max(least, mean - half)), high: rounded(mean + half) };
}

function rounded(value: number): number {
  return Number(value.toPrecision(9));
}
