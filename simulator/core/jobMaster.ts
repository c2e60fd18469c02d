/**
 * The JobMaster of one job: (state, input, time) → (commands, events). It decides; `cluster` and `virtual` obey.
 * Source: Flink's `JobMaster` and `DefaultScheduler`, with the RpcOperator service of FLIP-582.
 *
 * The state belongs to the machine and is changed in place (copying ten thousand subtasks at each step would be the cost of a run);
 * the same state and inputs always give the same commands and events.
 */
import { isJobTerminal } from "../graph/executionState";
import type { JobSpec, ServiceSpec } from "../graph/jobFile";
import type { Cause, JournalEventBody } from "../observe/journalEvent";
import type { CompletedCheckpoint } from "./checkpoint";
import {
  acknowledge,
  checkpointOfTimeout,
  isAsked,
  isPeriodicTimer,
  newCheckpointCoordinator,
  onAcknowledged,
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
  continueAllFailovers,
  continueFailovers,
  failJob,
  failoverOfTimer,
  isCancelling,
  onConsumerFailed,
  onFailoverTimer,
  onGlobalFailure,
  onHeldFailure,
  onTaskFailed,
  taskOfHeldFailure,
} from "./failover";
import { cancelJob, end, finishIfOver } from "./jobEnd";
import type { JobMasterCommand, JobMasterInput, JobMasterState, RecoveredJob, TaskRecord, Transition } from "./jobMasterState";
import { attemptAfter, endRecovery, onWorkerConnected, RECONNECT, start } from "./jobStart";
import { setJobState } from "./jobState";
import { endProcess, isHeartbeatTimer, startHeartbeatChecks } from "./processes";
import { newRestartStrategyState } from "./restartStrategy";
import { findUnreadable, releaseConsumed } from "./resultPartitions";
import { deployScheduled, scheduleAfter } from "./scheduler";
import { hasInstances, instanceCount, onInstancePhase, publishEndpoints, scaleService } from "./serviceManager";
import { isAutoscalerTimer, onAutoscalerTimer, onInstanceLoad } from "./serviceAutoscaling";
import { newSlotPool } from "./slotPool";
import { addTask, newTaskCounts, notRunningCount, setTaskState } from "./taskState";
import { Topology } from "./topology";
import { onSilence, onWorkerLost } from "./workerLoss";

export interface StepResult {
  readonly commands: readonly JobMasterCommand[];
  readonly events: readonly JournalEventBody[];
}
const NOTHING: StepResult = { commands: [], events: [] };

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
    attachedEndpoints: new Map(),
    autoscaling: new Map(),
    failovers: new Map(),
    movedFailovers: new Set(),
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
      addTask(state, { vertex: vertex.id, index, vertexKind: "stream", attempt: attemptAfter(recovered, `${vertex.id}#${index}`) });
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
    addTask(state, { vertex: service.id, index, vertexKind: "service", draining: !wanted.has(index) });
  }
  state.topology = state.topology.withServiceParallelism(service.id, count);
}

/** One step. Inputs about attempts and processes that are gone change nothing. */
export function stepJobMaster(state: JobMasterState, input: JobMasterInput, nowMs: number): StepResult {
  if (input.kind === "checkpointAck" && (state.ended || !acknowledge(state, input))) return NOTHING;
  const t: Transition = { state, nowMs, commands: [], events: [] };
  if (!state.ended) {
    apply(t, input);
    if (state.topology.hasOutlivingResults) failUnreadable(t);
    if (input.kind === "stop" || t.events.some(isTaskState)) finishIfOver(t);
  }
  return { commands: t.commands, events: t.events };
}

function isTaskState({ kind }: JournalEventBody): boolean {
  return kind === "task.state";
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
      onAcknowledged(t, input.checkpoint);
      return;
    case "checkpointDeclined":
      if (isAsked(t, input.checkpoint, input.task, input.attempt)) failedCheckpoint(t, input.checkpoint, input.cause);
      return;
    case "checkpointStored":
      onStored(t, input);
      continueAllFailovers(t);
      return;
    case "checkpointStoreFailed":
      failedCheckpoint(t, input.checkpoint, input.cause);
      continueAllFailovers(t);
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
    case "attachedEndpoints":
      state.attachedEndpoints.set(input.service, input.endpoints);
      publishEndpoints(t, input.service);
      deployScheduled(t);
      return;
    case "savepoint":
      onSavepoint(t, input.savepoint);
      return;
  }
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
  else if (failoverOfTimer(timer) !== undefined) onFailoverTimer(t, failoverOfTimer(timer) ?? 0);
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
    // Services alone have nothing to drain.
    if (state.topology.streamVertices.length === 0) end(t, "FINISHED");
    else triggerWhenDue(t);
    return;
  }
  cancelJob(t);
}

/** Takes an instance that failed out of the endpoints at once. */
function withdraw(t: Transition, task: TaskRecord): void {
  if (task.state !== "RUNNING") return;
  task.address = undefined;
  publishEndpoints(t, task.vertex);
}

