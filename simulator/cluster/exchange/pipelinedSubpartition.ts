/**
 * A subpartition whose buffers are handed over while they are produced, once. A buffer that is not full is handed over when a flush asks
 * for it and nothing is queued before it. Flink's `PipelinedSubpartition`, and for PIPELINED_APPROXIMATE its
 * `PipelinedApproximateSubpartition`: a new attempt of the consumer may go on where the one before was, at the next whole record.
 */
import { BufferBuilder } from "./bufferBuilder";
import { BufferFlag } from "./bufferLayout";
import type { CheckpointBarrier, ExchangeEvent } from "./exchangeEvent";
import { FRAME_HEADER_BYTES } from "./frame";
import { MAX_BUFFERS_PER_CHANNEL } from "./networkBuffer";
import type { BufferPool, NetworkBuffer } from "./networkBuffer";
import type { RecordSerializer } from "./recordSerializer";
import type { PartitionItem, PartitionLoss, PartitionReader, Subpartition, SubpartitionState } from "./subpartition";

export class PipelinedSubpartition implements Subpartition {
  private readonly queue: (NetworkBuffer | ExchangeEvent)[] = [];
  private queuedBuffers = 0;
  private readonly builder: BufferBuilder;
  private flushRequested = false;
  private reader: PartitionReader | undefined;
  private credit = 0;
  private ended = false;
  private blocked = false;
  private released = false;
  private left = false;
  /** A reader has had buffers: another one does not know the structures that came with them. */
  private readBefore = false;
  onConsumed: () => void = () => {};
  bytesOut = 0;

  /** @param onBlocked told when this channel alone holds as many buffers as one may, and when it does not any more */
  constructor(
    pool: BufferPool,
    serializer: RecordSerializer,
    private readonly onBlocked: (blocked: boolean) => void,
  ) {
    this.builder = new BufferBuilder(pool, serializer, (buffer) => this.enqueue(buffer));
  }

  get consumed(): boolean {
    return this.released || this.left || (this.ended && this.queue.length === 0);
  }

  append(timestamp: number | undefined): void {
    this.builder.append(timestamp);
  }

  add(event: ExchangeEvent): void {
    if (this.released) {
      return;
    }
    this.builder.finish();
    this.queue.push(event);
    if (event.kind === "endOfPartition") {
      this.ended = true;
    }
    this.reader?.dataAvailable();
  }

  addPriority(barrier: CheckpointBarrier): SubpartitionState {
    this.builder.finish();
    const payloads = this.queue.flatMap((item) => ("kind" in item ? [] : [Buffer.from(item.payload())]));
    const behind = this.queue.findIndex((item) => !("kind" in item && item.kind === "barrier"));
    this.queue.splice(behind < 0 ? this.queue.length : behind, 0, barrier);
    this.reader?.dataAvailable();
    return { structures: this.builder.knownStructures, payloads };
  }

  restore({ structures, payloads }: SubpartitionState): void {
    if (payloads.length === 0) {
      return;
    }
    for (const payload of [this.builder.definitions(structures), ...payloads]) {
      this.enqueue(this.builder.copy(payload));
    }
  }

  flush(): void {
    if (!this.builder.isEmpty && !this.flushRequested) {
      this.flushRequested = true;
      if (this.queue.length === 0 && this.credit > 0) {
        this.reader?.dataAvailable();
      }
    }
  }

  attach(reader: PartitionReader, credit: number): void {
    this.reader = reader;
    this.credit = credit;
    this.left = false;
    if (this.readBefore) {
      this.goOnWithWholeRecord();
    }
    if (this.canPoll(reader)) {
      reader.dataAvailable();
    }
  }

  detach(reader: PartitionReader): void {
    if (this.reader === reader) {
      this.reader = undefined;
      this.credit = 0;
      this.left = true;
      this.onConsumed();
    }
  }

  addCredit(reader: PartitionReader, credit: number): void {
    if (this.reader === reader) {
      this.credit += credit;
      if (this.canPoll(reader)) {
        reader.dataAvailable();
      }
    }
  }

  canPoll(reader: PartitionReader): boolean {
    if (this.reader !== reader) {
      return false;
    }
    const first = this.queue[0];
    if (first !== undefined) {
      return this.credit > 0 || "kind" in first;
    }
    return this.flushRequested && this.credit > 0 && !this.builder.isEmpty;
  }

  poll(reader: PartitionReader): PartitionItem | undefined {
    if (!this.canPoll(reader)) {
      return undefined;
    }
    if (this.queue.length === 0) {
      // The reader is here already: it need not be told.
      this.reader = undefined;
      this.builder.finish();
      this.reader = reader;
    }
    const first = this.queue.shift()!;
    if ("kind" in first) {
      if (this.ended && this.queue.length === 0) {
        this.onConsumed();
      }
      return { kind: "event", event: first };
    }
    this.credit--;
    this.queuedBuffers--;
    this.readBefore = true;
    this.bytesOut += first.payloadBytes;
    this.checkBlocked();
    return { kind: "buffer", buffer: first, backlog: this.queuedBuffers + (this.flushRequested ? 1 : 0) };
  }

  release(loss: PartitionLoss | undefined): void {
    if (this.released) {
      return;
    }
    this.released = true;
    const { reader } = this;
    this.reader = undefined;
    for (const item of this.queue.splice(0)) {
      if (!("kind" in item)) {
        item.recycle();
      }
    }
    this.queuedBuffers = 0;
    this.builder.release();
    if (loss !== undefined) {
      reader?.producerLost(loss);
    }
  }

  private enqueue(buffer: NetworkBuffer): void {
    this.flushRequested = false;
    this.queue.push(buffer);
    this.queuedBuffers++;
    this.checkBlocked();
    if (this.credit > 0) {
      this.reader?.dataAvailable();
    }
  }

  private checkBlocked(): void {
    const blocked = this.queuedBuffers >= MAX_BUFFERS_PER_CHANNEL;
    if (blocked !== this.blocked) {
      this.blocked = blocked;
      this.onBlocked(blocked);
    }
  }

  /** A record of which the reader before had the beginning is lost: that is what makes the partition approximate. */
  private goOnWithWholeRecord(): void {
    const isRest = (item: NetworkBuffer | ExchangeEvent): boolean =>
      !("kind" in item) && (item.bytes[FRAME_HEADER_BYTES] & BufferFlag.SPAN_CONTINUED) !== 0;
    while (this.queue.length > 0 && isRest(this.queue[0])) {
      (this.queue.shift() as NetworkBuffer).recycle();
      this.queuedBuffers--;
    }
    this.queue.unshift(this.builder.copy(this.builder.definitions(this.builder.knownStructures)));
    this.queuedBuffers++;
    this.checkBlocked();
  }
}
