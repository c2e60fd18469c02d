/**
 * How a subtask looks at a moment: its execution state, or its instance's phase, folded into the few looks that a person must tell apart.
 * A pure function of what the journal said, so that the live picture and time travel cannot disagree.
 */
import type { ExecutionState } from "../../simulator/graph/executionState";
import type { Cause, InstancePhase, SubtaskName } from "../../simulator/observe/journalEvent";
import type { AttemptHistory, SubtaskHistory } from "./attemptHistory";

export type Look =
  /** No run, or nothing known. */
  | "idle"
  | "waiting"
  | "starting"
  | "running"
  | "failing"
  | "restarting"
  | "draining"
  | "stopping"
  | "stopped"
  | "finished";

export interface SubtaskLook {
  readonly look: Look;
  /** One or two words: "running", "loading model". */
  readonly words: string;
  readonly attempt: number;
  /** Attempts before this one. */
  readonly restarts: number;
  readonly state: ExecutionState | undefined;
  readonly phase: InstancePhase | undefined;
  /** Since when it looks like this, ms since the epoch. */
  readonly since: number;
  /** 0 to 1 while it starts or restarts and an earlier start tells how long that takes; else undefined. */
  readonly progress: number | undefined;
  readonly cause: Cause | undefined;
}

export const IDLE: SubtaskLook = {
  look: "idle",
  words: "",
  attempt: 0,
  restarts: 0,
  state: undefined,
  phase: undefined,
  since: 0,
  progress: undefined,
  cause: undefined,
};

/** A failure is seen as such for at least this long, even when the next attempt begins at once. */
export const FAILURE_SHOWN_MS = 400;

/** @param at ms since the epoch. @param failureShownMs 0 for what was at that very moment. */
export function lookAt(
  history: AttemptHistory,
  subtask: SubtaskName,
  at: number,
  failureShownMs = FAILURE_SHOWN_MS,
): SubtaskLook {
  const known = history.of(subtask);
  const current = known?.attemptAt(at);
  if (known === undefined || current === undefined) return IDLE;
  const { index, attempt, state } = current;
  const before = known.attemptBefore(index);
  const cause = known.causeOf(attempt) ?? (before === undefined ? undefined : known.causeOf(before));
  const base = { attempt, restarts: index, state, cause };
  // Only a subtask that is not well can have failed a moment ago.
  const failed = state === "RUNNING" ? undefined : (known.failedAt(index, at) ?? known.failedAt(index - 1, at));
  const fresh = failed !== undefined && at - failed < failureShownMs;
  if (state === "FAILED" || fresh) {
    const since = failed ?? current.since;
    return { ...base, look: "failing", words: "failed", phase: undefined, since, progress: undefined };
  }
  const phase = known.vertexKind === "service" ? known.phaseAt(attempt, at) : undefined;
  const { look, words } = lookOf(state, index > 0, phase?.phase);
  const loading = look === "starting" || (look === "restarting" && state !== "CREATED" && state !== "SCHEDULED");
  return {
    ...base,
    look,
    words,
    phase: phase?.phase,
    since: phase?.at ?? current.since,
    progress: loading ? progress(known, current.startedAt, at, index) : undefined,
  };
}

/** What a state looks like. @param again the attempt is not the first. @param phase of a service instance. */
export function lookOf(
  state: ExecutionState,
  again: boolean,
  phase: InstancePhase | undefined,
): { readonly look: Look; readonly words: string } {
  switch (state) {
    case "CREATED":
    case "SCHEDULED":
      return again ? { look: "restarting", words: "restarting" } : { look: "waiting", words: "waiting" };
    case "DEPLOYING":
    case "INITIALIZING":
      return {
        look: again ? "restarting" : "starting",
        words: phase !== undefined ? PHASE_WORDS[phase] : state === "DEPLOYING" ? "deploying" : "initializing",
      };
    case "RUNNING":
      if (phase === "DRAINING") return { look: "draining", words: "draining" };
      if (phase !== undefined && phase !== "READY" && phase !== "SERVING")
        return { look: again ? "restarting" : "starting", words: PHASE_WORDS[phase] };
      return { look: "running", words: phase === undefined ? "running" : PHASE_WORDS[phase] };
    case "CANCELING":
      return { look: "stopping", words: "canceling" };
    case "CANCELED":
      return { look: "stopped", words: "canceled" };
    case "FINISHED":
      return { look: "finished", words: "finished" };
    case "FAILED":
      return { look: "failing", words: "failed" };
  }
}

export const PHASE_WORDS: Readonly<Record<InstancePhase, string>> = {
  STARTING: "starting process",
  LOADING: "loading model",
  WARMING: "warming up",
  READY: "ready",
  SERVING: "serving",
  DRAINING: "draining",
};

/** Looks that change by themselves as time passes. */
export function isUnsettled(look: Look): boolean {
  return look === "failing" || look === "restarting" || look === "starting" || look === "stopping";
}

/** Starts before the current one that tell how long a start takes. */
const EARLIER_STARTS = 3;

/** Share of the longest of the last starts that has passed; held below 1 as long as the start lasts. */
function progress(history: SubtaskHistory, start: number, at: number, index: number): number | undefined {
  let expected = 0;
  for (let i = Math.max(0, index - EARLIER_STARTS); i < index; i++)
    expected = Math.max(expected, history.startTook(i) ?? 0);
  return expected > 0 ? Math.min(0.97, Math.max(0, (at - start) / expected)) : undefined;
}

/** The last entry not after `at`; entries are in the order of time. */
export function latestBefore<T>(list: readonly T[] | undefined, at: number, time: (entry: T) => number): T | undefined {
  if (list === undefined || list.length === 0) return undefined;
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time(list[middle]) <= at) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : list[low - 1];
}
