/**
 * States of a subtask's attempt, of a job, and the moves that are allowed between them.
 * Source: Flink's `ExecutionState` and `JobStatus`.
 */
export type ExecutionState =
  "CREATED" | "SCHEDULED" | "DEPLOYING" | "INITIALIZING" | "RUNNING" | "FINISHED" | "CANCELING" | "CANCELED" | "FAILED";

export type JobState =
  | "INITIALIZING"
  | "CREATED"
  | "RUNNING"
  | "RESTARTING"
  | "FAILING"
  | "FAILED"
  | "CANCELLING"
  | "CANCELED"
  | "FINISHED"
  | "SUSPENDED";

export function isTerminal(state: ExecutionState): boolean {
  return state === "FINISHED" || state === "CANCELED" || state === "FAILED";
}

export function isJobTerminal(state: JobState): boolean {
  return state === "FINISHED" || state === "CANCELED" || state === "FAILED" || state === "SUSPENDED";
}
