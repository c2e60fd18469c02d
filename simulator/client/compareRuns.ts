/** The same job, load and fault under several ways to run it: what each way costs when something breaks, and when nothing does. */
import type { ScheduledFault } from "../faults/experiment";
import { FaultlineError } from "../graph/errors";
import type { Deployment } from "../graph/jobFile";
import { drainedAt } from "../observe/failureReport";
import { throughputDip } from "../observe/throughputDip";
import type { DipReport, RunReport } from "../observe/runReport";
import type { RunFacts } from "../observe/runFacts";
import { loadJobFile } from "./jobFileLoading";
import type { StartRunOptions } from "./run";
import type { MeasuredRun } from "./measuredRun";
import { measureRun } from "./runExperiment";
import { ServedModels } from "./servedModels";

/** One way to run a job. */
export interface Variant {
  readonly name: string;
  readonly deployment: Deployment;
  readonly failoverStrategy?: "region" | "full";
  readonly scheduler?: "default" | "adaptive";
}

export interface CompareOptions {
  readonly jobFile: string;
  readonly variants: readonly Variant[];
  readonly fault: ScheduledFault;
  /** Runs with the fault of each variant. */
  readonly repeat: number;
  /** Also run without the fault: at the job's load, and as fast as it goes. */
  readonly baseline: boolean;
  readonly load?: StartRunOptions["load"];
  /** Stated extra time of every load of a model. */
  readonly loadDelayMs: number | undefined;
  readonly onStage?: (variant: string, what: string) => void;
}

export interface FaultedRun {
  readonly report: RunReport;
  readonly html: string;
  readonly injected: boolean;
  readonly restartedTasks: number;
  readonly restartedInstances: number;
  readonly recordsReplayed: number;
  readonly callsRetried: number;
  /** Loads of a model after the first ones. */
  readonly modelsLoadedAgain: number;
  /** Of a model outside the job: until it was served again. */
  readonly recoveredAfterMs: number | null;
  /** Loads of models outside the job, from the start of a process to its being ready, a stated delay included. */
  readonly outsideLoadsMs: readonly number[];
  readonly wastedDeviceMs: number;
  readonly dip: DipReport | null;
  /** Counts of `dip` are of records into sinks; so many records of the sources one of them stands for. */
  readonly recordsPerCount: number;
  /** Records a second and p99 of calls, by time from the fault. */
  readonly course: readonly CoursePoint[];
  readonly problems: MeasuredRun["problems"];
}

export interface CoursePoint {
  readonly atMs: number;
  readonly perSecond: number;
  readonly p99Ms: number | null;
}

export interface ComparedVariant {
  readonly variant: Variant;
  readonly faulted: readonly FaultedRun[];
  readonly baseline: RunReport | undefined;
  /** Records of the sources a second in the run without a fault: the level that it kept. */
  readonly steadyPerSecond: number | null;
  /** The same when the sources go as fast as they can. */
  readonly capacityPerSecond: number | null;
  /** From the start of a process to its model being ready; the mean of the first loads. */
  readonly loadMs: number | null;
}

/** Sources without a limit of their own. */
const UNBOUNDED_RATE = 1e9;
const COURSE_BEFORE_MS = 3_000;
const COURSE_AFTER_MS = 20_000;
const COURSE_STEP_MS = 250;
/** How long the sources go as fast as they can, and how long it takes until that is a steady pace. */
const CAPACITY_MS = 8_000;
const SETTLE_MS = 2_000;

/** @throws FaultlineError FL1033, before anything is started, for what cannot be done to a service outside the job; whatever keeps the job from starting */
export async function compareRuns(options: CompareOptions): Promise<readonly ComparedVariant[]> {
  const { fault, target } = options.fault;
  if (options.variants.some(({ deployment }) => deployment === "external") && target.includes("service:")) outsideSignal(target.startsWith("link:") ? `${fault} of a link` : fault);
  const compared: ComparedVariant[] = [];
  for (const variant of options.variants) compared.push(await compareVariant(variant, options));
  return compared;
}

