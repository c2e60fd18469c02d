/**
 * One failover of a real Flink as it is seen from outside: from the first failure until everything runs again. What restarted is read off
 * the attempt numbers, and held against the scope that `graph/failoverScope.ts` computes for what failed.
 */
import type { AnalyzedGraph } from "../graph/describeGraph";
import { parseSubtaskId, subtaskIdAt } from "../graph/executionGraph";
import type { ExecutionState } from "../graph/executionState";
import { failoverScope, type FailoverStrategy } from "../graph/failoverScope";
import { regionId } from "../graph/pipelinedRegion";
import type { JournalEventOf, ProcessName, SubtaskName } from "../observe/journalEvent";

/** A task as it was last seen. */
export interface TaskSeen {
  readonly state: ExecutionState;
  readonly attempt: number;
  /** Id of the TaskManager. */
  readonly taskManager: string | undefined;
}

export interface Episode {
  /** First sign of it, ms since the epoch. */
  readonly at: number;
  /** The tasks before it. */
  readonly before: ReadonlyMap<SubtaskName, TaskSeen>;
  /** Tasks that exceptions name. */
  readonly namedTasks: Set<SubtaskName>;
  /** TaskManagers that exceptions say are gone, or that are not listed any more. */
  readonly lostTaskManagers: Set<string>;
  /** An exception that no task is named in: the job as a whole failed. */
  global: boolean;
  readonly failures: number[];
  /** Sentences, for a judgement that somebody has to look into. */
  readonly evidence: string[];
  readonly restarted: Set<SubtaskName>;
  /** Ids of the failover events of it so far. */
  readonly failovers: number[];
  readonly announced: Set<SubtaskName>;
}

export function openEpisode(at: number, before: ReadonlyMap<SubtaskName, TaskSeen>): Episode {
  return {
    at,
    before,
    namedTasks: new Set(),
    lostTaskManagers: new Set(),
    global: false,
    failures: [],
    evidence: [],
    restarted: new Set(),
    failovers: [],
    announced: new Set(),
  };
}

const GONE = [
  /TaskManager with id (\S+?)(?:\([^)]*\))? is no longer reachable/,
  /heartbeat of TaskManager with id (\S+?)(?:\([^)]*\))? timed out/,
  /TaskExecutor (?:with id )?(\S+?)(?:\([^)]*\))? (?:is lost|was lost|disconnected)/,
];

/** Id of the TaskManager that a message says is gone. */
export function lostTaskManagerOf(message: string): string | undefined {
  for (const pattern of GONE) {
    const id = pattern.exec(message)?.[1];
    if (id !== undefined) return id;
  }
  return undefined;
}

/** What failed by itself: tasks that are named, and all that ran on a TaskManager that is gone. */
export function failedTasks(episode: Episode): readonly SubtaskName[] {
  const failed = new Set(episode.namedTasks);
  for (const [task, { taskManager, state }] of episode.before) {
    if (taskManager !== undefined && state !== "FINISHED" && episode.lostTaskManagers.has(taskManager))
      failed.add(task);
  }
  return [...failed].filter((task) => episode.before.has(task)).sort();
}

/** Holds what restarted against what should have. */
export function compareFailover(
  episode: Episode,
  id: number,
  analyzed: AnalyzedGraph,
  strategy: FailoverStrategy,
): Omit<JournalEventOf<"failover.compared">, "seq" | "at"> {
  const { graph, regions } = analyzed;
  const failed = failedTasks(episode);
  const numbers = failed.map((task) => numberOf(analyzed, task)).filter((number) => number !== undefined);
  const everything = strategy === "full" || episode.global;
  const predicted = new Set<SubtaskName>();
  if (numbers.length > 0 || everything) {
    const scope = failoverScope(graph, regions, numbers, {
      strategy: everything ? "full" : "region",
      isCreated: (subtask) => episode.before.get(subtaskIdAt(graph, subtask))?.state === "CREATED",
    });
    for (const subtask of scope.subtasks) predicted.add(subtaskIdAt(graph, subtask));
  }
  const actual = episode.restarted;
  const missing = [...predicted].filter((task) => !actual.has(task)).sort();
  const unexpected = [...actual].filter((task) => !predicted.has(task)).sort();
  const agrees = missing.length === 0 && unexpected.length === 0;
  return {
    kind: "failover.compared",
    id,
    agrees,
    failed: everything && numbers.length === 0 ? [] : failed,
    lostProcesses: [...episode.lostTaskManagers].map(taskManagerProcess),
    strategy: everything ? "full" : "region",
    predicted: predicted.size,
    actual: actual.size,
    missing,
    unexpected,
    evidence: agrees
      ? episode.evidence.slice(0, 5)
      : [...episode.evidence, ...placements(episode, [...missing, ...unexpected], analyzed)],
  };
}

export function taskManagerProcess(id: string): ProcessName {
  return `taskmanager:${id}`;
}

/** Regions of these tasks, by id. */
export function regionsOf(tasks: Iterable<SubtaskName>, analyzed: AnalyzedGraph): readonly string[] {
  const found = new Set<number>();
  for (const task of tasks) {
    const number = numberOf(analyzed, task);
    if (number !== undefined) found.add(analyzed.regions.regionOf[number] ?? 0);
  }
  return [...found].sort((a, b) => a - b).map(regionId);
}

/** Position of a subtask in the graph; `undefined` when the job was rescaled beyond it. */
function numberOf({ graph }: AnalyzedGraph, task: SubtaskName): number | undefined {
  const parsed = parseSubtaskId(task);
  const vertex = parsed === undefined ? undefined : graph.vertexIndex.get(parsed.vertexId);
  if (parsed === undefined || vertex === undefined) return undefined;
  const start = graph.offsets[vertex] ?? 0;
  return start + parsed.index < (graph.offsets[vertex + 1] ?? 0) ? start + parsed.index : undefined;
}

const MOST_PLACEMENTS = 200;

function placements(episode: Episode, tasks: readonly SubtaskName[], analyzed: AnalyzedGraph): readonly string[] {
  const lines = tasks.slice(0, MOST_PLACEMENTS).map((task) => {
    const before = episode.before.get(task);
    const region = regionsOf([task], analyzed)[0] ?? "no region";
    if (before === undefined) return `${task} (${region}) was not known before.`;
    const where = before.taskManager === undefined ? "on no TaskManager" : `on ${before.taskManager}`;
    return `${task} (${region}) was ${before.state} ${where}, attempt ${before.attempt}.`;
  });
  if (tasks.length > MOST_PLACEMENTS) lines.push(`${tasks.length - MOST_PLACEMENTS} more tasks are not listed.`);
  return lines;
}
