/** The view of a run as a fold over its journal. Knows nothing of the editor. */
import { FAULT_CATALOGUE } from "../../simulator/faults/catalogue";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { EMPTY_RUN_VIEW, type RunView } from "./runView";

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
