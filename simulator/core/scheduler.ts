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
import type { FreeSlots, SlotKey } from "./slotPool";
import { assignSlots, slotKey, useSlot } from "./slotPool";
import { placeTask, setTaskState } from "./taskState";

/** Moves those of the tasks in CREATED whose region can run now, and what can follow them, to SCHEDULED; deploys every region that can be deployed. */
export function scheduleStreamTasks(t: Transition, tasks: readonly TaskRecord[]): void {
  const { state } = t;
  if (state.topology.hasOutlivingResults) scheduleReady(t, tasks);
  else for (const task of tasks) if (task.state === "CREATED") setTaskState(t, task, "SCHEDULED");
  deployScheduled(t);
}

/** Flink's `SchedulingStrategy.onExecutionStateChange`: a task has finished, and regions that read what it left may be ready. */
export function scheduleAfter(t: Transition, finished: TaskRecord): void {
  const { state } = t;
  if (!state.topology.outlives(finished.vertex)) return;
  const consumers: TaskRecord[] = [];
  for (const name of state.topology.outerConsumersOf(finished.vertex, finished.index)) {
    const consumer = state.tasks.get(name);
    if (consumer?.state === "CREATED") consumers.push(consumer);
  }
  scheduleReady(t, consumers);
}

function scheduleReady(t: Transition, tasks: readonly TaskRecord[]): void {
  const { state } = t;
  const stateOf = (name: SubtaskName): TaskRecord["state"] | undefined => state.tasks.get(name)?.state;
  const ready = state.topology.schedulable(
    tasks.map((task) => task.name),
    { isCreated: (name) => stateOf(name) === "CREATED", isFinished: (name) => stateOf(name) === "FINISHED" },
  );
  for (const name of ready) {
    const task = state.tasks.get(name);
    if (task?.vertexKind === "stream" && task.state === "CREATED") setTaskState(t, task, "SCHEDULED");
  }
}

/**
 * Deploys what waits in SCHEDULED and has become possible: slots, endpoints or inputs came.
 * @param came `slots`: nothing but slots. Who has slots and still waits, waits for something else, and need not be looked at when these are
 * gone; unless regions share slots, so that what one takes another has.
 */
export function deployScheduled(t: Transition, came: "anything" | "slots" = "anything"): void {
  if (t.state.scheduled.size === 0) return;
  const pass: DeploymentPass = { callable: new Map(), endpoints: new Map(), free: { inOrder: undefined, left: 0 } };
  const untilGone = came === "slots" && !t.state.topology.regionsShareSlots;
  // A region that is deployed leaves the map, and none comes into it.
  for (const tasks of t.state.scheduled.values()) {
    if (isRegionCallable(t, tasks, pass)) deployRegion(t, [...tasks], pass);
    if (untilGone && pass.free.inOrder !== undefined && pass.free.left <= 0) return;
  }
}

function isRegionCallable(t: Transition, tasks: Iterable<TaskRecord>, pass: DeploymentPass): boolean {
  for (const task of tasks) if (!isCallable(t, task.vertex, pass)) return false;
  return true;
}

/** What is the same for all regions looked at in one step, found out once: thousands of them may wait. */
interface DeploymentPass {
  /** Vertex → whether the services that it calls can be called. */
  readonly callable: Map<string, boolean>;
  /** By vertex, and by TaskManager where that matters. */
  readonly endpoints: Map<string, TaskDeployment["endpoints"]>;
  readonly free: FreeSlots;
}

/** In batch the regions run one after the other, in slots that each has for itself; otherwise all run at once and share. */
function slotOf(t: Transition, task: TaskRecord): SlotKey {
  const { topology, job } = t.state;
  const group = topology.slotSharingGroupOf(task.vertex);
  return slotKey(job.runtime.mode === "batch" ? `${group}/${topology.regionOf(task.name)}` : group, task.index);
}

/** Whether everything that the region reads from others is where it can be asked for. */
function inputsAreThere(t: Transition, tasks: readonly TaskRecord[]): boolean {
  const { state } = t;
  if (!state.topology.hasOutlivingResults) return true;
  const own = new Set(tasks.map((task) => task.name));
  for (const task of tasks) {
    for (const { producer: name, whenComplete } of state.topology.outerInputsOf(task.vertex, task.index)) {
      const producer = state.tasks.get(name);
      if (own.has(name) || producer === undefined) continue;
      if (producer.state === "FINISHED" ? producer.outputGone : whenComplete || !isDeployed(producer)) return false;
    }
  }
  return true;
}

function isDeployed({ state }: TaskRecord): boolean {
  return state === "DEPLOYING" || state === "INITIALIZING" || state === "RUNNING";
}

function deployRegion(t: Transition, tasks: readonly TaskRecord[], pass: DeploymentPass): void {
  const { state } = t;
  if (!inputsAreThere(t, tasks)) return;
  const keys = tasks.map((task) => slotOf(t, task));
  const slots = assignSlots(state.slots, keys, pass.free);
  if (slots === undefined) return;
  const batch = state.job.runtime.mode === "batch";
  tasks.forEach((task, position) => {
    const slot = keys[position];
    placeTask(state, task, slots.get(slot) ?? "");
    if (!batch) return;
    task.slot = slot;
    useSlot(state.slots, slot);
  });
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
    task.restoredFrom = handle === undefined ? undefined : restore?.checkpoint;
    const process = task.process ?? "";
    const list = deployments.get(process) ?? [];
    deployments.set(process, list);
    list.push({
      task: task.name,
      number: task.number,
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
  const everywhere = pass.endpoints.get(vertex);
  if (everywhere !== undefined) return everywhere;
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
