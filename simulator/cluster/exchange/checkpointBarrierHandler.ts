/**
 * Brings the barriers of one checkpoint together. EXACTLY_ONCE: a channel that delivered the barrier is blocked until all channels have,
 * so that nothing after the barrier gets into the state. AT_LEAST_ONCE: channels go on. Flink's
 * `SingleCheckpointBarrierHandler` (aligned) and `CheckpointBarrierTracker`.
 */
import type { CheckpointBarrier } from "./exchangeEvent";
import type { InputChannel } from "./inputChannel";
import type { InputGate } from "./inputGate";

interface Alignment {
  readonly barrier: CheckpointBarrier;
  readonly arrived: Set<InputChannel>;
  readonly startedAt: number;
}

export interface BarrierHandlerOptions {
  readonly gate: InputGate;
  readonly mode: "EXACTLY_ONCE" | "AT_LEAST_ONCE";
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** All channels delivered the barrier. */
  readonly onAligned: (barrier: CheckpointBarrier, alignmentMs: number) => void;
}

export class CheckpointBarrierHandler {
  private readonly alignments = new Map<number, Alignment>();
  private readonly aborted = new Set<number>();
  private lastAligned = 0;

  constructor(private readonly options: BarrierHandlerOptions) {}

  onBarrier(channel: InputChannel, barrier: CheckpointBarrier): void {
    const { checkpoint } = barrier;
    if (checkpoint <= this.lastAligned || this.aborted.has(checkpoint)) {
      return;
    }
    const exactlyOnce = this.options.mode === "EXACTLY_ONCE";
    if (exactlyOnce) {
      // A channel moves on to the next checkpoint only when the one before was given up.
      for (const older of [...this.alignments.keys()].filter((id) => id < checkpoint)) {
        this.end(older);
      }
    }
    let alignment = this.alignments.get(checkpoint);
    if (alignment === undefined) {
      alignment = { barrier, arrived: new Set(), startedAt: this.options.now() };
      this.alignments.set(checkpoint, alignment);
    }
    alignment.arrived.add(channel);
    if (exactlyOnce) {
      this.options.gate.block(channel);
    }
    this.complete(alignment);
  }

  /** A channel at its end is not waited for. */
  onEndOfPartition(): void {
    for (const alignment of [...this.alignments.values()]) {
      this.complete(alignment);
    }
  }

  abort(checkpoint: number): void {
    if (checkpoint > this.lastAligned) {
      this.aborted.add(checkpoint);
      this.end(checkpoint);
    }
  }

  private complete(alignment: Alignment): void {
    const { gate, now, onAligned } = this.options;
    if (!gate.channels.every((channel) => channel.ended || alignment.arrived.has(channel))) {
      return;
    }
    const { checkpoint } = alignment.barrier;
    this.lastAligned = checkpoint;
    for (const id of [...this.aborted].filter((other) => other <= checkpoint)) {
      this.aborted.delete(id);
    }
    for (const id of [...this.alignments.keys()].filter((other) => other < checkpoint)) {
      this.end(id);
    }
    onAligned(alignment.barrier, now() - alignment.startedAt);
    this.end(checkpoint);
  }

  private end(checkpoint: number): void {
    const alignment = this.alignments.get(checkpoint);
    this.alignments.delete(checkpoint);
    for (const channel of alignment?.arrived ?? []) {
      this.options.gate.unblock(channel);
    }
  }
}
