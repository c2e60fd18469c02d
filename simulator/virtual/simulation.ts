/** A job simulated under several deployments and failover strategies, from several seeds: what it gives and what it costs. */
import type { Deployment, JobSpec } from "../graph/jobFile";
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

/** Mean over the seeds, and the interval that holds the true mean with a probability of 95 %. `null`: there was nothing to measure. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface SimulationResult {
  readonly deployment: Deployment | "none";
  readonly failoverStrategy: "region" | "full";
  readonly nodes: number;
  readonly devices: number;
  /** Copies of the model over all devices. */
  readonly copies: number;
  /** How many seeds ended in each state of the job. */
  readonly states: Readonly<Record<string, number>>;
  /** Why jobs failed, each reason once. */
  readonly causes: readonly string[];
  readonly startMs: Estimate | null;
  /** Records whose result came for the first time, a second. */
  readonly throughputPerSecond: Estimate | null;
  readonly arrivedPerSecond: Estimate | null;
  /** Share of all results that were not repetitions after a restart. */
  readonly goodput: Estimate | null;
  readonly calls: { readonly p50Ms: Estimate | null; readonly p95Ms: Estimate | null; readonly p99Ms: Estimate | null; readonly retried: Estimate | null };
  /** From a record's coming to its first result. */
  readonly records: { readonly p50Ms: Estimate | null; readonly p95Ms: Estimate | null; readonly p99Ms: Estimate | null; readonly waiting: Estimate | null };
  /** Time of the devices there are; what ran for results that counted; what ran for nothing, loading models included. */
  readonly deviceHours: { readonly held: Estimate | null; readonly used: Estimate | null; readonly wasted: Estimate | null };
  readonly downtime: { readonly ms: Estimate | null; readonly share: Estimate | null };
  readonly faults: Estimate | null;
  readonly tasksRestarted: Estimate | null;
  readonly instancesRestarted: Estimate | null;
  readonly checkpoints: { readonly completed: Estimate | null; readonly failed: Estimate | null };
  /** In the unit of the prices that were given; `null` without one. */
  readonly costPerMillion: Estimate | null;
  readonly deviceHoursPerMillion: Estimate | null;
}

export interface SimulationProgress {
  /** Runs over, the present one as a part. */
  readonly done: number;
  readonly runs: number;
  readonly deployment: Deployment | "none";
  readonly failoverStrategy: "region" | "full";
}

/** Runs of the model under a deployment: who carries copies of it, and how many. */
export function copiesOf(job: JobSpec): number {
  let copies = 0;
  for (const service of job.services) {
    if (service.deployment === "sidecar") copies += job.runtime.taskManagers;
    else if (service.deployment !== "embedded") copies += service.parallelism;
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

/** Runs one combination after the other. Yields after each run, so that whoever waits can be told and can stop it. */
export function* simulate(plan: SimulationPlan, onProgress: (progress: SimulationProgress) => void = () => undefined): Generator<void, readonly SimulationResult[]> {
  const all = combinations(plan);
  const runs = all.length * plan.seeds;
  const results: SimulationResult[] = [];
  let done = 0;
  for (const { deployment, failoverStrategy, job } of all) {
    const machines = machinesOf(plan, job);
    const outcomes: SimulatedRun[] = [];
    for (let index = 0; index < plan.seeds; index++) {
      outcomes.push(
        simulateRun({
          job,
          seed: plan.seed + index,
          durationMs: plan.durationMs,
          arrivals: plan.arrivals,
          machines,
          timings: plan.timings,
          failures: plan.failures,
          onProgress: (share) => onProgress({ done: done + share, runs, deployment, failoverStrategy }),
        }),
      );
      done++;
      onProgress({ done, runs, deployment, failoverStrategy });
      yield;
    }
    results.push(summarize(plan, { deployment, failoverStrategy, nodes: machines.nodes, devices: machines.devices, copies: copiesOf(job) }, outcomes));
  }
  return results;
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
