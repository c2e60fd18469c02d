/** Timers in order of their time, each once for a key. Flink's `InternalTimerServiceImpl` queue: a binary heap. */
export interface KeyedTimer {
  readonly time: number;
  /** As in {@link stateKey}. */
  readonly key: unknown;
}

export class TimerHeap {
  private readonly heap: KeyedTimer[] = [];
  private readonly times = new Map<unknown, Set<number>>();

  get next(): KeyedTimer | undefined {
    return this.heap[0];
  }

  get all(): readonly KeyedTimer[] {
    return this.heap;
  }

  /** False when the key has a timer at this time already. */
  add(time: number, key: unknown): boolean {
    let times = this.times.get(key);
    if (times === undefined) {
      this.times.set(key, (times = new Set()));
    }
    if (times.has(time)) {
      return false;
    }
    times.add(time);
    const { heap } = this;
    let at = heap.push({ time, key }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].time <= heap[at].time) {
        break;
      }
      [heap[parent], heap[at]] = [heap[at], heap[parent]];
      at = parent;
    }
    return true;
  }

  /** Takes the earliest timer. */
  pop(): KeyedTimer | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) {
      return undefined;
    }
    const times = this.times.get(first.key);
    times?.delete(first.time);
    if (times?.size === 0) {
      this.times.delete(first.key);
    }
    if (heap.length > 0) {
      let at = 0;
      for (;;) {
        const left = 2 * at + 1;
        if (left >= heap.length) {
          break;
        }
        const child = left + 1 < heap.length && heap[left + 1].time < heap[left].time ? left + 1 : left;
        if (heap[child].time >= last.time) {
          break;
        }
        heap[at] = heap[child];
        at = child;
      }
      heap[at] = last;
    }
    return first;
  }
}
