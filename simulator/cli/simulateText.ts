/** Simulation results as people read them: a table with a column for each combination, and a sweep's table and chart. */
import { formatDuration } from "../graph/durations";
import type { SweepChart } from "../observe/sweepChart";
import type { Estimate, SimulationPlan, SimulationResult } from "../virtual/simulation";
import type { Sweep } from "./simulateOptions";

type Row = readonly [string, (result: SimulationResult) => string];

const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en") : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const ms = (value: number): string => (value >= 60_000 ? `${number(value / 60_000)} min` : value >= 1000 ? `${number(value / 1000)} s` : `${number(value)} ms`);
const percent = (value: number): string => `${(value * 100).toFixed(value < 0.1 || value > 0.99 ? 2 : 1)} %`;

/** The mean, and how far the true one may be from it. */
function withError(estimate: Estimate | null, format: (value: number) => string): string {
  if (estimate === null) return "–";
  const half = (estimate.high - estimate.low) / 2;
  return half <= Math.abs(estimate.mean) * 0.0005 ? format(estimate.mean) : `${format(estimate.mean)} ± ${format(half)}`;
}

const ROWS: readonly Row[] = [
  ["throughput, records/s", (r) => withError(r.throughputPerSecond, number)],
  ["goodput (results not repeated)", (r) => withError(r.goodput, percent)],
  ["calls p50", (r) => withError(r.calls.p50Ms, ms)],
  ["calls p95", (r) => withError(r.calls.p95Ms, ms)],
  ["calls p99", (r) => withError(r.calls.p99Ms, ms)],
  ["records p50, from coming to result", (r) => withError(r.records.p50Ms, ms)],
  ["records p99", (r) => withError(r.records.p99Ms, ms)],
  ["records that wait at the end", (r) => withError(r.records.waiting, number)],
  ["downtime", (r) => withError(r.downtime.ms, ms)],
  ["downtime, share", (r) => withError(r.downtime.share, percent)],
  ["faults", (r) => withError(r.faults, number)],
  ["stream tasks restarted", (r) => withError(r.tasksRestarted, number)],
  ["instances restarted", (r) => withError(r.instancesRestarted, number)],
  ["calls tried again", (r) => withError(r.calls.retried, number)],
  ["device hours held", (r) => withError(r.deviceHours.held, number)],
  ["device hours used", (r) => withError(r.deviceHours.used, number)],
  ["device hours wasted", (r) => withError(r.deviceHours.wasted, number)],
  ["device hours for a million records", (r) => withError(r.deviceHoursPerMillion, number)],
];

export function simulationText(plan: SimulationPlan, results: readonly SimulationResult[]): string {
  const { job, arrivals, failures } = plan;
  const cost: readonly Row[] = results.some(({ costPerMillion }) => costPerMillion !== null) ? [["cost of a million records", (r) => withError(r.costPerMillion, number)]] : [];
  const states: Row = ["jobs that ended", (r) => Object.entries(r.states).flatMap(([state, count]) => (state === "RUNNING" ? [] : [`${count} ${state}`])).join(", ") || "none"];
  const burst = arrivals.burst === undefined ? "" : `, ${arrivals.burst.factor} times as many for ${formatDuration(arrivals.burst.lastsMs)} every ${formatDuration(arrivals.burst.everyMs)}`;
  const quiet = failures.everyMs === undefined && Object.keys(failures.mtbfMs).length === 0;
  const lines = [
    `${job.name}: ${formatDuration(plan.durationMs)} of virtual time, seeds ${plan.seed} to ${plan.seed + plan.seeds - 1}, ${number(arrivals.ratePerSecond)} records/s${burst}`,
    `parallelism ${job.runtime.parallelism}, ${job.runtime.taskManagers} TaskManagers${results.length === 0 ? "" : `, ${results[0].nodes} nodes`}${quiet ? "; nothing fails (--mtbf device=1000h or --fault-every 5m)" : ""}`,
    "",
    ...table([...ROWS, ...cost, states], results),
    ...new Set(results.flatMap(({ deployment, causes }) => causes.map((cause) => `${deployment}: ${cause}`))),
    ...(plan.seeds > 1 ? ["", "Means over the seeds; ± holds the true mean with a probability of 95 %."] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function table(rows: readonly Row[], results: readonly SimulationResult[]): string[] {
  const cells = [
    ["", ...results.map(({ deployment }) => deployment)],
    ["failover strategy", ...results.map(({ failoverStrategy }) => failoverStrategy)],
    ["copies of the model / devices", ...results.map(({ copies, devices }) => `${copies} / ${devices}`)],
    ...rows.map(([name, value]) => [name, ...results.map(value)]),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column] + 2))).join("").trimEnd());
}

export interface SweepRow {
  readonly value: string;
  readonly results: readonly SimulationResult[];
}

export function sweepText({ parameter }: Sweep, points: readonly SweepRow[]): string {
  const header = [parameter, "deployment", "strategy", "records/s", "goodput", "calls p99", "records p99", "downtime", "dev. h/million"];
  const rows = points.flatMap(({ value, results }) =>
    results.map((r) => [
      value,
      r.deployment,
      r.failoverStrategy,
      withError(r.throughputPerSecond, number),
      withError(r.goodput, percent),
      withError(r.calls.p99Ms, ms),
      withError(r.records.p99Ms, ms),
      withError(r.downtime.share, percent),
      withError(r.deviceHoursPerMillion, number),
    ]),
  );
  const cells = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) => row.map((cell, column) => (column > 0 && column < 3 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ")).join("\n");
}

/** What the chart of a sweep shows: a panel for each figure, a line for each combination. */
export function chartOf(job: string, { parameter }: Sweep, points: readonly SweepRow[]): SweepChart {
  const names = points[0].results.map((r) => `${r.deployment}, ${r.failoverStrategy}`);
  const panel = (title: string, unit: string, of: (result: SimulationResult) => Estimate | null): SweepChart["panels"][number] => ({
    title,
    unit,
    lines: names.map((name, index) => ({ name, values: points.map(({ results }) => of(results[index])) })),
  });
  return {
    title: `${job}: sweep of ${parameter}`,
    parameter,
    labels: points.map(({ value }) => value),
    panels: [
      panel("Throughput", "records/s", (r) => r.throughputPerSecond),
      panel("Calls, p99", "ms", (r) => r.calls.p99Ms),
      panel("Records from coming to result, p99", "ms", (r) => r.records.p99Ms),
      panel("Downtime", "share", (r) => r.downtime.share),
      panel("Device hours for a million records", "h", (r) => r.deviceHoursPerMillion),
    ],
  };
}
