/**
 * The JobMaster of one job: (state, input, time) → (commands, events). It decides; `cluster` and `virtual` obey.
 * Source: Flink's `JobMaster` and `DefaultScheduler`, with the RpcOperator service of FLIP-582.
 *
 * The state belongs to the machine and is changed in place (copying ten thousand subtasks at each step would be the cost of a run);
 * the same state and inputs always give the same commands and events.
 */
import { isJobTerminal, isTerminal } from "../graph/executionState";
import type { JobSpec, ServiceSpec } from "../graph/jobFile";
import type { Cause, JournalEventBody, SubtaskName } from "../observe/journalEvent";
import type { CompletedCheckpoint } from "./checkpoint";
import {
  abortPending,
  checkpointOfTimeout,
  isAsked,
  isPeriodicTimer,
  newCheckpointCoordinator,
  onAcknowledge,
  onCheckpointFailed,
  onPeriodicTimer,
  onSavepoint,
  onStored,
  onTaskFinished,
  startPeriodicCheckpoints,
  triggerCheckpoint,
  triggerWhenDue,
} from "./checkpointCoordinator";
import {
  cancelAll,
  continueFailovers,
  failJob,
  isCancelling,
  isFailoverTimer,
  onConsumerFailed,
  onGlobalFailure,
  onHeldFailure,
  onResultsLost,
  onTaskFailed,
  taskOfHeldFailure,
} from "./failover";
import type { JobMasterCommand, JobMasterInput, JobMasterState, ProcessRecord, RecoveredJob, TaskRecord, Transition } from "./jobMasterState";
import { setJobState } from "./jobState";
import { endProcess, isGone, isHeartbeatTimer, onConnected, onLost, silentProcesses, startHeartbeatChecks, startProcess } from "./processes";
import { newRestartStrategyState } from "./restartStrategy";
import { findUnreadable, loseResultsOn, releaseConsumed } from "./resultPartitions";
import { deployScheduled, scheduleAfter, scheduleStreamTasks } from "./scheduler";
import { deployInstance, hasInstances, instanceCount, instanceProcess, newInstance, onInstancePhase, publishEndpoints, scaleService } from "./serviceManager";
import { isAutoscalerTimer, onAutoscalerTimer, onInstanceLoad, startAutoscaling } from "./serviceAutoscaling";
import { addTaskManager, newSlotPool, removeTaskManager } from "./slotPool";
import { addTask, liveCount, newTaskCounts, noteProgress, notRunningCount, placeTask, setTaskState, tasksOn } from "./taskState";
import { Topology } from "./topology";

/** How long a recovering JobMaster waits for the processes of its predecessor before it starts new ones. */
const RECONNECT_MS = 2_000;
const RECONNECT = "reconnect";

export interface StepResult {
  readonly commands: readonly JobMasterCommand[];
  readonly events: readonly JournalEventBody[];
}

/**
 * @param seed for the jitter of restart delays.
 * @param initial what the run begins with: the state of another run (a savepoint), as a checkpoint of this one.
 */
export function createJobMaster(job: JobSpec, seed: number, recovered?: RecoveredJob, initial?: CompletedCheckpoint): JobMasterState {
  const state: JobMasterState = {
    job,
    topology: Topology.of(job),
    jobState: "INITIALIZING",
    failure: undefined,
    tasks: new Map(),
    tasksByVertex: new Map(),
    tasksByProcess: new Map(),
    streamCounts: newTaskCounts(),
    serviceCounts: newTaskCounts(),
    scheduled: new Map(),
    processes: new Map(),
    heartbeatCheckAtMs: 0,
    slots: newSlotPool(),
    jobRestarts: newRestartStrategyState(),
    serviceRestarts: new Map(),
    autoscaling: new Map(),
    failovers: new Set(),
    failoverCount: recovered?.failoverCount ?? 0,
    failureCount: recovered?.failureCount ?? 0,
    heldFailures: new Map(),
    checkpoints: newCheckpointCoordinator(
      recovered?.completed ?? (initial === undefined ? [] : [initial]),
      recovered?.nextCheckpoint ?? (initial?.checkpoint ?? 0) + 1,
    ),
    random: { seed },
    stopping: recovered?.stopping,
    committing: false,
    ended: false,
    recovering: recovered,
  };
  for (const vertex of state.topology.streamVertices) {
    for (let index = 0; index < vertex.parallelism; index++) {
      addTask(state, { ...newInstance(vertex.id, index), vertexKind: "stream", attempt: attemptAfter(recovered, `${vertex.id}#${index}`) });
    }
  }
  if (job.runtime.mode === "batch" && recovered !== undefined) keepIfAllFinished(state, recovered);
  for (const service of job.services.filter(hasInstances)) {
    addInstances(state, service, recovered);
  }
  return state;
}

