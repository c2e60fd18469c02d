/** What simulating a job gave, as data: printed by the command line as JSON, drawn by the editor. */
import type { Deployment } from "../graph/jobFile";

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
  /** Copies of the model over all devices; with an autoscaler, at most. */
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
  /** Time of the devices there are, with an autoscaler of those that hold a copy; what ran for results that counted; what ran for nothing, loading models included. */
  readonly deviceHours: { readonly held: Estimate | null; readonly used: Estimate | null; readonly wasted: Estimate | null };
  readonly downtime: { readonly ms: Estimate | null; readonly share: Estimate | null };
  readonly faults: Estimate | null;
  readonly tasksRestarted: Estimate | null;
  readonly instancesRestarted: Estimate | null;
  /** Copies that took calls, mean over the time; how often the autoscaler took more or fewer; how often a client left one out for a while. */
  readonly instances: { readonly ready: Estimate | null; readonly scaledOut: Estimate | null; readonly scaledIn: Estimate | null; readonly ejected: Estimate | null };
  readonly checkpoints: { readonly completed: Estimate | null; readonly failed: Estimate | null };
  /** In the unit of the prices that were given; `null` without one. */
  readonly costPerMillion: Estimate | null;
  readonly deviceHoursPerMillion: Estimate | null;
}

/** One value of a sweep's parameter, as written, and what came of it. */
export interface SweepRow {
  readonly value: string;
  readonly results: readonly SimulationResult[];
}
