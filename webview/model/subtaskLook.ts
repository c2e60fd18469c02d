/**
 * How a subtask looks at a moment: its execution state, or its instance's phase, folded into the few looks that a person must tell apart.
 * A pure function of what the journal said, so that the live picture and time travel cannot disagree.
 */
import type { ExecutionState } from "../../simulator/graph/executionState";
import type { Cause, InstancePhase, SubtaskName } from "../../simulator/observe/journalEvent";
import type { InstanceAttempt, RunFacts, TaskAttempt } from "../../simulator/observe/runFacts";

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
  facts: RunFacts,
  subtask: SubtaskName,
  at: number,
  failureShownMs = FAILURE_SHOWN_MS,
): SubtaskLook {
  const attempts = facts.tasks.get(subtask);
  const current = latestBefore(attempts, at, (one) => one.startedAt);
  if (attempts === undefined || current === undefined) return IDLE;
  const step = latestBefore(current.states, at, (one) => one.at);
  if (step === undefined) return IDLE;
  const index = attempts.lastIndexOf(current);
  const previous = index > 0 ? attempts[index - 1] : undefined;
  const base = {
    attempt: current.attempt,
    restarts: index,
    state: step.state,
    cause: current.cause ?? previous?.cause,
  };

  const failed = failedAt(current) ?? (previous && failedAt(previous));
  const fresh = failed !== undefined && at >= failed && at - failed < failureShownMs;
  if (step.state === "FAILED" || (fresh && step.state !== "RUNNING")) {
    return {
      ...base,
      look: "failing",
      words: "failed",
      phase: undefined,
      since: failed ?? step.at,
      progress: undefined,
    };
  }
  const again = index > 0;
  const instance =
    current.vertexKind === "service" ? attemptOf(facts.instances.get(subtask), current.attempt) : undefined;
  const phase = instance && latestBefore(instance.phases, at, (one) => one.at);
  const since = phase?.at ?? step.at;
  const start = attempts[index].startedAt;
  const known = { ...base, phase: phase?.phase, since };
  switch (step.state) {
    case "CREATED":
    case "SCHEDULED":
      return {
        ...known,
        look: again ? "restarting" : "waiting",
        words: again ? "restarting" : "waiting",
        progress: undefined,
      };
    case "DEPLOYING":
    case "INITIALIZING": {
      const words =
        phase === undefined ? (step.state === "DEPLOYING" ? "deploying" : "initializing") : PHASE_WORDS[phase.phase];
      return {
        ...known,
        look: again ? "restarting" : "starting",
        words,
        progress: progress(facts, subtask, start, at, index),
      };
    }
    case "RUNNING": {
      if (phase?.phase === "DRAINING") return { ...known, look: "draining", words: "draining", progress: undefined };
      if (phase !== undefined && phase.phase !== "READY" && phase.phase !== "SERVING") {
        const look = again ? "restarting" : "starting";
        return {
          ...known,
          look,
          words: PHASE_WORDS[phase.phase],
          progress: progress(facts, subtask, start, at, index),
        };
      }
      return {
        ...known,
        look: "running",
        words: phase === undefined ? "running" : PHASE_WORDS[phase.phase],
        progress: undefined,
      };
    }
    case "CANCELING":
      return { ...known, look: "stopping", words: "canceling", progress: undefined };
    case "CANCELED":
      return { ...known, look: "stopped", words: "canceled", progress: undefined };
    case "FINISHED":
      return { ...known, look: "finished", words: "finished", progress: undefined };
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
function progress(facts: RunFacts, subtask: SubtaskName, start: number, at: number, index: number): number | undefined {
  const attempts = facts.tasks.get(subtask) ?? [];
  let expected = 0;
  for (let i = Math.max(0, index - EARLIER_STARTS); i < index; i++) {
    const up = upAt(facts, subtask, attempts[i]);
    if (up !== undefined) expected = Math.max(expected, up - attempts[i].startedAt);
  }
  return expected > 0 ? Math.min(0.97, Math.max(0, (at - start) / expected)) : undefined;
}

function upAt(facts: RunFacts, subtask: SubtaskName, attempt: TaskAttempt): number | undefined {
  const instance = attemptOf(facts.instances.get(subtask), attempt.attempt);
  const ready = instance?.phases.find((one) => one.phase === "READY" || one.phase === "SERVING")?.at;
  return ready ?? attempt.states.find((one) => one.state === "RUNNING")?.at;
}

function failedAt(attempt: TaskAttempt): number | undefined {
  return attempt.states.findLast((one) => one.state === "FAILED")?.at;
}

function attemptOf(attempts: readonly InstanceAttempt[] | undefined, attempt: number): InstanceAttempt | undefined {
  return attempts?.findLast((one) => one.attempt === attempt);
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
