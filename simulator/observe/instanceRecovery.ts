/** How one service instance came back: the phases of its new attempt, and its cold start beside that of its first attempt. */
import type { IncidentCourse, Restart } from "./incidentCourse";
import { registeredAt } from "./incidentCourse";
import { round } from "./rounding";
import type { InstanceAttempt } from "./attemptLog";
import type { ProcessLife, RunFacts } from "./runFacts";
import { reachedAt } from "./runFacts";
import type { InstanceRecovery } from "./runReport";

/** Times count from the incident. */
export function instanceRecovery(restart: Restart, course: IncidentCourse, facts: RunFacts): InstanceRecovery {
  const instance = restart.task;
  const from = course.incident.at;
  const attempts = facts.instances.get(instance) ?? [];
  const first = attempts[0];
  const again =
    restart.attempt === undefined ? undefined : attempts.findLast((one) => one.attempt === restart.attempt?.attempt);
  const started = again === undefined ? undefined : processOf(again, facts);
  const after = (at: number | undefined): number | null => (at === undefined ? null : round(at - from));
  const phases: { readonly phase: InstanceRecovery["phases"][number]["phase"]; readonly at: number }[] = [
    ...(again?.phases ?? []),
  ];
  if (started !== undefined) phases.unshift({ phase: "PROCESS", at: started.startedAt });
  return {
    instance,
    attempt: restart.attempt?.attempt ?? 0,
    device: again?.device ?? null,
    coldStartMs: first === undefined ? null : coldStart(first, facts),
    restartColdStartMs: again === undefined ? null : coldStart(again, facts),
    loadDelayMs: again?.loadDelayMs ?? 0,
    registeredAfterMs: after(registeredAt(restart, facts)),
    servedAgainAfterMs: again === undefined ? null : after(reachedAt(again, "SERVING")),
    phases: phases.sort((a, b) => a.at - b.at).map(({ phase, at }) => ({ phase, afterMs: round(at - from) })),
  };
}

/** From the start of the process to READY. */
function coldStart(attempt: InstanceAttempt, facts: RunFacts): number | null {
  const ready = reachedAt(attempt, "READY");
  const started = processOf(attempt, facts)?.startedAt ?? attempt.phases[0]?.at;
  return ready === undefined || started === undefined ? null : round(ready - started);
}

/** The process that the attempt ran in, where the instance has one of its own: by its id, else the last one begun before it loaded. */
export function processOf(attempt: InstanceAttempt, facts: RunFacts): ProcessLife | undefined {
  const lives = facts.processes.get(`service:${attempt.instance}`) ?? [];
  const byPid = attempt.pid === undefined ? undefined : lives.findLast((life) => life.pid === attempt.pid);
  if (byPid !== undefined) return byPid;
  const loading = reachedAt(attempt, "LOADING") ?? attempt.phases.at(-1)?.at ?? 0;
  return lives.findLast((life) => life.startedAt <= loading);
}
