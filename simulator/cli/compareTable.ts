/** What each way to run a job costs, row by row. */
import type { ComparedVariant, FaultedRun } from "../client/compareRuns";

export interface CompareRow {
  readonly name: string;
  /** One for each variant. */
  readonly values: readonly string[];
}

export function compareRows(compared: readonly ComparedVariant[]): readonly CompareRow[] {
  const rows: readonly (readonly [string, (one: ComparedVariant) => string])[] = [
    ["stream tasks restarted", (one) => whole(median(one, ({ restartedTasks }) => restartedTasks))],
    ["service instances restarted", (one) => whole(median(one, ({ restartedInstances }) => restartedInstances))],
    ["models loaded again", (one) => whole(median(one, ({ modelsLoadedAgain }) => modelsLoadedAgain))],
    ["records replayed", (one) => whole(median(one, ({ recordsReplayed }) => recordsReplayed))],
    ["calls retried", (one) => whole(median(one, ({ callsRetried }) => callsRetried))],
    ["recovered after", (one) => time(median(one, ({ recoveredAfterMs }) => recoveredAfterMs))],
    ["throughput lost (records later than without)", (one) => spread(one, ({ dip }) => dip?.area ?? null)],
    ["deepest fall of throughput", (one) => share(median(one, ({ dip }) => dip?.depth ?? null))],
    ["device time wasted", (one) => time(median(one, ({ wastedDeviceMs }) => wastedDeviceMs))],
    ["records lost / duplicated", ({ faulted }) => `${sum(faulted, ({ report }) => report.records.lost)} / ${sum(faulted, ({ report }) => report.records.duplicated)}`],
    ["no fault: records a second at the job's load", ({ baseline }) => whole(baseline?.records.perSecond ?? null)],
    ["no fault: p50 / p99 of calls", ({ baseline }) => (baseline === undefined ? "" : `${time(baseline.rpc.p50Ms)} / ${time(baseline.rpc.p99Ms)}`)],
    ["no fault: records a second at most", ({ capacityPerSecond }) => whole(capacityPerSecond)],
    ["load of a model", ({ loadMs }) => time(loadMs)],
  ];
  return rows.map(([name, value]) => ({ name, values: compared.map(value) }));
}

export function compareText(rows: readonly CompareRow[], names: readonly string[]): string {
  const first = Math.max(...rows.map(({ name }) => name.length));
  const widths = names.map((name, index) => Math.max(name.length, ...rows.map(({ values }) => values[index]?.length ?? 0)) + 3);
  const line = (name: string, values: readonly string[]): string => `${name.padEnd(first)}${values.map((value, index) => value.padStart(widths[index] ?? 0)).join("")}`;
  return `${[line("", names), ...rows.map(({ name, values }) => line(name, values))].join("\n")}\n`;
}

/** Records that came later than without the fault, in each repetition in which it could be told. */
export function lostRecords({ faulted }: ComparedVariant): readonly number[] {
  return faulted.flatMap(({ dip }) => (dip === null ? [] : [dip.area]));
}

/** The same in seconds of the throughput before. */
export function lostSeconds({ faulted }: ComparedVariant): readonly number[] {
  return faulted.flatMap(({ dip }) => (dip === null || dip.before === 0 ? [] : [dip.area / dip.before]));
}

export function middle(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

function median({ faulted }: ComparedVariant, of: (run: FaultedRun) => number | null): number | null {
  return middle(faulted.flatMap((run) => of(run) ?? []));
}

/** The median, and between which values the repetitions were. */
function spread(one: ComparedVariant, of: (run: FaultedRun) => number | null): string {
  const values = one.faulted.flatMap((run) => of(run) ?? []);
  const range = values.length < 2 ? "" : ` (${whole(Math.min(...values))}-${whole(Math.max(...values))})`;
  return `${whole(middle(values))}${range}`;
}

function sum(runs: readonly FaultedRun[], of: (run: FaultedRun) => number | null): string {
  const values = runs.map(of);
  return values.includes(null) ? "?" : whole(values.reduce<number>((total, value) => total + (value ?? 0), 0));
}

function whole(value: number | null): string {
  return value === null ? "not known" : Math.round(value).toLocaleString("en");
}

function share(value: number | null): string {
  return value === null ? "not known" : `${Math.round(value * 100)} %`;
}

function time(ms: number | null): string {
  if (ms === null) return "not known";
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
