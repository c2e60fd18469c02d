/**
 * When the records of a source subtask are due: at an even rate, with bursts where there are any. Subtasks take turns, so that the rate of all
 * together is even. Flink's `RateLimiterStrategy`.
 */
import type { SourceBursts } from "../graph/jobFile";
import { nextRandom } from "../core/seededRandom";
import type { SeededRandom } from "../core/seededRandom";

/** A source that was held up makes up for at most this long. */
const MAX_DEBT_MS = 1000;

/** A time in which the rate does not change. `from`: records before it. */
interface Stretch {
  readonly startMs: number;
  readonly endMs: number;
  readonly from: number;
  readonly perMs: number;
}

export class SourcePace {
  private stretch: Stretch;
  private readonly random: SeededRandom | undefined;
  private inBurst = false;
  /** Records of this subtask whose time was asked for. */
  private released = 0;
  private dueMs: number;
  /** How far the plan was put off, because the source was held up. */
  private lateMs = 0;

  /**
   * @param startMs when it begins; the clock of all times here
   * @param ratePerSecond of all subtasks together, outside of bursts; 0: nothing then
   */
  constructor(
    private readonly startMs: number,
    private readonly ratePerSecond: number,
    private readonly bursts: SourceBursts | undefined,
    private readonly subtask: number,
    private readonly parallelism: number,
  ) {
    this.random = bursts?.seed === undefined ? undefined : { seed: bursts.seed };
    this.stretch = { startMs: 0, endMs: this.quietMs(), from: 0, perMs: ratePerSecond / 1000 };
    this.dueMs = this.timeOf(subtask);
  }

  /** How many records, at most `limit`, are due and were not asked for yet. They count as asked for. */
  take(nowMs: number, limit: number): number {
    const behind = nowMs - this.nextMs;
    if (behind > MAX_DEBT_MS) {
      this.lateMs += behind - MAX_DEBT_MS;
    }
    let taken = 0;
    while (taken < limit && this.nextMs <= nowMs) {
      taken++;
      this.released++;
      this.dueMs = this.timeOf(this.subtask + this.released * this.parallelism);
    }
    return taken;
  }

  /** When the next record is due. */
  get nextMs(): number {
    return this.startMs + this.dueMs + this.lateMs;
  }

  /** When record `number` of all subtasks together is due, from the start. Asked for in rising order. */
  private timeOf(number: number): number {
    for (;;) {
      const { startMs, endMs, from, perMs } = this.stretch;
      const after = perMs === 0 ? Infinity : startMs + (number - from) / perMs;
      if (after < endMs || endMs === Infinity) {
        return after;
      }
      this.inBurst = !this.inBurst;
      const { bursts } = this;
      const length = this.inBurst && bursts !== undefined ? Math.max(1, bursts.lengthMs) : this.quietMs();
      const rate = this.inBurst && bursts !== undefined ? bursts.ratePerSecond : this.ratePerSecond;
      this.stretch = {
        startMs: endMs,
        endMs: endMs + length,
        from: from + (endMs - startMs) * perMs,
        perMs: rate / 1000,
      };
    }
  }

  /** Time until the next burst begins. Drawn from a seed it is exponential, as the gaps of independent events are. */
  private quietMs(): number {
    const { bursts, random } = this;
    if (bursts === undefined) {
      return Infinity;
    }
    return random === undefined ? bursts.gapMs : -Math.log(1 - nextRandom(random)) * bursts.gapMs;
  }
}
