/**
 * Which failure came from which injected fault. The journal does not say it, since the JobMaster does not know it either: a fault is known
 * by its target and by what it did. Faults in overlap are told apart by how near their target is to what failed.
 */
import type { GraphDescription } from "../graph/graphDescription";
import type { JournalEventOf, ProcessName, SubtaskName } from "./journalEvent";
import type { FailoverFact, Injection, ProcessLife, RunFacts, Takeover } from "./runFacts";

/** One disturbance of the run: an injected fault and what it brought about, or a failure that no fault caused. */
export interface Incident {
  readonly injection: Injection | undefined;
  /** The injection, or else the first symptom; ms since the epoch. */
  readonly at: number;
  readonly losses: readonly ProcessLife[];
  readonly failures: readonly JournalEventOf<"failure">[];
  readonly failovers: readonly FailoverFact[];
  /** A coordinator that took over. */
  readonly takeovers: readonly Takeover[];
}

interface OpenIncident extends Incident {
  losses: ProcessLife[];
  failures: JournalEventOf<"failure">[];
  failovers: FailoverFact[];
  takeovers: Takeover[];
}

type Symptom =
  | { readonly kind: "loss"; readonly at: number; readonly life: ProcessLife }
  | { readonly kind: "failure"; readonly at: number; readonly failure: JournalEventOf<"failure"> }
  | { readonly kind: "takeover"; readonly at: number; readonly takeover: Takeover };

/** Clocks of one machine agree; what a worker saw may still carry a time just before the coordinator's own. */
const TOLERANCE_MS = 20;
/** A loss and the failures of what ran there are one disturbance within this time. */
const SAME_CAUSE_MS = 5_000;

/** The disturbances of a run in the order of time. Faults that failed to act are left out. */
export function incidentsOf(facts: RunFacts): readonly Incident[] {
  const graph = facts.graph;
  const injected: OpenIncident[] = [...facts.injections.values()]
    .filter((injection) => injection.failed === undefined)
    .map((injection) => incident(injection, injection.at));
  const natural: OpenIncident[] = [];
  const ofFailure = new Map<number, OpenIncident>();

  for (const symptom of symptomsOf(facts)) {
    const owner = faultBehind(symptom, injected, facts, graph) ?? sameDisturbance(symptom, natural, facts);
    const target = owner ?? incident(undefined, symptom.at);
    if (owner === undefined) natural.push(target);
    if (symptom.kind === "loss") target.losses.push(symptom.life);
    else if (symptom.kind === "takeover") target.takeovers.push(symptom.takeover);
    else {
      target.failures.push(symptom.failure);
      ofFailure.set(symptom.failure.id, target);
    }
  }
  for (const failover of facts.failovers) {
    const owners = new Set(failover.failures.map((id) => ofFailure.get(id)).filter((one) => one !== undefined));
    for (const owner of owners) owner.failovers.push(failover);
  }
  return [...injected, ...natural].sort((a, b) => a.at - b.at);
}

function incident(injection: Injection | undefined, at: number): OpenIncident {
  return { injection, at, losses: [], failures: [], failovers: [], takeovers: [] };
}

function symptomsOf(facts: RunFacts): readonly Symptom[] {
  const symptoms: Symptom[] = [];
  for (const lives of facts.processes.values()) {
    for (const life of lives) {
      if (life.lost !== undefined && !life.lost.expected) symptoms.push({ kind: "loss", at: life.lost.at, life });
    }
  }
  for (const failure of facts.failures) symptoms.push({ kind: "failure", at: failure.at, failure });
  for (const takeover of facts.takeovers) symptoms.push({ kind: "takeover", at: takeover.at, takeover });
  return symptoms.sort((a, b) => a.at - b.at);
}

/** The fault whose target is nearest to what failed; among equally near ones the one injected last. */
function faultBehind(
  symptom: Symptom,
  candidates: readonly OpenIncident[],
  facts: RunFacts,
  graph: GraphDescription | undefined,
): OpenIncident | undefined {
  let best: OpenIncident | undefined;
  let bestNearness = 0;
  for (const candidate of candidates) {
    const injection = candidate.injection as Injection;
    if (injection.at > symptom.at + TOLERANCE_MS || isOver(candidate, symptom, facts)) continue;
    const nearness = nearnessOf(injection, symptom, facts, graph);
    if (nearness > 0 && nearness >= bestNearness) {
      best = candidate;
      bestNearness = nearness;
    }
  }
  return best;
}

