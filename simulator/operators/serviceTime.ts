/** Lets an operator take a stated time over each element without holding the thread: the task counts as busy meanwhile. */
import type { TaskControl } from "./streamOperator";

/** Shorter debts are kept until they add up to what a timer can measure. */
const SMALLEST_WAIT_MS = 2;

export class ServiceTime {
  private freeAt = 0;
  private waiting = false;

  constructor(
    private readonly control: TaskControl,
    private readonly perElementMs: number,
  ) {}

  /** One element was taken. */
  spend(): void {
    if (this.perElementMs <= 0) {
      return;
    }
    const now = performance.timeOrigin + performance.now();
    this.freeAt = Math.max(this.freeAt, now) + this.perElementMs;
    if (this.freeAt - now >= SMALLEST_WAIT_MS && !this.waiting) {
      this.waiting = true;
      this.control.blockInput("busy");
      this.control.setTimer(this.freeAt, () => {
        this.waiting = false;
        this.control.unblockInput("busy");
      });
    }
  }
}
