/** What one fault would do to a job, as the journal of a run that never was: the same report can be drawn from it as from a real one. */
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
  /** A process; of an embedded model, the task manager that carries it. */
  readonly target: ProcessName;
  /** How long the job runs before the fault, and after it. */
  readonly beforeMs: number;
  readonly afterMs: number;
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
  loop.after(options.beforeMs, () => {
    const process = [...world.processes.values()].find(({ name, alive }) => name === options.target && alive);
    world.record({ kind: "fault.injected", injection: 1, fault: options.fault, target: options.target, parameters: {}, by: "schedule" });
    if (process === undefined) return;
    process.kill();
    world.record({ kind: "fault.effective", injection: 1, evidence: `${options.target} was killed` });
  });
  while (world.ended === undefined && loop.step(from + options.beforeMs + options.afterMs));
  return events;
}
