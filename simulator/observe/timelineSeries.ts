/** The curves below the timeline: throughput and p99 of calls, in at most some hundred points. Pure. */
import { countText, durationText } from "./figureText";
import type { RunFacts } from "./runFacts";

/** Points of a curve, at most. */
const POINTS = 600;

export interface Series {
  readonly id: "throughput" | "latency";
  readonly title: string;
  readonly unit: string;
  /** Time of the first point and from each to the next, ms from the run's start. */
  readonly from: number;
  readonly step: number;
  /** `null` where nothing is known. */
  readonly values: readonly (number | null)[];
  /** Upper end of the scale. */
  readonly top: number;
  readonly format: (value: number) => string;
}

/** Curves with something to show. */
export function timelineSeries(facts: RunFacts, endMs: number): readonly Series[] {
  const source = facts.throughput;
  if (source === undefined || source.until <= source.from) return [];
  const step = (unit: number): number => unit * Math.max(1, Math.ceil(endMs / POINTS / unit));
  const rateStep = step(Math.max(100, Math.round(source.intervalMs / 50) * 50));
  const rates: (number | null)[] = [];
  for (let at = 0; at < endMs; at += rateStep) {
    const [from, to] = [Math.max(at, source.from), Math.min(at + rateStep, source.until)];
    // Less than half a step says little.
    rates.push(to - from < rateStep / 2 ? null : source.rate(from, to));
  }
  const latencyStep = step(500);
  const latencies: (number | null)[] = [];
  for (let at = 0; at < endMs; at += latencyStep) latencies.push(source.latency(at, at + latencyStep, 0.99));
  const where = source.measure === "sinks" ? "into sinks" : "out of sources";
  const series: Series[] = [];
  const fastest = largest(rates);
  if (fastest > 0) {
    const format = (value: number): string => `${countText(value)}/s`;
    series.push({
      id: "throughput",
      title: `Records a second ${where}`,
      unit: "/s",
      from: rateStep / 2,
      step: rateStep,
      values: rates,
      top: roundUp(fastest),
      format,
    });
  }
  const slowest = largest(latencies);
  if (slowest > 0) {
    series.push({
      id: "latency",
      title: "p99 of calls to services",
      unit: "ms",
      from: latencyStep / 2,
      step: latencyStep,
      values: latencies,
      top: roundUp(slowest),
      format: durationText,
    });
  }
  return series;
}

function largest(values: readonly (number | null)[]): number {
  return values.reduce<number>((most, value) => (value !== null && value > most ? value : most), 0);
}

/** The next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten. */
function roundUp(value: number): number {
  const power = Math.pow(10, Math.floor(Math.log10(value)));
  const factor = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value * 1.02) ?? 10;
  return factor * power;
}
