/** The moments of one recovery, in order: what the report's cards and the sentence on the terminal are made from. */
import type { IncidentCourse } from "./incidentCourse";
import { round } from "./rounding";
import { enteredAt, type RunFacts } from "./runFacts";
import type { InstanceRecovery, PhaseMark, RecoveryPhase } from "./runReport";

interface Moment {
  readonly at: number;
  readonly subject?: string;
}

/** Where several tasks or instances pass a phase, the last of them says when it was passed. `caughtUpMs`: from the incident. */
export function recoveryPhases(
  course: IncidentCourse,
  instances: readonly InstanceRecovery[],
  caughtUpMs: number | null,
  facts: RunFacts,
): readonly PhaseMark[] {
  const { incident } = course;
  const { injection } = incident;
  const marks: PhaseMark[] = [];
  const mark = (phase: RecoveryPhase, moment: Moment | undefined): void => {
    if (moment === undefined) return;
    marks.push({
      phase,
      afterMs: round(moment.at - incident.at),
      ...(moment.subject === undefined ? {} : { subject: moment.subject }),
    });
  };
  const fromInstance = (at: number | null | undefined, subject: string): Moment | undefined =>
    at === null || at === undefined ? undefined : { at: incident.at + at, subject };

  if (injection !== undefined) mark("injected", { at: incident.at });
  if (injection?.effective !== undefined) mark("effective", { at: injection.effective.at });
  if (course.detectedAt !== undefined) mark("detected", { at: course.detectedAt });
  mark("ejected", ejection(course, facts));
  const decidedAt = incident.failovers[0]?.at;
  if (decidedAt !== undefined) mark("restart decided", { at: decidedAt });

  mark("process up", processUp(course, facts));
  const phase = (name: string): Moment | undefined =>
    lastOf(
      instances.map((one) => {
        const found = one.phases.find((mark) => mark.phase === name);
        return found === undefined ? undefined : fromInstance(found.afterMs, one.instance);
      }),
    );
  mark("model loading", phase("LOADING"));
  mark("warming up", phase("WARMING"));
  mark("ready", phase("READY"));
  mark("registered", lastOf(instances.map((one) => fromInstance(one.registeredAfterMs, one.instance))));
  mark("first answer", phase("SERVING"));

  const tasks = course.restarts.filter((restart) => restart.vertexKind === "stream");
  const last = (moment: (task: string, attempt: number) => number | undefined): Moment | undefined =>
    lastOf(
      tasks.map((restart) => {
        const at = restart.attempt === undefined ? undefined : moment(restart.task, restart.attempt.attempt);
        return at === undefined ? undefined : { at, subject: restart.task };
      }),
    );
  const attemptOf = (task: string, attempt: number) => facts.tasks.get(task)?.find((one) => one.attempt === attempt);
  mark(
    "cancelled",
    last((task, attempt) => {
      const old = facts.tasks.get(task)?.findLast((one) => one.attempt < attempt);
      return old === undefined
        ? undefined
        : old.states.findLast((one) => one.state === "CANCELED" || one.state === "FAILED")?.at;
    }),
  );
  mark(
    "redeployed",
    last((task, attempt) => {
      const found = attemptOf(task, attempt);
      return found === undefined ? undefined : enteredAt(found, "DEPLOYING");
    }),
  );
  mark(
    "restored",
    last((task, attempt) => attemptOf(task, attempt)?.restoredAt),
  );
  mark(
    "running",
    lastOf(
      tasks.map((restart) =>
        restart.runningAt === undefined ? undefined : { at: restart.runningAt, subject: restart.task },
      ),
    ),
  );
  if (caughtUpMs !== null && caughtUpMs > 0 && course.restarts.length > 0)
    mark("caught up", { at: incident.at + caughtUpMs });
  if (injection?.healed !== undefined && injection.healed.by !== "end") mark("healed", { at: injection.healed.at });
  // Equal times keep the order of the list above, which is that of cause and effect.
  return marks.sort((a, b) => a.afterMs - b.afterMs);
}

/** The endpoints lose an instance, or the first client stops calling it, whichever comes first. */
function ejection(course: IncidentCourse, facts: RunFacts): Moment | undefined {
  const { incident } = course;
  const until = course.endAt;
  const named = new Set(
    course.restarts.filter((restart) => restart.vertexKind === "service").map((restart) => restart.task),
  );
  const moments: Moment[] = [];
  for (const { at, instance } of facts.ejected) {
    if (named.has(instance) && at >= incident.at && at <= until) moments.push({ at, subject: instance });
  }
  for (const event of facts.endpoints) {
    if (event.at < incident.at || event.at > until) continue;
    const gone = [...named].find(
      (instance) => vertexMatches(instance, event.service) && !event.instances.some((one) => one.instance === instance),
    );
    if (gone !== undefined) moments.push({ at: event.at, subject: gone });
  }
  return moments.sort((a, b) => a.at - b.at)[0];
}

function vertexMatches(instance: string, service: string): boolean {
  return instance.startsWith(`${service}#`);
}

/** The replacement of what was lost is connected. */
function processUp(course: IncidentCourse, facts: RunFacts): Moment | undefined {
  return lastOf(
    course.incident.losses.map(({ process, lost }) => {
      const next = facts.processes.get(process)?.find((life) => life.startedAt >= (lost?.at ?? Infinity));
      const at = next?.connectedAt;
      return at === undefined ? undefined : { at, subject: process };
    }),
  );
}

function lastOf(moments: readonly (Moment | undefined)[]): Moment | undefined {
  return moments.reduce(
    (latest, one) => (one !== undefined && (latest === undefined || one.at > latest.at) ? one : latest),
    undefined,
  );
}
