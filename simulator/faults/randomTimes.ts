/** When faults come that come at random: the same seed gives the same schedule. */
import { nextRandom } from "../core/seededRandom";
import type { FaultTrigger } from "./experiment";

export interface RandomTime {
  /** From when the job is running. */
  readonly atMs: number;
  /** Which of the targets that a pattern names, as a number from 0 to 1. */
  readonly pick: number;
}

/** After pauses that are exponentially distributed around the mean: failures that do not know of each other. */
export function randomTimes({ count, meanMs, seed }: Extract<FaultTrigger, { kind: "random" }>): readonly RandomTime[] {
  const random = { seed };
  let atMs = 0;
  return Array.from({ length: count }, () => {
    atMs += -Math.log(1 - nextRandom(random)) * meanMs;
    return { atMs, pick: nextRandom(random) };
  });
}
