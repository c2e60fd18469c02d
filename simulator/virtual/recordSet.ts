/**
 * Numbers of records, in the order in which they were added. Most regions have one or two records under way, for which a `Set` of the language
 * costs more than all else that is done for a record: it is made anew after every few. So they stand in a list while they are few.
 */
const MOST_IN_LIST = 16;

export class RecordSet implements Iterable<number> {
  private readonly few: number[] = [];
  private many: Set<number> | undefined;

  get size(): number {
    return this.many === undefined ? this.few.length : this.many.size;
  }

  /** @param record not in it. */
  add(record: number): void {
    if (this.many !== undefined) this.many.add(record);
    else if (this.few.length < MOST_IN_LIST) this.few.push(record);
    else {
      this.many = new Set(this.few).add(record);
      this.few.length = 0;
    }
  }

  delete(record: number): void {
    const { few, many } = this;
    if (many !== undefined) {
      many.delete(record);
      if (many.size === 0) this.many = undefined;
      return;
    }
    const at = few.indexOf(record);
    if (at < 0) return;
    for (let next = at + 1; next < few.length; next++) few[next - 1] = few[next];
    few.pop();
  }

  clear(): void {
    this.few.length = 0;
    this.many = undefined;
  }

  [Symbol.iterator](): Iterator<number> {
    return (this.many ?? this.few)[Symbol.iterator]();
  }
}
