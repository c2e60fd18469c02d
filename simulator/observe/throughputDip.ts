/**
 * How far and how long throughput fell after a disturbance, against the level before it.
 */
import { BIN_MS, type ThroughputSeries } from "./throughputSeries";
import type { DipReport } from "./runReport";

/** The level before is the mean of this time before the disturbance… */
const BEFORE_MS = 5_000;
/** …and of no less than this. */
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
  const before = series.rate(from, at);
  if (!(before > 0)) return null;

  let lowest = before;
  let lowestAt = at;
  for (let time = at; time + smoothing <= until; time += BIN_MS) {
    const rate = series.rate(time, time + smoothing);
    if (rate < lowest) {
      lowest = rate;
      lowestAt = time;
    }
  }
  if (lowest >= before * REACHED) return { depth: 1 - lowest / before, durationMs: 0, before, area: 0 };

  let durationMs: number | null = null;
  // Back is looked for as finely as the metrics tell: a burst that catches up must not count for the standstill before it.
  const fine = Math.max(BIN_MS, Math.min(smoothing, series.intervalMs));
  for (let time = lowestAt; time + fine <= until; time += BIN_MS) {
    if (series.rate(time, time + fine) < before * REACHED) continue;
    durationMs = time - at;
    break;
  }
  let area = 0;
  const end = durationMs === null ? until : Math.min(until, at + durationMs + fine);
  for (let time = at; time < end; time += BIN_MS) {
    const width = Math.min(BIN_MS, end - time);
    area += Math.max(0, before - series.rate(time, time + width)) * (width / 1000);
  }
  return { depth: 1 - lowest / before, durationMs, before, area };
}
