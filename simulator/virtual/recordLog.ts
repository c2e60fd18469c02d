/** When each record came and whether its result was there once: of the records that may still be replayed. Numbers count from 0. */
/** Kept at first; a power of two. A job may have tens of thousands of regions, each with few records. */
const FEWEST = 4;

export class RecordLog {
  /** When each came. The sign says whether its result was there. A plain array: of a typed one, the frame alone is larger than a few records. */
  private times: number[] = new Array<number>(FEWEST).fill(0.5);
  private first = 0;
  private next = 0;

  /** The number of the next record. */
  get count(): number {
    return this.next;
  }

  append(atMs: number): void {
    if (this.next - this.first === this.times.length) this.grow();
    this.times[this.next & (this.times.length - 1)] = atMs;
    this.next++;
  }

  arrivedAtMs(record: number): number {
    return Math.abs(this.times[record & (this.times.length - 1)]);
  }

  /** @returns whether this is its first result. */
  finish(record: number): boolean {
    const at = record & (this.times.length - 1);
    const time = this.times[at];
    if (time < 0 || Object.is(time, -0)) return false;
    this.times[at] = -time;
    return true;
  }

  /** Records before this one are not asked for any more. */
  forgetBefore(record: number): void {
    this.first = Math.max(this.first, Math.min(record, this.next));
  }

  private grow(): void {
    const before = this.times;
    const size = before.length * 2;
    this.times = new Array<number>(size).fill(0.5);
    for (let record = this.first; record < this.next; record++) this.times[record & (size - 1)] = before[record & (before.length - 1)];
  }
}
