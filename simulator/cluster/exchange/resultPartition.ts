/**
 * What one subtask gives to one edge: a subpartition for each consumer. Flink's `ResultPartition`.
 */
import type { PartitionType } from "../../graph/jobFile";
import type { SubtaskName } from "../../observe/journalEvent";
import { BUFFERS_PER_CHANNEL, BufferPool, FLOATING_BUFFERS_PER_GATE } from "./networkBuffer";
import type { CheckpointBarrier, ExchangeEvent } from "./exchangeEvent";
import { PartitionFile } from "./partitionFile";
import { PipelinedSubpartition } from "./pipelinedSubpartition";
import { StoredSubpartition } from "./storedSubpartition";
import type { PartitionLoss, Subpartition, SubpartitionState } from "./subpartition";
import { RecordSerializer } from "./recordSerializer";

/** Names a partition: which attempt of which subtask produces it, for which edge (index in the job graph). */
export interface PartitionId {
  readonly task: SubtaskName;
  readonly attempt: number;
  readonly edge: number;
}

export interface ResultPartitionOptions {
  readonly id: PartitionId;
  /** Subtask index of the consumer of the first subpartition. */
  readonly firstConsumer: number;
  readonly consumers: number;
  readonly type: PartitionType;
  /** Absolute path for a type that is kept on disk. */
  readonly file: string;
  /** Called with `true` when emitting must wait, with `false` when it may go on. */
  readonly onBlocked: (blocked: boolean) => void;
}

/** Types whose data is kept, so that it can be consumed again (HYBRID_SELECTIVE need not be, and is here as well). */
function isStored(type: PartitionType): boolean {
  return !type.startsWith("PIPELINED");
}

export class ResultPartition {
  readonly id: PartitionId;
  readonly firstConsumer: number;
  readonly subpartitions: readonly Subpartition[];
  /** Stays after its producer has finished, to be read again, until it is released. */
  readonly stored: boolean;
  private readonly file: PartitionFile | undefined;
  private readonly serializer = new RecordSerializer();
  private readonly pool: BufferPool;
  private blockers = 0;
  private unflushed = false;

  constructor(options: ResultPartitionOptions) {
    this.id = options.id;
    this.firstConsumer = options.firstConsumer;
    const onBlocked = (blocked: boolean): void => {
      this.blockers += blocked ? 1 : -1;
      if (this.blockers === (blocked ? 1 : 0)) {
        options.onBlocked(blocked);
      }
    };
    this.pool = new BufferPool(options.consumers * BUFFERS_PER_CHANNEL + FLOATING_BUFFERS_PER_GATE, (available) =>
      onBlocked(!available),
    );
    this.stored = isStored(options.type);
    const file = this.stored ? new PartitionFile(options.file) : undefined;
    this.file = file;
    this.subpartitions = Array.from({ length: options.consumers }, () =>
      file === undefined
        ? new PipelinedSubpartition(this.pool, this.serializer, onBlocked)
        : new StoredSubpartition(this.pool, this.serializer, file, options.type.startsWith("BLOCKING")),
    );
  }

  get buffersInUse(): number {
    return this.pool.inUse;
  }

  get bytesOut(): number {
    return this.subpartitions.reduce((sum, subpartition) => sum + subpartition.bytesOut, 0);
  }

  /** Calls back as soon as every consumer has taken everything or has gone. */
  whenConsumed(callback: () => void): void {
    const check = (): void => {
      if (this.subpartitions.every((subpartition) => subpartition.consumed)) {
        callback();
      }
    };
    for (const subpartition of this.subpartitions) {
      subpartition.onConsumed = check;
    }
    check();
  }

  /** Sends an element to one channel. */
  emit(value: unknown, timestamp: number | undefined, channel: number): void {
    this.serializer.serialize(value);
    this.subpartitions[channel].append(timestamp);
    this.unflushed = true;
  }

  /** Sends an element to every channel; it is serialized once. */
  broadcast(value: unknown, timestamp: number | undefined): void {
    this.serializer.serialize(value);
    for (const subpartition of this.subpartitions) {
      subpartition.append(timestamp);
    }
    this.unflushed = true;
  }

  broadcastEvent(event: ExchangeEvent): void {
    for (const subpartition of this.subpartitions) {
      subpartition.add(event);
    }
  }

  /** The barrier overtakes what waits; its place is taken by what it gives, by consumer. */
  broadcastPriority(barrier: CheckpointBarrier): readonly SubpartitionState[] {
    return this.subpartitions.map((subpartition) => subpartition.addPriority(barrier));
  }

  restore(states: readonly SubpartitionState[]): void {
    states.forEach((state, i) => this.subpartitions[i]?.restore(state));
  }

  flush(): void {
    if (this.unflushed) {
      this.unflushed = false;
      for (const subpartition of this.subpartitions) {
        subpartition.flush();
      }
    }
  }

  subpartitionOf(consumer: number): Subpartition | undefined {
    return this.subpartitions[consumer - this.firstConsumer];
  }

  release(loss: PartitionLoss | undefined): void {
    for (const subpartition of this.subpartitions) {
      subpartition.release(loss);
    }
    this.file?.remove();
  }
}
