/**
 * The entry of one disturbance in the recovery report: what it took down, what came back when, and what did not notice.
 */
import type { SubtaskName } from "./journalEvent";
import { kindOf, type IncidentCourse } from "./incidentCourse";
import { instanceRecovery } from "./instanceRecovery";
import { recoveryPhases } from "./recoveryPhases";
import type { TaskAttempt } from "./attemptLog";
import { enteredAt, type RunFacts } from "./runFacts";
import type { DetectionEvidence, FailureReport } from "./runReport";
import { round, rounded } from "./rounding";
import { throughputDip } from "./throughputDip";

/** Untouched tasks and instances by name, at most. */
const NAMES = 1_000;
/** The journal's order and the times in it may differ by as much. */
const TOLERANCE_MS = 5;
/** Latency and throughput before and after are looked at for this long. */
const AROUND_MS = 5_000;
const DIP_AFTER_MS = 10_000;
const DIP_UNRECOVERED_MS = 60_000;

/** `courses`: those of all disturbances of the run, in the order of time. */
export function failureReport(
  course: IncidentCourse,
  courses: readonly IncidentCourse[],
  facts: RunFacts,
): FailureReport {
  const { incident } = course;
  const after = (at: number | undefined): number | null => (at === undefined ? null : round(at - incident.at));
  const { restarts } = course;
  const tasks = restarts.filter((restart) => restart.vertexKind === "stream");
  const instances = restarts.filter((restart) => restart.vertexKind === "service");
  const recoveries = instances.map((restart) => instanceRecovery(restart, course, facts));
  const untouched = untouchedBy(course, courses, facts);
  const served = recoveries.map((recovery) => recovery.servedAgainAfterMs).filter((ms) => ms !== null);
  const failovers = incident.failovers;
  const cause = incident.failures[0]?.cause;
  const start = facts.startAt;
  const dip = dipOf(course, courses, facts);
  const injection = incident.injection;

  return {
    fault: injection?.fault ?? cause?.code ?? "none",
    target: injection?.target ?? incident.losses[0]?.process ?? targetOfFailure(incident),
    injectedAtMs: round(incident.at - start),
    detectedAfterMs: after(course.detectedAt),
    recoveredAfterMs: after(course.recoveredAt),
    // A task may take several attempts to come back: one that is deployed where nothing runs any more fails again.
    restartedTasks: [...new Set(tasks.map((restart) => restart.task))],
    restartedInstances: [...new Set(instances.map((restart) => restart.task))],
    untouchedTasks: untouched.filter((task) => kindOf(task, facts) === "stream").length,
    untouchedInstances: untouched.filter((task) => kindOf(task, facts) === "service").length,
    recordsReplayed: recordsReplayed(course, facts),
    requestsRetried: requestsRetried(course, facts),
    dip:
      dip === null
        ? null
        : {
            depth: round(dip.depth),
            durationMs: rounded(dip.durationMs),
            before: round(dip.before),
            lowest: round(dip.lowest),
            area: round(dip.area),
            noise: round(dip.noise),
          },
    effective: injection === undefined || injection.effective !== undefined,
    ...(injection?.effective === undefined ? {} : { effect: injection.effective.evidence }),
    healedAfterMs: after(injection?.healed?.at),
    detectedBy: detectionOf(course),
    ...(cause === undefined ? {} : { cause: { code: cause.code, message: cause.message } }),
    untouched: untouched.slice(0, NAMES),
    regions: [...new Set(failovers.flatMap((failover) => failover.regions))],
    restoredCheckpoint: restoredCheckpoint(course),
    damagedCheckpoints: facts.damagedCheckpoints.filter(({ at }) => at >= incident.at && at <= course.endAt).map(({ checkpoint }) => checkpoint),
    phases: recoveryPhases(course, recoveries, dip?.durationMs ?? null, facts),
    instances: recoveries,
    tasks: tasks.map(({ task, attempt, runningAt }) => ({
      task,
      attempt: attempt?.attempt ?? 0,
      runningAfterMs: after(runningAt),
    })),
    servedAgainAfterMs: served.length === 0 ? null : Math.max(...served),
    attempts: Math.max(0, ...restarts.map((restart) => restart.attempts)),
    wastedMs: round(facts.throughput?.wasted(incident.at - start, course.endAt - start) ?? 0),
    p99: latencyAround(course, facts),
  };
}

/** Live when it began, and neither restarted by it nor taken down with it. */
function untouchedBy(
  course: IncidentCourse,
  courses: readonly IncidentCourse[],
  facts: RunFacts,
): readonly SubtaskName[] {
  const { incident } = course;
  const touched = new Set(course.restarts.map((restart) => restart.task));
  const ofOthers = new Set(
    courses.filter((one) => one !== course).flatMap((one) => one.restarts.map((restart) => restart.task)),
  );
  const names: SubtaskName[] = [];
  for (const [task, attempts] of facts.tasks) {
    if (touched.has(task)) continue;
    const attempt = attempts.findLast((one) => one.startedAt <= incident.at);
    if (attempt === undefined || !isLiveAt(attempt, incident.at)) continue;
    const endedAt = enteredAt(attempt, "CANCELING", "CANCELED", "FAILED");
    const takenDown = endedAt !== undefined && endedAt >= incident.at && endedAt <= course.endAt;
    if (!takenDown || ofOthers.has(task)) names.push(task);
  }
  return names;
}

