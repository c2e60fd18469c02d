/**
 * A subpartition that is kept on disk, so that a new attempt of its consumer can read it again from the beginning. BLOCKING: handed over when
 * it is complete; HYBRID: while it is produced, too. Writing it never waits for the consumer. Flink's `BoundedBlockingSubpartition` and
 * `HsResultPartition`.
 */
import { BufferBuilder } from "./bufferBuilder";
import type { CheckpointBarrier, ExchangeEvent } from "./exchangeEvent";
import { BufferPool } from "./networkBuffer";
import type { PartitionFile, StoredBuffer } from "./partitionFile";
import type { RecordSerializer } from "./recordSerializer";
import type { PartitionItem, PartitionLoss, PartitionReader, Subpartition, SubpartitionState } from "./subpartition";

export class StoredSubpartition implements Subpartition {
  private readonly items: (StoredBuffer | ExchangeEvent)[] = [];
  private readonly builder: BufferBuilder;
  /** What the reader takes goes through buffers of its own; credit bounds how many. */
  private readonly reading = new BufferPool(Infinity);
  private reader: PartitionReader | undefined;
  private credit = 0;
  private next = 0;
  private ended = false;
  private released = false;
  onConsumed: () => void = () => {};
  bytesOut = 0;

  constructor(
    pool: BufferPool,
    serializer: RecordSerializer,
    private readonly file: PartitionFile,
    /** Handed over only when complete. */
    private readonly blocking: boolean,
  ) {
    this.builder = new BufferBuilder(pool, serializer, (buffer) => {
      try {
        this.items.push(file.append(buffer));
      } finally {
        buffer.recycle();
      }
      this.announce();
    });
  }

  get consumed(): boolean {
    return this.released;
  }

  append(timestamp: number | undefined): void {
    this.builder.append(timestamp);
  }

  add(event: ExchangeEvent): void {
    if (this.released) {
      return;
    }
    this.builder.finish();
    this.items.push(event);
    if (event.kind === "endOfPartition") {
      this.ended = true;
    }
    this.announce();
  }

  addPriority(barrier: CheckpointBarrier): SubpartitionState {
    // What is stored is not in flight; nothing is overtaken.
    this.add(barrier);
    return { structures: [], payloads: [] };
  }

  restore(): void {}

  flush(): void {
    if (!this.blocking) {
      this.builder.finish();
    }
  }

  attach(reader: PartitionReader, credit: number): void {
    this.reader = reader;
    this.credit = credit;
    this.next = 0;
    this.announce();
  }

  detach(reader: PartitionReader): void {
    if (this.reader === reader) {
      this.reader = undefined;
      this.credit = 0;
    }
  }

  addCredit(reader: PartitionReader, credit: number): void {
    if (this.reader === reader) {
      this.credit += credit;
      this.announce();
    }
  }

  canPoll(reader: PartitionReader): boolean {
    const item = this.items.at(this.next);
    return (
      this.reader === reader &&
      this.next < this.items.length &&
      (this.ended || !this.blocking) &&
      (this.credit > 0 || (item !== undefined && "kind" in item))
    );
  }

  poll(reader: PartitionReader): PartitionItem | undefined {
    if (!this.canPoll(reader)) {
      return undefined;
    }
    const item = this.items[this.next++];
    if ("kind" in item) {
      return { kind: "event", event: item };
    }
    this.credit--;
    this.bytesOut += item.length;
    const buffer = this.reading.take();
    this.file.read(item, buffer);
    return { kind: "buffer", buffer, backlog: this.items.length - this.next };
  }

  release(loss: PartitionLoss | undefined): void {
    if (this.released) {
      return;
    }
    this.released = true;
    const { reader } = this;
    this.reader = undefined;
    this.builder.release();
    if (loss !== undefined) {
      reader?.producerLost(loss);
    }
    this.onConsumed();
  }

  private announce(): void {
    const { reader } = this;
    if (reader !== undefined && this.canPoll(reader)) {
      reader.dataAvailable();
    }
  }
}
