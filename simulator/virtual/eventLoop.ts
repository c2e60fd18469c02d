/**
 * Virtual time: events in the order of their time, and of their making where times are equal. No clock of the machine comes in, so the
 * same events always happen in the same order. A 4-ary heap; an event costs O(log waiting).
 */

/** Something that will happen, unless it is cancelled before. */
export interface VirtualTimer {
  run: (() => void) | undefined;
}

export class EventLoop {
  private times: Float64Array = new Float64Array(1024);
  private orders: Float64Array = new Float64Array(1024);
  private readonly timers: VirtualTimer[] = [];
  private size = 0;
  private made = 0;
  private handled = 0;
  private nowMs = 0;

  /** Milliseconds since the world began. */
  get now(): number {
    return this.nowMs;
  }

  /** Events that have happened. */
  get count(): number {
    return this.handled;
  }

  /** More events came with the present one. */
  handledTogether(more: number): void {
    this.handled += more;
  }

  get waiting(): number {
    return this.size;
  }

  /** Times are kept in whole microseconds. Nothing happens before its time, not even by a rounding: who waits for a time finds it come. */
  at(timeMs: number, run: () => void): VirtualTimer {
    const timer: VirtualTimer = { run };
    const time = Math.max(this.nowMs, timeMs, Math.ceil(timeMs * 1000) / 1000);
    if (this.size === this.times.length) this.grow();
    this.siftUp(this.size++, time, this.made++, timer);
    return timer;
  }

  after(delayMs: number, run: () => void): VirtualTimer {
    return this.at(this.nowMs + delayMs, run);
  }

  /** Lets the next event happen. @returns false when nothing waits, or nothing up to `untilMs`. */
  step(untilMs = Infinity): boolean {
    while (this.size > 0) {
      const time = this.times[0];
      if (time > untilMs) return false;
      const timer = this.timers[0];
      this.removeFirst();
      if (timer.run === undefined) continue;
      this.nowMs = time;
      this.handled++;
      const { run } = timer;
      timer.run = undefined;
      run();
      return true;
    }
    return false;
  }

  private removeFirst(): void {
    const last = --this.size;
    const timer = this.timers[last];
    this.timers.length = last;
    if (last > 0) this.siftDown(this.times[last], this.orders[last], timer);
  }

  private siftUp(from: number, time: number, order: number, timer: VirtualTimer): void {
    const { times, orders, timers } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (times[parent] <= time) break;
      times[at] = times[parent];
      orders[at] = orders[parent];
      timers[at] = timers[parent];
      at = parent;
    }
    times[at] = time;
    orders[at] = order;
    timers[at] = timer;
  }

  private siftDown(time: number, order: number, timer: VirtualTimer): void {
    const { times, orders, timers, size } = this;
    let at = 0;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= size) break;
      let least = first;
      for (let child = first + 1; child < Math.min(first + 4, size); child++) {
        if (times[child] < times[least] || (times[child] === times[least] && orders[child] < orders[least])) least = child;
      }
      if (times[least] > time || (times[least] === time && orders[least] > order)) break;
      times[at] = times[least];
      orders[at] = orders[least];
      timers[at] = timers[least];
      at = least;
    }
    times[at] = time;
    orders[at] = order;
    timers[at] = timer;
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    const orders = new Float64Array(this.orders.length * 2);
    times.set(this.times);
    orders.set(this.orders);
    this.times = times;
    this.orders = orders;
  }
}

export function cancelTimer(timer: VirtualTimer | undefined): void {
  if (timer !== undefined) timer.run = undefined;
}
