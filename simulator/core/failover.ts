/**
 * What a failure restarts, and how. Source: Flink's `ExecutionFailureHandler`, `RestartPipelinedRegionFailoverStrategy` and
 * `DefaultScheduler.restartTasksWithDelay`:
 * ask the restart strategy; compute the scope; cancel those tasks while the delay runs; when both are done drop tasks that a later
 * failure superseded, reset the others, and schedule them from the latest completed checkpoint. Other regions are not touched.
 *
 * The job's state stays RUNNING while only service instances restart: the data plane runs on.
 */
import { isTerminal } from "../graph/executionState";
import type { Cause, ProcessName, SubtaskName } from "../observe/journalEvent";
import { abortPending, byProcess, giveUpCheckpoint, isStoring, latestCompleted, reopenCheckpoints } from "./checkpointCoordinator";
import type { Failover, TaskRecord, Transition } from "./jobMasterState";
import { setJobState } from "./jobState";
import { endProcess } from "./processes";
import type { RestartStrategyState } from "./restartStrategy";
import { decideRestart, newRestartStrategyState } from "./restartStrategy";
import { giveUpResults, goneResults, leavesResults } from "./resultPartitions";
import { scheduleStreamTasks } from "./scheduler";
import { deployInstance, publishEndpoints } from "./serviceManager";
import { hasArrived, liveCount, releaseTask, resetForNewAttempt, setTaskState } from "./taskState";

/** Causes that come again at every attempt: restarting would only hide them. Of an instance that once worked they are worth another try. */
const NOT_RECOVERABLE: ReadonlySet<Cause["code"]> = new Set(["FL1020", "FL1021", "FL1022", "FL3001", "FL3002", "FL3003", "FL3004"]);

/** How long the failure of a consumer is held for that of its producer. */
const HELD_FAILURE_MS = 200;
const heldFailureTimer = (task: SubtaskName): string => `held-failure:${task}`;
const failoverTimer = (id: number): string => `failover:${id}`;

/** A task or instance failed. `process` is named where it was lost. */
export function onTaskFailed(t: Transition, task: TaskRecord, cause: Cause, process?: ProcessName): void {
  if (task.state === "CANCELING") {
    setTaskState(t, task, "CANCELED");
    continueFailovers(t);
    return;
  }
  if (isTerminal(task.state)) return;
  if (isRestoring(task) && task.restoredFrom !== undefined && cause.code === "FL2007") giveUpCheckpoint(t, task.restoredFrom, cause);
  setTaskState(t, task, "FAILED", cause);
  failOver(t, task, cause, process);
}

function isRestoring({ state }: TaskRecord): boolean {
  return state === "DEPLOYING" || state === "INITIALIZING";
}

/**
 * A task failed because a producer was lost. What happened to the producer is the failure worth telling and deciding about; it is
 * on its way from another process, so this one is held for a moment. Flink asks the producer's state in the same case
 * (`PartitionProducerStateProvider`).
 */
export function onConsumerFailed(t: Transition, task: TaskRecord, cause: Cause, producer: SubtaskName): void {
  const source = t.state.tasks.get(producer);
  // What a finished producer left is lost, with its process or alone; the loss of the process would say it all.
  const mayBeTold =
    source !== undefined && (!isTerminal(source.state) || t.state.heldFailures.has(producer) || (leavesResults(t, source) && !source.outputGone));
  if (isTerminal(task.state) || task.state === "CANCELING" || !mayBeTold) {
    onTaskFailed(t, task, cause);
    return;
  }
  setTaskState(t, task, "FAILED", cause);
  t.state.heldFailures.set(task.name, { attempt: task.attempt, cause, producer });
  t.commands.push({ kind: "setTimer", timer: heldFailureTimer(task.name), atMs: t.nowMs + HELD_FAILURE_MS });
}

export function taskOfHeldFailure(timer: string): SubtaskName | undefined {
  return timer.startsWith("held-failure:") ? timer.slice("held-failure:".length) : undefined;
}

/** The producer's own failure did not come: this one counts by itself. */
export function onHeldFailure(t: Transition, name: SubtaskName): void {
  const held = t.state.heldFailures.get(name);
  const task = t.state.tasks.get(name);
  t.state.heldFailures.delete(name);
  const producer = held === undefined ? undefined : t.state.tasks.get(held.producer);
  if (producer !== undefined) giveUpResults(t, [producer]);
  if (held !== undefined && task !== undefined && task.attempt === held.attempt && task.state === "FAILED") failOver(t, task, held.cause);
}

/** The process is lost that finished producers had left their results on: consumers that told of it need not wait for more. */
export function onResultsLost(t: Transition, process: ProcessName): void {
  for (const [name, { producer }] of [...t.state.heldFailures]) {
    const source = t.state.tasks.get(producer);
    if (source?.process !== process || !source.outputGone) continue;
    t.commands.push({ kind: "cancelTimer", timer: heldFailureTimer(name) });
    onHeldFailure(t, name);
  }
}

/** Decides about a task that has just FAILED. */
/** A model that was loaded once may be loaded again: its file comes back, its device does. A function that is not there never comes. */
function isOfModel({ code }: Cause): boolean {
  return code.startsWith("FL3");
}

