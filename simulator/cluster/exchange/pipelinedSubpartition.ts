/**
 * One channel's end at the producer: buffers and events in order, handed to the consumer as its credit allows.
 * Flink's `PipelinedSubpartition` and its view: a data buffer costs one credit, events cost none; a buffer that is not full is
 * handed out when a flush asks for it and nothing is queued before it.
 */
import { BufferFlag, FLOAT64_MARK, TIMESTAMP_BYTES } from "./bufferLayout";
import type { CheckpointBarrier, ExchangeEvent } from "./exchangeEvent";
import { FRAME_HEADER_BYTES } from "./frame";
import { BUFFER_SIZE, MAX_BUFFERS_PER_CHANNEL } from "./networkBuffer";
import type { BufferPool, NetworkBuffer } from "./networkBuffer";
import type { RecordSerializer, RecordStructure } from "./recordSerializer";

const BUFFER_END = FRAME_HEADER_BYTES + BUFFER_SIZE;

export type PartitionItem =
  | {
      readonly kind: "buffer";
      readonly buffer: NetworkBuffer;
      /** Data buffers that wait behind this one. */ readonly backlog: number;
    }
  | { readonly kind: "event"; readonly event: ExchangeEvent };

/** Why a partition is no more. */
export type PartitionLoss = "failed" | "canceled";

/** The consumer's side of a subpartition: a local channel or a reader of a connection. */
export interface PartitionReader {
  /** Something can be polled. Called within the producer's work: keep it short. */
  dataAvailable(): void;
  /** The producer is gone before its end. */
  producerLost(loss: PartitionLoss): void;
}

/** Data in flight at a checkpoint: payloads of buffers, and the structures that their receiver knew before them or learns from them. */
export interface SubpartitionState {
  readonly structures: readonly RecordStructure[];
  readonly payloads: readonly Uint8Array[];
}

/** As JSON: MessagePack would be written over the record that the serializer holds. */
function encodeDefinitions(first: number, structures: readonly RecordStructure[]): Buffer {
  return Buffer.from(JSON.stringify([first, ...structures]));
}

export class PipelinedSubpartition {
  private readonly queue: (NetworkBuffer | ExchangeEvent)[] = [];
  private queuedBuffers = 0;
  private builder: NetworkBuffer | undefined;
  private builderTimed = false;
  private flushRequested = false;
  private knownStructures = 0;
  /** The next buffer numbers its structures anew. */
  private resetPending = false;
  private reader: PartitionReader | undefined;
  private credit = 0;
  private ended = false;
  private blocked = false;
  private released = false;
  private left = false;
  /** Called when `consumed` becomes true. */
  onConsumed: () => void = () => {};
  /** Bytes of buffers handed to the consumer. */
  bytesOut = 0;

  /** @param onBlocked told when this channel alone holds as many buffers as one may, and when it does not any more */
  constructor(
    private readonly pool: BufferPool,
    private readonly serializer: RecordSerializer,
    private readonly onBlocked: (blocked: boolean) => void,
  ) {}

  /** Everything was handed out, or the consumer has gone. */
  get consumed(): boolean {
    return this.released || this.left || (this.ended && this.queue.length === 0);
  }

  /** Appends what the serializer holds. */
  append(timestamp: number | undefined): void {
    const { bytes, start, end } = this.serializer;
    const timed = timestamp !== undefined;
    const length = end - start + (timed ? TIMESTAMP_BYTES : 0);
    let builder = this.builder;
    if (
      builder !== undefined &&
      (builder.end + length > BUFFER_END ||
        this.builderTimed !== timed ||
        this.knownStructures !== this.serializer.structures.length)
    ) {
      this.finishBuilder();
      builder = undefined;
    }
    if (builder === undefined) {
      if (length > BUFFER_SIZE / 2 && length > BUFFER_SIZE - this.headerBytes()) {
        this.appendSpanning(timestamp, length);
        return;
      }
      builder = this.startBuilder(timed ? BufferFlag.TIMED : 0);
      this.builderTimed = timed;
    }
    let at = builder.end;
    if (timed) {
      const target = builder.bytes;
      target[at] = FLOAT64_MARK;
      target.writeDoubleBE(timestamp, at + 1);
      at += TIMESTAMP_BYTES;
    }
    bytes.copy(builder.bytes, at, start, end);
    builder.end = at + (end - start);
  }

  /** Queues an event behind all elements so far. */
  add(event: ExchangeEvent): void {
    if (this.released) {
      return;
    }
    this.finishBuilder();
    this.queue.push(event);
    if (event.kind === "endOfPartition") {
      this.ended = true;
    }
    this.reader?.dataAvailable();
  }

  /** Puts a barrier before everything that waits here. What it overtakes goes into the checkpoint. */
  addPriority(barrier: CheckpointBarrier): SubpartitionState {
    this.finishBuilder(false);
    const payloads = this.queue.flatMap((item) => ("kind" in item ? [] : [Buffer.from(item.payload())]));
    const behind = this.queue.findIndex((item) => !("kind" in item && item.kind === "barrier"));
    this.queue.splice(behind < 0 ? this.queue.length : behind, 0, barrier);
    this.reader?.dataAvailable();
    return { structures: this.serializer.structures.slice(0, this.knownStructures), payloads };
  }

