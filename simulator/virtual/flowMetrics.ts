/** Metrics of a simulated job, as the TaskManagers of a real run send them: what a report and a timeline read throughput and latency from. */
import type { SubtaskName, TaskMetrics } from "../observe/journalEvent";
import { LatencyHistogram } from "../observe/latencyHistogram";
import type { FlowWorld } from "./flowWorld";

/** From now on the journal gets them every so many milliseconds. */
export function tellMetrics(world: FlowWorld, intervalMs: number): void {
  world.measures.intervalCalls = new LatencyHistogram();
  const tell = (): void => {
    world.record({ kind: "metrics", intervalMs, process: "taskmanager:0", rssBytes: 0, tasks: metricsOf(world) });
    world.loop.after(intervalMs, tell);
  };
  world.loop.after(intervalMs, tell);
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