/**
 * A batch job begins anew with a new coordinator (as in Flink without `execution.batch.job-recovery.enabled`), but for one whose tasks had
 * all finished: only its commit is to be done, or to be done to the end.
 */
function keepIfAllFinished(state: JobMasterState, { attempts, finished }: RecoveredJob): void {
  const stream = [...state.tasks.values()];
  if (!stream.every((task) => finished?.has(task.name) === true)) return;
  for (const task of stream) {
    state.streamCounts[task.state]--;
    state.streamCounts.FINISHED++;
    task.state = "FINISHED";
    task.attempt = attempts.get(task.name) ?? task.attempt;
    task.outputGone = true;
  }
}

/** The instances that there are to be; of a run that goes on, those that live first. Numbers that were scaled in are free to be used again. */
function addInstances(state: JobMasterState, service: ServiceSpec, recovered: RecoveredJob | undefined): void {
  const parallelism = recovered?.parallelism?.get(service.id) ?? instanceCount(service, state.job.runtime.taskManagers);
  const live = (recovered?.instances ?? [])
    .filter((name) => name.slice(0, name.lastIndexOf("#")) === service.id)
    .map((name) => Number(name.slice(name.lastIndexOf("#") + 1)))
    .sort((a, b) => a - b);
  const count = Math.max(parallelism, ...live.map((index) => index + 1));
  const wanted = new Set(live.slice(0, parallelism));
  for (let index = 0; wanted.size < parallelism; index++) wanted.add(index);
  for (let index = 0; index < count; index++) {
    const task = newInstance(service.id, index);
    addTask(state, wanted.has(index) ? task : { ...task, state: "CANCELED", draining: true });
  }
  state.topology = state.topology.withServiceParallelism(service.id, count);
}

/** One step. Inputs about attempts and processes that are gone change nothing. */
export function stepJobMaster(state: JobMasterState, input: JobMasterInput, nowMs: number): StepResult {
  const t: Transition = { state, nowMs, commands: [], events: [] };
  if (!state.ended) {
    apply(t, input);
    failUnreadable(t);
    if (input.kind === "stop" || t.events.some((event) => event.kind === "task.state")) finishIfOver(t);
  }
  return { commands: t.commands, events: t.events };
}

/** Tasks that wait to be deployed, and whose inputs were lost meanwhile, fail; their failover has the inputs made again. */
function failUnreadable(t: Transition): void {
  if (!t.events.some((event) => event.kind === "process.lost" || (event.kind === "task.state" && event.to === "SCHEDULED"))) return;
  for (;;) {
    const found = findUnreadable(t);
    if (found === undefined) return;
    const { task, producer } = found;
    const message = `What ${producer.name} left for ${task.name} was lost with ${producer.process ?? "its process"}.`;
    onTaskFailed(t, task, { code: "FL2005", message });
  }
}