/** Whether the fault had done its work before the symptom came. */
function isOver(candidate: OpenIncident, symptom: Symptom, facts: RunFacts): boolean {
  const { momentary, healed } = candidate.injection as Injection;
  if (healed !== undefined && healed.by !== "end" && !momentary) {
    if (symptom.at <= healed.at + TOLERANCE_MS) return false;
    // What a fault did may come to light a while after it was healed (a heartbeat that times out), if nothing did before.
    if (!seen(candidate)) return symptom.at > healed.at + SAME_CAUSE_MS;
  }
  return !isOpen(candidate, symptom, facts);
}

/** Whether a further symptom can belong to what was seen of this disturbance so far. */
function isOpen(candidate: OpenIncident, symptom: Symptom, facts: RunFacts): boolean {
  if (!seen(candidate)) return true;
  if (symptom.kind === "loss" && candidate.losses.some((life) => life.process === symptom.life.process)) return false;
  if (symptom.kind === "takeover" && candidate.takeovers.length > 0) return false;
  const own = new Set(candidate.failures.map((failure) => failure.id));
  const failovers = facts.failovers.filter((failover) => failover.failures.some((id) => own.has(id)));
  if (symptom.kind === "failure" && failovers.some((failover) => failover.failures.includes(symptom.failure.id)))
    return true;
  if (failovers.some((failover) => finishOf(failover, facts) >= symptom.at)) return true;
  const first = Math.min(
    ...candidate.losses.map((life) => life.lost?.at ?? Infinity),
    ...candidate.failures.map((failure) => failure.at),
    ...candidate.takeovers.map((takeover) => takeover.at),
  );
  return failovers.length === 0 && symptom.at - first <= SAME_CAUSE_MS;
}

/** A failover whose tasks a later one took over ends with that one, and not by itself. */
function finishOf(failover: FailoverFact, facts: RunFacts): number {
  if (failover.finishedAt !== undefined) return failover.finishedAt;
  const members = new Set([...failover.tasks, ...failover.instances]);
  const next = facts.failovers.find(
    (one) => one.id > failover.id && [...one.tasks, ...one.instances].some((task) => members.has(task)),
  );
  return next === undefined ? Infinity : finishOf(next, facts);
}

function seen(candidate: OpenIncident): boolean {
  return candidate.losses.length + candidate.failures.length + candidate.takeovers.length > 0;
}

/** 3: the target itself; 2: something that it works with directly; 1: it cannot be told what it is near to; 0: something else. */
function nearnessOf(
  injection: Injection,
  symptom: Symptom,
  facts: RunFacts,
  graph: GraphDescription | undefined,
): number {
  const { target } = injection;
  if (symptom.kind === "takeover") return matches(target, "coordinator") ? 3 : 0;
  const names =
    symptom.kind === "loss"
      ? [symptom.life.process]
      : [symptom.failure.process, `service:${symptom.failure.task}`, `task:${symptom.failure.task}`];
  const ends = linkEnds(target);
  if (ends !== undefined)
    return names.some((name) => name !== undefined && ends.some((end) => matches(end, name)))
      ? 2
      : worksWithEnd(ends, symptom, graph);
  if (names.some((name) => name !== undefined && matches(target, name))) return 3;
  const process = symptom.kind === "loss" ? symptom.life.process : symptom.failure.process;
  if (process !== undefined && hosts(process, injection, facts)) return 3;
  if (symptom.kind === "loss") return 0;
  const { task, cause } = symptom.failure;
  const [kind, name] = split(target);
  if (kind === "checkpoint" || /^(checkpoint|storage|damaged)-/.test(injection.fault))
    return cause.code === "FL2006" || cause.code === "FL2007" ? 2 : 0;
  if (kind === "service") {
    const service = vertexOf(name);
    if (graph?.vertices.some((vertex) => vertex.id === service && vertex.kind === "service") !== true) return 1; // the model runs inside a task
    // Who calls it is not known: a program of a real Flink does not say.
    if (!graph.calls.some((call) => call.target === service)) return 1;
    return calls(graph, vertexOf(task), service) ? 2 : 0;
  }
  if (kind === "task") return sameRegion(graph, task, (other) => vertexOf(other) === vertexOf(name)) ? 2 : 0;
  if (kind === "taskmanager") {
    // A producer or consumer elsewhere whose connection broke.
    return sameRegion(
      graph,
      task,
      (other) => facts.tasks.get(other)?.some((attempt) => attempt.process === target) === true,
    )
      ? 2
      : 0;
  }
  return 1;
}

