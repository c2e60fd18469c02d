/**
 * Looks for the shortest case that breaks the same rule: fewer faults first, then shorter and earlier ones, then a smaller job. Greedy: each
 * change that keeps the violation is kept.
 */
import type { JobSpec, OperatorSpec } from "../graph/jobFile";
import type { ScheduledFault } from "./faultSchedule";
import type { FuzzCase } from "./fuzzSeed";

/** @param breaks runs a case and gives the rule that it breaks, if any. @param limit runs, at most. */
export function shrinkCase(found: FuzzCase, breaks: (candidate: FuzzCase) => string | undefined, limit = 400): FuzzCase {
  const rule = breaks(found);
  let runs = 0;
  const still = (candidate: FuzzCase): boolean => runs++ < limit && breaks(candidate) === rule;
  let best = found;
  for (let changed = true; changed && runs < limit; ) {
    changed = false;
    for (const smaller of [...withoutFaults(best), ...simplerFaults(best), ...smallerJobs(best)]) {
      if (!still(smaller)) continue;
      best = smaller;
      changed = true;
      break;
    }
  }
  return best;
}

/** Halves of the schedule, then each fault by itself. */
function withoutFaults({ schedule, ...rest }: FuzzCase): FuzzCase[] {
  const half = Math.ceil(schedule.length / 2);
  const halves = schedule.length > 2 ? [schedule.slice(0, half), schedule.slice(half)] : [];
  const single = schedule.map((_, index) => schedule.filter((__, other) => other !== index));
  return [...halves, ...single].map((shorter) => ({ ...rest, schedule: shorter }));
}

function simplerFaults({ schedule, ...rest }: FuzzCase): FuzzCase[] {
  return schedule.flatMap((scheduled, index) =>
    simpler(scheduled).map((candidate) => ({ ...rest, schedule: schedule.map((other, at) => (at === index ? candidate : other)) })),
  );
}

function simpler({ when, fault }: ScheduledFault): ScheduledFault[] {
  const candidates: ScheduledFault[] = [];
  if ("event" in when && when.delayMs > 0) candidates.push({ when: { ...when, delayMs: 0 }, fault });
  if ("event" in when && when.nth > 1) candidates.push({ when: { ...when, nth: Math.floor(when.nth / 2) }, fault });
  if ("forMs" in fault && fault.forMs > 20) candidates.push({ when, fault: { ...fault, forMs: Math.floor(fault.forMs / 2) } });
  return candidates;
}

function smallerJobs(from: FuzzCase): FuzzCase[] {
  const { job } = from;
  const jobs: JobSpec[] = [];
  for (const operator of job.operators) {
    const { id } = operator;
    jobs.push(withoutOperators(job, new Set([id])));
    if (operator.kind === "source" && (operator.source.limit ?? 0) > 1) {
      const limit = Math.ceil((operator.source.limit ?? 0) / 2);
      const smaller: OperatorSpec = { ...operator, source: { ...operator.source, limit } };
      jobs.push({ ...job, operators: job.operators.map((other) => (other.id === id ? smaller : other)) });
    }
  }
  const prefixes = [...new Set(job.operators.map(({ id }) => id.slice(0, 2)))];
  if (prefixes.length > 1) {
    for (const prefix of prefixes) jobs.push(withoutOperators(job, new Set(job.operators.flatMap(({ id }) => (id.startsWith(prefix) ? [id] : [])))));
  }
  for (const width of [1, 2]) {
    if (job.operators.some(({ parallelism }) => parallelism > width)) {
      jobs.push({ ...job, operators: job.operators.map((operator) => ({ ...operator, parallelism: Math.min(width, operator.parallelism) })) });
    }
  }
  return jobs.filter(isWhole).map((smaller) => ({ ...from, job: withCalledServices(smaller) }));
}

function withoutOperators(job: JobSpec, ids: ReadonlySet<string>): JobSpec {
  return {
    ...job,
    operators: job.operators.filter(({ id }) => !ids.has(id)),
    edges: job.edges.filter(({ from, to }) => !ids.has(from) && !ids.has(to)),
  };
}

function withCalledServices(job: JobSpec): JobSpec {
  const called = new Set(job.operators.flatMap((operator) => (operator.kind === "rpc" ? [operator.rpc.service] : [])));
  return { ...job, services: job.services.filter(({ id }) => called.has(id)) };
}

/** Every operator is fed, and what it gives is taken. FORWARD still joins equals. */
function isWhole({ operators, edges }: JobSpec): boolean {
  if (operators.length === 0) return false;
  const widthOf = new Map(operators.map(({ id, parallelism }) => [id, parallelism]));
  return (
    operators.every(({ id, kind }) => (kind === "source" || edges.some(({ to }) => to === id)) && (kind === "sink" || edges.some(({ from }) => from === id))) &&
    edges.every(({ from, to, ship }) => ship !== "FORWARD" || widthOf.get(from) === widthOf.get(to))
  );
}
