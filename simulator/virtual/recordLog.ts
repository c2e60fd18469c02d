/** When each record came and whether its result was there once: of the records that may still be replayed. Numbers count from 0. */
/** Kept at first; a power of two. A job may have tens of thousands of regions, each with few records. */
const FEWEST = 16;

export class RecordLog {
  private times = new Float64Array(FEWEST);
  private done = new Uint8Array(FEWEST);
  private first = 0;
  private next = 0;

  /** The number of the next record. */
  get count(): number {
    return this.next;
  }

  append(atMs: number): void {
    if (this.next - this.first === this.times.length) this.grow();
    const at = this.next & (this.times.length - 1);
    this.times[at] = atMs;
    this.done[at] = 0;
    this.next++;
  }

  arrivedAtMs(record: number): number {
    return this.times[record & (this.times.length - 1)];
  }

  /** @returns whether this is its first result. */
  finish(record: number): boolean {
    const at = record & (this.done.length - 1);
    const first = this.done[at] === 0;
    this.done[at] = 1;
    return first;
  }

  /** Records before this one are not asked for any more. */
  forgetBefore(record: number): void {
    this.first = Math.max(this.first, Math.min(record, this.next));
  }

  private grow(): void {
    const size = this.times.length * 2;
    const [times, done] = [new Float64Array(size), new Uint8Array(size)];
    for (let record = this.first; record < this.next; record++) {
      times[record & (size - 1)] = this.arrivedAtMs(record);
      done[record & (size - 1)] = this.done[record & (this.done.length - 1)];
    }
    this.times = times;
    this.done = done;
  }
}
