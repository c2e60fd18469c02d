/** How a job ends: FINISHED, FAILED or CANCELED, once everything that has to be over is over. */
import { isTerminal } from "../graph/executionState";
import type { Cause } from "../observe/journalEvent";
import { abortPending } from "./checkpointCoordinator";
import { cancelAll } from "./failover";
import type { Transition } from "./jobMasterState";
import { setJobState } from "./jobState";
import { endProcess } from "./processes";
import { liveCount, notRunningCount, setTaskState } from "./taskState";

/** Ends the job once everything that has to be over is over. */
export function finishIfOver(t: Transition): void {
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

export function isAllFinished({ state }: Transition): boolean {
  return state.streamCounts.FINISHED > 0 && state.streamCounts.RUNNING === 0 && notRunningCount(state) === 0;
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

export function cancelJob(t: Transition): void {
  abortPending(t, "The job is canceled.");
  setJobState(t, "CANCELLING");
  cancelAll(t);
}

export function end(t: Transition, to: "FAILED" | "CANCELED" | "FINISHED", cause?: Cause): void {
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
