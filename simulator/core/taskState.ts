/** Moves of a subtask's attempt between Flink's execution states; each one is an event of the journal. */
import { isTerminal } from "../graph/executionState";
import type { ExecutionState } from "../graph/executionState";
import type { Cause } from "../observe/journalEvent";
import type { TaskRecord, Transition } from "./jobMasterState";

const ORDER: readonly ExecutionState[] = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "FINISHED"];

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
  task.state = to;
  return true;
}

/** A new attempt, in CREATED. */
export function resetForNewAttempt(t: Transition, task: TaskRecord): void {
  const from = task.state;
  task.attempt++;
  task.state = "CREATED";
  task.atEnd = false;
  t.events.push({ kind: "task.state", task: task.name, vertexKind: task.vertexKind, attempt: task.attempt, from, to: "CREATED" });
}
