/**
 * When checkpoints are triggered, and when they are complete. Source: Flink's `CheckpointCoordinator` and `CheckpointFailureManager`.
 *
 * A checkpoint is complete when every stream task has acknowledged it and its metadata is on disk; only then are tasks notified.
 * Services have no part in it. A `final` checkpoint is the last: no data follows its barriers, and tasks finish once it is complete.
 *
 * A savepoint is taken while no checkpoint is pending. Recovery does not use it, and sinks commit nothing for it (FLINK-25191), unless it stops
 * the job: then it is the last checkpoint too, and tasks finish with it, without draining (Flink's `StopWithSavepointTerminationManager`).
 */
import { isTerminal } from "../graph/executionState";
import type { Cause, SubtaskName } from "../observe/journalEvent";
import type { CheckpointCoordinatorState, CheckpointReason, CompletedCheckpoint, PendingCheckpoint, SavepointRequest } from "./checkpoint";
import type { JobMasterInput, JobMasterState, TaskRecord, Transition } from "./jobMasterState";
import type { StateHandle } from "./deployment";
import { notRunningCount } from "./taskState";
import { TaskTable } from "./taskTable";

const PERIODIC = "checkpoint";
const timeoutTimer = (checkpoint: number): string => `checkpoint-timeout:${checkpoint}`;

export function newCheckpointCoordinator(completed: readonly CompletedCheckpoint[], nextCheckpoint: number): CheckpointCoordinatorState {
  return { nextCheckpoint, pending: [], savepointsDue: [], completed: [...completed], lastEndedAtMs: -Infinity, finalCompleted: false, consecutiveFailures: 0 };
}

export function latestCompleted(state: CheckpointCoordinatorState): CompletedCheckpoint | undefined {
  return state.completed[state.completed.length - 1];
}

/** To be called when the job has just become RUNNING, wholly. */
export function startPeriodicCheckpoints(t: Transition): void {
  const config = t.state.job.runtime.checkpointing;
  if (config !== undefined) t.commands.push({ kind: "setTimer", timer: PERIODIC, atMs: t.nowMs + config.intervalMs });
}

/** The periodic timer: triggers if it may, and sets itself again. */
export function onPeriodicTimer(t: Transition): void {
  const config = t.state.job.runtime.checkpointing;
  const { checkpoints } = t.state;
  if (config === undefined || t.state.stopping !== undefined || checkpoints.finalCompleted) return;
  const earliestMs = checkpoints.lastEndedAtMs + config.minPauseMs;
  if (t.nowMs < earliestMs) {
    t.commands.push({ kind: "setTimer", timer: PERIODIC, atMs: earliestMs });
    return;
  }
  t.commands.push({ kind: "setTimer", timer: PERIODIC, atMs: t.nowMs + config.intervalMs });
  // Once the final one is due, every other would only put it off.
  if (checkpoints.pending.length < config.maxConcurrent && checkpoints.savepointsDue.length === 0 && !isFinalDue(t)) triggerCheckpoint(t, "periodic");
}

/** Asks for a savepoint; asked twice for the same one, the second time changes nothing. Its outcome is an event of the journal. */
export function onSavepoint(t: Transition, savepoint: SavepointRequest): void {
  const { state } = t;
  const { checkpoints } = state;
  const known = (other: SavepointRequest | undefined): boolean => other?.request === savepoint.request;
  if (checkpoints.savepointsDue.some(known) || checkpoints.pending.some((pending) => known(pending.savepoint))) return;
  const stops = checkpoints.savepointsDue.some(({ stop }) => stop) || checkpoints.pending.some((pending) => pending.savepoint?.stop);
  if (state.job.runtime.mode === "batch") failSavepoint(t, savepoint, "A batch job takes no savepoints.");
  else if (state.stopping !== undefined || checkpoints.finalCompleted || checkpoints.pending.some((pending) => pending.final) || stops) {
    failSavepoint(t, savepoint, "The job is ending.");
  } else if (state.jobState !== "RUNNING") failSavepoint(t, savepoint, `The job is ${state.jobState}; a savepoint needs every task RUNNING.`, "Ask again once it runs.");
  else {
    checkpoints.savepointsDue.push(savepoint);
    triggerWhenDue(t);
  }
}

