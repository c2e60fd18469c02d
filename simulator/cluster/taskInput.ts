/**
 * Takes what arrives at a task, in order for each channel: elements to the head of the chain, events to whom they concern. Flink's
 * `StreamTaskNetworkInput`.
 */
import { Packr } from "msgpackr";
import type { CheckpointBarrier } from "./exchange/exchangeEvent";
import { CheckpointBarrierHandler } from "./exchange/checkpointBarrierHandler";
import type { BegunElements, ChannelItem, InputChannel } from "./exchange/inputChannel";
import type { InputGate } from "./exchange/inputGate";
import type { NetworkBuffer } from "./exchange/networkBuffer";
import { UnalignedBarrierHandler } from "./exchange/unalignedBarrierHandler";
import type { GateState } from "./exchange/unalignedBarrierHandler";
import { WatermarkValve } from "./exchange/watermarkValve";
import type { ElementReceiver } from "../operators/streamOperator";
import { poisoned } from "./poisonRecord";
import type { TaskLoop } from "./taskLoop";

export interface TaskInputOptions {
  readonly gate: InputGate;
  readonly loop: TaskLoop;
  readonly checkpointMode: "EXACTLY_ONCE" | "AT_LEAST_ONCE";
  readonly head: ElementReceiver;
  /** Tells the head the key of the next element; by job edge. */
  readonly keySetters: ReadonlyMap<number, (value: unknown) => void>;
  readonly onCheckpoint: (barrier: CheckpointBarrier, alignmentMs: number) => void;
  /** A barrier that overtook: take the operators' state and pass it on; what is in flight follows. */
  readonly onUnalignedCheckpoint: (barrier: CheckpointBarrier) => void;
  readonly onInFlightKnown: (barrier: CheckpointBarrier, state: GateState, alignmentMs: number) => void;
  /** No element comes any more; barriers may. */
  readonly onEndOfData: () => void;
}

/** Elements between two looks at the clock: grown and shrunk so that they take about this long. */
const STEP_MS = 1;
const MAX_STEP = 1024;

const packr = new Packr({ moreTypes: true, copyBuffers: true });

export class TaskInput {
  private readonly gate: InputGate;
  private readonly barriers: CheckpointBarrierHandler;
  private readonly unaligned: UnalignedBarrierHandler;
  private readonly valve: WatermarkValve;
  private readonly channelIndex: ReadonlyMap<InputChannel, number>;
  private values: readonly unknown[] = [];
  private at = 0;
  private timed = false;
  private setKey: ((value: unknown) => void) | undefined;
  private current:
    | { readonly channel: InputChannel; /** Absent for restored data. */ readonly buffer: NetworkBuffer | undefined }
    | undefined;
  private stepSize = 64;
  private head: ElementReceiver;
  recordsIn = 0;

  constructor(private readonly options: TaskInputOptions) {
    this.gate = options.gate;
    this.head = options.head;
    this.channelIndex = new Map(options.gate.channels.map((channel, index) => [channel, index]));
    this.barriers = new CheckpointBarrierHandler({
      gate: options.gate,
      mode: options.checkpointMode,
      now: () => performance.now(),
      onAligned: options.onCheckpoint,
    });
    this.unaligned = new UnalignedBarrierHandler({
      gate: options.gate,
      now: () => performance.now(),
      begunElements: (channel) => this.begunElements(channel),
      onFirstBarrier: options.onUnalignedCheckpoint,
      onComplete: options.onInFlightKnown,
    });
    this.valve = new WatermarkValve(
      options.gate.channels.length,
      (timestamp) => options.head.watermark(timestamp),
      (idle) => options.head.watermarkStatus?.(idle),
    );
  }

  get watermark(): number {
    return this.valve.watermark;
  }

  /** Buffers that hold something for this task. */
  get buffersInUse(): number {
    return this.gate.buffersInUse + (this.current?.buffer === undefined ? 0 : 1);
  }

  abortCheckpoint(checkpoint: number): void {
    this.barriers.abort(checkpoint);
    this.unaligned.abort(checkpoint);
  }

