/** The figures of simulated jobs as people read them: one table for terminal and editor, and what their charts show. */
import type { Estimate, SimulationResult, SweepRow } from "./simulationResult";
import type { ResultBars, SweepChart } from "./sweepChart";

type Figure = readonly [string, (result: SimulationResult) => string];

export const numberText = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en") : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
export const timeText = (value: number): string =>
  value >= 60_000 ? `${numberText(value / 60_000)} min` : value >= 1000 ? `${numberText(value / 1000)} s` : `${numberText(value)} ms`;
export const percentText = (value: number): string => `${(value * 100).toFixed(value < 0.1 || value > 0.99 ? 2 : 1)} %`;

/** The mean, and how far the true one may be from it. */
export function estimateText(estimate: Estimate | null, format: (value: number) => string): string {
  if (estimate === null) return "–";
  const half = (estimate.high - estimate.low) / 2;
  return half <= Math.abs(estimate.mean) * 0.0005 ? format(estimate.mean) : `${format(estimate.mean)} ± ${format(half)}`;
}

const FIGURES: readonly Figure[] = [
  ["throughput, records/s", (r) => estimateText(r.throughputPerSecond, numberText)],
  ["goodput (results not repeated)", (r) => estimateText(r.goodput, percentText)],
  ["calls p50", (r) => estimateText(r.calls.p50Ms, timeText)],
  ["calls p95", (r) => estimateText(r.calls.p95Ms, timeText)],
  ["calls p99", (r) => estimateText(r.calls.p99Ms, timeText)],
  ["records p50, from coming to result", (r) => estimateText(r.records.p50Ms, timeText)],
  ["records p95", (r) => estimateText(r.records.p95Ms, timeText)],
  ["records p99", (r) => estimateText(r.records.p99Ms, timeText)],
  ["records that wait at the end", (r) => estimateText(r.records.waiting, numberText)],
  ["downtime", (r) => estimateText(r.downtime.ms, timeText)],
  ["downtime, share", (r) => estimateText(r.downtime.share, percentText)],
  ["faults", (r) => estimateText(r.faults, numberText)],
  ["stream tasks restarted", (r) => estimateText(r.tasksRestarted, numberText)],
  ["instances restarted", (r) => estimateText(r.instancesRestarted, numberText)],
  ["calls tried again", (r) => estimateText(r.calls.retried, numberText)],
  ["device hours held", (r) => estimateText(r.deviceHours.held, numberText)],
  ["device hours used", (r) => estimateText(r.deviceHours.used, numberText)],
  ["device hours wasted", (r) => estimateText(r.deviceHours.wasted, numberText)],
  ["device hours for a million records", (r) => estimateText(r.deviceHoursPerMillion, numberText)],
];
/** Only where an autoscaler changed something, or a client left an instance out. */
const SCALED: readonly Figure[] = [
  ["instances that take calls, mean", (r) => estimateText(r.instances.ready, numberText)],
  ["scaled out", (r) => estimateText(r.instances.scaledOut, numberText)],
  ["scaled in", (r) => estimateText(r.instances.scaledIn, numberText)],
];
const EJECTED: Figure = ["instances left out for a while, by a client", (r) => estimateText(r.instances.ejected, numberText)];
const COST: Figure = ["cost of a million records", (r) => estimateText(r.costPerMillion, numberText)];
const STATES: Figure = [
  "jobs that do not run at the end",
  (r) => Object.entries(r.states).flatMap(([state, count]) => (state === "RUNNING" ? [] : [`${count} ${state}`])).join(", ") || "none",
];

