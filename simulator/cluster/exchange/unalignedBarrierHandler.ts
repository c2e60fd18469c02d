/**
 * Checkpoints whose barriers overtake the data (`execution.checkpointing.unaligned`): at the first barrier the task takes its state and
 * passes the barrier on; what is in flight on its channels before their barriers is stored with it. So a checkpoint takes no longer
 * under back-pressure. Flink's `SingleCheckpointBarrierHandler` (unaligned) and `ChannelStateWriter`.
 */
import type { CheckpointBarrier } from "./exchangeEvent";
import type { BegunElements, ChannelState, InputChannel } from "./inputChannel";
import type { InputGate } from "./inputGate";

/** Data in flight of each channel of a gate, in their order. */
export type GateState = readonly ChannelState[];

interface Pending {
  readonly barrier: CheckpointBarrier;
  readonly arrived: Set<InputChannel>;
  readonly startedAt: number;
  readonly state: GateState;
}

export interface UnalignedBarrierHandlerOptions {
  readonly gate: InputGate;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** What is left of the buffer that the task has begun, if it is of this channel. */
  readonly begunElements: (channel: InputChannel) => BegunElements | undefined;
  /** Take the state of the operators and pass the barrier on, now. */
  readonly onFirstBarrier: (barrier: CheckpointBarrier) => void;
  /** All channels delivered the barrier: the data in flight is known. */
  readonly onComplete: (barrier: CheckpointBarrier, state: GateState, alignmentMs: number) => void;
}

export class UnalignedBarrierHandler {
  private pending: Pending | undefined;
  private last = 0;
  private readonly aborted = new Set<number>();

  constructor(private readonly options: UnalignedBarrierHandlerOptions) {}

  /** Between two records. */
  onBarrier(channel: InputChannel, barrier: CheckpointBarrier): void {
    const { checkpoint } = barrier;
    if (this.aborted.has(checkpoint) || checkpoint < this.last) {
      return;
    }
    if (checkpoint > this.last) {
      this.giveUp();
      this.last = checkpoint;
      const { gate, now, begunElements, onFirstBarrier } = this.options;
      onFirstBarrier(barrier);
      const state = gate.channels.map((other) => other.captureInFlight(checkpoint, begunElements(other)));
      this.pending = { barrier, arrived: new Set(), startedAt: now(), state };
    }
    this.pending?.arrived.add(channel);
    this.complete();
  }

  onEndOfPartition(): void {
    this.complete();
  }

  abort(checkpoint: number): void {
    this.aborted.add(checkpoint);
    for (const old of [...this.aborted].filter((other) => other < this.last)) {
      this.aborted.delete(old);
    }
    if (this.pending?.barrier.checkpoint === checkpoint) {
      this.giveUp();
    }
  }

  private giveUp(): void {
    if (this.pending !== undefined) {
      this.pending = undefined;
      for (const channel of this.options.gate.channels) {
        channel.stopCapture();
      }
    }
  }

  private complete(): void {
    const { pending } = this;
    const { gate, now, onComplete } = this.options;
    if (pending !== undefined && gate.channels.every((channel) => channel.ended || pending.arrived.has(channel))) {
      this.pending = undefined;
      onComplete(pending.barrier, pending.state, now() - pending.startedAt);
    }
  }
}
