/**
 * One channel's end at the consumer: what has arrived and was not taken yet, and the credit that bounds it. Flink's
 * `RemoteInputChannel` and its `BufferManager`: two buffers of its own, and floating ones of the gate as the sender's backlog asks.
 */
import type { ProducerLocation } from "../controlMessages";
import type { CheckpointBarrier, ExchangeEvent } from "./exchangeEvent";
import { BUFFERS_PER_CHANNEL } from "./networkBuffer";
import type { BufferPool, NetworkBuffer } from "./networkBuffer";
import { RecordDeserializer } from "./recordDeserializer";
import type { DeserializerState } from "./recordDeserializer";

/** The way back to the producer. */
export interface ChannelConnection {
  addCredit(credit: number): void;
  /** Wants nothing more. */
  close(): void;
}

/** How a producer was lost: it said so, its process is gone, or it never produced this partition. */
export type ProducerLoss = "failed" | "canceled" | "disconnected" | "notFound";

/** What a channel tells its gate. */
export interface ChannelOwner {
  readonly pool: BufferPool;
  channelHasItems(channel: InputChannel): void;
  producerLost(channel: InputChannel, loss: ProducerLoss): void;
  /** A barrier came that must not wait for its turn. */
  barrierOvertook(channel: InputChannel, barrier: CheckpointBarrier): void;
}

/** What is left of a buffer that the task has begun: `value …` or, when timed, `timestamp value …`, as MessagePack. */
export interface BegunElements {
  readonly bytes: Uint8Array;
  readonly timed: boolean;
}

/** Data in flight at the checkpoint that the consumer starts from. */
export type RestoredItem =
  | ({ readonly kind: "restoredElements" } & BegunElements)
  | { readonly kind: "restoredPayload"; readonly payload: Buffer };

export type ChannelItem = NetworkBuffer | ExchangeEvent | RestoredItem;

/** A channel's data in flight at a checkpoint, in order: what was left of a buffer that had been begun, then payloads. */
export interface ChannelState {
  readonly deserializer: DeserializerState;
  readonly elements: BegunElements | undefined;
  readonly payloads: readonly Uint8Array[];
}

/** Floating credits of one gate, shared by its channels. */
export class FloatingCredits {
  private readonly waiting = new Set<InputChannel>();

  constructor(private free: number) {}

  request(channel: InputChannel): boolean {
    if (this.free > 0) {
      this.free--;
      return true;
    }
    this.waiting.add(channel);
    return false;
  }

  giveBack(): void {
    this.free++;
    for (const channel of this.waiting) {
      this.waiting.delete(channel);
      if (channel.takesFloatingCredit()) {
        this.free--;
        return;
      }
    }
  }

  forget(channel: InputChannel): void {
    this.waiting.delete(channel);
  }
}

export class InputChannel {
  readonly deserializer = new RecordDeserializer();
  private readonly items: ChannelItem[] = [];
  private connection: ChannelConnection | undefined;
  /** Credit that the sender has and did not use yet. */
  private outstanding = BUFFERS_PER_CHANNEL;
  private floating = 0;
  private backlog = 0;
  private closed = false;
  /** Number of the next buffer to arrive, and of the next to be taken. */
  private arriving = 0;
  private taking = 0;
  /** Barriers that overtook, by checkpoint: buffers with a lower number came before them. */
  private readonly overtaking = new Map<number, number>();
  /** While a checkpoint takes in what arrives before its barrier. */
  private capture: { readonly checkpoint: number; readonly payloads: Buffer[] } | undefined;
  /** In the gate's queue of channels that have something. */
  queued = false;
  /** Delivered the barrier of the checkpoint under way: nothing is taken from it until all channels have. */
  blocked = false;
  /** The producer's last element has been taken. */
  endOfData = false;
  /** Nothing comes any more. */
  ended = false;
  bytesIn = 0;

  constructor(
    readonly gate: ChannelOwner,
    /** Index of the job edge. */
    readonly edge: number,
    readonly producer: ProducerLocation,
    private readonly floatingCredits: FloatingCredits,
  ) {}

  connect(connection: ChannelConnection): void {
    this.connection = connection;
  }

  get hasItems(): boolean {
    return this.items.length > 0;
  }

  get queuedBuffers(): number {
    return this.items.reduce((sum, item) => sum + ("kind" in item ? 0 : 1), 0);
  }

  take(): ChannelItem | undefined {
    const item = this.items.shift();
    if (item !== undefined && !("kind" in item)) {
      this.taking++;
    }
    return item;
  }

