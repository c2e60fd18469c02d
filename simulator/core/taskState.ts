/** Moves of a subtask's attempt between Flink's execution states; each one is an event of the journal. What is counted over tasks is kept here. */
import { isTerminal } from "../graph/executionState";
import type { ExecutionState } from "../graph/executionState";
import type { Cause, ProcessName } from "../observe/journalEvent";
import type { JobMasterState, TaskCounts, TaskRecord, Transition } from "./jobMasterState";
import { isGone } from "./processes";
import { leaveSlot } from "./slotPool";

const ORDER: readonly ExecutionState[] = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "FINISHED"];
const NOT_RUNNING: readonly ExecutionState[] = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "CANCELING", "CANCELED", "FAILED"];
const LIVE: readonly ExecutionState[] = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "CANCELING"];

export function newTaskCounts(): TaskCounts {
  return { CREATED: 0, SCHEDULED: 0, DEPLOYING: 0, INITIALIZING: 0, RUNNING: 0, FINISHED: 0, CANCELING: 0, CANCELED: 0, FAILED: 0 };
}

/** Whether Flink's `ExecutionState` allows the move. */
export function mayMove(from: ExecutionState, to: ExecutionState): boolean {
  if (isTerminal(from)) return false;
  if (to === "FAILED") return true;
  if (from === "CANCELING") return to === "CANCELED";
  if (to === "CANCELING") return true;
  if (to === "CANCELED") return from === "CREATED" || from === "SCHEDULED";
  return ORDER.indexOf(to) > ORDER.indexOf(from);
}

/** Moves the task, if that is allowed, and tells the journal. */
export function setTaskState(t: Transition, task: TaskRecord, to: ExecutionState, cause?: Cause): boolean {
  if (!mayMove(task.state, to)) return false;
  t.events.push({
    kind: "task.state",
    task: task.name,
    vertexKind: task.vertexKind,
    attempt: task.attempt,
    from: task.state,
    to,
    process: task.process,
    cause,
  });
  move(t.state, task, to);
  if (task.slot !== undefined && isTerminal(to)) {
    leaveSlot(t.state.slots, task.slot);
    task.slot = undefined;
  }
  noteProgress(t, task);
  return true;
}

/** A new attempt, in CREATED. */
export function resetForNewAttempt(t: Transition, task: TaskRecord): void {
  const from = task.state;
  task.attempt++;
  move(t.state, task, "CREATED");
  task.atEnd = false;
  task.outputGone = false;
  t.events.push({ kind: "task.state", task: task.name, vertexKind: task.vertexKind, attempt: task.attempt, from, to: "CREATED" });
}

/** One more task, in CREATED or, of an instance that is not to be there, CANCELED. All records have one shape: there may be a hundred thousand. */
export function addTask(
  state: JobMasterState,
  { vertex, index, vertexKind, attempt = 0, draining = false }: Pick<TaskRecord, "vertex" | "index" | "vertexKind"> & Partial<Pick<TaskRecord, "attempt" | "draining">>,
): TaskRecord {
  const task: TaskRecord = {
    name: `${vertex}#${index}`,
    number: state.tasks.size,
    vertex,
    index,
    vertexKind,
    attempt,
    state: draining ? "CANCELED" : "CREATED",
    process: undefined,
    failover: undefined,
    atEnd: false,
    outputGone: false,
    restoredFrom: undefined,
    slot: undefined,
    phase: undefined,
    address: undefined,
    device: undefined,
    draining,
  };
  state.tasks.set(task.name, task);
  const siblings = state.tasksByVertex.get(task.vertex);
  if (siblings === undefined) state.tasksByVertex.set(task.vertex, [task]);
  else siblings.push(task);
  countsOf(state, task)[task.state]++;
  return task;
}

/** Says where the present attempt runs. */
export function placeTask(state: JobMasterState, task: TaskRecord, process: ProcessName): void {
  if (task.process !== undefined) state.tasksByProcess.get(task.process)?.delete(task);
  task.process = process;
  const there = state.tasksByProcess.get(process);
  if (there === undefined) state.tasksByProcess.set(process, new Set([task]));
  else there.add(task);
}

/** Tasks whose last attempt was deployed to the process. */
export function tasksOn(state: JobMasterState, process: ProcessName): readonly TaskRecord[] {
  return [...(state.tasksByProcess.get(process) ?? [])];
}

/** Tasks and instances that are in no terminal state. */
export function liveCount(state: JobMasterState): number {
  const { streamCounts, serviceCounts } = state;
  let sum = 0;
  for (const live of LIVE) sum += streamCounts[live] + serviceCounts[live];
  return sum;
}

/** Stream tasks that are neither RUNNING nor FINISHED. */
export function notRunningCount(state: JobMasterState): number {
  const { streamCounts } = state;
  let sum = 0;
  for (const other of NOT_RUNNING) sum += streamCounts[other];
  return sum;
}

/** Whether a restart has the task where its phase wants it: down with everything of it, or up again. */
export function hasArrived(t: Transition, task: TaskRecord): boolean {
  if (task.failover?.phase === "RESTARTING") return task.state === "RUNNING" || task.state === "FINISHED";
  // Of an instance, its process too has to be gone: two of one name would take each other's place, and the device's memory.
  return isTerminal(task.state) && (task.vertexKind === "stream" || isGone(t, task.process));
}

/** A later failover, or a scale-in, has the task now. */
export function releaseTask(t: Transition, task: TaskRecord): void {
  const { failover } = task;
  if (failover === undefined) return;
  failover.members.delete(task);
  failover.waitingFor.delete(task);
  t.state.movedFailovers.add(failover);
  task.failover = undefined;
}

/** To be called when something happened to the task that its restart may have waited for. */
export function noteProgress(t: Transition, task: TaskRecord): void {
  const { failover } = task;
  if (failover !== undefined && hasArrived(t, task) && failover.waitingFor.delete(task)) t.state.movedFailovers.add(failover);
}

/** The opposite: a process of the task's turned up, and the restart has to wait for its end after all. */
export function awaitEnd(t: Transition, task: TaskRecord): void {
  if (task.failover !== undefined && !hasArrived(t, task)) task.failover.waitingFor.add(task);
}

function move(state: JobMasterState, task: TaskRecord, to: ExecutionState): void {
  const counts = countsOf(state, task);
  counts[task.state]--;
  counts[to]++;
  if (task.vertexKind === "stream") noteScheduled(state, task, to);
  task.state = to;
}

function noteScheduled(state: JobMasterState, task: TaskRecord, to: ExecutionState): void {
  if (task.state !== "SCHEDULED" && to !== "SCHEDULED") return;
  const region = state.topology.regionOfStreamTask(task.vertex, task.index);
  const waiting = state.scheduled.get(region);
  if (to === "SCHEDULED") {
    if (waiting === undefined) state.scheduled.set(region, new Set([task]));
    else waiting.add(task);
  } else if (waiting?.delete(task) === true && waiting.size === 0) state.scheduled.delete(region);
}

function countsOf(state: JobMasterState, task: TaskRecord): TaskCounts {
  return task.vertexKind === "stream" ? state.streamCounts : state.serviceCounts;
}