function apply(t: Transition, input: JobMasterInput): void {
  const { state } = t;
  switch (input.kind) {
    case "start":
      start(t);
      return;
    case "workerConnected":
      onWorkerConnected(t, input);
      return;
    case "workerLost":
      onWorkerLost(t, input);
      return;
    case "heartbeat": {
      const process = state.processes.get(input.process);
      if (process !== undefined) process.lastHeartbeatMs = t.nowMs;
      return;
    }
    case "taskState":
      onTaskState(t, input);
      return;
    case "endOfData": {
      const task = state.tasks.get(input.task);
      if (task === undefined || task.attempt !== input.attempt) return;
      task.atEnd = true;
      triggerWhenDue(t);
      return;
    }
    case "instancePhase":
      onInstancePhase(t, input);
      if (input.phase === "READY") {
        continueFailovers(t);
        deployScheduled(t);
        checkAllRunning(t);
      }
      return;
    case "instanceFailed": {
      const task = state.tasks.get(input.instance);
      if (task === undefined || task.attempt !== input.attempt) return;
      withdraw(t, task);
      if (task.process !== undefined) endProcess(t, task.process, "kill");
      onTaskFailed(t, task, input.cause);
      return;
    }
    case "checkpointAck":
      onAcknowledge(t, input);
      return;
    case "checkpointDeclined":
      if (isAsked(t, input.checkpoint, input.task, input.attempt)) failedCheckpoint(t, input.checkpoint, input.cause);
      return;
    case "checkpointStored":
      onStored(t, input);
      continueFailovers(t);
      return;
    case "checkpointStoreFailed":
      failedCheckpoint(t, input.checkpoint, input.cause);
      continueFailovers(t);
      return;
    case "outputCommitted":
      if (state.failure === undefined) end(t, "FINISHED");
      return;
    case "outputCommitFailed":
      failJob(t, input.cause);
      finishIfOver(t);
      return;
    case "timer":
      onTimer(t, input.timer);
      return;
    case "stop":
      onStop(t, input.mode);
      return;
    case "scale":
      // What is started while the job ends would keep it from ending.
      if (state.failure !== undefined || state.stopping === "cancel") return;
      scaleService(t, input);
      continueFailovers(t);
      return;
    case "instanceLoad":
      onInstanceLoad(t, input);
      return;
    case "triggerCheckpoint":
      if (state.jobState === "RUNNING") triggerCheckpoint(t, "manual");
      return;
    case "savepoint":
      onSavepoint(t, input.savepoint);
      return;
  }
}