  /** Fault: the next record throws when it is looked at. */
  poisonNext(onThrow: () => void): void {
    const { head } = this.options;
    let left = 1;
    this.head = {
      element: (value, timestamp) => {
        this.head = head;
        head.element(left-- > 0 ? poisoned(value, onThrow) : value, timestamp);
      },
      watermark: (timestamp) => head.watermark(timestamp),
    };
  }

  /** A barrier that does not wait for its turn: handled between two records. */
  barrierOvertook(channel: InputChannel, barrier: CheckpointBarrier): void {
    this.options.loop.post(() => this.unaligned.onBarrier(channel, barrier));
  }

  step(): "progress" | "idle" {
    if (this.at < this.values.length) {
      this.processElements();
      return "progress";
    }
    const polled = this.gate.poll();
    if (polled === undefined) {
      return "idle";
    }
    const { channel, item } = polled;
    this.takeItem(channel, item);
    return "progress";
  }

  private takeItem(channel: InputChannel, item: ChannelItem): void {
    if (!("kind" in item)) {
      const { values, timed } = channel.deserializer.decode(item.payload());
      this.begin(channel, item, values, timed);
      return;
    }
    switch (item.kind) {
      case "restoredElements":
        this.begin(channel, undefined, packr.unpack(Buffer.from(item.bytes)) as unknown[], item.timed);
        break;
      case "restoredPayload": {
        const { values, timed } = channel.deserializer.decode(item.payload);
        this.begin(channel, undefined, values, timed);
        break;
      }
      case "barrier":
        this.barriers.onBarrier(channel, item);
        break;
      case "watermark":
        this.valve.advance(this.channelIndex.get(channel)!, item.timestamp);
        break;
      case "watermarkStatus":
        this.valve.setIdle(this.channelIndex.get(channel)!, item.idle);
        break;
      case "endOfData":
        channel.endOfData = true;
        if (this.gate.channels.every((other) => other.endOfData)) {
          this.options.onEndOfData();
        }
        break;
      case "endOfPartition":
        channel.ended = true;
        channel.close();
        this.barriers.onEndOfPartition();
        this.unaligned.onEndOfPartition();
        break;
    }
  }

  close(): void {
    this.current?.buffer?.recycle();
    this.current = undefined;
    this.values = [];
    this.gate.close();
  }

  private begin(
    channel: InputChannel,
    buffer: NetworkBuffer | undefined,
    values: readonly unknown[],
    timed: boolean,
  ): void {
    this.current = { channel, buffer };
    this.values = values;
    this.timed = timed;
    this.at = 0;
    this.setKey = this.options.keySetters.get(channel.edge);
    if (values.length === 0) {
      this.finishBuffer();
    }
  }

  private begunElements(channel: InputChannel): BegunElements | undefined {
    return this.current?.channel === channel && this.at < this.values.length
      ? { bytes: packr.pack(this.values.slice(this.at)), timed: this.timed }
      : undefined;
  }

  private processElements(): void {
    const { loop } = this.options;
    const { head, values, timed, setKey } = this;
    const stride = timed ? 2 : 1;
    const begun = performance.now();
    const first = this.at;
    const stop = Math.min(values.length, first + this.stepSize * stride);
    let at = first;
    try {
      while (at < stop && !loop.blocked) {
        const value = timed ? values[at + 1] : values[at];
        const timestamp = timed ? (values[at] as number) : undefined;
        at += stride;
        setKey?.(value);
        head.element(value, timestamp);
      }
    } finally {
      this.at = at;
      this.recordsIn += (at - first) / stride;
    }
    const took = performance.now() - begun;
    if (took > STEP_MS) {
      this.stepSize = Math.max(1, this.stepSize >> 1);
    } else if (took < STEP_MS / 4 && this.stepSize < MAX_STEP) {
      this.stepSize <<= 1;
    }
    if (at >= values.length) {
      this.finishBuffer();
    }
  }

  private finishBuffer(): void {
    const { current } = this;
    this.values = [];
    this.at = 0;
    this.current = undefined;
    if (current?.buffer !== undefined) {
      current.channel.recycle(current.buffer);
    }
  }
}