function failSavepoint(t: Transition, { request }: SavepointRequest, message: string, hint?: string, checkpoint?: number): void {
  t.events.push({ kind: "savepoint.failed", request, checkpoint, cause: { code: "FL2013", message, hint } });
}

/**
 * Sends barriers to the sources. Needs every stream task RUNNING; beside or after the final checkpoint there is no other.
 * @returns whether it was triggered.
 */
export function triggerCheckpoint(t: Transition, reason: CheckpointReason, savepoint?: SavepointRequest): boolean {
  const { state } = t;
  const { checkpoints } = state;
  if (state.job.runtime.mode === "batch" || checkpoints.finalCompleted) return false;
  if (checkpoints.pending.some((pending) => pending.final || pending.savepoint !== undefined)) return false;
  if (notRunningCount(state) > 0 || state.streamCounts.RUNNING === 0) return false;
  const checkpoint = checkpoints.nextCheckpoint++;
  const final = reason === "final";
  const pending: PendingCheckpoint = {
    checkpoint,
    reason,
    final,
    savepoint,
    triggeredAtMs: t.nowMs,
    waitingFor: new TaskTable<number>(state.tasks),
    handles: new TaskTable<StateHandle>(state.tasks),
    sourceOffsets: new Map(),
    alignmentMs: 0,
    storing: false,
  };
  const sources = new Map<string, { readonly task: SubtaskName; readonly attempt: number }[]>();
  for (const { id } of state.topology.streamVertices) {
    const isSource = state.topology.isSource(id);
    for (const task of state.tasksByVertex.get(id) ?? []) {
      if (task.state === "FINISHED") {
        keepStateOfFinished(t, task, pending);
        continue;
      }
      pending.waitingFor.put(task, task.attempt);
      if (!isSource || task.process === undefined) continue;
      const there = sources.get(task.process);
      if (there === undefined) sources.set(task.process, [{ task: task.name, attempt: task.attempt }]);
      else there.push({ task: task.name, attempt: task.attempt });
    }
  }
  state.checkpoints.pending.push(pending);
  t.events.push({ kind: "checkpoint.triggered", checkpoint, tasks: pending.waitingFor.size, reason });
  for (const [process, tasks] of sources) {
    t.commands.push({
      kind: "triggerBarriers",
      process,
      checkpoint,
      tasks,
      final,
      savepoint: savepoint === undefined ? undefined : savepoint.stop ? "suspend" : "go on",
    });
  }
  const timeoutMs = state.job.runtime.checkpointing?.timeoutMs ?? 600_000;
  t.commands.push({ kind: "setTimer", timer: timeoutTimer(checkpoint), atMs: t.nowMs + timeoutMs });
  return true;
}

/**
 * As soon as no checkpoint is pending: a savepoint that was asked for, then the last checkpoint, once all sources are at their end or a
 * drain was asked for.
 */
export function triggerWhenDue(t: Transition): void {
  const { state } = t;
  if (state.jobState !== "RUNNING" || state.checkpoints.pending.length > 0) return;
  const savepoint = state.checkpoints.savepointsDue.shift();
  if (savepoint !== undefined) {
    if (triggerCheckpoint(t, "savepoint", savepoint)) return;
    failSavepoint(t, savepoint, "Not every task is RUNNING.", "Ask again once they are.");
  }
  if (isFinalDue(t)) triggerCheckpoint(t, "final");
}

function isFinalDue(t: Transition): boolean {
  const { state } = t;
  if (state.checkpoints.finalCompleted || state.job.runtime.mode === "batch" || state.stopping === "savepoint") return false;
  const drains = state.stopping === "drain";
  let sources = 0;
  for (const { id } of state.topology.streamVertices) {
    if (!state.topology.isSource(id)) continue;
    for (const task of state.tasksByVertex.get(id) ?? []) {
      if (task.state === "FINISHED") continue;
      if (!drains && !task.atEnd) return false;
      sources++;
    }
  }
  return sources > 0 && (drains || state.job.runtime.checkpointing !== undefined);
}

