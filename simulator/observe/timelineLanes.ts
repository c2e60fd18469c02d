/** What each service instance and each stream task did over time, as bars in lanes: the timeline's data. Pure. */
import type { InstancePhase, SubtaskName } from "./journalEvent";
import { isJobTerminal, type ExecutionState } from "../graph/executionState";
import { vertexOf } from "./faultAttribution";
import type { TaskAttempt } from "./attemptLog";
import { enteredAt, type RunFacts } from "./runFacts";

/** What a bar says. From the worst to the best: where many tasks share a lane, the worst of them shows. */
export const ACTIVITIES = [
  "down",
  "cancelling",
  "starting",
  "loading",
  "warming",
  "draining",
  "waiting",
  "running",
] as const;
export type Activity = (typeof ACTIVITIES)[number];

export interface Segment {
  readonly activity: Activity;
  /** Ms from the run's start. */
  readonly from: number;
  readonly to: number;
  /** State, device and attempt as far as they say more; for many tasks in one lane, how many of them. May be empty. */
  readonly detail: string;
}

export interface Lane {
  readonly name: string;
  /** How many tasks or instances it shows. */
  readonly members: number;
  /** Attempts after the first, of all members. */
  readonly restarts: number;
  readonly segments: readonly Segment[];
}

export interface LaneGroup {
  readonly kind: "service" | "stream";
  readonly title: string;
  readonly lanes: readonly Lane[];
}

/** More lanes than this become one for each vertex. */
export const MOST_LANES = 40;

/** Service instances first, then stream tasks by pipelined region. */
export function timelineLanes(facts: RunFacts, most = MOST_LANES): readonly LaneGroup[] {
  const teardown = teardownAt(facts);
  const instances = new Map<SubtaskName, readonly Segment[]>();
  const tasks = new Map<SubtaskName, readonly Segment[]>();
  for (const name of namesOf(facts, "service")) instances.set(name, instanceSegments(name, facts, teardown));
  for (const name of namesOf(facts, "stream")) tasks.set(name, taskSegments(name, facts, teardown));
  const collapseTasks = instances.size + tasks.size > most;
  const collapseInstances = instances.size > most / 2;
  const groups: LaneGroup[] = [];
  if (instances.size > 0)
    groups.push({ kind: "service", title: "Service instances", lanes: lanesOf(instances, collapseInstances, facts) });
  if (tasks.size === 0) return groups;
  const regionOf = new Map<SubtaskName, string>();
  for (const region of facts.graph?.regions ?? [])
    for (const subtask of region.subtasks) regionOf.set(subtask, region.id);
  const byRegion = new Map<string, Map<SubtaskName, readonly Segment[]>>();
  for (const [name, segments] of tasks) {
    // Collapsed lanes may hold tasks of many regions.
    const region = collapseTasks ? "" : (regionOf.get(name) ?? "");
    const list = byRegion.get(region) ?? new Map<SubtaskName, readonly Segment[]>();
    byRegion.set(region, list);
    list.set(name, segments);
  }
  for (const [region, list] of byRegion) {
    const title = region === "" ? "Stream tasks" : `Stream tasks of ${region}`;
    groups.push({ kind: "stream", title, lanes: lanesOf(list, collapseTasks, facts) });
  }
  return groups;
}

/** Those of the graph in its order, then those that only the journal knows. */
function namesOf(facts: RunFacts, kind: "stream" | "service"): readonly SubtaskName[] {
  const names = new Set<SubtaskName>();
  for (const vertex of facts.graph?.vertices ?? []) {
    if (vertex.kind !== kind) continue;
    for (let index = 0; index < vertex.parallelism; index++) names.add(`${vertex.id}#${index}`);
  }
  for (const [name, attempts] of facts.tasks) if (attempts[0]?.vertexKind === kind) names.add(name);
  if (kind === "service") for (const name of facts.instances.keys()) names.add(name);
  return [...names];
}

function lanesOf(
  members: ReadonlyMap<SubtaskName, readonly Segment[]>,
  collapse: boolean,
  facts: RunFacts,
): readonly Lane[] {
  const restartsOf = (name: SubtaskName): number =>
    Math.max(0, (facts.tasks.get(name) ?? facts.instances.get(name) ?? []).length - 1);
  if (!collapse)
    return [...members].map(([name, segments]) => ({ name, members: 1, restarts: restartsOf(name), segments }));
  const byVertex = new Map<string, { readonly segments: (readonly Segment[])[]; restarts: number }>();
  for (const [name, segments] of members) {
    const vertex = byVertex.get(vertexOf(name)) ?? { segments: [], restarts: 0 };
    byVertex.set(vertexOf(name), vertex);
    vertex.segments.push(segments);
    vertex.restarts += restartsOf(name);
  }
  return [...byVertex].map(([name, { segments, restarts }]) => ({
    name,
    members: segments.length,
    restarts,
    segments: mergedSegments(segments),
  }));
}

interface Mark {
  readonly at: number;
  readonly activity: Activity | "over";
  readonly detail: string;
}

function taskSegments(name: SubtaskName, facts: RunFacts, teardown: number): readonly Segment[] {
  const marks: Mark[] = [];
  for (const attempt of facts.tasks.get(name) ?? []) {
    for (const { state, at } of attempt.states) {
      marks.push({
        at: at - facts.startAt,
        activity: taskActivity(state, attempt),
        detail: detailOf(state, taskActivity(state, attempt), attempt.attempt),
      });
    }
  }
  return segmentsOf(marks, facts, teardown);
}

