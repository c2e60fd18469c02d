/** What a person writes after `faultline simulate`, read into a request. */
import type { SimulationRequest } from "../client/simulateJob";
import { parseDuration } from "../graph/durations";
import { FaultlineError } from "../graph/errors";
import type { Deployment } from "../graph/jobFile";
import type { ArrivalPattern } from "../virtual/arrivals";
import type { FailureKind } from "../virtual/failureModel";
import { FAILURE_KINDS } from "../virtual/failureModel";
import type { OutputFormat } from "./commandIo";
import type { ProgressForm } from "./progressBar";

const DEPLOYMENTS: readonly Deployment[] = ["embedded", "sidecar", "rpc-service", "external"];

export interface SimulateOptions {
  readonly seed: string;
  readonly seeds: string;
  readonly duration: string;
  readonly deployments: string;
  readonly strategies: string;
  readonly parallelism?: string;
  readonly instances?: string;
  readonly taskManagers?: string;
  readonly nodes?: string;
  readonly gpus?: string;
  readonly deviceMemory?: string;
  readonly modelMemory?: string;
  readonly rate?: string;
  readonly burst?: string;
  readonly arrivals: ArrivalPattern["kind"];
  readonly checkpointInterval?: string;
  readonly loadTime?: string;
  readonly warmUp?: string;
  readonly runTime?: string;
  readonly rowTime?: string;
  readonly mtbf: readonly string[];
  readonly faultEvery?: string;
  readonly repair?: string;
  readonly devicePrice?: string;
  readonly nodePrice?: string;
  readonly calibrate?: string;
  readonly sweep?: string;
  readonly chart?: string;
  readonly keep?: boolean;
  readonly progress: ProgressForm;
  readonly format: OutputFormat;
}

/** @throws FaultlineError FL1000, FL1024 */
export function readRequest(jobFile: string, options: SimulateOptions): SimulationRequest {
  return {
    jobFile,
    seed: number(options.seed, "--seed"),
    seeds: number(options.seeds, "--seeds"),
    durationMs: duration(options.duration, "--duration"),
    deployments: list(options.deployments, DEPLOYMENTS, "deployment"),
    strategies: list(options.strategies, ["region", "full"] as const, "failover strategy"),
    parallelism: optional(options.parallelism, number, "--parallelism"),
    instances: optional(options.instances, number, "--instances"),
    taskManagers: optional(options.taskManagers, number, "--task-managers"),
    nodes: optional(options.nodes, number, "--nodes"),
    devices: optional(options.gpus, number, "--gpus"),
    deviceMemoryBytes: optional(options.deviceMemory, size, "--device-memory"),
    modelMemoryBytes: optional(options.modelMemory, size, "--model-memory"),
    ratePerSecond: optional(options.rate, number, "--rate"),
    burst: options.burst === undefined ? undefined : burst(options.burst),
    arrivals: options.arrivals,
    checkpointIntervalMs: optional(options.checkpointInterval, duration, "--checkpoint-interval"),
    loadTimeMs: optional(options.loadTime, duration, "--load-time"),
    warmUpMs: optional(options.warmUp, duration, "--warm-up"),
    runTimeMs: optional(options.runTime, duration, "--run-time"),
    rowTimeMs: optional(options.rowTime, duration, "--row-time"),
    mtbfMs: options.mtbf.length === 0 ? undefined : mtbf(options.mtbf),
    faultEveryMs: optional(options.faultEvery, duration, "--fault-every"),
    repairMs: optional(options.repair, duration, "--repair"),
    deviceHourPrice: optional(options.devicePrice, number, "--device-price"),
    nodeHourPrice: optional(options.nodePrice, number, "--node-price"),
  };
}

export const SWEPT = ["parallelism", "instances", "nodes", "gpus", "rate", "load-time", "checkpoint-interval", "fault-every"] as const;
export type Swept = (typeof SWEPT)[number];

export interface Sweep {
  readonly parameter: Swept;
  /** As written, for people; each fits the option of the same name. */
  readonly values: readonly string[];
}

