/**
 * When an RpcOperator service pays, from what was measured and nothing else: what a failure costs each way, what the service costs when nothing
 * breaks, and how long a model takes to load.
 *
 * A failure costs seconds of throughput: the area of its dip over the level before. What the service costs without a failure is the part of the
 * job's capacity that its calls take. Embedded loses n failures a day × its cost; the service loses n × its own cost and that part of the whole
 * day. They are equal at the break-even rate. Every further second of loading is a second of standstill under `embedded`; under `rpc-service` it
 * is as much of one as the instances that are left cannot carry.
 */
export interface MeasuredCost {
  /** Seconds of throughput that a failure cost, by repetition. */
  readonly lostSeconds: readonly number[];
  /** Records a second when nothing holds the sources back. */
  readonly capacityPerSecond: number;
}

export interface AdviceInput {
  readonly embedded: MeasuredCost;
  readonly service: MeasuredCost;
  /** Of the service. */
  readonly instances: number;
  /** Records a second that the job has to carry; `undefined` when its sources go as fast as they can. */
  readonly loadPerSecond: number | undefined;
  /** With which the costs were measured, s. */
  readonly loadSeconds: number;
}

export interface Advice {
  readonly use: "rpc-service" | "embedded" | "depends";
  /** Failures a day above which `rpc-service` pays; `null` where it never does. */
  readonly failuresPerDay: number | null;
  readonly range: readonly [least: number, most: number | null] | null;
  /** Part of the job's capacity that calling a service takes, 0 to 1. */
  readonly overhead: number;
  /** Load time of the model with which it was measured, s. */
  readonly loadSeconds: number;
  readonly sentences: readonly string[];
  /** Break-even by model load time. */
  readonly chart: readonly { readonly loadSeconds: number; readonly failuresPerDay: number | null }[];
}

const DAY_SECONDS = 86_400;
/** One failure a minute: a job that fails more often has other worries. */
const ABSURD_RATE = 1_440;
/** Capacities that differ by less are the same within what such runs can tell. */
const NOISE = 0.02;
const CHART_LOADS = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];

export function adviseDeployment(input: AdviceInput): Advice {
  const { embedded, service } = input;
  const overhead = Math.max(0, 1 - service.capacityPerSecond / embedded.capacityPerSecond);
  const embeddedCost = mean(embedded.lostSeconds);
  const serviceCost = mean(service.lostSeconds);
  const failuresPerDay = breakEven(overhead, embeddedCost, serviceCost);
  const least = breakEven(overhead, Math.max(...embedded.lostSeconds), Math.min(...service.lostSeconds));
  const most = breakEven(overhead, Math.min(...embedded.lostSeconds), Math.max(...service.lostSeconds));
  const chart = CHART_LOADS.map((loadSeconds) => ({ loadSeconds, failuresPerDay: atLoad(input, overhead, embeddedCost, serviceCost, loadSeconds) }));
  const costs = `A failure cost ${seconds(embeddedCost)} of throughput under embedded and ${seconds(serviceCost)} under rpc-service, with a model that loads in ${seconds(input.loadSeconds)}.`;
  const price =
    overhead > NOISE
      ? `Without a failure, calling a service takes ${percent(overhead)} of the job's capacity (${whole(service.capacityPerSecond)} instead of ${whole(embedded.capacityPerSecond)} records a second).`
      : `Without a failure, calling a service takes no capacity that could be measured (${whole(service.capacityPerSecond)} and ${whole(embedded.capacityPerSecond)} records a second).`;
  const measured = { overhead, loadSeconds: input.loadSeconds, chart };
  const { loadPerSecond } = input;
  if (loadPerSecond !== undefined && service.capacityPerSecond < loadPerSecond) {
    const reason = `Do not use rpc-service for this job: it carries ${whole(service.capacityPerSecond)} records a second, and the job has ${whole(loadPerSecond)}.`;
    return { ...measured, use: "embedded", failuresPerDay: null, range: null, sentences: [reason, costs, price] };
  }
  if (failuresPerDay === null) {
    return { ...measured, use: "embedded", failuresPerDay, range: null, sentences: ["Do not use rpc-service for this job: a failure costs no less with it.", costs, price] };
  }
  const range = [least ?? failuresPerDay, most] as const;
  const several = embedded.lostSeconds.length > 1 || service.lostSeconds.length > 1;
  const rate = `${rateText(failuresPerDay)}${several ? ` (${rateText(range[0])} to ${range[1] === null ? "no limit" : rateText(range[1])})` : ""}`;
  if (overhead <= NOISE) return { ...measured, use: "rpc-service", failuresPerDay, range, sentences: ["Use rpc-service for this job: it pays from the first failure on.", costs, price] };
  if (failuresPerDay > ABSURD_RATE) {
    const reason = `Do not use rpc-service for this job: it would pay only above ${rate} failures a day, more than one a minute.`;
    return { ...measured, use: "embedded", failuresPerDay, range, sentences: [reason, costs, price, longerLoads(chart)] };
  }
  const reason = `rpc-service pays for this job above ${rate} failures a day; below that, embedded costs less.`;
  return { ...measured, use: "depends", failuresPerDay, range, sentences: [reason, costs, price] };
}

/** @returns `null` when a failure costs no less with a service. */
function breakEven(overhead: number, embeddedCost: number, serviceCost: number): number | null {
  const saved = embeddedCost - serviceCost;
  return saved <= 0 ? null : (overhead * DAY_SECONDS) / saved;
}

function atLoad(input: AdviceInput, overhead: number, embeddedCost: number, serviceCost: number, loadSeconds: number): number | null {
  const more = loadSeconds - input.loadSeconds;
  const { capacityPerSecond } = input.service;
  const carried = input.loadPerSecond ?? capacityPerSecond;
  // The instances are taken to share the capacity evenly.
  const left = (capacityPerSecond * (input.instances - 1)) / input.instances;
  const missing = Math.max(0, 1 - left / Math.min(carried, capacityPerSecond));
  return breakEven(overhead, Math.max(0, embeddedCost + more), Math.max(0, serviceCost + more * missing));
}

function longerLoads(chart: Advice["chart"]): string {
  const first = chart.find(({ failuresPerDay }) => failuresPerDay !== null && failuresPerDay <= 24);
  const last = chart.at(-1);
  if (first === undefined && last !== undefined && last.failuresPerDay !== null) return `Even with a model that loads in ${seconds(last.loadSeconds)} it would pay only above ${rateText(last.failuresPerDay)} failures a day.`;
  return first === undefined
    ? "No load time up to ten minutes changes that."
    : `With a model that loads in ${seconds(first.loadSeconds)} it would pay above ${rateText(first.failuresPerDay ?? 0)} failures a day.`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} s`;
}

function percent(value: number): string {
  return `${(value * 100).toFixed(0)} %`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function rateText(value: number): string {
  return value >= 100 ? whole(value) : value.toPrecision(2);
}
