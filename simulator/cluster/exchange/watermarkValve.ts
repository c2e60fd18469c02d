/**
 * The watermark of a subtask: the lowest of its channels that are neither idle nor at their end. Flink's `StatusWatermarkValve`.
 */
interface ChannelStatus {
  watermark: number;
  idle: boolean;
}

export class WatermarkValve {
  private readonly channels: ChannelStatus[];
  private emitted = -Infinity;

  /**
   * @param onWatermark told when the watermark of all rises
   * @param onIdle told when the last channel goes idle, and when one is not any more
   */
  constructor(
    channels: number,
    private readonly onWatermark: (timestamp: number) => void,
    private readonly onIdle: (idle: boolean) => void,
  ) {
    this.channels = Array.from({ length: channels }, () => ({ watermark: -Infinity, idle: false }));
  }

  /** ms since the epoch; −Infinity before the first. */
  get watermark(): number {
    return this.emitted;
  }

  advance(channel: number, timestamp: number): void {
    const status = this.channels[channel];
    if (timestamp > status.watermark) {
      status.watermark = timestamp;
      this.emit();
    }
  }

  setIdle(channel: number, idle: boolean): void {
    const status = this.channels[channel];
    if (status.idle === idle) {
      return;
    }
    const wasIdle = this.allIdle();
    status.idle = idle;
    const isIdle = this.allIdle();
    if (wasIdle !== isIdle) {
      this.onIdle(isIdle);
    }
    if (!isIdle) {
      this.emit();
    }
  }

  private allIdle(): boolean {
    return this.channels.every(({ idle }) => idle);
  }

  private emit(): void {
    let lowest = Infinity;
    for (const { watermark, idle } of this.channels) {
      if (!idle && watermark < lowest) {
        lowest = watermark;
      }
    }
    if (lowest > this.emitted) {
      this.emitted = lowest;
      this.onWatermark(lowest);
    }
  }
}
