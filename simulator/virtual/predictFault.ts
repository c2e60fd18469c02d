/** What one fault would do to a job, as the journal of a run that never was: the same report can be drawn from it as from a real one. */
import type { JobSpec } from "../graph/jobFile";
import type { JournalEvent, ProcessName, SubtaskName, TaskMetrics } from "../observe/journalEvent";
import type { ArrivalPattern } from "./arrivals";
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
  const tell = (): void => {
    loop.after(METRICS_MS, () => {
      world.record({ kind: "metrics", intervalMs: METRICS_MS, process: "taskmanager:0", rssBytes: 0, tasks: metricsOf(world) });
      tell();
    });
  };
  tell();
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

/** Every vertex of a region has seen what its flow gave, shared by its tasks. */
function metricsOf(world: FlowWorld): Record<SubtaskName, TaskMetrics> {
  const metrics: Record<SubtaskName, TaskMetrics> = {};
  for (const { flow, running } of world.regions.values()) {
    const results = flow.takeResults();
    const widths = new Map<string, number>();
    for (const { deployment } of running.values()) widths.set(deployment.vertex, (widths.get(deployment.vertex) ?? 0) + 1);
    for (const { name, deployment } of running.values()) {
      const share = results / (widths.get(deployment.vertex) ?? 1);
      metrics[name] = { attempt: deployment.attempt, recordsIn: share, recordsOut: share, bytesIn: 0, bytesOut: 0, busyMs: 0, backPressuredMs: 0, idleMs: 0, buffersInUse: 0 };
    }
  }
  return metrics;
}
