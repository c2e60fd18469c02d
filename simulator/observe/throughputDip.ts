/**
 * How far and how long throughput fell after a disturbance, against the level before it, and what of that can be told from how unsteady it
 * was without one.
 */
import { BIN_MS, type ThroughputSeries } from "./throughputSeries";
import type { DipReport } from "./runReport";

/** The level before is taken from this time before the disturbance… */
const BEFORE_MS = 5_000;
/** …and from no less than this. */
const LEAST_BEFORE_MS = 1_000;
/** Throughput is looked at as a mean over this time, or over the interval of the metrics where that is longer. */
const SMOOTHING_MS = 500;
const REACHED = 0.95;

export interface DipWindow {
  /** The disturbance; all times in ms from the run's start. */
  readonly at: number;
  /** Since when the run was undisturbed. */
  readonly steadyFrom: number;
  /** Until when what is seen may be put down to this disturbance. */
  readonly until: number;
}

/** `null` where it cannot be told: no metrics, no flow before, or too little time on either side. */
export function throughputDip(series: ThroughputSeries, window: DipWindow): DipReport | null {
  const { at } = window;
  const smoothing = Math.max(SMOOTHING_MS, series.intervalMs);
  const from = Math.max(at - BEFORE_MS, window.steadyFrom, series.from);
  const until = Math.min(window.until, series.until);
  if (at - from < LEAST_BEFORE_MS || until - at < 2 * smoothing) return null;
  const before = series.level(from, at);
  if (!(before > 0)) return null;
  const noise = furthestBehind(series, before, from, at, { fromAnyMoment: true });

  let lowest = before;
  let lowestAt = at;
  for (let time = at; time + smoothing <= until; time += BIN_MS) {
    const rate = series.rate(time, time + smoothing);
    if (rate < lowest) {
      lowest = rate;
      lowestAt = time;
    }
  }
  const held = (): DipReport => ({ depth: 0, durationMs: 0, before, lowest, area: furthestBehind(series, before, at, Math.min(until, at + 2 * smoothing)), noise });
  if (lowest >= before * REACHED) return { ...held(), depth: 1 - lowest / before };

  let durationMs: number | null = null;
  // Back is looked for as finely as the metrics tell: a burst that catches up must not count for the standstill before it.
  const fine = Math.max(BIN_MS, Math.min(smoothing, series.intervalMs));
  for (let time = lowestAt; time + fine <= until; time += BIN_MS) {
    if (series.rate(time, time + fine) < before * REACHED) continue;
    durationMs = time - at;
    break;
  }
  const area = furthestBehind(series, before, at, durationMs === null ? until : Math.min(until, at + durationMs + fine));
  // It goes up and down as much without a disturbance.
  if (area <= noise) return held();
  return { depth: 1 - lowest / before, durationMs, before, lowest, area, noise };
}

/**
 * How many records the stream was behind at the worst moment of a time, had it gone on at a level: the area between level and throughput, in
 * which what comes in lumps is no loss. Counted from the beginning of the time, or from whichever moment in it gives most.
 */
function furthestBehind(series: ThroughputSeries, level: number, from: number, to: number, { fromAnyMoment = false } = {}): number {
  let behind = 0;
  let worst = 0;
  for (let time = from; time < to; time += BIN_MS) {
    const width = Math.min(BIN_MS, to - time);
    behind += level * (width / 1000) - countOf(series, time, time + width);
    if (fromAnyMoment) behind = Math.max(0, behind);
    worst = Math.max(worst, behind);
  }
  return worst;
}

function countOf(series: ThroughputSeries, from: number, to: number): number {
  return series.rate(from, to) * ((to - from) / 1000);
}