  /** Before anything arrives: what was in flight at the checkpoint comes first. */
  restore({ deserializer, elements, payloads }: ChannelState): void {
    this.deserializer.restore(deserializer);
    if (elements !== undefined) {
      this.items.push({ kind: "restoredElements", ...elements });
    }
    for (const payload of payloads) {
      this.items.push({ kind: "restoredPayload", payload: Buffer.from(payload) });
    }
    if (this.items.length > 0) {
      this.gate.channelHasItems(this);
    }
  }

  /**
   * The state of the task is taken now: what waits here, and what arrives until the channel's barrier, belongs to the checkpoint.
   * @param elements what is left of the buffer that the task has begun
   * @returns the payloads; the list grows until the barrier of this checkpoint has come
   */
  captureInFlight(checkpoint: number, elements: BegunElements | undefined): ChannelState {
    const barrierAt = this.overtaking.get(checkpoint);
    const before = barrierAt ?? this.arriving;
    for (const old of [...this.overtaking.keys()].filter((other) => other <= checkpoint)) {
      this.overtaking.delete(old);
    }
    const payloads: Buffer[] = [];
    let number = this.taking;
    for (const item of this.items) {
      if (!("kind" in item)) {
        if (number++ < before) {
          payloads.push(Buffer.from(item.payload()));
        }
      } else if (item.kind === "restoredPayload") {
        payloads.push(item.payload);
      }
    }
    if (barrierAt === undefined && !this.ended) {
      this.capture = { checkpoint, payloads };
    }
    const restored = this.items.find((item) => "kind" in item && item.kind === "restoredElements");
    return {
      deserializer: this.deserializer.snapshot(),
      elements: elements ?? restored,
      payloads,
    };
  }

  /** The checkpoint was given up. */
  stopCapture(): void {
    this.capture = undefined;
  }

  onBuffer(buffer: NetworkBuffer, backlog: number): void {
    if (this.closed) {
      buffer.recycle();
      return;
    }
    if (this.outstanding <= 0) {
      throw new Error(`${this.producer.task} sent a buffer without credit`);
    }
    this.outstanding--;
    this.bytesIn += buffer.payloadBytes;
    this.arriving++;
    this.capture?.payloads.push(Buffer.from(buffer.payload()));
    this.backlog = backlog;
    this.items.push(buffer);
    this.gate.channelHasItems(this);
    let granted = 0;
    while (this.outstanding < this.backlog + BUFFERS_PER_CHANNEL && this.floatingCredits.request(this)) {
      this.floating++;
      this.outstanding++;
      granted++;
    }
    if (granted > 0) {
      this.connection?.addCredit(granted);
    }
  }

  onEvent(event: ExchangeEvent): void {
    if (this.closed) {
      return;
    }
    if (event.kind === "barrier" && event.unaligned) {
      this.overtaking.set(event.checkpoint, this.arriving);
      if (this.capture !== undefined && this.capture.checkpoint <= event.checkpoint) {
        this.capture = undefined;
      }
      this.gate.barrierOvertook(this, event);
      return;
    }
    this.items.push(event);
    this.gate.channelHasItems(this);
  }

  onProducerLost(loss: ProducerLoss): void {
    if (!this.closed && !this.ended) {
      this.close();
      this.gate.producerLost(this, loss);
    }
  }

  /** A buffer of this channel was consumed: its place is free again. */
  recycle(buffer: NetworkBuffer): void {
    buffer.recycle();
    if (this.closed) {
      return;
    }
    if (this.floating > 0 && this.outstanding >= this.backlog + BUFFERS_PER_CHANNEL) {
      this.floating--;
      this.floatingCredits.giveBack();
    } else {
      this.outstanding++;
      this.connection?.addCredit(1);
    }
  }

  /** Offered a floating credit that it asked for earlier; false when it does not need it any more. */
  takesFloatingCredit(): boolean {
    if (this.closed || this.outstanding >= this.backlog + BUFFERS_PER_CHANNEL) {
      return false;
    }
    this.floating++;
    this.outstanding++;
    this.connection?.addCredit(1);
    return true;
  }

  close(): void {
    if (this.closed) {
      return;
    }
    this.closed = true;
    for (const item of this.items.splice(0)) {
      if (!("kind" in item)) {
        item.recycle();
      }
    }
    this.floatingCredits.forget(this);
    for (; this.floating > 0; this.floating--) {
      this.floatingCredits.giveBack();
    }
    this.connection?.close();
  }
}