/** `parallelism=1..64` (doubled from the first to the last), `1..64:8` (in steps), or `1,2,5`. @throws FaultlineError FL1000 */
export function readSweep(text: string): Sweep {
  const [, name, range] = /^([a-z-]+)=(.+)$/.exec(text.trim()) ?? [];
  const parameter = SWEPT.find((candidate) => candidate === name);
  if (parameter === undefined || range === undefined) {
    throw FaultlineError.of("FL1000", `"${text}" is no sweep.`, `Write --sweep parallelism=1..64; what can be swept: ${SWEPT.join(", ")}.`);
  }
  const [, first, last, step] = /^(\d+)\.\.(\d+)(?::(\d+))?$/.exec(range) ?? [];
  if (first === undefined || last === undefined) return { parameter, values: range.split(",").map((value) => value.trim()) };
  const [from, to, by] = [Number(first), Number(last), step === undefined ? undefined : Number(step)];
  if (from < 1 || to < from || by === 0) throw FaultlineError.of("FL1000", `"${range}" is no range.`, "Write 1..64, 1..64:8 or 1,2,5.");
  const values: string[] = [];
  for (let value = from; value < to && values.length < MOST_POINTS; value = by === undefined ? value * 2 : value + by) values.push(String(value));
  values.push(String(to));
  if (values.length > MOST_POINTS) throw FaultlineError.of("FL1000", `A sweep has at most ${MOST_POINTS} points.`, "Take larger steps.");
  return { parameter, values };
}

const MOST_POINTS = 100;

function optional<T>(text: string | undefined, read: (text: string, name: string) => T, name: string): T | undefined {
  return text === undefined ? undefined : read(text, name);
}

function number(text: string, name: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw FaultlineError.of("FL1024", `${name} has to be a number, not "${text}".`);
}

function duration(text: string, name: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw FaultlineError.of("FL1024", `${name} has to be a duration, not "${text}".`, "Write 250ms, 10s, 5m, 1h or 7d.");
  return ms;
}

function size(text: string, name: string): number {
  const [, count, unit] = /^\s*(\d+(?:\.\d+)?)\s*(kb|mb|gb|tb|kib|mib|gib|tib)\s*$/i.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw FaultlineError.of("FL1024", `${name} has to be a size, not "${text}".`, "Write 14GB or 512MiB.");
  const base = unit.length === 3 ? 1024 : 1000;
  return Number(count) * base ** ("kmgt".indexOf(unit[0].toLowerCase()) + 1);
}

function burst(text: string): NonNullable<ArrivalPattern["burst"]> {
  const [, factor, every, lasts] = /^\s*(\d+(?:\.\d+)?)x\s*,\s*([^,]+),\s*([^,]+)$/.exec(text) ?? [];
  const [everyMs, lastsMs] = [every, lasts].map((part) => (part === undefined ? undefined : parseDuration(part)));
  if (factor === undefined || everyMs === undefined || lastsMs === undefined) {
    throw FaultlineError.of("FL1024", `"${text}" is no burst.`, "Write 5x,10m,30s: five times the rate, every 10 minutes, for 30 seconds.");
  }
  return { factor: Number(factor), everyMs, lastsMs };
}

function mtbf(settings: readonly string[]): Partial<Record<FailureKind, number>> {
  const rates: Partial<Record<FailureKind, number>> = {};
  for (const setting of settings.flatMap((text) => text.split(","))) {
    const [name, value] = setting.split("=");
    const kind = FAILURE_KINDS.find((candidate) => candidate === name.trim());
    const ms = value === undefined ? undefined : parseDuration(value);
    if (kind === undefined) throw FaultlineError.of("FL1000", `"${name}" is no kind of failure.`, `Kinds: ${FAILURE_KINDS.join(", ")}.`);
    if (ms === undefined) throw FaultlineError.of("FL1024", `"${setting}" is no mean time between failures.`, "Write --mtbf device=1000h node=90d.");
    rates[kind] = ms;
  }
  return rates;
}

function list<T extends string>(text: string, known: readonly T[], what: string): readonly T[] {
  return text.split(",").map((name) => {
    const found = known.find((candidate) => candidate === name.trim());
    if (found === undefined) throw FaultlineError.of("FL1000", `"${name.trim()}" is no ${what}.`, `Known: ${known.join(", ")}.`);
    return found;
  });
}
