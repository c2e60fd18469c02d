/** When records come: a rate, with bursts that come again and again. */
import type { Chance } from "./chance";

export interface ArrivalPattern {
  /** Records a second over all sources, outside of bursts. */
  readonly ratePerSecond: number;
  readonly burst: { readonly factor: number; readonly everyMs: number; readonly lastsMs: number } | undefined;
  /**
   * `external`: records come whether the job runs or not, and wait. `paced`: the source makes them at its rate while it runs, as the generator
   * and the file source of a run on this machine do.
   */
  readonly kind: "external" | "paced";
}

/** Records a second at a time. */
export function rateAt({ ratePerSecond, burst }: ArrivalPattern, timeMs: number): number {
  return burst !== undefined && timeMs % burst.everyMs >= burst.everyMs - burst.lastsMs ? ratePerSecond * burst.factor : ratePerSecond;
}

/** When the rate may change next. */
function changesAt({ burst }: ArrivalPattern, timeMs: number): number {
  if (burst === undefined) return Infinity;
  const begins = timeMs - (timeMs % burst.everyMs);
  const burstAt = begins + burst.everyMs - burst.lastsMs;
  return timeMs < burstAt ? burstAt : begins + burst.everyMs;
}

/** The next arrival of a Poisson process with this share of the rate. */
export function nextArrivalMs(pattern: ArrivalPattern, share: number, nowMs: number, chance: Chance): number {
  let left = chance.exponential(1);
  for (let time = nowMs; ; ) {
    const perMs = (rateAt(pattern, time) * share) / 1000;
    const until = changesAt(pattern, time);
    if (perMs > 0 && perMs * (until - time) >= left) return time + left / perMs;
    if (until === Infinity) return Infinity;
    left -= perMs * (until - time);
    time = until;
  }
}

/** Mean over time, bursts included. */
export function meanRate({ ratePerSecond, burst }: ArrivalPattern): number {
  return burst === undefined ? ratePerSecond : ratePerSecond * (1 + (burst.factor - 1) * (burst.lastsMs / burst.everyMs));
}
