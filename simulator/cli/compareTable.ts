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
    ["throughput lost (records later than without)", (one) => spread(one, lostBy)],
    ["… of which noise may be", (one) => whole(noiseFloor(one))],
    ["deepest fall of throughput", (one) => share(median(one, ({ dip }) => dip?.depth ?? null))],
    ["device time wasted", (one) => time(median(one, ({ wastedDeviceMs }) => wastedDeviceMs))],
    ["records lost / duplicated", ({ faulted }) => `${sum(faulted, ({ report }) => report.records.lost)} / ${sum(faulted, ({ report }) => report.records.duplicated)}`],
    ["no fault: records a second at the job's load", ({ steadyPerSecond }) => whole(steadyPerSecond)],
    ["no fault: p50 / p99 of calls", ({ baseline }) => (baseline === undefined ? "" : `${time(baseline.rpc.p50Ms)} / ${time(baseline.rpc.p99Ms)}`)],
    ["no fault: records a second at most", ({ capacityPerSecond }) => whole(capacityPerSecond)],
    ["load of a model", ({ loadMs }) => time(loadMs)],
  ];
  const hasBaseline = compared.some(({ baseline }) => baseline !== undefined);
  return rows.filter(([name]) => hasBaseline || !name.startsWith("no fault:")).map(([name, value]) => ({ name, values: compared.map(value) }));
}

export function compareText(rows: readonly CompareRow[], names: readonly string[]): string {
  const first = Math.max(...rows.map(({ name }) => name.length));
  const widths = names.map((name, index) => Math.max(name.length, ...rows.map(({ values }) => values[index]?.length ?? 0)) + 3);
  const line = (name: string, values: readonly string[]): string => `${name.padEnd(first)}${values.map((value, index) => value.padStart(widths[index] ?? 0)).join("")}`;
  return `${[line("", names), ...rows.map(({ name, values }) => line(name, values))].join("\n")}\n`;
}

/** Records of the sources that came later than without the fault; `null` where it could not be told. */
function lostBy({ dip, recordsPerCount }: FaultedRun): number | null {
  return dip === null ? null : dip.area * recordsPerCount;
}

/** The same of each repetition in which it could be told. */
export function lostRecords({ faulted }: ComparedVariant): readonly number[] {
  return faulted.flatMap((run) => lostBy(run) ?? []);
}

/** The same in seconds of the throughput before. */
export function lostSeconds({ faulted }: ComparedVariant): readonly number[] {
  return faulted.flatMap(({ dip }) => (dip === null || dip.before === 0 ? [] : [dip.area / dip.before]));
}

/** Records that a run was behind at its worst moment before the fault, the most of all repetitions: less cannot be told from nothing. */
export function noiseFloor({ faulted }: ComparedVariant): number | null {
  const noises = faulted.flatMap(({ dip, recordsPerCount }) => (dip === null ? [] : [dip.noise * recordsPerCount]));
  return noises.length === 0 ? null : Math.max(...noises);
}

/** Throughput lost under embedded over that lost under rpc-service. */
export interface LossRatio {
  /** One for each repetition of both. Where the service lost no more than noise, `ratio` is a lower bound. */
  readonly repetitions: readonly { readonly embedded: number; readonly service: number; readonly ratio: number; readonly isBound: boolean }[];
  readonly median: number;
  /** Greatest less least, as a part of the median. */
  readonly spread: number;
  /** Records; see {@link noiseFloor}. */
  readonly noise: number;
}

/** `null` where either was not measured. A loss below the noise counts as much as the noise: the ratio is not made greater by what cannot be seen. */
export function lossRatio(embedded: ComparedVariant | undefined, service: ComparedVariant | undefined): LossRatio | null {
  const noise = service === undefined ? null : noiseFloor(service);
  if (embedded === undefined || service === undefined || noise === null) return null;
  const losses = lostRecords(embedded);
  const repetitions = lostRecords(service).flatMap((lost, index) => {
    const whole = losses[index];
    // A single record is the least that can be lost.
    return whole === undefined ? [] : [{ embedded: whole, service: lost, ratio: whole / Math.max(lost, noise, 1), isBound: lost <= Math.max(noise, 1) }];
  });
  const ratios = repetitions.map(({ ratio }) => ratio);
  const median = middle(ratios);
  if (median === null || median === 0) return null;
  return { repetitions, median, spread: (Math.max(...ratios) - Math.min(...ratios)) / median, noise };
}

export function ratioText({ repetitions, median, spread, noise }: LossRatio): string {
  const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 1 : 0)} times`;
  const atLeast = (isBound: boolean): string => (isBound ? "at least " : "");
  const line = ({ embedded, service, ratio, isBound }: LossRatio["repetitions"][number]): string =>
    `${whole(embedded)} against ${whole(service)} records, ${atLeast(isBound)}${times(ratio)} as much`;
  const [only] = repetitions;
  const bounds = repetitions.filter(({ isBound }) => isBound).length;
  const noisy = bounds === 0 ? "" : ` What rpc-service lost ${bounds === repetitions.length ? "" : `in ${bounds} of them `}cannot be told from noise (${whole(noise)} records), and counts as that.`;
  if (repetitions.length === 1 && only !== undefined) return `Throughput lost, embedded over rpc-service: ${line(only)}.${noisy}\n`;
  const lines = repetitions.map((repetition, index) => `  ${index + 1}. ${line(repetition)}`);
  return `Throughput lost, embedded over rpc-service:\n${lines.join("\n")}\n  median ${atLeast(bounds > 0)}${times(median)}; from least to most ${(spread * 100).toFixed(0)} % of it.${noisy}\n`;
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
