/**
 * From CREATED to deployed. Source: Flink's `PipelinedRegionSchedulingStrategy` and `DefaultScheduler`: a region is scheduled whole,
 * when its inputs from outside are there and all its slots are found.
 *
 * One addition of ours: a region whose tasks call services is deployed once each of those services has an instance that takes calls,
 * so that no record waits on a model that is still loading.
 */
import type { SubtaskName } from "../observe/journalEvent";
import { latestCompleted } from "./checkpointCoordinator";
import type { ProducerLocation, ServiceEndpoint, TaskDeployment } from "./deployment";
import type { TaskRecord, Transition } from "./jobMasterState";
import { canCall, endpointsOf } from "./serviceManager";
import type { FreeSlots } from "./slotPool";
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
  const pass: DeploymentPass = { callable: new Map(), endpoints: new Map(), free: { byTaskManager: undefined } };
  for (const tasks of [...t.state.scheduled.values()]) deployRegion(t, [...tasks], pass);
}

/** What is the same for all regions looked at in one step, found out once: thousands of them may wait. */
interface DeploymentPass {
  /** Vertex → whether the services that it calls can be called. */
  readonly callable: Map<string, boolean>;
  /** By vertex, and by TaskManager where that matters. */
  readonly endpoints: Map<string, TaskDeployment["endpoints"]>;
  readonly free: FreeSlots;
}

function deployRegion(t: Transition, tasks: readonly TaskRecord[], pass: DeploymentPass): void {
  const { state } = t;
  if (!tasks.every((task) => isCallable(t, task.vertex, pass))) return;
  const keyOf = (task: TaskRecord): string => slotKey(state.topology.slotSharingGroupOf(task.vertex), task.index);
  const slots = assignSlots(state.slots, tasks.map(keyOf), pass.free);
  if (slots === undefined) return;
  for (const task of tasks) placeTask(state, task, slots.get(keyOf(task)) ?? "");
  const restore = latestCompleted(state.checkpoints);
  const deployments = new Map<string, TaskDeployment[]>();
  // Consumers of one exchange group read from the same producers, and share the list: an all-to-all exchange costs nothing like S times T.
  const located = new Map<readonly SubtaskName[], readonly ProducerLocation[]>();
  const locateAll = (producers: readonly SubtaskName[]): readonly ProducerLocation[] => {
    let locations = located.get(producers);
    if (locations === undefined) located.set(producers, (locations = producers.map((producer) => locate(t, producer))));
    return locations;
  };
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
      inputs: state.topology.inputsOf(task.vertex, task.index).map(({ edge, producers }) => ({ edge, producers: locateAll(producers) })),
      endpoints: endpointsFor(t, task.vertex, process, pass),
    });
  }
  for (const [process, list] of deployments) t.commands.push({ kind: "deploy", process, deployments: list });
}

function isCallable(t: Transition, vertex: string, { callable }: DeploymentPass): boolean {
  let known = callable.get(vertex);
  if (known === undefined) callable.set(vertex, (known = canCall(t, t.state.topology.servicesCalledBy(vertex))));
  return known;
}

function endpointsFor(t: Transition, vertex: string, process: string, pass: DeploymentPass): TaskDeployment["endpoints"] {
  const called = t.state.topology.servicesCalledBy(vertex);
  const services = t.state.job.services.filter((service) => called.includes(service.id));
  const key = services.some((service) => service.deployment === "sidecar") ? `${vertex} ${process}` : vertex;
  let endpoints = pass.endpoints.get(key);
  if (endpoints === undefined) {
    endpoints = Object.fromEntries(services.map((service): [string, readonly ServiceEndpoint[]] => [service.id, endpointsOf(t, service, process)]));
    pass.endpoints.set(key, endpoints);
  }
  return endpoints;
}

function locate(t: Transition, name: SubtaskName): ProducerLocation {
  const producer = t.state.tasks.get(name);
  const process = producer?.process ?? "";
  return {
    task: name,
    attempt: producer?.attempt ?? 0,
    process,
    dataAddress: t.state.processes.get(process)?.dataAddress ?? "",
  };
}
