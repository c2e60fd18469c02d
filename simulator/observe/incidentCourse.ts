/**
 * The course of one disturbance: what it restarted, when it was noticed, when all of it was back.
 */
import type { Incident } from "./faultAttribution";
import type { SubtaskName } from "./journalEvent";
import type { TaskAttempt } from "./attemptLog";
import { enteredAt, type RunFacts } from "./runFacts";

/** Retries and waste that a recovery leaves behind are counted for this long after it. */
const AFTERMATH_MS = 1_000;
/** Times of different processes of one machine agree within this. */
const TOLERANCE_MS = 20;

/** A task or instance that an incident restarted. */
export interface Restart {
  readonly task: SubtaskName;
  readonly vertexKind: "stream" | "service";
  /** When it was decided; when its new attempt began where no decision is known. */
  readonly decidedAt: number;
  /** The new attempt; `undefined` while there is none yet. */
  readonly attempt: TaskAttempt | undefined;
  /** Attempts it took until one ran, or so far. */
  readonly attempts: number;
  readonly runningAt: number | undefined;
}

/** What an incident restarted, and when all of it was back. All times in ms since the epoch. */
export interface IncidentCourse {
  readonly incident: Incident;
  readonly restarts: readonly Restart[];
  readonly detectedAt: number | undefined;
  readonly recoveredAt: number | undefined;
  /** The end of what is put down to this incident. */
  readonly endAt: number;
}

/** What the incident restarted, by the decisions of the JobMaster and by the attempts that were really made. */
export function incidentCourse(incident: Incident, incidents: readonly Incident[], facts: RunFacts): IncidentCourse {
  const restarts = [...decidedRestarts(incident, facts), ...undecidedRestarts(incident, incidents, facts)];
  const symptoms = [
    ...incident.losses.map((life) => life.lost?.at ?? incident.at),
    ...incident.failures.map((failure) => failure.at),
    ...incident.takeovers.map((takeover) => takeover.at),
  ];
  // A worker's own time of a symptom may lie just before the journal's of the injection.
  const detectedAt = symptoms.length === 0 ? undefined : Math.max(incident.at, Math.min(...symptoms));
  const recoveredAt = recoveryOf(incident, restarts, facts);
  const healedAt = incident.injection?.healed?.at;
  const endAt =
    recoveredAt === undefined && healedAt === undefined
      ? facts.endAt
      : Math.max(recoveredAt ?? 0, healedAt ?? 0) + AFTERMATH_MS;
  return { incident, restarts, detectedAt, recoveredAt, endAt: Math.min(facts.endAt, endAt) };
}

function decidedRestarts(incident: Incident, facts: RunFacts): readonly Restart[] {
  const decided = new Map<SubtaskName, number>();
  for (const failover of incident.failovers) {
    for (const task of [...failover.tasks, ...failover.instances])
      if (!decided.has(task)) decided.set(task, failover.at);
  }
  const restarts: Restart[] = [];
  for (const [task, decidedAt] of decided) {
    const restart = restartAfter(task, decidedAt, facts);
    // The run ended before the decision came to anything.
    if (restart.attempt === undefined && facts.ended !== undefined) continue;
    restarts.push(restart);
  }
  return restarts;
}

/**
 * New attempts that no failover in the journal took: a coordinator that took over deploys anew, and a real Flink does not say what it
 * decided. They belong to the latest disturbance before them.
 */
function undecidedRestarts(incident: Incident, incidents: readonly Incident[], facts: RunFacts): readonly Restart[] {
  const until = incidents[incidents.indexOf(incident) + 1]?.at ?? Infinity;
  const restarts: Restart[] = [];
  for (const [task, attempts] of facts.tasks) {
    const index = attempts.findIndex((one) => one.attempt > 0 && one.startedAt >= incident.at && one.startedAt < until);
    const attempt = attempts[index];
    if (attempt === undefined) continue;
    const previous = attempts[index - 1]?.startedAt ?? 0;
    const decided = facts.failovers.some(
      (one) =>
        one.at > previous &&
        one.at <= attempt.startedAt + TOLERANCE_MS &&
        (one.tasks.includes(task) || one.instances.includes(task)),
    );
    if (!decided) restarts.push(restartAfter(task, attempt.startedAt, facts));
  }
  return restarts;
}

function restartAfter(task: SubtaskName, decidedAt: number, facts: RunFacts): Restart {
  const attempts = (facts.tasks.get(task) ?? []).filter(
    (attempt) => attempt.attempt > 0 && attempt.startedAt >= decidedAt,
  );
  const runs = attempts.findIndex((attempt) => enteredAt(attempt, "RUNNING", "FINISHED") !== undefined);
  const running = attempts[runs];
  return {
    task,
    vertexKind: kindOf(task, facts),
    decidedAt,
    attempt: running ?? attempts.at(-1),
    attempts: runs === -1 ? attempts.length : runs + 1,
    runningAt: running === undefined ? undefined : enteredAt(running, "RUNNING", "FINISHED"),
  };
}

/** When all that restarted ran again and all instances were among the endpoints; nothing restarted: when the process was back. */
function recoveryOf(incident: Incident, restarts: readonly Restart[], facts: RunFacts): number | undefined {
  const times: (number | undefined)[] = restarts.map((restart) =>
    restart.vertexKind === "stream" ? restart.runningAt : latest(restart.runningAt, registeredAt(restart, facts)),
  );
  if (restarts.length === 0) {
    times.push(...incident.takeovers.map((recovery) => recovery.at));
    if (times.length === 0) {
      for (const { process, lost } of incident.losses) {
        times.push(facts.processes.get(process)?.find((life) => life.startedAt >= (lost?.at ?? 0))?.connectedAt);
      }
    }
  }
  if (times.length === 0 || times.includes(undefined)) return undefined;
  return Math.max(...(times as number[]));
}

/** When the endpoints named the instance's new attempt. */
export function registeredAt(restart: Restart, facts: RunFacts): number | undefined {
  const attempt = restart.attempt?.attempt;
  if (attempt === undefined) return undefined;
  return facts.endpoints.find((event) =>
    event.instances.some((one) => one.instance === restart.task && one.attempt >= attempt),
  )?.at;
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}

export function kindOf(task: SubtaskName, facts: RunFacts): "stream" | "service" {
  const seen = facts.tasks.get(task)?.[0]?.vertexKind;
  if (seen !== undefined) return seen;
  return facts.instances.has(task) ? "service" : "stream";
}
