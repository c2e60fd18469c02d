/**
 * Virtual time: events in the order of their time, and of their making where times are equal. No clock of the machine comes in, so the
 * same events always happen in the same order. A 4-ary heap; an event costs O(log waiting).
 */

/** Something that happens at its time. What happens a million times is an object of its own kind, and needs no closure. */
export interface VirtualEvent {
  /** It does not happen any more, and is not counted. */
  readonly cancelled: boolean;
  happen(): void;
}

/** Something that will happen, unless it is cancelled before. */
export class VirtualTimer implements VirtualEvent {
  constructor(public run: (() => void) | undefined) {}

  get cancelled(): boolean {
    return this.run === undefined;
  }

  happen(): void {
    const { run } = this;
    this.run = undefined;
    run?.();
  }
}

export class EventLoop {
  private times: Float64Array = new Float64Array(1024);
  private orders: Float64Array = new Float64Array(1024);
  private readonly waitingEvents: VirtualEvent[] = [];
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
    const timer = new VirtualTimer(run);
    this.put(timeMs, timer);
    return timer;
  }

  /** {@link at} for an event that is there already. */
  put(timeMs: number, event: VirtualEvent): void {
    const time = Math.max(this.nowMs, timeMs, Math.ceil(timeMs * 1000) / 1000);
    if (this.size === this.times.length) this.grow();
    this.siftUp(this.size++, time, this.made++, event);
  }

  after(delayMs: number, run: () => void): VirtualTimer {
    return this.at(this.nowMs + delayMs, run);
  }

  /** Lets the next event happen. @returns false when nothing waits, or nothing up to `untilMs`. */
  step(untilMs = Infinity): boolean {
    while (this.size > 0) {
      const time = this.times[0];
      if (time > untilMs) return false;
      const event = this.waitingEvents[0];
      this.removeFirst();
      if (event.cancelled) continue;
      this.nowMs = time;
      this.handled++;
      event.happen();
      return true;
    }
    return false;
  }

  private removeFirst(): void {
    const last = --this.size;
    const event = this.waitingEvents[last];
    // The array keeps its length: shortened and lengthened with each event, it would be moved again and again.
    this.waitingEvents[last] = OVER;
    if (last > 0) this.siftDown(this.times[last], this.orders[last], event);
  }

  private siftUp(from: number, time: number, order: number, event: VirtualEvent): void {
    const { times, orders, waitingEvents } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (times[parent] <= time) break;
      times[at] = times[parent];
      orders[at] = orders[parent];
      waitingEvents[at] = waitingEvents[parent];
      at = parent;
    }
    times[at] = time;
    orders[at] = order;
    waitingEvents[at] = event;
  }

  private siftDown(time: number, order: number, event: VirtualEvent): void {
    const { times, orders, waitingEvents, size } = this;
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
      waitingEvents[at] = waitingEvents[least];
      at = least;
    }
    times[at] = time;
    orders[at] = order;
    waitingEvents[at] = event;
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

const OVER: VirtualEvent = { cancelled: true, happen: () => undefined };

export function cancelTimer(timer: VirtualTimer | undefined): void {
  if (timer !== undefined) timer.run = undefined;
}
