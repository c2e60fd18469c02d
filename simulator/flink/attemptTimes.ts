/** When an attempt of a task entered its states, from what Flink says of it: how long it was in each, and when it was deployed and ended. */
import type { ExecutionState } from "../graph/executionState";
import { isTerminal } from "../graph/executionState";
import type { SubtaskAnswer } from "./restAnswers";

/** The way of an attempt that is not cancelled, in order. */
const WAY: readonly ExecutionState[] = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING"];

export interface EnteredState {
  readonly state: ExecutionState;
  /** Ms since the epoch, by the cluster's clock. */
  readonly at: number;
}

/** States of the attempt in order, the present one last. `now`: the cluster's clock when it answered. */
export function attemptTimes(subtask: SubtaskAnswer, now: number): readonly EnteredState[] {
  const { state, stateMs } = subtask;
  const passed = WAY.filter((one) => one !== state && stateMs[one] !== undefined);
  const present = WAY.indexOf(state);
  const before = present === -1 ? passed : passed.filter((one) => WAY.indexOf(one) < present);
  let at = enteredPresent(subtask, now);
  const states: EnteredState[] = [{ state, at }];
  for (const one of before.toReversed()) {
    at -= stateMs[one] ?? 0;
    states.unshift({ state: one, at });
  }
  return states;
}

function enteredPresent({ state, stateMs, endTime, startTime }: SubtaskAnswer, now: number): number {
  if (isTerminal(state)) return endTime > 0 ? endTime : now;
  const ms = stateMs[state];
  if (ms !== undefined) return now - ms;
  return startTime > 0 && state !== "CANCELING" ? Math.min(now, startTime) : now;
}
