/**
 * Life of the service instances: their processes, phases, endpoints and number. Source: FLIP-582 (RpcOperator Service): an instance
 * joins the balancer only after its model is loaded and warm, endpoint changes are pushed to the clients, scale-in drains first.
 */
import type { ProcessName, SubtaskName } from "../observe/journalEvent";
import { isTerminal } from "../graph/executionState";
import type { ServiceSpec } from "../graph/jobFile";
import type { ServiceEndpoint } from "./deployment";
import type { JobMasterInput, TaskRecord, Transition } from "./jobMasterState";
import { endProcess, isGone, startProcess } from "./processes";
import { addTask, placeTask, releaseTask, resetForNewAttempt, setTaskState } from "./taskState";

/** Services whose instances are processes of this run. */
export function hasInstances(service: ServiceSpec): boolean {
  return service.attached !== true && (service.deployment === "rpc-service" || service.deployment === "sidecar");
}

/** Instances that a job starts with: `parallelism`, or one beside each TaskManager. */
export function instanceCount(service: ServiceSpec, taskManagers: number): number {
  return service.deployment === "sidecar" ? taskManagers : service.parallelism;
}

export function instanceProcess(instance: SubtaskName): string {
  return `service:${instance}`;
}

/** Starts a process for the instance's present attempt. */
export function deployInstance(t: Transition, task: TaskRecord): void {
  const process = instanceProcess(task.name);
  placeTask(t.state, task, process);
  task.phase = undefined;
  task.address = undefined;
  task.device = undefined;
  setTaskState(t, task, "SCHEDULED");
  setTaskState(t, task, "DEPLOYING");
  startProcess(t, process, "service", { instance: task.name, attempt: task.attempt, service: task.vertex });
}

export function onInstancePhase(t: Transition, input: Extract<JobMasterInput, { kind: "instancePhase" }>): void {
  const task = t.state.tasks.get(input.instance);
  if (task === undefined || task.attempt !== input.attempt) return;
  const { kind: _, ...phase } = input;
  t.events.push({ kind: "instance.phase", ...phase, pid: t.state.processes.get(task.process ?? "")?.pid });
  task.phase = input.phase;
  task.address = input.address ?? task.address;
  task.device = input.device ?? task.device;
  if (task.state === "DEPLOYING") setTaskState(t, task, "INITIALIZING");
  if (input.phase === "READY" && task.state === "INITIALIZING") {
    setTaskState(t, task, "RUNNING");
    publishEndpoints(t, task.vertex);
  }
}

/** Instances of the service that take calls, as clients in the given process see them. */
export function endpointsOf(t: Transition, service: ServiceSpec, clientProcess?: string): readonly ServiceEndpoint[] {
  if (service.deployment === "external") {
    return service.addresses.map((address, index) => ({ instance: `${service.id}#${index}`, attempt: 0, address, token: service.token }));
  }
  if (service.attached === true) return t.state.attachedEndpoints.get(service.id) ?? [];
  const endpoints: ServiceEndpoint[] = [];
  const all = t.state.tasksByVertex.get(service.id) ?? [];
  // A sidecar serves the TaskManager of its own number alone, and the other sidecars of that TaskManager.
  const own = service.deployment === "sidecar" && clientProcess !== undefined ? Number(/\d+$/.exec(clientProcess)?.[0]) : undefined;
  for (const task of own === undefined ? all : all.slice(own, own + 1)) {
    if (takesCalls(task)) endpoints.push({ instance: task.name, attempt: task.attempt, address: task.address, token: undefined });
  }
  return endpoints;
}

function takesCalls(task: TaskRecord): task is TaskRecord & { address: string } {
  return task.state === "RUNNING" && !task.draining && task.address !== undefined;
}

/** Tells every TaskManager who can be called, the instances that call it themselves, and the journal. */
export function publishEndpoints(t: Transition, serviceId: string): void {
  const service = t.state.job.services.find((candidate) => candidate.id === serviceId);
  if (service === undefined) return;
  const all = endpointsOf(t, service);
  const instances = all.map(({ instance, attempt, address }) => ({ instance, attempt, address }));
  t.events.push({ kind: "service.endpoints", service: serviceId, instances });
  const forAll = service.deployment === "sidecar" ? undefined : all;
  const calledByInstances = t.state.job.services.some(({ calls }) => calls.includes(serviceId));
  for (const process of t.state.processes.values()) {
    if (process.state !== "CONNECTED") continue;
    if (process.role === "service" && (!calledByInstances || !calledBy(t, process.name).includes(serviceId))) continue;
    t.commands.push({ kind: "pushEndpoints", process: process.name, service: serviceId, instances: forAll ?? endpointsOf(t, service, process.name) });
  }
}

/** An instance that has just connected learns whom it can call; afterwards it is told of changes. */
export function pushEndpointsTo(t: Transition, process: ProcessName): void {
  for (const service of t.state.job.services) {
    if (!calledBy(t, process).includes(service.id) || service.deployment === "embedded" || service.deployment === "external") continue;
    t.commands.push({ kind: "pushEndpoints", process, service: service.id, instances: endpointsOf(t, service, process) });
  }
}

/** Services that the instance in the process calls: one of code does. */
function calledBy(t: Transition, process: ProcessName): readonly string[] {
  const caller = process.slice("service:".length, process.lastIndexOf("#"));
  return t.state.job.services.find(({ id }) => id === caller)?.calls ?? [];
}

/** True when each of the services has an instance that takes calls, so that tasks which call them may be deployed. */
export function canCall(t: Transition, services: readonly string[]): boolean {
  return t.state.job.services
    .filter((service) => services.includes(service.id) && service.deployment !== "embedded")
    .every((service) => (service.attached === true ? endpointsOf(t, service).length > 0 : service.deployment === "external" ? service.addresses.length > 0 : (t.state.tasksByVertex.get(service.id) ?? []).some(takesCalls)));
}

/** Changes the number of instances: new ones are started; those too many leave the endpoints, drain, and end. */
export function scaleService(t: Transition, input: Extract<JobMasterInput, { kind: "scale" }>): void {
  const { state } = t;
  const service = state.job.services.find((candidate) => candidate.id === input.service);
  if (service === undefined || service.attached === true || service.deployment !== "rpc-service") return;
  const all = state.tasksByVertex.get(service.id) ?? [];
  const live = all.filter((task) => !task.draining);
  if (live.length === input.parallelism) return;
  t.events.push({ kind: "service.scaled", service: service.id, from: live.length, to: input.parallelism, by: input.by, reason: input.reason });
  const surplus = live.slice(input.parallelism);
  for (const task of surplus) {
    task.draining = true;
    releaseTask(t, task);
    if (task.state === "CREATED") {
      // While a coordinator takes over: it was not met, and is not started any more.
      setTaskState(t, task, "CANCELED");
      continue;
    }
    // One that is not ready yet has nothing to finish, and does not listen to a drain.
    if (task.process !== undefined) endProcess(t, task.process, task.state === "RUNNING" ? "drain" : "kill");
  }
  if (surplus.length > 0) publishEndpoints(t, service.id);
  const reusable = all.filter((task) => task.draining && isTerminal(task.state) && isGone(t, task.process));
  for (let missing = input.parallelism - live.length; missing > 0; missing--) {
    const task = reusable.shift();
    if (task === undefined) {
      deployInstance(t, addTask(state, { vertex: service.id, index: all.length, vertexKind: "service" }));
    } else {
      task.draining = false;
      resetForNewAttempt(t, task);
      deployInstance(t, task);
    }
  }
  state.topology = state.topology.withServiceParallelism(service.id, all.length);
}