function isLiveAt(attempt: TaskAttempt, at: number): boolean {
  const state = attempt.states.findLast((one) => one.at <= at)?.state;
  return state === "RUNNING" || state === "INITIALIZING" || state === "DEPLOYING" || state === "SCHEDULED";
}

function restoredCheckpoint({ incident, restarts }: IncidentCourse): number | null {
  const failover = incident.failovers.findLast((one) => one.restoredCheckpoint !== undefined);
  if (failover?.restoredCheckpoint !== undefined) return failover.restoredCheckpoint;
  const restarted = restarts.some((restart) => restart.vertexKind === "stream");
  return restarted ? (incident.takeovers.at(-1)?.fromCheckpoint ?? null) : null;
}

/** Rewinds belong to the latest failover before them that took the task. */
function recordsReplayed(course: IncidentCourse, facts: RunFacts): number {
  let records = 0;
  for (const rewound of facts.rewound) {
    const failover = facts.failovers.findLast(
      (one) => one.at <= rewound.at + TOLERANCE_MS && one.tasks.includes(rewound.task),
    );
    if (failover !== undefined && course.incident.failovers.includes(failover)) records += rewound.records;
  }
  // A coordinator that took over deploys anew, without a failover.
  for (const { offsets, fromCheckpoint } of course.incident.takeovers) {
    if (offsets === undefined && fromCheckpoint !== undefined) continue;
    for (const { task, attempt } of course.restarts) {
      const last = facts.sourceOffsets.get(task)?.findLast((one) => one.attempt < (attempt?.attempt ?? 0));
      if (last !== undefined) records += Math.max(0, last.offset - (offsets?.[task] ?? 0));
    }
  }
  return records;
}

/** Retries away from the instances that it took down; of a fault on a service or a link to one, away from its target. */
function requestsRetried(course: IncidentCourse, facts: RunFacts): number {
  const { incident, restarts } = course;
  const instances = new Set(
    restarts.filter((restart) => restart.vertexKind === "service").map((restart) => restart.task),
  );
  const named = /(?:^|->|link:)service:([^>]+?)(?=->|$)/g;
  for (const [, name] of incident.injection?.target.matchAll(named) ?? []) if (name !== undefined) instances.add(name);
  let requests = 0;
  for (const retry of facts.retries) {
    if (retry.at >= incident.at && retry.at <= course.endAt && instances.has(retry.instance))
      requests += retry.requests;
  }
  return requests;
}

function detectionOf(course: IncidentCourse): DetectionEvidence | null {
  const { incident, detectedAt } = course;
  if (detectedAt === undefined) return null;
  const loss = incident.losses[0];
  const failure = incident.failures[0];
  if (loss?.lost !== undefined && (failure === undefined || loss.lost.at <= failure.at))
    return { ...loss.lost.evidence, process: loss.process };
  if (failure !== undefined) return { by: "failure", task: failure.task, message: failure.cause.message };
  return { by: "recovery", process: "coordinator" };
}

function targetOfFailure(incident: IncidentCourse["incident"]): string {
  const failure = incident.failures[0];
  if (incident.takeovers.length > 0) return "coordinator";
  return failure === undefined ? "" : `task:${failure.task}`;
}

function dipOf(
  course: IncidentCourse,
  courses: readonly IncidentCourse[],
  facts: RunFacts,
): ReturnType<typeof throughputDip> {
  const { throughput, startAt } = facts;
  if (throughput === undefined) return null;
  const { incident, recoveredAt } = course;
  const index = courses.indexOf(course);
  const steadyFrom = Math.max(
    facts.firstRecordAt ?? startAt,
    ...courses.slice(0, index).map((one) => one.recoveredAt ?? one.endAt),
  );
  const next = courses.slice(index + 1).find((one) => one.incident.at > incident.at)?.incident.at ?? Infinity;
  const horizon = recoveredAt === undefined ? incident.at + DIP_UNRECOVERED_MS : recoveredAt + DIP_AFTER_MS;
  const until = Math.min(next, horizon, drainedAt(facts));
  return throughputDip(throughput, {
    at: incident.at - startAt,
    steadyFrom: steadyFrom - startAt,
    until: until - startAt,
  });
}

/** When sources began to run dry or the job to stop, ms since the epoch: from then on throughput falls for that reason. */
export function drainedAt(facts: RunFacts): number {
  let at = facts.endAt;
  for (const attempts of facts.tasks.values()) {
    for (const attempt of attempts) {
      if (attempt.vertexKind === "stream") at = Math.min(at, enteredAt(attempt, "FINISHED") ?? Infinity);
    }
  }
  for (const { state, at: when } of facts.jobStates)
    if (state === "CANCELLING" || state === "FAILING") at = Math.min(at, when);
  return at;
}

function latencyAround(course: IncidentCourse, facts: RunFacts): FailureReport["p99"] {
  const series = facts.throughput;
  if (series === undefined) return { beforeMs: null, duringMs: null, afterMs: null };
  const at = course.incident.at - facts.startAt;
  const recovered = (course.recoveredAt ?? course.endAt) - facts.startAt;
  return {
    beforeMs: rounded(series.latency(at - AROUND_MS, at, 0.99)),
    duringMs: rounded(series.latency(at, recovered, 0.99)),
    afterMs: course.recoveredAt === undefined ? null : rounded(series.latency(recovered, recovered + AROUND_MS, 0.99)),
  };
}