/**
 * A task that has finished acknowledges no more, and keeps the state that it finished with: were it left out, a later restart of
 * everything would let it begin anew. Flink's `FullyFinishedOperatorState` (FLIP-147).
 */
function keepStateOfFinished(t: Transition, task: TaskRecord, { handles, sourceOffsets }: Pick<PendingCheckpoint, "handles" | "sourceOffsets">): void {
  const { name } = task;
  const before = latestCompleted(t.state.checkpoints);
  const handle = before?.handles.get(name);
  if (handle === undefined) return;
  handles.put(task, handle);
  const offset = before?.sourceOffsets.get(name);
  if (offset !== undefined) sourceOffsets.set(name, offset);
}

/**
 * Most of what a large job's coordinator hears. @returns whether all have acknowledged now, so that there is something to decide ({@link onAcknowledged}).
 */
export function acknowledge({ checkpoints, tasks }: JobMasterState, ack: Extract<JobMasterInput, { kind: "checkpointAck" }>): boolean {
  const pending = findPending(checkpoints, ack.checkpoint);
  // A large job has a hundred thousand tasks, none of them in the processor's caches: what can be done by the number alone is.
  const task = ack.number === undefined ? tasks.get(ack.task) : { number: ack.number };
  if (pending === undefined || task === undefined || pending.waitingFor.of(task) !== ack.attempt) return false;
  pending.waitingFor.remove(task);
  pending.handles.put(task, ack.handle);
  if (ack.sourceOffset !== undefined) pending.sourceOffsets.set(ack.task, ack.sourceOffset);
  pending.alignmentMs = Math.max(pending.alignmentMs, ack.alignmentMs);
  return isAcknowledged(pending);
}

/** The last of the tasks has acknowledged. */
export function onAcknowledged(t: Transition, checkpoint: number): void {
  const pending = findPending(t.state.checkpoints, checkpoint);
  if (pending !== undefined) storeIfAcknowledged(t, pending);
}

/**
 * A task finished while it was asked: with the last checkpoint before, which another region needs once more, or, in a job without checkpoints,
 * by itself. The last checkpoint does without its word. Any other would bring back tasks without what they had put out, and is given up.
 */
export function onTaskFinished(t: Transition, task: TaskRecord): void {
  for (const pending of [...t.state.checkpoints.pending]) {
    if (!pending.waitingFor.remove(task)) continue;
    if (pending.final) {
      keepStateOfFinished(t, task, pending);
      storeIfAcknowledged(t, pending);
    } else giveUp(t, pending, `${task.name} finished before it had acknowledged.`);
  }
}

/** @returns false for the word of an attempt that is not asked (any more). */
export function isAsked(t: Transition, checkpoint: number, task: SubtaskName, attempt: number): boolean {
  return findPending(t.state.checkpoints, checkpoint)?.waitingFor.get(task) === attempt;
}

function isAcknowledged({ waitingFor }: PendingCheckpoint): boolean {
  return waitingFor.size === 0;
}

function storeIfAcknowledged(t: Transition, pending: PendingCheckpoint): void {
  if (!isAcknowledged(pending)) return;
  pending.storing = true;
  t.commands.push({
    kind: "storeCheckpoint",
    checkpoint: { checkpoint: pending.checkpoint, handles: pending.handles, sourceOffsets: pending.sourceOffsets, final: pending.final },
    savepoint: pending.savepoint,
  });
}