function failOver(t: Transition, task: TaskRecord, cause: Cause, process?: ProcessName): void {
  const { state } = t;
  const id = ++state.failureCount;
  t.events.push({ kind: "failure", id, task: task.name, attempt: task.attempt, process, cause });
  if (state.stopping === "cancel" || state.failure !== undefined) return;
  if (NOT_RECOVERABLE.has(cause.code) && (task.attempt === 0 || !isOfModel(cause))) {
    failJob(t, cause);
    return;
  }
  const scope = scopeOf(t, task);
  const decision = decideRestart(restartConfig(t, task), restartState(t, task), t.nowMs, state.random);
  if (!decision.restart) {
    failJob(t, { code: cause.code, message: `${cause.message} No restart: ${decision.reason}.`, hint: cause.hint, detail: cause.detail });
    return;
  }
  startFailover(t, id, scope, decision.delayMs);
}

/** A failure of the whole job (Flink's global failure): every stream task restarts, and with the adaptive scheduler the services too. */
export function onGlobalFailure(t: Transition, cause: Cause): void {
  const first = allTasks(t).find((task) => task.vertexKind === "stream" && !isTerminal(task.state));
  if (first === undefined || t.state.failure !== undefined || t.state.stopping === "cancel") return;
  const id = ++t.state.failureCount;
  t.events.push({ kind: "failure", id, task: first.name, attempt: first.attempt, cause });
  const decision = decideRestart(t.state.job.runtime.restartStrategy, t.state.jobRestarts, t.nowMs, t.state.random);
  if (!decision.restart) {
    failJob(t, { code: cause.code, message: `${cause.message} No restart: ${decision.reason}.`, hint: cause.hint });
    return;
  }
  const all = allTasks(t).filter((task) => !task.draining);
  const adaptive = t.state.job.runtime.scheduler === "adaptive";
  startFailover(t, id, adaptive ? all : all.filter((task) => task.vertexKind === "stream"), decision.delayMs);
}

/** The job is over for good: everything is cancelled, then the job is FAILED. */
export function failJob(t: Transition, cause: Cause): void {
  const { state } = t;
  if (state.failure !== undefined) return;
  state.failure = cause;
  abortPending(t, "The job is failing.");
  setJobState(t, "FAILING", cause);
  cancelAll(t);
}

/** Cancels every task and instance that lives. */
export function cancelAll(t: Transition): void {
  t.state.failovers.clear();
  t.state.movedFailovers.clear();
  for (const task of t.state.tasks.values()) task.failover = undefined;
  cancelTasks(t, allTasks(t));
}

/** The delay of a restart is over. */
export function onFailoverTimer(t: Transition, id: number): void {
  const failover = t.state.failovers.get(id);
  if (failover !== undefined) t.state.movedFailovers.add(failover);
  continueFailovers(t);
}

/** A checkpoint is on disk, or will never be: every restart may have waited for that. */
export function continueAllFailovers(t: Transition): void {
  for (const failover of t.state.failovers.values()) t.state.movedFailovers.add(failover);
  continueFailovers(t);
}

/** Goes on with every failover whose tasks are all down and whose delay is over, the oldest first. */
export function continueFailovers(t: Transition): void {
  const { state } = t;
  const moved = [...state.movedFailovers].sort((a, b) => a.id - b.id);
  state.movedFailovers.clear();
  for (const failover of moved) {
    // A later failure may have taken over what it had, in this very step.
    if (!state.failovers.has(failover.id)) continue;
    if (failover.waitingFor.size > 0) continue;
    if (failover.members.size === 0) {
      state.failovers.delete(failover.id);
      continue;
    }
    if (failover.phase === "CANCELLING") {
      if (t.nowMs < failover.dueAtMs || (isStoring(state.checkpoints) && hasStreamTasks(failover))) continue;
      failover.phase = "RESTARTING";
      for (const task of failover.members) failover.waitingFor.add(task);
      restart(t, [...failover.members]);
    } else {
      state.failovers.delete(failover.id);
      for (const task of failover.members) task.failover = undefined;
      t.events.push({ kind: "failover.finished", id: failover.id });
    }
  }
}

/** Instances have no part in checkpoints, and wait for none. */
function hasStreamTasks({ members }: Failover): boolean {
  for (const task of members) if (task.vertexKind === "stream") return true;
  return false;
}

/** Stream tasks are being canceled, or wait for the delay of their restart. */
export function isCancelling(t: Transition): boolean {
  return [...t.state.failovers.values()].some((failover) => failover.phase === "CANCELLING" && hasStreamTasks(failover));
}

export function failoverOfTimer(timer: string): number | undefined {
  return timer.startsWith("failover:") ? Number(timer.slice("failover:".length)) : undefined;
}