function start(t: Transition): void {
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

function onWorkerConnected(t: Transition, input: Extract<JobMasterInput, { kind: "workerConnected" }>): void {
  const { state } = t;
  onConnected(t, input);
  if (input.role === "taskmanager") {
    addTaskManager(state.slots, input.process, state.job.runtime.slots);
  } else if (input.instance !== undefined && state.recovering !== undefined) {
    adoptInstance(t, input.instance, input.process);
  }
  if (state.recovering !== undefined) endRecoveryWhenComplete(t);
  deployScheduled(t);
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

function endRecovery(t: Transition): void {
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
  scheduleAll(t);
}

function onWorkerLost(t: Transition, input: Extract<JobMasterInput, { kind: "workerLost" }>): void {
  const before = noteLost(t, input);
  if (before !== undefined) {
    failTasksOf(t, input, before);
    onResultsLost(t, input.process);
  }
  continueFailovers(t);
}

/** @returns the process as it was, when its tasks are to fail now. */
function noteLost(t: Transition, input: Extract<JobMasterInput, { kind: "workerLost" }>): ProcessRecord | undefined {
  const before = onLost(t, input.process, input.pid, input.evidence);
  if (before === undefined) return undefined;
  if (before.role === "taskmanager") {
    if (isGone(t, input.process)) replaceTaskManager(t, before);
    if (before.state !== "LOST") removeTaskManager(t.state.slots, input.process);
  }
  for (const task of tasksOn(t.state, input.process)) noteProgress(t, task);
  if (before.role === "taskmanager") loseResultsOn(t, input.process);
  return before.state === "LOST" ? undefined : before;
}

function failTasksOf(t: Transition, input: Extract<JobMasterInput, { kind: "workerLost" }>, before: ProcessRecord): void {
  const { state } = t;
  const how =
    input.evidence.by === "exit"
      ? `exited with ${input.evidence.signal ?? `code ${input.evidence.exitCode ?? "?"}`}`
      : input.evidence.by === "connection"
        ? "closed its connection"
        : `has been silent for ${Math.round(input.evidence.silentMs)} ms`;
  const cause: Cause = { code: "FL2005", message: `${input.process} ${how}.` };
  if (before.role === "taskmanager") {
    for (const task of tasksOn(state, input.process)) {
      if (isTerminal(task.state) || task.state === "CREATED" || task.state === "SCHEDULED") continue;
      onTaskFailed(t, task, cause, input.process);
    }
    const index = Number(input.process.split(":")[1]);
    for (const service of state.job.services) {
      const sidecar = service.deployment === "sidecar" ? state.tasks.get(`${service.id}#${index}`) : undefined;
      if (sidecar?.process !== undefined && !isTerminal(sidecar.state)) t.commands.push({ kind: "endProcess", process: sidecar.process, how: "kill" });
    }
    return;
  }
  for (const task of tasksOn(state, input.process)) {
    if (isTerminal(task.state)) continue;
    if (task.draining) {
      setTaskState(t, task, "CANCELING");
      setTaskState(t, task, "CANCELED");
      continue;
    }
    const served = task.state === "RUNNING";
    onTaskFailed(t, task, cause, input.process);
    if (served) publishEndpoints(t, task.vertex);
  }
}

function replaceTaskManager(t: Transition, before: ProcessRecord): void {
  const { state } = t;
  const ending = before.stopping || isJobTerminal(state.jobState) || state.failure !== undefined || state.stopping === "cancel";
  if (!ending) startProcess(t, before.name, "taskmanager");
}

function onTaskState(t: Transition, input: Extract<JobMasterInput, { kind: "taskState" }>): void {
  const task = t.state.tasks.get(input.task);
  if (task === undefined || task.attempt !== input.attempt) return;
  if (input.state === "FAILED") {
    const cause = input.cause ?? { code: "FL2003" as const, message: `${task.name} failed.` };
    if (input.producer === undefined) onTaskFailed(t, task, cause);
    else onConsumerFailed(t, task, cause, input.producer);
    return;
  }
  if (!setTaskState(t, task, input.state)) return;
  if (input.state === "RUNNING") checkAllRunning(t);
  if (input.state === "FINISHED") {
    onTaskFinished(t, task);
    releaseConsumed(t, task);
    scheduleAfter(t, task);
    deployScheduled(t);
    checkAllRunning(t);
  }
  continueFailovers(t);
}

/** The job is RUNNING once every stream task is; a batch job, whose regions take their turns, once one of them is and none is being canceled. */
function checkAllRunning(t: Transition): void {
  const { state } = t;
  if (state.jobState !== "CREATED" && state.jobState !== "RESTARTING") return;
  if (state.job.runtime.mode === "batch") {
    if (state.streamCounts.RUNNING + state.streamCounts.FINISHED === 0 || isCancelling(t)) return;
  } else if (notRunningCount(state) > 0) return;
  setJobState(t, "RUNNING");
  if (state.stopping === "savepoint") {
    // Something failed while the job was ending. What the savepoint holds is committed once more, and no record after it is to count.
    cancelAll(t);
    return;
  }
  startPeriodicCheckpoints(t);
  triggerWhenDue(t);
}

function onTimer(t: Transition, timer: string): void {
  if (isPeriodicTimer(timer)) onPeriodicTimer(t);
  else if (isFailoverTimer(timer)) continueFailovers(t);
  else if (taskOfHeldFailure(timer) !== undefined) onHeldFailure(t, taskOfHeldFailure(timer) ?? "");
  else if (isHeartbeatTimer(timer)) {
    onSilence(t);
    startHeartbeatChecks(t);
  } else if (isAutoscalerTimer(timer)) {
    onAutoscalerTimer(t);
    continueFailovers(t);
  } else if (timer === RECONNECT) endRecovery(t);
  else {
    const checkpoint = checkpointOfTimeout(timer);
    const pending = t.state.checkpoints.pending.find((candidate) => candidate.checkpoint === checkpoint);
    if (checkpoint === undefined || pending === undefined || pending.storing) return;
    const late = [...pending.waitingFor.keys()].slice(0, 5).join(", ");
    failedCheckpoint(t, checkpoint, { code: "FL2006", message: `Checkpoint ${checkpoint} took too long; not acknowledged by ${late}.` });
  }
}

/** All of them are given up before anything is started again: a task must not be deployed to one whose turn has not come. */
function onSilence(t: Transition): void {
  const losses = silentProcesses(t).map((process) => {
    t.commands.push({ kind: "endProcess", process: process.name, how: "kill" });
    const input = { kind: "workerLost", process: process.name, evidence: { by: "heartbeat", silentMs: t.nowMs - process.lastHeartbeatMs } } as const;
    return { input, before: noteLost(t, input) };
  });
  for (const { input, before } of losses) {
    if (before === undefined) continue;
    failTasksOf(t, input, before);
    onResultsLost(t, input.process);
  }
  continueFailovers(t);
}

function failedCheckpoint(t: Transition, checkpoint: number, cause: Cause): void {
  const fatal = onCheckpointFailed(t, checkpoint, cause);
  if (fatal !== undefined) onGlobalFailure(t, fatal);
}

function onStop(t: Transition, mode: "drain" | "cancel"): void {
  const { state } = t;
  if (isJobTerminal(state.jobState) || state.committing || state.stopping === "cancel" || state.stopping === mode) return;
  if (state.stopping === "savepoint" && mode === "drain") return;
  state.stopping = mode;
  t.events.push({ kind: "run.stopping", mode });
  if (mode === "drain") {
    triggerWhenDue(t);
    return;
  }
  cancelJob(t);
}

function cancelJob(t: Transition): void {
  abortPending(t, "The job is canceled.");
  setJobState(t, "CANCELLING");
  cancelAll(t);
}

/** Takes an instance that failed out of the endpoints at once. */
function withdraw(t: Transition, task: TaskRecord): void {
  if (task.state !== "RUNNING") return;
  task.address = undefined;
  publishEndpoints(t, task.vertex);
}

/** Ends the job once everything that has to be over is over. */
function finishIfOver(t: Transition): void {
  const { state } = t;
  if (state.failure !== undefined) {
    if (liveCount(state) === 0) end(t, "FAILED", state.failure);
  } else if (state.stopping === "cancel") {
    if (liveCount(state) === 0) end(t, "CANCELED");
  } else if (state.stopping === "savepoint" && liveCount(state) === 0 && state.failovers.size === 0 && state.heldFailures.size === 0) {
    end(t, "FINISHED");
  } else if (isAllFinished(t) && !state.committing) {
    if (state.job.runtime.mode !== "batch") end(t, "FINISHED");
    else if (state.recovering === undefined) commitOutput(t);
  }
}

function isAllFinished({ state }: Transition): boolean {
  return notRunningCount(state) === 0 && state.streamCounts.RUNNING === 0 && state.streamCounts.FINISHED > 0;
}

/**
 * What the sinks of a batch job prepared is committed when no task can run again any more: a region that reads a result which is lost has its
 * producer run again, and with it everything that reads from that, finished sinks included.
 */
function commitOutput(t: Transition): void {
  const stream = [...t.state.tasks.values()].filter((task) => task.vertexKind === "stream");
  t.state.committing = true;
  t.commands.push({ kind: "commitOutput", tasks: stream.map(({ name, vertex, index, attempt }) => ({ task: name, vertex, index, attempt })) });
}

function end(t: Transition, to: "FAILED" | "CANCELED" | "FINISHED", cause?: Cause): void {
  const { state } = t;
  state.ended = true;
  setJobState(t, to, cause);
  for (const task of state.tasks.values()) {
    if (task.vertexKind === "service" && !isTerminal(task.state)) {
      setTaskState(t, task, "CANCELING");
      setTaskState(t, task, "CANCELED");
    }
  }
  for (const process of state.processes.values()) {
    if (process.state !== "LOST") endProcess(t, process.name, "shutdown");
  }
  t.commands.push({ kind: "endJob", state: to, cause });
}

function attemptAfter(recovered: RecoveredJob | undefined, task: SubtaskName): number {
  const last = recovered?.attempts.get(task);
  return last === undefined ? 0 : last + 1;
}