/** Whether the target is a task, or a model inside a task, that ran in the process when the fault was injected. */
function hosts(process: ProcessName, injection: Injection, facts: RunFacts): boolean {
  const [kind, name] = split(injection.target);
  if (kind !== "task" && kind !== "service") return false;
  const ranHere = (task: SubtaskName): boolean =>
    facts.tasks.get(task)?.findLast((attempt) => attempt.startedAt <= injection.at + TOLERANCE_MS)?.process === process;
  if (kind === "task") return ranHere(name);
  const index = name.slice(name.lastIndexOf("#"));
  const carriers =
    facts.graph?.vertices.filter((vertex) => vertex.operators.some((operator) => operator.kind === "rpc")) ?? [];
  return (
    facts.graph?.vertices.some((vertex) => vertex.id === vertexOf(name)) === false &&
    carriers.some((vertex) => ranHere(vertex.id + index))
  );
}

function worksWithEnd(ends: readonly string[], symptom: Symptom, graph: GraphDescription | undefined): number {
  if (symptom.kind !== "failure") return 0;
  return ends.some((end) => {
    const [kind, name] = split(end);
    if (kind !== "service" || graph === undefined) return false;
    // Who calls it is not known, for a program of a real Flink.
    if (!graph.calls.some((call) => call.target === vertexOf(name))) return true;
    return calls(graph, vertexOf(symptom.failure.task), vertexOf(name));
  })
    ? 2
    : 0;
}

/** A failure without a fault belongs to the disturbance that is going on where it happened. */
function sameDisturbance(
  symptom: Symptom,
  natural: readonly OpenIncident[],
  facts: RunFacts,
): OpenIncident | undefined {
  const process =
    symptom.kind === "loss"
      ? symptom.life.process
      : symptom.kind === "failure"
        ? processOf(symptom.failure)
        : undefined;
  const together =
    symptom.kind === "failure"
      ? (facts.failovers.find((one) => one.failures.includes(symptom.failure.id))?.failures ?? [])
      : [];
  return natural.findLast(
    (one) =>
      one.failures.some((failure) => together.includes(failure.id)) ||
      (one.losses.some((life) => life.process === process) ||
      one.failures.some((failure) => processOf(failure) === process)
        ? isOpen(one, symptom, facts)
        : false),
  );
}

function processOf(failure: JournalEventOf<"failure">): ProcessName {
  return failure.process ?? `service:${failure.task}`;
}

/** `*` in a target stands for anything but a separator. */
function matches(target: string, name: string): boolean {
  if (!target.includes("*")) return target === name;
  const pattern = target.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${pattern.join("[^#:]*")}$`).test(name);
}

/** The two ends of `link:A->B`. */
function linkEnds(target: string): readonly string[] | undefined {
  if (!target.startsWith("link:")) return undefined;
  return target.slice("link:".length).split("->");
}

function split(target: string): [kind: string, name: string] {
  const colon = target.indexOf(":");
  return colon === -1 ? [target, ""] : [target.slice(0, colon), target.slice(colon + 1)];
}

/** `langid` of `langid#1`. */
export function vertexOf(subtask: SubtaskName): string {
  const hash = subtask.lastIndexOf("#");
  return hash === -1 ? subtask : subtask.slice(0, hash);
}

function calls(graph: GraphDescription, source: string, target: string): boolean {
  return graph.calls.some((call) => call.source === source && call.target === target);
}

function sameRegion(
  graph: GraphDescription | undefined,
  task: SubtaskName,
  holds: (other: SubtaskName) => boolean,
): boolean {
  const region = graph?.regions.find((one) => one.subtasks.includes(task));
  return region?.subtasks.some((other) => holds(other)) ?? false;
}