async function compareVariant(variant: Variant, options: CompareOptions): Promise<ComparedVariant> {
  const { jobFile, load, loadDelayMs, repeat, onStage = () => undefined } = options;
  const start: StartRunOptions = { jobFile, deployment: variant.deployment, failoverStrategy: variant.failoverStrategy, scheduler: variant.scheduler, load, loadDelayMs };
  const faulted: FaultedRun[] = [];
  let baseline: MeasuredRun | undefined;
  let capacityPerSecond: number | null = null;
  if (options.baseline) {
    onStage(variant.name, "without a fault");
    baseline = await withModels(start, (ready) => measureRun(ready, []));
    onStage(variant.name, "without a fault, as fast as it goes");
    const endless: StartRunOptions = { ...start, load: { ratePerSecond: UNBOUNDED_RATE, endless: true }, loadDelayMs: 0 };
    const fast = await withModels(endless, (ready) => measureRun(ready, [], { durationMs: CAPACITY_MS }));
    capacityPerSecond = paceOf(fast, SETTLE_MS, CAPACITY_MS);
  }
  for (let time = 1; time <= repeat; time++) {
    onStage(variant.name, `with the fault${repeat > 1 ? `, ${time} of ${repeat}` : ""}`);
    faulted.push(await measureFaulted(start, options.fault));
  }
  const served = faulted.flatMap(({ outsideLoadsMs }) => outsideLoadsMs);
  const reports = [...(baseline === undefined ? [] : [baseline.report]), ...faulted.map(({ report }) => report)];
  return {
    variant,
    faulted,
    baseline: baseline?.report,
    steadyPerSecond: baseline === undefined ? null : paceOf(baseline, SETTLE_MS, Infinity),
    capacityPerSecond,
    loadMs: meanLoad(reports) ?? meanLoadPhase(baseline?.facts) ?? mean(served),
  };
}

/** Runs with models served beside it, where the deployment wants them. */
async function withModels<T>(options: StartRunOptions, run: (options: StartRunOptions, models: ServedModels | undefined) => Promise<T>): Promise<T> {
  if (options.deployment !== "external") return run(options, undefined);
  const job = await loadJobFile(options.jobFile);
  const models = await ServedModels.start(job.services.map((service) => ({ ...service, loadDelayMs: options.loadDelayMs ?? service.loadDelayMs })));
  try {
    return await run({ ...options, addresses: Object.fromEntries(job.services.map(({ id }) => [id, models.addressesOf(id)])) }, models);
  } finally {
    models.close();
  }
}

async function measureFaulted(start: StartRunOptions, fault: ScheduledFault): Promise<FaultedRun> {
  return withModels(start, async (ready, models) => {
    const [, service, index] = /^service:(.+)#(\d+)$/.exec(fault.target) ?? [];
    const outside = models !== undefined && service !== undefined ? outsideSignal(fault.fault) : undefined;
    if (models === undefined || outside === undefined || service === undefined) return faultedRun(await measureRun(ready, [fault]), undefined, undefined);
    // The process is no process of the run: it is hit from here.
    const delayMs = fault.trigger.kind === "after" ? fault.trigger.delayMs : 0;
    let hitAt: number | undefined;
    const measured = await measureRun(ready, [], {
      onRunning: () => {
        setTimeout(() => {
          hitAt = Date.now();
          models.signal(service, Number(index), outside);
        }, delayMs);
      },
    });
    return faultedRun(measured, hitAt, models);
  });
}

function outsideSignal(fault: string): NodeJS.Signals {
  if (fault === "crash") return "SIGKILL";
  if (fault === "terminate") return "SIGTERM";
  throw FaultlineError.of("FL1033", `"${fault}" cannot act on a service outside the job.`, "Under `external`, compare crash or terminate, or leave external out.");
}

