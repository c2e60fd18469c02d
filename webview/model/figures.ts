/** Live figures of vertices, edges and calls, from the newest metrics of their subtasks. What cannot be known is undefined, never guessed. */
import type { VertexDescription } from "../../simulator/graph/graphDescription";
import { LatencyHistogram } from "../../simulator/observe/latencyHistogram";
import type { RunModel } from "./runModel";
import type { SubtaskLoad } from "./subtaskShade";

export interface VertexFigures {
  /** Records (requests, of a service) a second. */
  readonly inPerSecond: number;
  readonly outPerSecond: number;
  /** Shares of the time, 0 to 1, mean over the subtasks. */
  readonly busy: number;
  readonly backPressured: number;
  /** Waits for records. */
  readonly idle: number;
  readonly queueDepth: number;
  readonly inFlight: number;
  /** Requests in one run of the model, mean; services only. */
  readonly batch: number | undefined;
  readonly p99Ms: number | undefined;
}

export interface CallFigures {
  readonly perSecond: number;
  readonly inFlight: number;
  readonly p99Ms: number | undefined;
}

/** @param only of this subtask; of all when absent. */
export function vertexFigures(
  run: RunModel,
  vertex: Pick<VertexDescription, "id" | "kind" | "parallelism">,
  now: number,
  only?: number,
): VertexFigures | undefined {
  let count = 0;
  let inPerSecond = 0;
  let outPerSecond = 0;
  let busy = 0;
  let backPressured = 0;
  let idle = 0;
  let queueDepth = 0;
  let inFlight = 0;
  let batches = 0;
  let requests = 0;
  const latency = new LatencyHistogram();
  for (let index = only ?? 0; index < (only === undefined ? vertex.parallelism : only + 1); index++) {
    const name = `${vertex.id}#${index}`;
    if (vertex.kind === "service") {
      const timed = run.instanceMetrics.at(name, now);
      if (timed === undefined) continue;
      const { metrics, intervalMs } = timed;
      count++;
      inPerSecond += (metrics.requests * 1000) / intervalMs;
      busy += metrics.busyMs / intervalMs;
      queueDepth += metrics.queueDepth;
      inFlight += metrics.inFlight;
      batches += metrics.batches;
      requests += metrics.requests;
      latency.merge(metrics.latencyMs);
    } else {
      const timed = run.taskMetrics.at(name, now);
      if (timed === undefined) continue;
      const { metrics, intervalMs } = timed;
      count++;
      inPerSecond += (metrics.recordsIn * 1000) / intervalMs;
      outPerSecond += (metrics.recordsOut * 1000) / intervalMs;
      busy += metrics.busyMs / intervalMs;
      backPressured += metrics.backPressuredMs / intervalMs;
      idle += metrics.idleMs / intervalMs;
      inFlight += metrics.rpc?.inFlight ?? 0;
    }
  }
  if (count === 0) return undefined;
  return {
    inPerSecond,
    outPerSecond,
    busy: Math.min(1, busy / count),
    backPressured: Math.min(1, backPressured / count),
    idle: Math.min(1, idle / count),
    queueDepth,
    inFlight,
    batch: batches > 0 ? requests / batches : undefined,
    p99Ms: latency.quantile(0.99) ?? undefined,
  };
}

/** Of a stream task or an instance; undefined when its newest metrics are stale. */
export function subtaskLoad(run: RunModel, subtask: string, now: number): SubtaskLoad | undefined {
  const task = run.taskMetrics.at(subtask, now);
  if (task !== undefined) {
    const { busyMs, backPressuredMs } = task.metrics;
    return { busy: busyMs / task.intervalMs, backPressured: backPressuredMs / task.intervalMs };
  }
  const instance = run.instanceMetrics.at(subtask, now);
  return instance === undefined ? undefined : { busy: instance.metrics.busyMs / instance.intervalMs, backPressured: 0 };
}

export function callFigures(
  run: RunModel,
  caller: VertexDescription,
  service: string,
  now: number,
): CallFigures | undefined {
  let known = false;
  let perSecond = 0;
  let inFlight = 0;
  const latency = new LatencyHistogram();
  for (let index = 0; index < caller.parallelism; index++) {
    const timed = run.taskMetrics.at(`${caller.id}#${index}`, now);
    const rpc = timed?.metrics.rpc;
    if (timed === undefined || rpc === undefined || rpc.service !== service) continue;
    known = true;
    perSecond += (rpc.succeeded * 1000) / timed.intervalMs;
    inFlight += rpc.inFlight;
    latency.merge(rpc.latencyMs);
  }
  return known ? { perSecond, inFlight, p99Ms: latency.quantile(0.99) ?? undefined } : undefined;
}
