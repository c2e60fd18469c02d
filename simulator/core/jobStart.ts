/**
 * How a job begins, and how a new JobMaster takes one over: it waits a moment for the processes of its predecessor, adopts those that come, and starts
 * what is missing.
 */
import { isTerminal } from "../graph/executionState";
import type { SubtaskName } from "../observe/journalEvent";
import { failJob } from "./failover";
import { cancelJob, finishIfOver, isAllFinished } from "./jobEnd";
import type { JobMasterInput, RecoveredJob, Transition } from "./jobMasterState";
import { setJobState } from "./jobState";
import { endProcess, onConnected, startHeartbeatChecks, startProcess } from "./processes";
import { deployScheduled, scheduleStreamTasks } from "./scheduler";
import { startAutoscaling } from "./serviceAutoscaling";
import { deployInstance, hasInstances, instanceProcess, publishEndpoints, pushEndpointsTo } from "./serviceManager";
import { addTaskManager } from "./slotPool";
import { awaitEnd, placeTask, setTaskState } from "./taskState";

/** How long a recovering JobMaster waits for the processes of its predecessor before it starts new ones. */
const RECONNECT_MS = 2_000;
export const RECONNECT = "reconnect";

export function start(t: Transition): void {
  const { state } = t;
  setJobState(t, "CREATED");
  startHeartbeatChecks(t);
  startAutoscaling(t);
  if (state.recovering !== undefined) {
    t.commands.push({ kind: "setTimer", timer: RECONNECT, atMs: t.nowMs + RECONNECT_MS });
    endRecoveryWhenComplete(t);
    return;
  }
  startMissingWorkers(t);
  scheduleAll(t);
}

function startMissingWorkers(t: Transition): void {
  const { state } = t;
  for (let index = 0; index < state.job.runtime.taskManagers; index++) {
    const name = `taskmanager:${index}`;
    if (!state.processes.has(name)) startProcess(t, name, "taskmanager");
  }
  for (const task of state.tasks.values()) {
    if (task.vertexKind !== "service" || task.state !== "CREATED") continue;
    task.attempt = Math.max(task.attempt, attemptAfter(state.recovering, task.name));
    deployInstance(t, task);
  }
}

function scheduleAll(t: Transition): void {
  scheduleStreamTasks(t, [...t.state.tasks.values()].filter((task) => task.vertexKind === "stream"));
}

export function onWorkerConnected(t: Transition, input: Extract<JobMasterInput, { kind: "workerConnected" }>): void {
  const { state } = t;
  onConnected(t, input);
  if (input.role === "taskmanager") {
    addTaskManager(state.slots, input.process, state.job.runtime.slots);
  } else if (input.instance !== undefined && state.recovering !== undefined) {
    adoptInstance(t, input.instance, input.process);
  }
  // While a JobMaster takes over, not all of them are there again yet; what an instance knows is better.
  if (input.role === "service" && state.recovering === undefined) pushEndpointsTo(t, input.process);
  if (state.recovering !== undefined) {
    endRecoveryWhenComplete(t);
    deployScheduled(t);
  } else if (input.role === "taskmanager") deployScheduled(t, "slots");
}

/** An instance of a run whose coordinator died: it goes on, with its loaded model. */
function adoptInstance(t: Transition, instance: NonNullable<Extract<JobMasterInput, { kind: "workerConnected" }>["instance"]>, process: string): void {
  const task = t.state.tasks.get(instance.instance);
  const isReady = instance.phase === "READY" || instance.phase === "SERVING";
  if (task === undefined || task.draining) {
    // It was scaled in.
    endProcess(t, process, isReady ? "drain" : "kill");
    return;
  }
  if (isTerminal(task.state)) {
    // Cancelled before it was met: nobody wants it any more, and its successor must not start beside it.
    placeTask(t.state, task, process);
    awaitEnd(t, task);
    endProcess(t, process, "kill");
    return;
  }
  if (task.state !== "CREATED") return;
  task.attempt = instance.attempt;
  placeTask(t.state, task, process);
  task.phase = instance.phase;
  task.address = instance.address;
  task.device = instance.device;
  setTaskState(t, task, "INITIALIZING");
  if (isReady) setTaskState(t, task, "RUNNING");
}

function endRecoveryWhenComplete(t: Transition): void {
  const { state } = t;
  const instances = (state.recovering?.instances ?? []).map(instanceProcess);
  const taskManagers = Array.from({ length: state.job.runtime.taskManagers }, (_, index) => `taskmanager:${index}`);
  const awaited = state.recovering?.awaited ?? [...instances, ...taskManagers];
  if (awaited.every((name) => state.processes.get(name)?.state === "CONNECTED")) endRecovery(t);
}

export function endRecovery(t: Transition): void {
  const { state } = t;
  const { recovering } = state;
  if (recovering === undefined) return;
  t.commands.push({ kind: "cancelTimer", timer: RECONNECT });
  if (recovering.failure !== undefined || state.stopping === "cancel" || state.failure !== undefined) {
    // It was ending when its coordinator died: nothing is started again.
    state.recovering = undefined;
    if (recovering.failure !== undefined) failJob(t, recovering.failure);
    else if (state.failure === undefined && state.jobState !== "CANCELLING") cancelJob(t);
    return;
  }
  if (isAllFinished(t)) {
    state.recovering = undefined;
    finishIfOver(t);
    return;
  }
  startMissingWorkers(t);
  state.recovering = undefined;
  for (const service of state.job.services.filter(hasInstances)) publishEndpoints(t, service.id);
  for (const { name, role, state: connection } of state.processes.values()) {
    if (role === "service" && connection === "CONNECTED") pushEndpointsTo(t, name);
  }
  scheduleAll(t);
}

export function attemptAfter(recovered: RecoveredJob | undefined, task: SubtaskName): number {
  const last = recovered?.attempts.get(task);
  return last === undefined ? 0 : last + 1;
}
