/**
 * How far and how long throughput fell after a disturbance, against the level before it, and what of that can be told from how unsteady it
 * was without one.
 *
 * A fall is a time in which throughput, smoothed, stays below the level. Of those after a disturbance the ones count that leave the stream further
 * behind than before by more than noise does: the disturbance need not act at once (a queue empties first, a timeout has to pass) nor only once, and
 * falls that the job has anyway come sooner or later.
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

/** Below the level; times in ms from the run's start, rates in records/s. */
interface Fall {
  readonly from: number;
  /** Back at the level; `null` where that was not seen any more. */
  readonly back: number | null;
  readonly lowest: number;
  /** Records that the stream was behind at the worst moment from the disturbance to the end of this fall. */
  readonly area: number;
}

/** `null` where it cannot be told: no metrics, no flow before, or too little time on either side. */
export function throughputDip(series: ThroughputSeries, window: DipWindow): DipReport | null {
  const { at } = window;
  const smoothing = Math.max(SMOOTHING_MS, series.intervalMs);
  const from = Math.max(at - BEFORE_MS, window.steadyFrom, series.from);
  // The last metrics before may be missing: those of a process that was still to tell, or that what comes next took away.
  const until = Math.min(window.until, series.until) - series.intervalMs;
  if (at - from < LEAST_BEFORE_MS || until - at < 2 * smoothing) return null;
  const before = series.level(from, at);
  if (!(before > 0)) return null;
  const noise = furthestBehind(series, before, from, at, { fromAnyMoment: true });

  const falls = fallsIn(series, before, at, until, smoothing);
  let dip: Fall | undefined;
  for (const fall of falls) {
    // The longer one looks, the further behind chance alone gets: later falls have to stand out more.
    const byChance = noise * (1 + Math.log2(Math.max(1, (fall.from - at) / (at - from))));
    if (fall.area - (dip?.area ?? 0) > byChance) dip = { ...fall, lowest: Math.min(fall.lowest, dip?.lowest ?? before) };
  }
  if (dip !== undefined) {
    return { depth: 1 - dip.lowest / before, durationMs: dip.back === null ? null : dip.back - at, before, lowest: dip.lowest, area: dip.area, noise };
  }
  const lowest = Math.min(before, lowestFrom(series, at, until, smoothing));
  // It goes up and down as much without a disturbance.
  const depth = falls.length > 0 ? 0 : 1 - lowest / before;
  return { depth, durationMs: 0, before, lowest, area: furthestBehind(series, before, at, Math.min(until, at + 2 * smoothing)), noise };
}

/** Times in [at, until) in which throughput, as the mean over `smoothing` ms, is below `level`. */
function fallsIn(series: ThroughputSeries, level: number, at: number, until: number, smoothing: number): readonly Fall[] {
  const reached = level * REACHED;
  // Back is looked for as finely as the metrics tell: a burst that catches up must not count for the standstill before it.
  const fine = Math.max(BIN_MS, Math.min(smoothing, series.intervalMs));
  const falls: Fall[] = [];
  for (let time = at; time + smoothing <= until; time += BIN_MS) {
    if (series.rate(time, time + smoothing) >= reached) continue;
    const from = time;
    let lowest = level;
    let lowestAt = time;
    for (; time + smoothing <= until; time += BIN_MS) {
      const rate = series.rate(time, time + smoothing);
      if (rate >= reached) break;
      if (rate >= lowest) continue;
      lowest = rate;
      lowestAt = time;
    }
    const back = backAt(series, reached, lowestAt, until, fine);
    falls.push({ from, back, lowest, area: furthestBehind(series, level, at, back === null ? until : Math.min(until, back + fine)) });
    time = back === null ? until : Math.max(time, back);
  }
  return falls;
}

/** When `reached` is reached after the slowest time, which begins at `lowestAt` and may begin with what came just before the fall. */
function backAt(series: ThroughputSeries, reached: number, lowestAt: number, until: number, fine: number): number | null {
  let fallen = false;
  for (let time = lowestAt; time + fine <= until; time += BIN_MS) {
    if (series.rate(time, time + fine) < reached) fallen = true;
    else if (fallen) return time;
  }
  return null;
}

function lowestFrom(series: ThroughputSeries, at: number, until: number, smoothing: number): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (let time = at; time + smoothing <= until; time += BIN_MS) lowest = Math.min(lowest, series.rate(time, time + smoothing));
  return lowest;
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
