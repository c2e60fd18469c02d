/**
 * What the tree, the status bar and the pickers show of a run: a fold over its journal. Knows nothing of the editor.
 */
import { FAULT_CATALOGUE } from "../../simulator/faults/catalogue";
import type { ExecutionState, JobState } from "../../simulator/graph/executionState";
import type { GraphDescription, RegionDescription } from "../../simulator/graph/graphDescription";
import type { InstancePhase, JournalEvent, ProcessName, SubtaskName } from "../../simulator/observe/journalEvent";

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

/** The others are over as soon as they happened. */
const HEALABLE = new Set(FAULT_CATALOGUE.filter((fault) => "heal" in fault).map(({ name }) => name));

/** The view after these events. Gives the same object back when none of them matters to it. */
export function foldRunView(view: RunView, events: readonly JournalEvent[]): RunView {
  let next = view;
  const own: OwnMaps = new WeakSet();
  for (const event of events) next = foldOne(next, event, own);
  return next;
}

/** Maps that this fold made: nobody else has them yet, so that they are changed in place. Copying all tasks for each event would cost a long journal most. */
type OwnMaps = WeakSet<object>;

function foldOne(view: RunView, event: JournalEvent, own: OwnMaps): RunView {
  switch (event.kind) {
    case "run.started":
      return { ...EMPTY_RUN_VIEW, graph: event.graph };
    case "job.state":
      return { ...view, jobState: event.to };
    case "run.ended":
      return { ...view, jobState: event.state, ended: true, activeFaults: new Map() };
    case "process.started":
    case "process.connected":
      return {
        ...view,
        processes: put(own, view.processes, event.process, { name: event.process, pid: event.pid, running: true }),
      };
    case "process.lost": {
      const known = view.processes.get(event.process);
      // A newer process of the same name may be up already.
      if (known !== undefined && known.pid !== event.pid) return view;
      return {
        ...view,
        processes: put(own, view.processes, event.process, { name: event.process, pid: event.pid, running: false }),
      };
    }
    case "task.state": {
      const known = view.tasks.get(event.task);
      const sameAttempt = known?.attempt === event.attempt;
      return {
        ...view,
        tasks: put(own, view.tasks, event.task, {
          name: event.task,
          vertexKind: event.vertexKind,
          state: event.to,
          attempt: event.attempt,
          process: event.process ?? (sameAttempt ? known.process : undefined),
          phase: sameAttempt ? known.phase : undefined,
          device: sameAttempt ? known.device : undefined,
        }),
      };
    }
    case "instance.phase": {
      const known = view.tasks.get(event.instance);
      if (known === undefined || known.attempt > event.attempt) return view;
      return {
        ...view,
        tasks: put(own, view.tasks, event.instance, {
          ...known,
          phase: event.phase,
          device: event.device ?? known.device,
        }),
      };
    }
    case "failure":
      return { ...view, failures: view.failures + 1 };
    case "failover":
      return {
        ...view,
        restartedTasks: view.restartedTasks + event.tasks.length,
        restartedInstances: view.restartedInstances + event.instances.length,
      };
    case "fault.injected":
      if (!HEALABLE.has(event.fault)) return view;
      return {
        ...view,
        activeFaults: put(own, view.activeFaults, event.injection, {
          injection: event.injection,
          fault: event.fault,
          target: event.target,
        }),
      };
    case "fault.failed":
    case "fault.healed": {
      if (!view.activeFaults.has(event.injection)) return view;
      const activeFaults = new Map(view.activeFaults);
      activeFaults.delete(event.injection);
      return { ...view, activeFaults };
    }
    case "metrics": {
      if (event.intervalMs <= 0) return view;
      const rates = ownMap(own, view.rates);
      const perSecond = (count: number): number => (count * 1000) / event.intervalMs;
      for (const [task, { recordsIn, recordsOut }] of Object.entries(event.tasks ?? {})) {
        rates.set(task, { inPerSecond: perSecond(recordsIn), outPerSecond: perSecond(recordsOut) });
      }
      for (const [instance, { requests }] of Object.entries(event.instances ?? {})) {
        rates.set(instance, { inPerSecond: perSecond(requests), outPerSecond: perSecond(requests) });
      }
      return { ...view, rates };
    }
    default:
      return view;
  }
}

function put<K, V>(own: OwnMaps, map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return ownMap(own, map).set(key, value);
}

function ownMap<K, V>(own: OwnMaps, map: ReadonlyMap<K, V>): Map<K, V> {
  if (own.has(map)) return map as Map<K, V>;
  const copy = new Map(map);
  own.add(copy);
  return copy;
}

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
