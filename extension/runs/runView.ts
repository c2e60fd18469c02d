/**
 * What the tree, the status bar and the pickers show of a run. Knows nothing of the editor.
 */
import type { ExecutionState, JobState } from "../../simulator/graph/executionState";
import type { GraphDescription, RegionDescription } from "../../simulator/graph/graphDescription";
import type { InstancePhase, ProcessName, SubtaskName } from "../../simulator/observe/journalEvent";

export interface TaskView {
  readonly name: SubtaskName;
  readonly vertexKind: "stream" | "service";
  readonly state: ExecutionState;
  readonly attempt: number;
  readonly process?: ProcessName;
  /** Service instances only. */
  readonly phase?: InstancePhase;
  readonly device?: string;
}

export interface ProcessView {
  readonly name: ProcessName;
  readonly pid: number;
  readonly running: boolean;
}

export interface ActiveFault {
  readonly injection: number;
  readonly fault: string;
  readonly target: string;
}

/** Over the newest interval that was measured. */
export interface TaskRate {
  readonly inPerSecond: number;
  readonly outPerSecond: number;
}

export interface RunView {
  readonly jobState: JobState | undefined;
  readonly graph: GraphDescription | undefined;
  readonly tasks: ReadonlyMap<SubtaskName, TaskView>;
  readonly processes: ReadonlyMap<ProcessName, ProcessView>;
  /** Faults that took effect and were neither healed nor are over by themselves. */
  readonly activeFaults: ReadonlyMap<number, ActiveFault>;
  readonly rates: ReadonlyMap<SubtaskName, TaskRate>;
  readonly failures: number;
  readonly restartedTasks: number;
  readonly restartedInstances: number;
  readonly ended: boolean;
}

export const EMPTY_RUN_VIEW: RunView = {
  jobState: undefined,
  graph: undefined,
  tasks: new Map(),
  processes: new Map(),
  activeFaults: new Map(),
  rates: new Map(),
  failures: 0,
  restartedTasks: 0,
  restartedInstances: 0,
  ended: false,
};

/** The region's subtasks that the journal has spoken of, in the region's own order. */
export function tasksOfRegion(view: RunView, region: RegionDescription): readonly TaskView[] {
  return region.subtasks.map((name) => view.tasks.get(name)).filter((task) => task !== undefined);
}

/** The instances of a service, in order. */
export function instancesOf(view: RunView, service: string): readonly TaskView[] {
  return [...view.tasks.values()]
    .filter(({ name, vertexKind }) => vertexKind === "service" && name.slice(0, name.lastIndexOf("#")) === service)
    .sort((a, b) => indexOf(a) - indexOf(b));
}

function indexOf({ name }: TaskView): number {
  return Number(name.slice(name.lastIndexOf("#") + 1));
}

/** The process that a fault on this subtask acts on: the instance itself, or the task by its name. */
export function faultTargetOf(task: TaskView): string {
  return task.vertexKind === "service" ? `service:${task.name}` : `task:${task.name}`;
}

/** All targets of a run that can be named, most wanted first: service instances, processes, tasks. */
export function faultTargets(view: RunView): readonly { readonly target: string; readonly detail: string }[] {
  const tasks = [...view.tasks.values()];
  const instances = tasks.filter(({ vertexKind }) => vertexKind === "service");
  const workers = [...view.processes.values()].filter(({ name, running }) => running && !name.startsWith("service:"));
  return [
    ...instances.map((task) => ({ target: faultTargetOf(task), detail: describeTask(task) })),
    ...workers.map(({ name, pid }) => ({ target: name, detail: `process ${pid}` })),
    ...tasks
      .filter(({ vertexKind }) => vertexKind === "stream")
      .map((task) => ({ target: faultTargetOf(task), detail: describeTask(task) })),
  ];
}

/** "running, attempt 2, taskmanager:0". */
export function describeTask(task: TaskView): string {
  return [
    (task.phase !== undefined && task.state === "RUNNING" ? task.phase : task.state).toLowerCase(),
    task.attempt > 0 ? `attempt ${task.attempt + 1}` : undefined,
    task.device,
    task.vertexKind === "stream" && task.process !== undefined ? task.process : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}

/** For one line of text: "1,240/s", "1 of 2 running", "3 restarts". */
export function vertexActivity(view: RunView, vertex: string): readonly string[] {
  const tasks = [...view.tasks.values()].filter(({ name }) => name.slice(0, name.lastIndexOf("#")) === vertex);
  if (tasks.length === 0) return [];
  const running = tasks.filter(({ state }) => state === "RUNNING").length;
  const rate = tasks.reduce((sum, { name }) => {
    const { inPerSecond = 0, outPerSecond = 0 } = view.rates.get(name) ?? {};
    return sum + (inPerSecond === 0 ? outPerSecond : inPerSecond);
  }, 0);
  const restarts = tasks.reduce((sum, { attempt }) => sum + attempt, 0);
  return [
    `${Math.round(rate).toLocaleString("en")}/s`,
    ...(running < tasks.length ? [`${running} of ${tasks.length} running`] : []),
    ...(restarts === 0 ? [] : [`${restarts} ${restarts === 1 ? "restart" : "restarts"}`]),
  ];
}