function startFailover(t: Transition, failure: number, scope: readonly TaskRecord[], delayMs: number): void {
  const { state } = t;
  const stream = scope.filter((task) => task.vertexKind === "stream");
  const instances = scope.filter((task) => task.vertexKind === "service");
  const failover: Failover = { id: ++state.failoverCount, members: new Set(), waitingFor: new Set(), dueAtMs: t.nowMs + delayMs, phase: "CANCELLING" };
  const touchable = (task: TaskRecord): boolean => !isTerminal(task.state) || leavesResults(t, task);
  const live = liveCount(state) + keptCount(t);
  let liveInScope = 0;
  for (const task of scope) {
    if (touchable(task)) liveInScope++;
    releaseTask(t, task);
    task.failover = failover;
    failover.members.add(task);
    if (!hasArrived(t, task)) failover.waitingFor.add(task);
    if (state.heldFailures.delete(task.name)) t.commands.push({ kind: "cancelTimer", timer: heldFailureTimer(task.name) });
  }
  state.failovers.set(failover.id, failover);
  state.movedFailovers.add(failover);
  t.events.push({
    kind: "failover",
    id: failover.id,
    failures: [failure],
    strategy: state.job.runtime.failoverStrategy,
    regions: [...new Set(scope.map((task) => state.topology.regionOf(task.name)))],
    tasks: stream.map((task) => task.name),
    instances: instances.map((task) => task.name),
    untouched: live - liveInScope,
    delayMs,
    restoredCheckpoint: stream.length > 0 ? latestCompleted(state.checkpoints)?.checkpoint : undefined,
  });
  if (stream.length > 0) {
    abortPending(t, `${stream[0]?.name ?? "A task"} is restarting.`);
    if (state.jobState === "RUNNING") setJobState(t, "RESTARTING");
  }
  cancelTasks(t, scope);
  if (delayMs > 0) t.commands.push({ kind: "setTimer", timer: failoverTimer(failover.id), atMs: failover.dueAtMs });
  continueFailovers(t);
}

/** Finished tasks whose results are kept: a failover that leaves them alone does not have them run again. */
function keptCount(t: Transition): number {
  let kept = 0;
  if (t.state.topology.hasOutlivingResults) for (const task of t.state.tasks.values()) if (leavesResults(t, task)) kept++;
  return kept;
}

function restart(t: Transition, members: readonly TaskRecord[]): void {
  giveUpResults(t, members);
  for (const task of members) resetForNewAttempt(t, task);
  if (members.some((task) => task.vertexKind === "stream")) reopenCheckpoints(t);
  scheduleStreamTasks(t, members.filter((task) => task.vertexKind === "stream"));
  for (const task of members) if (task.vertexKind === "service") deployInstance(t, task);
}

function cancelTasks(t: Transition, tasks: readonly TaskRecord[]): void {
  const toTell: TaskRecord[] = [];
  const withdrawnFrom = new Set<string>();
  for (const task of tasks) {
    if (isTerminal(task.state) || task.state === "CANCELING") continue;
    if (task.vertexKind === "service" && task.state === "RUNNING" && !task.draining) withdrawnFrom.add(task.vertex);
    if (task.state === "CREATED" || task.state === "SCHEDULED") {
      setTaskState(t, task, "CANCELED");
      continue;
    }
    setTaskState(t, task, "CANCELING");
    const process = task.process === undefined ? undefined : t.state.processes.get(task.process);
    if (process === undefined || process.state === "LOST") setTaskState(t, task, "CANCELED");
    else if (task.vertexKind === "service") endProcess(t, process.name, "kill");
    else toTell.push(task);
  }
  for (const [process, group] of byProcess(toTell)) {
    t.commands.push({ kind: "cancel", process, tasks: group.map((task) => ({ task: task.name, attempt: task.attempt })) });
  }
  for (const service of withdrawnFrom) publishEndpoints(t, service);
}

/** The adaptive scheduler rebuilds everything, services included; `full` restarts every task; `region` what Flink's strategy says. */
function scopeOf(t: Transition, task: TaskRecord): TaskRecord[] {
  const { state } = t;
  if (state.job.runtime.scheduler === "adaptive" || state.job.runtime.failoverStrategy === "full") {
    return allTasks(t).filter((candidate) => !candidate.draining);
  }
  const isCreated = (name: SubtaskName): boolean => state.tasks.get(name)?.state === "CREATED";
  return state.topology.failoverScope(task.name, isCreated, goneResults(t)).flatMap((name) => {
    const candidate = state.tasks.get(name);
    return candidate === undefined || candidate.draining ? [] : [candidate];
  });
}

function allTasks(t: Transition): TaskRecord[] {
  return [...t.state.tasks.values()];
}

function restartConfig(t: Transition, task: TaskRecord): Parameters<typeof decideRestart>[0] {
  const service = task.vertexKind === "service" ? t.state.job.services.find((candidate) => candidate.id === task.vertex) : undefined;
  return service?.restartStrategy ?? t.state.job.runtime.restartStrategy;
}

function restartState(t: Transition, task: TaskRecord): RestartStrategyState {
  if (task.vertexKind === "stream") return t.state.jobRestarts;
  let known = t.state.serviceRestarts.get(task.vertex);
  if (known === undefined) t.state.serviceRestarts.set(task.vertex, (known = newRestartStrategyState()));
  return known;
}
