/** The program that measures one row of `virtual.bench.ts`, by its arguments: `hour FORWARD|HASH`, or `growth PARALLELISM INSTANCES MINUTES`. */
import { EventLoop } from "../../simulator/virtual/eventLoop";
import { DEFAULT_TIMINGS } from "../../simulator/virtual/simulatedTimings";
import type { SimulatedRun } from "../../simulator/virtual/simulationRun";
import { simulateRun } from "../../simulator/virtual/simulationRun";
import { simulatedJob } from "../fixtures/simulatedJob";

interface Measured {
  readonly run: SimulatedRun;
  readonly seconds: number;
  readonly wallSeconds: number;
  /** Of the time measured alone: the job's start costs what its size costs, once. */
  readonly steadySeconds: number;
  readonly steadyEvents: number;
}

const minute = 60_000;

function measure(parallelism: number, instances: number, ship: "FORWARD" | "HASH", durationMs: number, ratePerSecond: number): Measured {
  const job = simulatedJob({ parallelism, instances, slots: 10, ship, checkpointMs: 10_000 });
  const before = process.cpuUsage();
  const startedAt = performance.now();
  let first: { readonly seconds: number; readonly share: number } | undefined;
  const seconds = (): number => (process.cpuUsage(before).user + process.cpuUsage(before).system) / 1e6;
  const run = simulateRun({
    job,
    seed: 1,
    durationMs,
    arrivals: { ratePerSecond, burst: undefined, kind: "external" },
    machines: { nodes: job.runtime.taskManagers, devices: instances, copiesPerDevice: 1 },
    timings: DEFAULT_TIMINGS,
    failures: { mtbfMs: {}, everyMs: 10_000, deviceRepairMs: minute, nodeRepairMs: minute },
    onProgress: (share) => (first ??= { seconds: seconds(), share }),
  });
  const all = seconds();
  return { run, seconds: all, wallSeconds: (performance.now() - startedAt) / 1000, steadySeconds: all - (first?.seconds ?? 0), steadyEvents: run.events - run.eventsAtStart };
}

/** Timers that set one another, as many at once as a large job has: what the heap alone costs. */
function bareLoop(waiting: number, events: number): number {
  const loop = new EventLoop();
  let left = events;
  let state = 1;
  const again = (): void => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    if (left-- > 0) loop.after((state % 10_000) / 10, again);
  };
  for (let timer = 0; timer < waiting; timer++) again();
  const before = process.cpuUsage();
  while (loop.step());
  const { user, system } = process.cpuUsage(before);
  return events / ((user + system) / 1e6);
}

const thousands = (value: number): string => `${Math.round(value / 1000).toLocaleString("en")}k`;
const print = (cells: readonly (string | number)[]): void => void process.stdout.write(`| ${cells.join(" | ")} |\n`);

/** One row, by the arguments of the process that makes it. */
function row([what, ...numbers]: readonly string[]): void {
  if (what === "hour") hour(numbers[0] === "HASH" ? "HASH" : "FORWARD");
  else {
    const [parallelism, instances, minutes] = numbers.map(Number);
    growth(parallelism, instances, minutes);
  }
}

function hour(ship: "FORWARD" | "HASH"): void {
  bareLoop(10_000, 500_000);
  const yardstick = bareLoop(10_000, 3_000_000);
  const { run, seconds, wallSeconds } = measure(3_334, 1_000, ship, 60 * minute, 1_000);
  const faults = Object.values(run.faults).reduce((sum, count) => sum + count, 0);
  print([
    `10,002 subtasks, 1,000 instances, 1 h, ${ship === "FORWARD" ? "lanes" : "one region"}`,
    thousands(run.events),
    `${seconds.toFixed(1)} s`,
    `${wallSeconds.toFixed(1)} s`,
    thousands(run.events / seconds),
    `${thousands(yardstick)} (${((run.events / seconds / yardstick) * 100).toFixed(0)} %)`,
    `${Math.round(process.memoryUsage().rss / 1e6)} MB`,
    faults,
    run.tasksRestarted,
    (run.distinct / 3_600).toFixed(0),
  ]);
}

/**
 * The yardstick of growth: a loop whose events do nothing but wait again, as many at once as the job has subtasks. Its steps grow by log n, so what it
 * grows by beyond that is the machine.
 */
function growth(parallelism: number, instances: number, minutes: number): void {
  const { run, steadySeconds, steadyEvents } = measure(parallelism, instances, "FORWARD", minutes * minute, 1_000);
  const ns = (steadySeconds / steadyEvents) * 1e9;
  const subtasks = 3 * parallelism;
  const perLog = (value: number): string => (value / Math.log2(subtasks)).toFixed(1);
  const bare = 1e9 / bareLoop(subtasks, 3_000_000);
  const memory = `${Math.round(process.memoryUsage().rss / 1e6)} MB`;
  print([subtasks.toLocaleString("en"), instances, thousands(run.events), thousands(steadyEvents / steadySeconds), ns.toFixed(0), perLog(ns), bare.toFixed(0), perLog(bare), memory]);
}

row(process.argv.slice(2));