  /** Sends first what was in flight at the checkpoint that the producer starts from. */
  restore({ structures, payloads }: SubpartitionState): void {
    if (payloads.length === 0) {
      return;
    }
    const definitions = encodeDefinitions(0, structures);
    const first = Buffer.concat([
      Buffer.of(BufferFlag.DEFINITIONS, definitions.length >> 8, definitions.length & 0xff),
      definitions,
    ]);
    for (const payload of [first, ...payloads]) {
      const buffer = this.pool.take();
      buffer.bytes.set(payload, buffer.end);
      buffer.end += payload.length;
      this.queue.push(buffer);
      this.queuedBuffers++;
    }
    this.resetPending = true;
    this.checkBlocked();
  }

  /** Makes a buffer that is not full available. */
  flush(): void {
    if (this.builder !== undefined && !this.flushRequested) {
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
    if (this.canPoll) {
      reader.dataAvailable();
    }
  }

  /** The consumer is gone; what it has not taken stays. */
  detach(reader: PartitionReader): void {
    if (this.reader === reader) {
      this.reader = undefined;
      this.credit = 0;
      this.left = true;
      this.onConsumed();
    }
  }

  addCredit(credit: number): void {
    this.credit += credit;
    if (this.canPoll) {
      this.reader?.dataAvailable();
    }
  }

  get canPoll(): boolean {
    const first = this.queue[0];
    if (first !== undefined) {
      return this.credit > 0 || "kind" in first;
    }
    return this.flushRequested && this.credit > 0 && this.builder !== undefined;
  }

  poll(): PartitionItem | undefined {
    if (!this.canPoll) {
      return undefined;
    }
    if (this.queue.length === 0) {
      this.finishBuilder(false);
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
    this.bytesOut += first.payloadBytes;
    this.checkBlocked();
    return {
      kind: "buffer",
      buffer: first,
      backlog: this.queuedBuffers + (this.builder !== undefined && this.flushRequested ? 1 : 0),
    };
  }

  /** Gives all buffers back; with `loss` the consumer is told that no more comes. */
  release(loss: PartitionLoss | undefined): void {
    if (this.released) {
      return;
    }
    this.released = true;
    const reader = this.reader;
    this.reader = undefined;
    for (const item of this.queue.splice(0)) {
      if (!("kind" in item)) {
        item.recycle();
      }
    }
    this.queuedBuffers = 0;
    this.builder?.recycle();
    this.builder = undefined;
    if (loss !== undefined) {
      reader?.producerLost(loss);
    }
  }

  private headerBytes(): number {
    return 1 + 4 + (this.knownStructures === this.serializer.structures.length ? 0 : 2 + this.definitions().length);
  }

  private definitions(): Buffer {
    return encodeDefinitions(this.knownStructures, this.serializer.structures.slice(this.knownStructures));
  }

  private startBuilder(flags: number): NetworkBuffer {
    const builder = this.pool.take();
    let at = builder.end + 1;
    let allFlags = flags;
    if (this.resetPending) {
      this.resetPending = false;
      allFlags |= BufferFlag.RESET;
    }
    if (this.knownStructures !== this.serializer.structures.length) {
      const definitions = this.definitions();
      allFlags |= BufferFlag.DEFINITIONS;
      builder.bytes.writeUInt16BE(definitions.length, at);
      at += 2 + definitions.copy(builder.bytes, at + 2);
      this.knownStructures = this.serializer.structures.length;
    }
    builder.bytes[builder.end] = allFlags;
    builder.end = at;
    this.builder = builder;
    return builder;
  }

  private finishBuilder(notify = true): void {
    const builder = this.builder;
    this.flushRequested = false;
    if (builder === undefined) {
      return;
    }
    this.builder = undefined;
    this.queue.push(builder);
    this.queuedBuffers++;
    this.checkBlocked();
    if (notify && this.credit > 0) {
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

  private appendSpanning(timestamp: number | undefined, length: number): void {
    const { bytes, start, end } = this.serializer;
    let builder = this.startBuilder(BufferFlag.SPAN_START | (timestamp === undefined ? 0 : BufferFlag.TIMED));
    builder.end = builder.bytes.writeUInt32BE(length, builder.end);
    if (timestamp !== undefined) {
      builder.bytes[builder.end] = FLOAT64_MARK;
      builder.end = builder.bytes.writeDoubleBE(timestamp, builder.end + 1);
    }
    let at = start;
    for (;;) {
      const copied = bytes.copy(builder.bytes, builder.end, at, Math.min(end, at + BUFFER_END - builder.end));
      builder.end += copied;
      at += copied;
      this.finishBuilder();
      if (at === end) {
        return;
      }
      builder = this.startBuilder(BufferFlag.SPAN_CONTINUED);
    }
  }
}
