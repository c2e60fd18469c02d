/** One simulated run: a job on a cluster, from one seed. What comes out depends on nothing else. */
import type { JobSpec } from "../graph/jobFile";
import type { JournalEvent } from "../observe/journalEvent";
import type { ArrivalPattern } from "./arrivals";
import { Chance } from "./chance";
import type { FailureKind, FailureModel } from "./failureModel";
import { FailureProcess } from "./failureModel";
import { tellMetrics } from "./flowMetrics";
import { FlowWorld } from "./flowWorld";
import type { MachineCount } from "./machines";
import type { SimulatedTimings } from "./simulatedTimings";

export interface SimulationRunOptions {
  readonly job: JobSpec;
  readonly seed: number;
  /** From when the job runs, ms. */
  readonly durationMs: number;
  readonly arrivals: ArrivalPattern;
  readonly machines: MachineCount;
  readonly timings: SimulatedTimings;
  readonly failures: FailureModel;
  readonly onEvent?: (event: JournalEvent) => void;
  /** The journal gets metrics every so many milliseconds of virtual time. Without it, none: nobody reads them. */
  readonly metricsMs?: number;
  /** Called now and then with the share of the time that is over. */
  readonly onProgress?: (share: number) => void;
}

/** Times in ms; counts and device time are those of the time measured. */
export interface SimulatedRun {
  /** The job's state at the end. `NOT_STARTED`: it never ran. */
  readonly state: string;
  readonly cause: string | undefined;
  readonly startedAfterMs: number | undefined;
  readonly faults: Readonly<Partial<Record<FailureKind, number>>>;
  readonly failures: number;
  readonly tasksRestarted: number;
  readonly instancesRestarted: number;
  readonly instances: { readonly readyMs: number; readonly scaledOut: number; readonly scaledIn: number; readonly ejected: number };
  readonly checkpoints: { readonly completed: number; readonly failed: number };
  readonly arrived: number;
  /** Answers of the job, those that came again after a restart included. */
  readonly results: number;
  /** Records whose result came for the first time. */
  readonly distinct: number;
  readonly committed: number;
  readonly backlog: number;
  readonly calls: { readonly answered: number; readonly retried: number; readonly p50Ms: number | null; readonly p95Ms: number | null; readonly p99Ms: number | null };
  readonly records: { readonly p50Ms: number | null; readonly p95Ms: number | null; readonly p99Ms: number | null };
  readonly device: { readonly heldMs: number; readonly usedMs: number; readonly wastedMs: number; readonly loadMs: number };
  readonly downMs: number;
  /** Events of the virtual world, and those before the job ran. */
  readonly events: number;
  readonly eventsAtStart: number;
}

/** A job that has not begun to run after this time never will. */
const START_LIMIT_MS = 6 * 3_600_000;
const PROGRESS_EVENTS = 100_000;
const RARE_HEARTBEAT_MS = 600_000;

export function simulateRun(options: SimulationRunOptions): SimulatedRun {
  const { durationMs, onProgress } = options;
  const world = new FlowWorld({ ...options, job: withNeededHeartbeats(options) });
  const { loop, measures } = world;
  const faults: Partial<Record<FailureKind, number>> = {};
  while (!world.isUp && world.ended === undefined && loop.now < START_LIMIT_MS && loop.step());
  const started = world.isUp && world.ended === undefined;
  const fromMs = loop.now;
  const eventsAtStart = loop.count;
  const downBefore = world.downtimeMs;
  const [readyBefore, heldBefore] = [world.readyCopyMs, world.machines.heldMs];
  if (started) {
    measures.reset();
    world.openSources();
    if (options.metricsMs !== undefined) tellMetrics(world, options.metricsMs);
    new FailureProcess(world, options.failures, new Chance(options.seed).fork("failures"), (kind) => {
      measures.counts.faults++;
      faults[kind] = (faults[kind] ?? 0) + 1;
    }).start();
    const until = fromMs + durationMs;
    let next = PROGRESS_EVENTS;
    onProgress?.(0);
    while (world.ended === undefined && loop.step(until)) {
      if (--next > 0) continue;
      next = PROGRESS_EVENTS;
      onProgress?.((loop.now - fromMs) / durationMs);
    }
  }
  // A job that failed is down for the rest of the time.
  const over = world.ended === undefined ? 0 : Math.max(0, fromMs + durationMs - loop.now);
  const { counts, calls, records, device } = measures;
  const repeated = counts.results === 0 ? 0 : 1 - counts.first / counts.results;
  return {
    state: started ? (world.ended?.state ?? world.coordinator?.master.jobState ?? "RESTARTING") : "NOT_STARTED",
    cause: world.ended?.cause?.message,
    startedAfterMs: started ? fromMs : undefined,
    faults,
    failures: counts.failures,
    tasksRestarted: counts.tasksRestarted,
    instancesRestarted: counts.instancesRestarted,
    instances: { readyMs: world.readyCopyMs - readyBefore, scaledOut: counts.scaledOut, scaledIn: counts.scaledIn, ejected: counts.ejected },
    checkpoints: { completed: counts.checkpoints, failed: counts.checkpointsFailed },
    arrived: counts.arrived,
    results: counts.results,
    distinct: counts.first,
    committed: counts.committed,
    backlog: world.backlog,
    calls: { answered: counts.calls, retried: counts.retried, ...quantiles(calls) },
    records: quantiles(records),
    device: {
      // What is scaled in gives its device back.
      heldMs: options.job.services.some(({ autoscaler }) => autoscaler !== undefined) ? world.machines.heldMs - heldBefore : options.machines.devices * durationMs,
      usedMs: (device.runMs - device.abandonedMs) * (1 - repeated),
      wastedMs: device.abandonedMs + (device.runMs - device.abandonedMs) * repeated + device.loadMs,
      loadMs: device.loadMs,
    },
    downMs: started ? world.downtimeMs - downBefore + over : durationMs,
    events: loop.count,
    eventsAtStart,
  };
}

/** Heartbeats tell only of processes that stand still: where nothing does, they would be most of the events of a long run. */
function withNeededHeartbeats({ job, failures }: SimulationRunOptions): JobSpec {
  if (failures.mtbfMs.hang !== undefined) return job;
  return { ...job, runtime: { ...job.runtime, heartbeatIntervalMs: RARE_HEARTBEAT_MS, heartbeatTimeoutMs: 5 * RARE_HEARTBEAT_MS } };
}

function quantiles(histogram: FlowWorld["measures"]["calls"]): SimulatedRun["records"] {
  return { p50Ms: histogram.quantile(0.5), p95Ms: histogram.quantile(0.95), p99Ms: histogram.quantile(0.99) };
}
