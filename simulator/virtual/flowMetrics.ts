/**
 * Metrics of a simulated job, sent as the TaskManagers of a real run send theirs: each by its own clock, which begins with its process. What a
 * task did last comes with its end; what a process did last before it was killed never comes.
 */
import type { SubtaskName, TaskMetrics } from "../observe/journalEvent";
import { LatencyHistogram } from "../observe/latencyHistogram";
import type { FlowTask, FlowTaskManager } from "./flowTaskManager";
import type { EventLoop } from "./eventLoop";
import type { FlowMeasures } from "./flowMeasures";
import type { VirtualJournal } from "./virtualJournal";

/** Of the world, what metrics are made from and told to. */
export interface MeasuredWorld {
  readonly loop: EventLoop;
  readonly measures: FlowMeasures;
  readonly taskManagers: ReadonlyMap<number, FlowTaskManager>;
  metrics: FlowMetrics | undefined;
  record(body: Parameters<VirtualJournal["append"]>[0]): void;
}

/** From now on the journal gets them, from each TaskManager every so many milliseconds. */
export function tellMetrics(world: MeasuredWorld, intervalMs: number): void {
  world.measures.intervalCalls = new LatencyHistogram();
  const metrics = new FlowMetrics(world, intervalMs);
  world.metrics = metrics;
  for (const manager of world.taskManagers.values()) metrics.watch(manager);
}

export class FlowMetrics {
  /** Results of its region when they were told of last, by task. */
  private readonly told = new WeakMap<FlowTask, number>();

  constructor(
    private readonly world: MeasuredWorld,
    private readonly intervalMs: number,
  ) {}

  /** A TaskManager that has just connected, or connected some time ago. */
  watch(manager: FlowTaskManager): void {
    const { intervalMs, world } = this;
    const passed = (world.loop.now - manager.sinceMs) % intervalMs;
    const tell = (): void => {
      this.tell(manager, [...manager.liveTasks], intervalMs);
      manager.process.timer(world.loop.now + intervalMs, tell);
    };
    for (const task of manager.liveTasks) this.begun(task);
    manager.process.timer(world.loop.now + intervalMs - passed, tell);
  }

  /** Its region flows from now on. */
  begun(task: FlowTask): void {
    this.told.set(task, task.region.flow.resultCount);
  }

  /** They have ended, otherwise than with their process. */
  ended(manager: FlowTaskManager, tasks: readonly FlowTask[]): void {
    if (manager.process.alive) this.tell(manager, tasks, 0);
  }

  private tell(manager: FlowTaskManager, from: readonly FlowTask[], intervalMs: number): void {
    const tasks: Record<SubtaskName, TaskMetrics> = {};
    for (const task of from) {
      const known = this.told.get(task);
      if (known === undefined) continue;
      const { region, place: { vertex } } = task;
      const { resultCount } = region.flow;
      this.told.set(task, resultCount);
      // Every vertex of a region has seen what its flow gave, shared by its tasks.
      const share = (resultCount - known) / (region.widths.get(vertex.id) ?? 1);
      tasks[task.name] = { attempt: task.deployment.attempt, recordsIn: share, recordsOut: share, bytesIn: 0, bytesOut: 0, busyMs: 0, backPressuredMs: 0, idleMs: 0, buffersInUse: 0 };
    }
    if (intervalMs === 0 && Object.keys(tasks).length === 0) return;
    this.world.record({ kind: "metrics", intervalMs, process: manager.process.name, rssBytes: 0, tasks });
  }
}