function taskActivity(state: ExecutionState, attempt: TaskAttempt): Mark["activity"] {
  switch (state) {
    case "CREATED":
    case "SCHEDULED":
      return attempt.attempt > 0 ? "down" : "waiting";
    case "DEPLOYING":
    case "INITIALIZING":
      return "starting";
    case "RUNNING":
      return "running";
    case "CANCELING":
      return "cancelling";
    case "CANCELED":
    case "FAILED":
      return "down";
    case "FINISHED":
      return "over";
  }
}

function instanceSegments(name: SubtaskName, facts: RunFacts, teardown: number): readonly Segment[] {
  const marks: Mark[] = [];
  const hasPhases = facts.instances.has(name);
  for (const attempt of facts.instances.get(name) ?? []) {
    for (const { phase, at } of attempt.phases) {
      marks.push({
        at: at - facts.startAt,
        activity: instanceActivity(phase),
        detail: detailOf(phase, instanceActivity(phase), attempt.attempt, attempt.device),
      });
    }
  }
  for (const attempt of facts.tasks.get(name) ?? []) {
    for (const { state, at } of attempt.states) {
      const ends = state === "FAILED" || state === "CANCELED" || state === "FINISHED";
      if (ends || !hasPhases)
        marks.push({
          at: at - facts.startAt,
          activity: taskActivity(state, attempt),
          detail: detailOf(state, taskActivity(state, attempt), attempt.attempt),
        });
    }
  }
  for (const life of facts.processes.get(`service:${name}`) ?? []) {
    marks.push({ at: life.startedAt - facts.startAt, activity: "starting", detail: "process started" });
    if (life.lost !== undefined)
      marks.push({ at: life.lost.at - facts.startAt, activity: "down", detail: "process lost" });
  }
  marks.sort((a, b) => a.at - b.at);
  return segmentsOf(marks, facts, teardown);
}

function instanceActivity(phase: InstancePhase): Activity {
  switch (phase) {
    case "STARTING":
      return "starting";
    case "LOADING":
      return "loading";
    case "WARMING":
      return "warming";
    case "READY":
    case "SERVING":
      return "running";
    case "DRAINING":
      return "draining";
  }
}

/** What the name of the activity does not say. */
function detailOf(state: string, activity: Mark["activity"], attempt: number, device?: string): string {
  const parts = [
    activity === "down" || activity === "starting" ? state.toLowerCase() : "",
    device === undefined ? "" : `on ${device}`,
    attempt > 0 ? `attempt ${attempt + 1}` : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** One bar from each mark to the next; equal neighbours become one. What the end of the run takes down is not a failure. */
function segmentsOf(marks: readonly Mark[], facts: RunFacts, teardown: number): readonly Segment[] {
  const end = facts.endAt - facts.startAt;
  const segments: Segment[] = [];
  for (const [index, { at: from, activity, detail }] of marks.entries()) {
    const to = marks[index + 1]?.at ?? end;
    if (activity === "over" || to <= from) continue;
    if (from >= teardown && (activity === "down" || activity === "cancelling" || activity === "draining")) continue;
    const before = segments.at(-1);
    if (before?.activity === activity && before.to === from) segments[segments.length - 1] = { ...before, to };
    else segments.push({ activity, from, to, detail });
  }
  return segments;
}

/** When the run began to end, ms from its start. */
function teardownAt(facts: RunFacts): number {
  const ending = facts.jobStates.find(
    ({ state }) => state === "CANCELLING" || state === "FAILING" || isJobTerminal(state),
  )?.at;
  let finished = -Infinity;
  for (const attempts of facts.tasks.values()) {
    const last = attempts.at(-1);
    if (last?.vertexKind === "stream") finished = Math.max(finished, enteredAt(last, "FINISHED") ?? Infinity);
  }
  const at = Math.min(ending ?? Infinity, finished === -Infinity ? Infinity : finished, facts.ended?.at ?? Infinity);
  return at - facts.startAt;
}

/** The worst activity of any member at each moment, and how many are in it. */
function mergedSegments(lanes: readonly (readonly Segment[])[]): readonly Segment[] {
  const changes: { readonly at: number; readonly activity: Activity; readonly by: 1 | -1 }[] = [];
  for (const segment of lanes.flat()) {
    changes.push(
      { at: segment.from, activity: segment.activity, by: 1 },
      { at: segment.to, activity: segment.activity, by: -1 },
    );
  }
  changes.sort((a, b) => a.at - b.at);
  const counts = new Map<Activity, number>(ACTIVITIES.map((activity) => [activity, 0]));
  const segments: Segment[] = [];
  for (const [index, { at, activity, by }] of changes.entries()) {
    counts.set(activity, (counts.get(activity) ?? 0) + by);
    const to = changes[index + 1]?.at;
    if (to === undefined || to === at) continue;
    const worst = ACTIVITIES.find((one) => (counts.get(one) ?? 0) > 0);
    if (worst === undefined) continue;
    const detail = `${counts.get(worst) ?? 0} of ${lanes.length}`;
    const before = segments.at(-1);
    if (before?.activity === worst && before.to === at && before.detail === detail)
      segments[segments.length - 1] = { ...before, to };
    else segments.push({ activity: worst, from: at, to, detail });
  }
  return segments;
}
