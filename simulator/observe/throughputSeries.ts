/**
 * Throughput and latency of a run over time, from its metrics: what the dip of a failure is read from and the charts are drawn from.
 *
 * Metrics come from each process at its own moments and hold what happened since the ones before. Counts are spread evenly over their
 * interval into bins, latencies go whole into the bin of the interval's middle.
 */
import type { GraphDescription } from "../graph/graphDescription";
import { rpcsOf, type JournalEventOf } from "./journalEvent";
import { LatencyHistogram } from "./latencyHistogram";

/** Width of a bin, ms. */
export const BIN_MS = 100;
const LATENCY_BIN_MS = 500;
/** Three days of bins; later metrics are left out of the series. */
const MAX_BINS = 3 * 24 * 3600 * (1000 / BIN_MS);

export class ThroughputSeries {
  readonly #startAt: number;
  /** Vertices that throughput is measured at. */
  readonly measuredAt: readonly string[];
  /** Records into sinks, or out of sources where no sink can be measured. */
  readonly measure: "sinks" | "sources";
  readonly #measured: ReadonlySet<string>;
  /** The same of subtasks, by their names as metrics have them. */
  readonly #measuredTasks = new Map<string, boolean>();
  readonly #records: number[] = [];
  readonly #latency: (LatencyHistogram | undefined)[] = [];
  readonly #wasted: number[] = [];
  /** Time of the metrics before, by process. */
  readonly #lastAt = new Map<string, number>();
  readonly #intervals = new LatencyHistogram();
  #from = Number.POSITIVE_INFINITY;
  #until = 0;

  /** `startAt`: the run's start, ms since the epoch. Times of all other functions count from it. */
  constructor(startAt: number, graph: GraphDescription) {
    this.#startAt = startAt;
    const sinks = measurableSinks(graph);
    this.measure = sinks.length > 0 ? "sinks" : "sources";
    this.measuredAt = sinks.length > 0 ? sinks : verticesWithout(graph, "target");
    this.#measured = new Set(this.measuredAt);
  }

  /** How long metrics cover, ms: three in four cover no more. 0 when there were none. */
  get intervalMs(): number {
    return this.#intervals.quantile(0.75) ?? 0;
  }

