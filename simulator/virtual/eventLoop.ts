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
  /** Of each place of the heap its time and the order of its making, side by side: four siblings lie in one line of the processor's cache. */
  private keys: Float64Array = new Float64Array(2 * 1024);
  /** Of each place of the heap where its event is kept. Events stay there: what moves in the heap are numbers. */
  private slots: Int32Array = new Int32Array(1024);
  private readonly events: VirtualEvent[] = [];
  private readonly freeSlots: number[] = [];
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
    if (this.size === this.slots.length) this.grow();
    const slot = this.freeSlots.pop() ?? this.events.length;
    this.events[slot] = event;
    this.siftUp(this.size++, time, this.made++, slot);
  }

  after(delayMs: number, run: () => void): VirtualTimer {
    return this.at(this.nowMs + delayMs, run);
  }

  /** Lets the next event happen. @returns false when nothing waits, or nothing up to `untilMs`. */
  step(untilMs = Infinity): boolean {
    while (this.size > 0) {
      const time = this.keys[0];
      if (time > untilMs) return false;
      const event = this.takeFirst();
      if (event.cancelled) continue;
      this.nowMs = time;
      this.handled++;
      event.happen();
      return true;
    }
    return false;
  }

  private takeFirst(): VirtualEvent {
    const { keys, slots, events } = this;
    const slot = slots[0];
    const event = events[slot];
    events[slot] = OVER;
    this.freeSlots.push(slot);
    const last = --this.size;
    if (last > 0) this.siftDown(keys[2 * last], keys[2 * last + 1], slots[last]);
    return event;
  }

  private siftUp(from: number, time: number, order: number, slot: number): void {
    const { keys, slots } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (keys[2 * parent] <= time) break;
      keys[2 * at] = keys[2 * parent];
      keys[2 * at + 1] = keys[2 * parent + 1];
      slots[at] = slots[parent];
      at = parent;
    }
    keys[2 * at] = time;
    keys[2 * at + 1] = order;
    slots[at] = slot;
  }

  private siftDown(time: number, order: number, slot: number): void {
    const { keys, slots, size } = this;
    let at = 0;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= size) break;
      const end = Math.min(first + 4, size);
      let least = first;
      let leastTime = keys[2 * first];
      for (let child = first + 1; child < end; child++) {
        const childTime = keys[2 * child];
        if (childTime < leastTime || (childTime === leastTime && keys[2 * child + 1] < keys[2 * least + 1])) {
          least = child;
          leastTime = childTime;
        }
      }
      if (leastTime > time || (leastTime === time && keys[2 * least + 1] > order)) break;
      keys[2 * at] = leastTime;
      keys[2 * at + 1] = keys[2 * least + 1];
      slots[at] = slots[least];
      at = least;
    }
    keys[2 * at] = time;
    keys[2 * at + 1] = order;
    slots[at] = slot;
  }

  private grow(): void {
    const keys = new Float64Array(this.keys.length * 2);
    const slots = new Int32Array(this.slots.length * 2);
    keys.set(this.keys);
    slots.set(this.slots);
    this.keys = keys;
    this.slots = slots;
  }
}

const OVER: VirtualEvent = { cancelled: true, happen: () => undefined };

export function cancelTimer(timer: VirtualTimer | undefined): void {
  if (timer !== undefined) timer.run = undefined;
}
