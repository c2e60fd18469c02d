/**
 * The recovery report: a fold over the journal. What is counted how is said in `docs/report.md`. Pure: no clock, no I/O.
 */
import type { JournalEvent } from "./journalEvent";
import { failureReport } from "./failureReport";
import { incidentsOf } from "./faultAttribution";
import { round, rounded } from "./rounding";
import { incidentCourse } from "./incidentCourse";
import { RunFacts } from "./runFacts";
import type {
  CheckpointsReport,
  OutputVerification,
  RecordsReport,
  RpcReport,
  RunReport,
  RunSummary,
} from "./runReport";

export interface RecoveryReportOptions {
  /** What counting the sinks' files gave (`verifyOutput`); without it the record counts are `null`. */
  readonly verification?: OutputVerification;
  /** Whether somebody still writes the journal; a journal without an end that nobody writes is of a run that crashed. Default true. */
  readonly alive?: boolean;
}

/** The report of these events. */
export function reportOf(events: Iterable<JournalEvent>, options: RecoveryReportOptions = {}): RunReport {
  return recoveryReport(RunFacts.of(events), options);
}

/** The report of a run whose events were folded into {@link RunFacts}. At any moment: a run that goes on has the report so far. */
export function recoveryReport(facts: RunFacts, options: RecoveryReportOptions = {}): RunReport {
  const incidents = incidentsOf(facts);
  const courses = incidents.map((incident) => incidentCourse(incident, incidents, facts));
  const injections = [...facts.injections.values()];
  return {
    run: runSummary(facts, options.alive ?? true),
    records: recordsReport(facts, options.verification),
    rpc: rpcReport(facts),
    services: facts.services.report(),
    vertices: facts.loads.result((facts.graph?.vertices ?? []).filter(({ kind }) => kind === "stream")),
    checkpoints: checkpointsReport(facts),
    failures: courses.map((course) => failureReport(course, courses, facts)),
    injected: injections.filter((injection) => injection.effective !== undefined).length,
    ...predictionsReport(facts),
    injectionsFailed: injections
      .filter((injection) => injection.failed !== undefined)
      .map(({ fault, target, failed }) => ({ fault, target, reason: failed?.message ?? "" })),
  };
}

function predictionsReport(facts: RunFacts): Pick<RunReport, "predictions"> {
  const { comparisons } = facts;
  if (comparisons.length === 0) return {};
  return {
    predictions: {
      failovers: comparisons.length,
      agreed: comparisons.filter(({ agrees }) => agrees).length,
      compared: comparisons.map(
        ({ id, at, agrees, failed, lostProcesses, predicted, actual, missing, unexpected, evidence }) => ({
          failover: id,
          atMs: round(at - facts.startAt),
          agrees,
          failed,
          lostProcesses,
          predicted,
          actual,
          missing,
          unexpected,
          evidence,
        }),
      ),
    },
  };
}

function runSummary(facts: RunFacts, alive: boolean): RunSummary {
  const run = facts.started?.run;
  const vertices = facts.graph?.vertices ?? [];
  const count = (kind: "stream" | "service"): number =>
    vertices.filter((vertex) => vertex.kind === kind).reduce((sum, vertex) => sum + Math.max(0, vertex.parallelism), 0);
  const attempts = [...facts.instances.values()].flat();
  const last = facts.jobStates.at(-1)?.state ?? "INITIALIZING";
  const loadDelayMs = Math.max(0, ...attempts.map((attempt) => attempt.loadDelayMs));
  const cause =
    facts.ended?.cause ??
    (last === "FAILED" || last === "FAILING" ? facts.jobStates.findLast((one) => one.cause)?.cause : undefined);
  return {
    id: run?.id ?? "",
    job: run?.job ?? "",
    state: facts.ended?.state ?? (alive ? last : "CRASHED"),
    deployment: run?.deployment ?? "",
    devices: [...new Set(attempts.map((attempt) => attempt.device).filter((device) => device !== undefined))],
    startedAt: new Date(facts.startAt).toISOString(),
    durationMs: round(facts.endAt - facts.startAt),
    directory: run?.directory ?? "",
    engine: run?.engine ?? "local",
    failoverStrategy: run?.failoverStrategy ?? "region",
    scheduler: run?.scheduler ?? "default",
    ...(run?.seed === undefined ? {} : { seed: run.seed }),
    firstRecordAfterMs: facts.firstRecordAt === undefined ? null : round(facts.firstRecordAt - facts.startAt),
    ...(run?.engine === "flink" ? { vertexNames: Object.fromEntries(vertices.map(({ id, name }) => [id, name])) } : {}),
    streamTasks: count("stream"),
    serviceInstances: count("service"),
    ...(cause === undefined ? {} : { cause }),
    ...(loadDelayMs === 0 ? {} : { loadDelayMs }),
  };
}

function recordsReport(facts: RunFacts, verification: OutputVerification | undefined): RecordsReport {
  const counted = verification?.sinks.some((sink) => sink.method !== "none") === true;
  return {
    in: verification?.in ?? null,
    out: counted ? (verification?.out ?? null) : null,
    expected: counted ? (verification?.expected ?? null) : null,
    lost: counted ? (verification?.lost ?? null) : null,
    duplicated: counted ? (verification?.duplicated ?? null) : null,
    perSecond: recordsPerSecond(facts),
    sinks: verification?.sinks ?? [],
  };
}

/**
 * From the job's first RUNNING to its end, or from the first task that ran, where that was earlier: a short job has read much of its input when the
 * last of its tasks gets to RUNNING. Where sinks commit nothing, what reached them by the metrics.
 */
function recordsPerSecond(facts: RunFacts): number | null {
  const running = facts.jobStates.find((one) => one.state === "RUNNING")?.at;
  const tasks = [...facts.tasks.values()].flatMap(([first]) =>
    first?.vertexKind === "stream" ? first.states.filter(({ state }) => state === "RUNNING").map(({ at }) => at) : [],
  );
  const from = running === undefined ? undefined : tasks.reduce((least, at) => Math.min(least, at), running);
  if (from === undefined || facts.endAt <= from) return null;
  const seconds = (facts.endAt - from) / 1000;
  if (facts.commits > 0) return round(facts.committedRecords / seconds);
  const series = facts.throughput;
  if (series === undefined || series.until <= series.from) return null;
  return round(series.rate(from - facts.startAt, facts.endAt - facts.startAt));
}

function rpcReport(facts: RunFacts): RpcReport {
  const { expired, hedged, cacheHits, savedMs } = facts.services.total();
  return {
    requests: facts.rpc.requests,
    succeeded: facts.rpc.succeeded,
    retried: facts.rpc.retried,
    failed: facts.rpc.failed,
    expired,
    p50Ms: rounded(facts.throughput?.latency(0, Infinity, 0.5)),
    p99Ms: rounded(facts.throughput?.latency(0, Infinity, 0.99)),
    wastedMs: round(facts.rpc.wastedMs),
    hedged,
    cacheHits,
    savedMs: round(savedMs),
  };
}

function checkpointsReport(facts: RunFacts): CheckpointsReport {
  const completed = facts.checkpoints.filter((checkpoint) => checkpoint.ok).length;
  return {
    completed,
    failed: facts.checkpoints.length - completed,
    damaged: facts.damagedCheckpoints.map(({ checkpoint }) => checkpoint),
    p50Ms: rounded(facts.checkpointDurations.quantile(0.5)),
    maxMs: rounded(facts.longestCheckpointMs),
    maxAlignmentMs: rounded(facts.longestAlignmentMs),
    lastBytes: facts.lastCheckpoint?.bytes ?? null,
  };
}
