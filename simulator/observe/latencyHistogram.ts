/**
 * A sparse histogram of latencies with logarithmic buckets: quantiles with a relative error of at most 1 %, in memory that depends on the
 * range and not on how much was recorded (117 buckets for a factor of ten), and merged by adding counts.
 *
 * The scheme is that of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
 * VLDB 2019): bucket i holds (γ^(i−1), γ^i] and stands for 2γ^i / (γ + 1), which is off by at most (γ − 1) / (γ + 1).
 */
import type { HistogramCounts } from "./journalEvent";

/** γ. (γ − 1) / (γ + 1) = 0.0099. */
const GROWTH = 1.02;
const LOG_GROWTH = Math.log(GROWTH);
/** What is shorter (a nanosecond), and zero, goes into the lowest bucket. */
const SHORTEST_MS = 1e-6;
/** What is longer (about 11 days) goes into the highest bucket. */
const LONGEST_MS = 1e9;

/** Greatest relative error of a quantile between {@link SHORTEST_MS} and {@link LONGEST_MS}. */
export const RELATIVE_ERROR = 0.01;

export class LatencyHistogram {
  readonly #counts = new Map<number, number>();
  #count = 0;

  static of(counts: HistogramCounts): LatencyHistogram {
    const histogram = new LatencyHistogram();
    histogram.merge(counts);
    return histogram;
  }

  /** How many latencies it holds. */
  get count(): number {
    return this.#count;
  }

  /** Milliseconds. What is not a number is left out. */
  record(ms: number): void {
    if (!Number.isNaN(ms)) this.#add(bucketOf(ms), 1);
  }

  merge(counts: HistogramCounts): void {
    for (const bucket in counts) {
      const count = counts[bucket] ?? 0;
      if (count > 0 && Number.isInteger(Number(bucket))) this.#add(Number(bucket), count);
    }
  }

  /** {@link merge} of another histogram. */
  absorb(other: LatencyHistogram): void {
    for (const [bucket, count] of other.#counts) this.#add(bucket, count);
  }

  /** The latency, ms, that a share `q` (0 to 1) of those recorded do not exceed; `null` when nothing was recorded. */
  quantile(q: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.min(this.#count, Math.max(1, Math.ceil(q * this.#count)));
    const buckets = [...this.#counts.keys()].sort((a, b) => a - b);
    let seen = 0;
    for (const bucket of buckets) {
      seen += this.#counts.get(bucket) ?? 0;
      if (seen >= rank) return middleOf(bucket);
    }
    return null;
  }

  /** As it goes into the journal. */
  counts(): HistogramCounts {
    return Object.fromEntries(this.#counts);
  }

  /** {@link counts}, and begins anew: for metrics, which hold what came since the ones before. */
  take(): HistogramCounts {
    const counts = this.counts();
    this.#counts.clear();
    this.#count = 0;
    return counts;
  }

  #add(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#count += count;
  }
}

function bucketOf(ms: number): number {
  return Math.ceil(Math.log(Math.min(LONGEST_MS, Math.max(SHORTEST_MS, ms))) / LOG_GROWTH);
}

function middleOf(bucket: number): number {
  return (2 * Math.pow(GROWTH, bucket)) / (GROWTH + 1);
}
