/**
 * Takes what arrives at a task, in order for each channel: elements to the head of the chain, events to whom they concern. Flink's
 * `StreamTaskNetworkInput`.
 */
import type { CheckpointBarrier } from "./exchange/exchangeEvent";
import { CheckpointBarrierHandler } from "./exchange/checkpointBarrierHandler";
import type { InputChannel } from "./exchange/inputChannel";
import type { InputGate } from "./exchange/inputGate";
import type { NetworkBuffer } from "./exchange/networkBuffer";
import { WatermarkValve } from "./exchange/watermarkValve";
import type { ElementReceiver } from "../operators/streamOperator";
import type { TaskLoop } from "./taskLoop";

export interface TaskInputOptions {
  readonly gate: InputGate;
  readonly loop: TaskLoop;
  readonly checkpointMode: "EXACTLY_ONCE" | "AT_LEAST_ONCE";
  readonly head: ElementReceiver;
  /** Tells the head the key of the next element; by job edge. */
  readonly keySetters: ReadonlyMap<number, (value: unknown) => void>;
  readonly onCheckpoint: (barrier: CheckpointBarrier, alignmentMs: number) => void;
  /** No element comes any more; barriers may. */
  readonly onEndOfData: () => void;
}

/** Elements between two looks at the clock: grown and shrunk so that they take about this long. */
const STEP_MS = 1;
const MAX_STEP = 1024;

export class TaskInput {
  private readonly gate: InputGate;
  private readonly barriers: CheckpointBarrierHandler;
  private readonly valve: WatermarkValve;
  private readonly channelIndex: ReadonlyMap<InputChannel, number>;
  private values: readonly unknown[] = [];
  private at = 0;
  private timed = false;
  private setKey: ((value: unknown) => void) | undefined;
  private current: { readonly channel: InputChannel; readonly buffer: NetworkBuffer } | undefined;
  private stepSize = 64;
  recordsIn = 0;

  constructor(private readonly options: TaskInputOptions) {
    this.gate = options.gate;
    this.channelIndex = new Map(options.gate.channels.map((channel, index) => [channel, index]));
    this.barriers = new CheckpointBarrierHandler({
      gate: options.gate,
      mode: options.checkpointMode,
      now: () => performance.now(),
      onAligned: options.onCheckpoint,
    });
    this.valve = new WatermarkValve(
      options.gate.channels.length,
      (timestamp) => options.head.watermark(timestamp),
      () => {},
    );
  }

  get watermark(): number {
    return this.valve.watermark;
  }

  /** Buffers that hold something for this task. */
  get buffersInUse(): number {
    return this.gate.buffersInUse + (this.current === undefined ? 0 : 1);
  }

  abortCheckpoint(checkpoint: number): void {
    this.barriers.abort(checkpoint);
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
    if (!("kind" in item)) {
      const { values, timed } = channel.deserializer.decode(item.payload());
      this.current = { channel, buffer: item };
      this.values = values;
      this.timed = timed;
      this.at = 0;
      this.setKey = this.options.keySetters.get(channel.edge);
      if (values.length === 0) {
        this.finishBuffer();
      }
      return "progress";
    }
    switch (item.kind) {
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
        break;
    }
    return "progress";
  }

  close(): void {
    this.current?.buffer.recycle();
    this.current = undefined;
    this.values = [];
    this.gate.close();
  }

  private processElements(): void {
    const { loop, head } = this.options;
    const { values, timed, setKey } = this;
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
    if (current !== undefined) {
      current.channel.recycle(current.buffer);
    }
  }
}
