/** What a fault would do to a job, as the journal of a run that never was: the same report can be drawn from it as from a real one. */
import type { JobSpec } from "../graph/jobFile";
import type { JournalEvent, ProcessName } from "../observe/journalEvent";
import type { ArrivalPattern } from "./arrivals";
import { tellMetrics } from "./flowMetrics";
import { FlowWorld } from "./flowWorld";
import type { MachineCount } from "./machines";
import type { SimulatedTimings } from "./simulatedTimings";

export interface PredictionOptions {
  readonly job: JobSpec;
  readonly seed: number;
  readonly arrivals: ArrivalPattern;
  readonly machines: MachineCount;
  readonly timings: SimulatedTimings;
  readonly fault: "crash" | "terminate";
  /** As the fault is told to a run: a process, or the instance that is in one. */
  readonly target: string;
  /** The process that it hits; of an embedded model, the task manager that carries it. */
  readonly process: ProcessName;
  /** When it strikes, once or again and again: ms after the job began to run. */
  readonly strikesMs: readonly number[];
  readonly untilMs: number;
}

const METRICS_MS = 250;

export function predictFault(options: PredictionOptions): readonly JournalEvent[] {
  const events: JournalEvent[] = [];
  const world = new FlowWorld({ ...options, onEvent: (event) => events.push(event) });
  const { loop } = world;
  while (!world.isUp && world.ended === undefined && loop.step());
  world.openSources();
  const from = loop.now;
  tellMetrics(world, METRICS_MS);
  options.strikesMs.forEach((afterMs, index) => loop.at(from + afterMs, () => strike(world, options, index + 1)));
  while (world.ended === undefined && loop.step(from + options.untilMs));
  return events;
}

function strike(world: FlowWorld, { fault, target, process: name }: PredictionOptions, injection: number): void {
  const process = [...world.processes.values()].find((one) => one.name === name && one.alive);
  world.record({ kind: "fault.injected", injection, fault, target, parameters: {}, by: "schedule" });
  if (process === undefined) return;
  if (fault === "crash") process.kill();
  // Who is asked to end takes its time for that; what its parent takes to notice is in that time.
  else world.terminate(process);
  world.record({ kind: "fault.effective", injection, evidence: `${name} was ${fault === "crash" ? "killed" : "asked to end"}` });
}
