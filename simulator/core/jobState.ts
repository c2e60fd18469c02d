/** Moves of the job between Flink's `JobStatus` values. */
import { isJobTerminal } from "../graph/executionState";
import type { JobState } from "../graph/executionState";
import type { Cause } from "../observe/journalEvent";
import type { Transition } from "./jobMasterState";

export function setJobState(t: Transition, to: JobState, cause?: Cause): void {
  const from = t.state.jobState;
  if (from === to || isJobTerminal(from)) return;
  t.state.jobState = to;
  t.events.push({ kind: "job.state", from, to, cause });
}