function faultedRun(measured: MeasuredRun, outsideAt: number | undefined, models: ServedModels | undefined): FaultedRun {
  const { report, facts, modelsLoaded } = measured;
  const { failures } = report;
  const injectedAt = outsideAt === undefined ? failures[0]?.injectedAtMs : outsideAt - facts.startAt;
  const recoveries = failures.map(({ recoveredAfterMs }) => recoveredAfterMs);
  const back = models?.loads.find(({ readyAt }) => outsideAt !== undefined && readyAt > outsideAt)?.readyAt;
  const dip = outsideAt === undefined ? (failures.find((failure) => failure.dip !== null)?.dip ?? null) : outsideDip(facts, injectedAt ?? 0);
  const sum = (of: (failure: RunReport["failures"][number]) => number): number => failures.reduce((total, failure) => total + of(failure), 0);
  return {
    report,
    html: measured.html,
    injected: report.injected > 0 || outsideAt !== undefined,
    restartedTasks: sum(({ restartedTasks }) => restartedTasks.length),
    restartedInstances: sum(({ restartedInstances }) => restartedInstances.length),
    recordsReplayed: sum(({ recordsReplayed }) => recordsReplayed),
    callsRetried: report.rpc.retried,
    modelsLoadedAgain: outsideAt === undefined ? Math.max(0, modelsLoaded - copiesLoaded(facts)) : (models?.loadsBegunSince(outsideAt) ?? 0),
    recoveredAfterMs: outsideAt === undefined ? (recoveries.length === 0 || recoveries.includes(null) ? null : Math.max(...recoveries.map((time) => time ?? 0))) : back === undefined ? null : back - outsideAt,
    outsideLoadsMs: models?.loads.map(({ tookMs }) => tookMs) ?? [],
    wastedDeviceMs: sum(({ wastedMs }) => wastedMs),
    dip,
    recordsPerCount: recordsPerCount(facts, report),
    course: courseOf(facts, injectedAt, recordsPerCount(facts, report)),
    problems: measured.problems,
  };
}

function outsideDip(facts: RunFacts, at: number): DipReport | null {
  const series = facts.throughput;
  return series === undefined ? null : throughputDip(series, { at, steadyFrom: series.from, until: Math.min(series.until, at + 60_000, drainedAt(facts) - facts.startAt) });
}

/** Copies of models that were loaded at all: one for each instance, sidecar or task that carries one. */
function copiesLoaded(facts: RunFacts): number {
  return [...facts.instances.values()].filter((attempts) => attempts.length > 0).length;
}

/** Throughput is counted where records go into sinks: one that reaches two of them counts twice, one that is dropped on the way not at all. */
function recordsPerCount({ throughput }: RunFacts, { records, failures }: RunReport): number {
  if (throughput === undefined || records.in === null) return 1;
  const counted = (throughput.rate(throughput.from, throughput.until) * (throughput.until - throughput.from)) / 1000;
  const replayed = failures.reduce((sum, failure) => sum + failure.recordsReplayed, 0);
  if (counted === 0) return 1;
  // What a killed process had counted since its last metrics is missing: near a whole number of sinks, it is that number.
  const times = counted / (records.in + replayed);
  const sinks = Math.round(times);
  return sinks > 0 && Math.abs(times - sinks) < 0.15 * sinks ? 1 / sinks : 1 / times;
}

/** Records of the sources a second, between two times from when the job ran. */
function paceOf({ facts, report }: MeasuredRun, fromMs: number, toMs: number): number | null {
  const { throughput, startAt } = facts;
  const running = facts.jobStates.find(({ state }) => state === "RUNNING")?.at;
  if (throughput === undefined || running === undefined) return null;
  const begun = running - startAt;
  const until = Math.min(throughput.until, begun + toMs);
  const rate = throughput.level(begun + fromMs, until);
  return rate > 0 ? rate * recordsPerCount(facts, report) : null;
}

function courseOf({ throughput }: RunFacts, injectedAt: number | undefined, factor: number): readonly CoursePoint[] {
  if (throughput === undefined || injectedAt === undefined) return [];
  const points: CoursePoint[] = [];
  for (let atMs = -COURSE_BEFORE_MS; atMs < COURSE_AFTER_MS; atMs += COURSE_STEP_MS) {
    const from = injectedAt + atMs;
    if (from < throughput.from || from + COURSE_STEP_MS > throughput.until) continue;
    points.push({ atMs, perSecond: throughput.rate(from, from + COURSE_STEP_MS) * factor, p99Ms: throughput.latency(from - 250, from + 250, 0.99) });
  }
  return points;
}

function meanLoad(reports: readonly RunReport[]): number | null {
  return mean(reports.flatMap(({ failures }) => failures.flatMap(({ instances }) => instances.flatMap(({ coldStartMs }) => (coldStartMs === null ? [] : [coldStartMs])))));
}

/** From LOADING to READY, where no process of its own was started for it. */
function meanLoadPhase(facts: RunFacts | undefined): number | null {
  return mean(
    [...(facts?.instances.values() ?? [])].flatMap(([first]) => {
      const loading = first?.phases.find(({ phase }) => phase === "LOADING")?.at;
      const ready = first?.phases.find(({ phase }) => phase === "READY")?.at;
      return loading === undefined || ready === undefined ? [] : [ready - loading];
    }),
  );
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0) / values.length;
}