  /** The time that metrics cover in whole bins, ms from the run's start. */
  get from(): number {
    return Math.min(Math.ceil(this.#from / BIN_MS) * BIN_MS, this.until);
  }
  get until(): number {
    return Math.floor(this.#until / BIN_MS) * BIN_MS;
  }

  add(event: JournalEventOf<"metrics">): void {
    const to = event.at - this.#startAt;
    if (!(to > 0) || to / BIN_MS > MAX_BINS) return;
    // The counts that a task ends with have no interval of their own: they came since the metrics before.
    const before = event.intervalMs > 0 ? to - event.intervalMs : (this.#lastAt.get(event.process) ?? to);
    const from = Math.max(0, Math.min(before, to - 1));
    this.#lastAt.set(event.process, to);
    if (event.intervalMs > 0) this.#intervals.record(event.intervalMs);
    let records = 0;
    for (const task in event.tasks) {
      const metrics = event.tasks[task];
      if (metrics === undefined) continue;
      if (this.#isMeasured(task)) {
        records += this.measure === "sources" || metrics.recordsIn === 0 ? metrics.recordsOut : metrics.recordsIn;
      }
      for (const rpc of rpcsOf(metrics)) {
        if (rpc.succeeded === 0) continue;
        const bin = Math.floor((from + to) / 2 / LATENCY_BIN_MS);
        (this.#latency[bin] ??= new LatencyHistogram()).merge(rpc.latencyMs);
      }
    }
    for (const instance in event.instances) {
      const wasted = event.instances[instance]?.wastedMs ?? 0;
      if (wasted > 0) spread(this.#wasted, from, to, wasted);
    }
    if (event.tasks !== undefined) {
      this.#from = Math.min(this.#from, from);
      this.#until = Math.max(this.#until, to);
      if (records > 0) spread(this.#records, from, to, records);
    }
  }

  #isMeasured(task: string): boolean {
    let measured = this.#measuredTasks.get(task);
    if (measured === undefined) {
      measured = this.#measured.has(task.slice(0, task.lastIndexOf("#")));
      this.#measuredTasks.set(task, measured);
    }
    return measured;
  }

  /** Records a second, mean over [from, to). */
  rate(from: number, to: number): number {
    return to > from ? (sumOver(this.#records, from, to) / (to - from)) * 1000 : 0;
  }

  /**
   * Records a second that a time kept to: the median slope of the cumulative count (Theil 1950, Sen 1968). Unlike a mean it is not moved by the
   * burst with which sources catch up when a job has just begun or is back. 0 for less than two bins.
   */
  level(from: number, to: number): number {
    const step = Math.max(BIN_MS, (to - from) / 50);
    const apart = Math.max(BIN_MS, Math.min(1_000, (to - from) / 2));
    const counts: { readonly at: number; readonly count: number }[] = [];
    for (let at = from; at <= to; at += step) counts.push({ at, count: sumOver(this.#records, from, at) });
    const slopes = counts.flatMap((early, index) =>
      counts.slice(index + 1).flatMap((late) => (late.at - early.at < apart ? [] : [((late.count - early.count) / (late.at - early.at)) * 1000])),
    );
    slopes.sort((a, b) => a - b);
    return slopes[Math.floor(slopes.length / 2)] ?? 0;
  }

  /** Device time wasted in [from, to), ms. */
  wasted(from: number, to: number): number {
    return sumOver(this.#wasted, from, to);
  }

  /** Latency of calls at quantile `q` among metrics that lie in or touch [from, to); `null` where there were none. */
  latency(from: number, to: number, q: number): number | null {
    const merged = new LatencyHistogram();
    const last = Math.min(this.#latency.length, Math.ceil(to / LATENCY_BIN_MS));
    for (let bin = Math.max(0, Math.floor(from / LATENCY_BIN_MS)); bin < last; bin++) {
      const histogram = this.#latency[bin];
      if (histogram !== undefined) merged.absorb(histogram);
    }
    return merged.quantile(q);
  }
}

/** Vertices that end in a sink. Those behind a window of another vertex are left out: their records come in bursts and say nothing of the pace. */
function measurableSinks(graph: GraphDescription): readonly string[] {
  const streams = graph.vertices.filter((vertex) => vertex.kind === "stream");
  const known = streams.some((vertex) => vertex.operators.some((operator) => operator.kind === "sink"));
  const sinks = known
    ? streams
        .filter((vertex) => vertex.operators.some((operator) => operator.kind === "sink"))
        .map((vertex) => vertex.id)
    : verticesWithout(graph, "source");
  const behindWindow = new Set<string>();
  const reach = (vertex: string): void => {
    for (const edge of graph.edges) {
      if (edge.source !== vertex || behindWindow.has(edge.target)) continue;
      behindWindow.add(edge.target);
      reach(edge.target);
    }
  };
  for (const vertex of streams) if (vertex.operators.some((operator) => operator.kind === "window")) reach(vertex.id);
  const sources = new Set(verticesWithout(graph, "target"));
  // A vertex that is source and sink in one has no input to count.
  return sinks.filter((vertex) => !behindWindow.has(vertex) && !sources.has(vertex));
}

/** Stream vertices that are no edge's target (sources), or no edge's source (ends). */
export function verticesWithout(graph: GraphDescription, end: "source" | "target"): readonly string[] {
  const taken = new Set(graph.edges.map((edge) => edge[end]));
  return graph.vertices
    .filter((vertex) => vertex.kind === "stream" && !taken.has(vertex.id))
    .map((vertex) => vertex.id);
}

function spread(bins: number[], from: number, to: number, amount: number): void {
  const perMs = amount / (to - from);
  for (let bin = Math.floor(from / BIN_MS); bin * BIN_MS < to; bin++) {
    const share = Math.min(to, (bin + 1) * BIN_MS) - Math.max(from, bin * BIN_MS);
    bins[bin] = (bins[bin] ?? 0) + share * perMs;
  }
}

function sumOver(bins: readonly (number | undefined)[], from: number, to: number): number {
  let sum = 0;
  const last = Math.min(bins.length, Math.ceil(to / BIN_MS));
  for (let bin = Math.max(0, Math.floor(from / BIN_MS)); bin < last; bin++) {
    const share = Math.min(to, (bin + 1) * BIN_MS) - Math.max(from, bin * BIN_MS);
    sum += ((bins[bin] ?? 0) * share) / BIN_MS;
  }
  return sum;
}
