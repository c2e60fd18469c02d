/**
 * From CREATED to deployed. Source: Flink's `PipelinedRegionSchedulingStrategy` and `DefaultScheduler`: a region is scheduled whole,
 * when its inputs from outside are there and all its slots are found.
 *
 * One addition of ours: a region whose tasks call services is deployed once each of those services has an instance that takes calls,
 * so that no record waits on a model that is still loading.
 */
import type { SubtaskName } from "../observe/journalEvent";
import { latestCompleted } from "./checkpointCoordinator";
import type { TaskDeployment } from "./deployment";
import type { TaskRecord, Transition } from "./jobMasterState";
import { canCall, endpointsOf } from "./serviceManager";
import { assignSlots, slotKey } from "./slotPool";
import { placeTask, setTaskState } from "./taskState";

/** Moves tasks in CREATED to SCHEDULED, and deploys every region that can be deployed now. */
export function scheduleStreamTasks(t: Transition, tasks: readonly TaskRecord[]): void {
  for (const task of tasks) if (task.state === "CREATED") setTaskState(t, task, "SCHEDULED");
  deployScheduled(t);
}

/** Deploys what waits in SCHEDULED and has become possible: slots, endpoints or inputs came. */
export function deployScheduled(t: Transition): void {
  if (t.state.scheduled.size === 0) return;
  for (const tasks of [...t.state.scheduled.values()]) deployRegion(t, [...tasks]);
}

function deployRegion(t: Transition, tasks: readonly TaskRecord[]): void {
  const { state } = t;
  const called = new Set(tasks.flatMap((task) => state.topology.servicesCalledBy(task.vertex)));
  if (!canCall(t, [...called])) return;
  const keyOf = (task: TaskRecord): string => slotKey(state.topology.slotSharingGroupOf(task.vertex), task.index);
  const slots = assignSlots(state.slots, tasks.map(keyOf));
  if (slots === undefined) return;
  for (const task of tasks) placeTask(state, task, slots.get(keyOf(task)) ?? "");
  const restore = latestCompleted(state.checkpoints);
  const deployments = new Map<string, TaskDeployment[]>();
  for (const task of tasks) {
    setTaskState(t, task, "DEPLOYING");
    const handle = restore?.handles.get(task.name);
    const process = task.process ?? "";
    const list = deployments.get(process) ?? [];
    deployments.set(process, list);
    list.push({
      task: task.name,
      vertex: task.vertex,
      index: task.index,
      attempt: task.attempt,
      restore: restore !== undefined && handle !== undefined ? { checkpoint: restore.checkpoint, handle } : undefined,
      inputs: state.topology.inputsOf(task.vertex, task.index).map(({ edge, producers }) => ({
        edge,
        producers: producers.map((producer) => locate(t, producer)),
      })),
      endpoints: Object.fromEntries(
        state.job.services
          .filter((service) => state.topology.servicesCalledBy(task.vertex).includes(service.id))
          .map((service) => [service.id, endpointsOf(t, service, process)]),
      ),
    });
  }
  for (const [process, list] of deployments) t.commands.push({ kind: "deploy", process, deployments: list });
}

function locate(t: Transition, name: SubtaskName): TaskDeployment["inputs"][number]["producers"][number] {
  const producer = t.state.tasks.get(name);
  const process = producer?.process ?? "";
  return {
    task: name,
    attempt: producer?.attempt ?? 0,
    process,
    dataAddress: t.state.processes.get(process)?.dataAddress ?? "",
  };
}
