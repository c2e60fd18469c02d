/**
 * Brings the barriers of a checkpoint together: the rules of `cluster/exchange/checkpointBarrierHandler`, over channels that are numbers. With
 * EXACTLY_ONCE a channel that delivered the barrier is blocked until all have.
 */
export interface AlignedBarrier {
  readonly checkpoint: number;
  readonly final: boolean;
  readonly alignmentMs: number;
}

interface Alignment {
  readonly final: boolean;
  readonly arrived: Set<number>;
  readonly startedAt: number;
}

export class BarrierAlignment {
  private readonly alignments = new Map<number, Alignment>();
  private readonly aborted = new Set<number>();
  private readonly ended = new Set<number>();
  private readonly blockedChannels = new Set<number>();
  private lastAligned = 0;

  constructor(
    private readonly channels: number,
    private readonly exactlyOnce: boolean,
    private readonly onAligned: (barrier: AlignedBarrier) => void,
  ) {}

  isBlocked(channel: number): boolean {
    return this.blockedChannels.has(channel);
  }

  onBarrier(channel: number, checkpoint: number, final: boolean, nowMs: number): void {
    if (checkpoint <= this.lastAligned || this.aborted.has(checkpoint)) return;
    if (this.exactlyOnce) {
      for (const older of [...this.alignments.keys()]) if (older < checkpoint) this.end(older);
    }
    let alignment = this.alignments.get(checkpoint);
    if (alignment === undefined) {
      alignment = { final, arrived: new Set(), startedAt: nowMs };
      this.alignments.set(checkpoint, alignment);
    }
    alignment.arrived.add(channel);
    if (this.exactlyOnce) this.blockedChannels.add(channel);
    this.complete(checkpoint, alignment, nowMs);
  }

  onEndOfPartition(channel: number, nowMs: number): void {
    this.ended.add(channel);
    for (const [checkpoint, alignment] of [...this.alignments]) this.complete(checkpoint, alignment, nowMs);
  }

  abort(checkpoint: number): void {
    if (checkpoint <= this.lastAligned) return;
    this.aborted.add(checkpoint);
    this.end(checkpoint);
  }

  private complete(checkpoint: number, alignment: Alignment, nowMs: number): void {
    for (let channel = 0; channel < this.channels; channel++) {
      if (!this.ended.has(channel) && !alignment.arrived.has(channel)) return;
    }
    this.lastAligned = checkpoint;
    for (const older of [...this.alignments.keys()]) if (older < checkpoint) this.end(older);
    this.onAligned({ checkpoint, final: alignment.final, alignmentMs: nowMs - alignment.startedAt });
    this.end(checkpoint);
  }

  private end(checkpoint: number): void {
    const alignment = this.alignments.get(checkpoint);
    this.alignments.delete(checkpoint);
    for (const channel of alignment?.arrived ?? []) this.blockedChannels.delete(channel);
  }
}
