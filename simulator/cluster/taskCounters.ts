/** What a task tells of itself: counts since the metrics before, and gauges. Flink's `TaskIOMetricGroup`. */
import type { TaskMetrics } from "../observe/journalEvent";
import type { SourceOperator } from "../operators/sourceOperator";
import type { InputGate } from "./exchange/inputGate";
import type { TaskClient } from "./operatorContexts";
import type { OperatorChain } from "./operatorChain";
import type { TaskInput } from "./taskInput";
import type { TaskLoop } from "./taskLoop";

/** The parts of a task that count. */
export interface CountedTask {
  readonly attempt: number;
  readonly loop: TaskLoop;
  readonly chain: OperatorChain | undefined;
  readonly input: TaskInput | undefined;
  readonly gate: InputGate | undefined;
  readonly source: SourceOperator | undefined;
  readonly clients: readonly TaskClient[];
}

/** Counters since the task began, as of the last metrics. */
type TaskCounts = Pick<TaskMetrics, "recordsIn" | "recordsOut" | "bytesIn" | "bytesOut">;

export class TaskCounters {
  private counted: TaskCounts = { recordsIn: 0, recordsOut: 0, bytesIn: 0, bytesOut: 0 };
  /** Of a source: where this attempt began. */
  private firstOffset = 0;

  beginAt(offset: number): void {
    this.firstOffset = offset;
  }

  take({ attempt, loop, chain, input, gate, source, clients }: CountedTask): TaskMetrics {
    const partitions = chain?.partitions ?? [];
    const counts: TaskCounts = {
      recordsIn: source === undefined ? (input?.recordsIn ?? 0) : source.offset - this.firstOffset,
      recordsOut: chain?.recordsOut ?? 0,
      bytesIn: gate?.bytesIn ?? 0,
      bytesOut: partitions.reduce((sum, partition) => sum + partition.bytesOut, 0),
    };
    const before = this.counted;
    this.counted = counts;
    const times = loop.takeTimes();
    const [rpc, ...otherRpc] = clients.map(({ service, client }) => ({ service, ...client.takeMetrics() }));
    return {
      attempt,
      recordsIn: counts.recordsIn - before.recordsIn,
      recordsOut: counts.recordsOut - before.recordsOut,
      bytesIn: counts.bytesIn - before.bytesIn,
      bytesOut: counts.bytesOut - before.bytesOut,
      busyMs: times.busy,
      backPressuredMs: times.backPressured,
      idleMs: times.idle,
      buffersInUse: (input?.buffersInUse ?? 0) + partitions.reduce((sum, partition) => sum + partition.buffersInUse, 0),
      ...(input !== undefined && Number.isFinite(input.watermark) ? { watermarkMs: input.watermark } : {}),
      ...(source === undefined ? {} : { sourceOffset: source.offset }),
      ...(rpc === undefined ? {} : { rpc }),
      ...(otherRpc.length === 0 ? {} : { otherRpc }),
    };
  }
}