/** The metadata is on disk. Older pending checkpoints are subsumed, tasks are told, old checkpoints are let go. */
export function onStored(t: Transition, stored: Extract<JobMasterInput, { kind: "checkpointStored" }>): void {
  const { checkpoints } = t.state;
  const pending = findPending(t.state.checkpoints, stored.checkpoint);
  if (pending === undefined) return;
  for (const older of [...checkpoints.pending]) {
    if (older.checkpoint < pending.checkpoint) giveUp(t, older, `Checkpoint ${pending.checkpoint} was complete before it.`);
  }
  removePending(t, pending, { abort: false });
  if (pending.savepoint !== undefined) {
    tellOfSavepoint(t, pending, pending.savepoint, stored);
    if (!pending.savepoint.stop) {
      t.commands.push({ kind: "discardCheckpoint", checkpoint: pending.checkpoint });
      triggerWhenDue(t);
      return;
    }
    t.state.stopping = "savepoint";
    t.events.push({ kind: "run.stopping", mode: "savepoint" });
  }
  const last = pending.final || pending.savepoint !== undefined;
  checkpoints.consecutiveFailures = 0;
  checkpoints.finalCompleted = last;
  checkpoints.completed.push({
    checkpoint: pending.checkpoint,
    handles: pending.handles,
    sourceOffsets: pending.sourceOffsets,
    final: pending.final,
  });
  t.events.push({
    kind: "checkpoint.completed",
    checkpoint: pending.checkpoint,
    durationMs: t.nowMs - pending.triggeredAtMs,
    bytes: stored.bytes,
    path: stored.path,
    alignmentMs: pending.alignmentMs,
    sourceOffsets: Object.fromEntries(pending.sourceOffsets),
  });
  for (const process of taskManagersOf(t)) {
    t.commands.push({ kind: "notifyCheckpointComplete", process, checkpoint: pending.checkpoint, final: last });
  }
  const retained = t.state.job.runtime.checkpointing?.retained ?? 1;
  while (checkpoints.completed.length > retained && !isReferredTo(t, checkpoints.completed)) {
    const oldest = checkpoints.completed.shift();
    if (oldest !== undefined) t.commands.push({ kind: "discardCheckpoint", checkpoint: oldest.checkpoint });
  }
  triggerWhenDue(t);
}

function tellOfSavepoint(t: Transition, pending: PendingCheckpoint, savepoint: SavepointRequest, { bytes }: { readonly bytes: number }): void {
  t.events.push({
    kind: "savepoint.completed",
    request: savepoint.request,
    checkpoint: pending.checkpoint,
    path: savepoint.directory,
    bytes,
    durationMs: t.nowMs - pending.triggeredAtMs,
    alignmentMs: pending.alignmentMs,
    stop: savepoint.stop,
  });
}

/**
 * A checkpoint failed (declined, timed out, or its metadata could not be written).
 * @returns the cause, when more checkpoints failed in a row than are tolerated, so that the job has to fail over. Savepoints do not count.
 */
export function onCheckpointFailed(t: Transition, checkpoint: number, cause: Cause): Cause | undefined {
  const { checkpoints } = t.state;
  const pending = findPending(t.state.checkpoints, checkpoint);
  if (pending === undefined) return undefined;
  removePending(t, pending, { abort: true });
  t.commands.push({ kind: "discardCheckpoint", checkpoint });
  t.events.push({ kind: "checkpoint.failed", checkpoint, cause });
  if (pending.savepoint !== undefined) {
    failSavepoint(t, pending.savepoint, cause.message, cause.hint, checkpoint);
    triggerWhenDue(t);
    return undefined;
  }
  checkpoints.consecutiveFailures++;
  const tolerable = t.state.job.runtime.checkpointing?.tolerableFailed ?? 0;
  if (checkpoints.consecutiveFailures > tolerable) {
    checkpoints.consecutiveFailures = 0;
    return { code: "FL2006", message: `${tolerable + 1} checkpoints in a row failed, more than execution.checkpointing.tolerable-failed allows: ${cause.message}` };
  }
  triggerWhenDue(t);
  return undefined;
}

/** A checkpoint is being written: it will be the latest in a moment, and a restart has to wait for that. */
export function isStoring(state: CheckpointCoordinatorState): boolean {
  return state.pending.some((pending) => pending.storing);
}

export function checkpointOfTimeout(timer: string): number | undefined {
  return timer.startsWith("checkpoint-timeout:") ? Number(timer.slice("checkpoint-timeout:".length)) : undefined;
}

export function isPeriodicTimer(timer: string): boolean {
  return timer === PERIODIC;
}

/** Stream tasks start again: whatever was the last checkpoint, there is more to come. */
export function reopenCheckpoints(t: Transition): void {
  t.state.checkpoints.finalCompleted = false;
}