/** In a sentence or two: which combination was down least and which most, or that the seeds differ by more. */
export function verdictOf(results: readonly SimulationResult[]): string {
  const strategies = new Set(results.map(({ failoverStrategy }) => failoverStrategy));
  const name = (result: SimulationResult): string => (strategies.size > 1 ? nameOf(result) : result.deployment);
  const gave = ({ downtime, throughputPerSecond }: SimulationResult): string =>
    `down ${percentText(downtime.share?.mean ?? 0)} of the time, ${numberText(throughputPerSecond?.mean ?? 0)} records/s`;
  const known = results.filter(({ downtime }) => downtime.share !== null).toSorted((a, b) => (a.downtime.share?.mean ?? 0) - (b.downtime.share?.mean ?? 0));
  const [least, most] = [known.at(0), known.at(-1)];
  if (least === undefined || most === undefined) return "";
  if (least === most) return `${name(least)}: ${gave(least)}.`;
  const apart = (least.downtime.share?.high ?? 0) < (most.downtime.share?.low ?? 0);
  if (apart) return `Least downtime with ${name(least)}: ${gave(least)}. Most with ${name(most)}: ${gave(most)}.`;
  return `No difference in downtime: runs from other seeds differ by more. ${name(least)}: ${gave(least)}. ${name(most)}: ${gave(most)}.`;
}

/** Rows of cells, the first of each its name; a column for each combination. The first three rows say which it is. */
export function resultTable(results: readonly SimulationResult[]): readonly (readonly string[])[] {
  const has = (of: (result: SimulationResult) => Estimate | null): boolean => results.some((result) => (of(result)?.mean ?? 0) > 0);
  const scaled = has((r) => r.instances.scaledOut) || has((r) => r.instances.scaledIn);
  const figures = [...FIGURES, ...(scaled ? SCALED : []), ...(has((r) => r.instances.ejected) ? [EJECTED] : []), ...(results.some(({ costPerMillion }) => costPerMillion !== null) ? [COST] : []), STATES];
  return [
    ["", ...results.map(({ deployment }) => deployment)],
    ["failover strategy", ...results.map(({ failoverStrategy }) => failoverStrategy)],
    ["copies of the model / devices", ...results.map(({ copies, devices }) => `${copies} / ${devices}`)],
    ...figures.map(([name, value]) => [name, ...results.map(value)]),
  ];
}

/** A row of cells for each value and combination; the first row says what they are. */
export function sweepTable(parameter: string, points: readonly SweepRow[]): readonly (readonly string[])[] {
  return [
    [parameter, "deployment", "strategy", "records/s", "goodput", "calls p99", "records p99", "downtime", "dev. h/million"],
    ...points.flatMap(({ value, results }) =>
      results.map((r) => [
        value,
        r.deployment,
        r.failoverStrategy,
        estimateText(r.throughputPerSecond, numberText),
        estimateText(r.goodput, percentText),
        estimateText(r.calls.p99Ms, timeText),
        estimateText(r.records.p99Ms, timeText),
        estimateText(r.downtime.share, percentText),
        estimateText(r.deviceHoursPerMillion, numberText),
      ]),
    ),
  ];
}

/** What the chart of a sweep shows: a panel for each figure, a line for each combination. */
export function chartOfSweep(job: string, parameter: string, points: readonly SweepRow[]): SweepChart {
  const names = points[0]?.results.map(nameOf) ?? [];
  return {
    title: `${job}: sweep of ${parameter}`,
    parameter,
    labels: points.map(({ value }) => value),
    panels: CHARTED.map(([title, unit, of]) => ({
      title,
      unit,
      lines: names.map((name, index) => ({
        name,
        values: points.map(({ results }) => {
          const result = results[index];
          return result === undefined ? null : of(result);
        }),
      })),
    })),
  };
}

/** The same figures of combinations beside each other. */
export function barsOf(results: readonly SimulationResult[]): readonly ResultBars[] {
  return CHARTED.map(([title, unit, of]) => ({ title, unit, bars: results.map((result) => ({ name: nameOf(result), value: of(result) })) }));
}

const CHARTED: readonly (readonly [string, string, (result: SimulationResult) => Estimate | null])[] = [
  ["Throughput", "records/s", (r) => r.throughputPerSecond],
  ["Calls, p99", "ms", (r) => r.calls.p99Ms],
  ["Records from coming to result, p99", "ms", (r) => r.records.p99Ms],
  ["Downtime", "share", (r) => r.downtime.share],
  ["Device hours for a million records", "h", (r) => r.deviceHoursPerMillion],
];

function nameOf({ deployment, failoverStrategy }: SimulationResult): string {
  return `${deployment}, ${failoverStrategy}`;
}