/**
 * A stream task left RUNNING: what is pending cannot complete. Does not count as a failed checkpoint (as in Flink). One that all tasks
 * have acknowledged is left to complete: were it dropped here and yet found on disk by a recovering coordinator, a restore could go
 * back to files that sinks had taken for leftovers. Restarts wait for it (see `isStoring`).
 */
export function abortPending(t: Transition, reason: string): void {
  for (const pending of [...t.state.checkpoints.pending]) {
    if (!pending.storing) giveUp(t, pending, reason);
  }
  for (const savepoint of t.state.checkpoints.savepointsDue.splice(0)) failSavepoint(t, savepoint, reason);
}

/**
 * What the latest checkpoint keeps could not be read: restores go back to the one before, as they do when a coordinator takes over. What sinks
 * committed since is taken back and made again (see `FileSink`), so the damaged one must never be restored again, repaired or not: it is deleted.
 * Where there is none before, restores go on trying; the last checkpoint of a job that stops with a savepoint is never gone back behind, since
 * nothing may follow it.
 */
export function giveUpCheckpoint(t: Transition, checkpoint: number, cause: Cause): void {
  const { checkpoints, stopping } = t.state;
  // Others of the same restart say the same of it.
  if (latestCompleted(checkpoints)?.checkpoint !== checkpoint || checkpoints.completed.length < 2 || stopping === "savepoint") return;
  checkpoints.completed.pop();
  const hint = "The checkpoint before it is used instead.";
  t.events.push({ kind: "checkpoint.damaged", checkpoint, path: `checkpoints/chk-${checkpoint}`, cause: { code: cause.code, message: cause.message, hint } });
  t.commands.push({ kind: "discardCheckpoint", checkpoint });
}

/** Not counted as a failed checkpoint. */
function giveUp(t: Transition, pending: PendingCheckpoint, reason: string): void {
  removePending(t, pending, { abort: true });
  t.commands.push({ kind: "discardCheckpoint", checkpoint: pending.checkpoint });
  t.events.push({ kind: "checkpoint.failed", checkpoint: pending.checkpoint, cause: { code: "FL2006", message: reason } });
  if (pending.savepoint !== undefined) failSavepoint(t, pending.savepoint, reason, undefined, pending.checkpoint);
}

/** Whether a newer checkpoint keeps files of the oldest one: the state of tasks that had finished (see {@link keepStateOfFinished}). */
function isReferredTo(t: Transition, [oldest, ...newer]: readonly CompletedCheckpoint[]): boolean {
  if (oldest === undefined || t.state.streamCounts.FINISHED === 0) return false;
  return newer.some((checkpoint) => [...checkpoint.handles].some(([task, handle]) => oldest.handles.get(task)?.path === handle.path));
}

function findPending({ pending }: CheckpointCoordinatorState, checkpoint: number): PendingCheckpoint | undefined {
  return pending.find((one) => one.checkpoint === checkpoint);
}

function removePending(t: Transition, pending: PendingCheckpoint, { abort }: { abort: boolean }): void {
  const { checkpoints } = t.state;
  checkpoints.pending.splice(checkpoints.pending.indexOf(pending), 1);
  checkpoints.lastEndedAtMs = t.nowMs;
  t.commands.push({ kind: "cancelTimer", timer: timeoutTimer(pending.checkpoint) });
  if (!abort) return;
  for (const process of taskManagersOf(t)) t.commands.push({ kind: "notifyCheckpointAborted", process, checkpoint: pending.checkpoint });
}

function taskManagersOf(t: Transition): string[] {
  const names: string[] = [];
  for (const { name, role, state } of t.state.processes.values()) {
    if (role !== "taskmanager" || state !== "CONNECTED") continue;
    for (const task of t.state.tasksByProcess.get(name) ?? []) {
      if (isTerminal(task.state)) continue;
      names.push(name);
      break;
    }
  }
  return names;
}

export function byProcess(tasks: readonly TaskRecord[]): Map<string, TaskRecord[]> {
  const groups = new Map<string, TaskRecord[]>();
  for (const task of tasks) {
    if (task.process === undefined) continue;
    const group = groups.get(task.process);
    if (group === undefined) groups.set(task.process, [task]);
    else group.push(task);
  }
  return groups;
}
