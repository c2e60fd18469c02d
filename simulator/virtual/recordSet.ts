/**
 * Numbers of records, in the order in which they were added. Most regions have one record under way, or none, for which a `Set` of the language, or
 * a list that is made anew each time, costs more than all else that is done for a record: the first one stands by itself, others in a list while they are few.
 */
const MOST_IN_LIST = 16;
const NONE = -1;

export class RecordSet implements Iterable<number> {
  private first = NONE;
  /** All of them, when there is not just the first. */
  private few: number[] | undefined;
  private many: Set<number> | undefined;

  get size(): number {
    if (this.many !== undefined) return this.many.size;
    if (this.few !== undefined) return this.few.length;
    return this.first === NONE ? 0 : 1;
  }

  /** @param record not in it, from 0 on. */
  add(record: number): void {
    const { few, many } = this;
    if (many !== undefined) many.add(record);
    else if (few === undefined) {
      if (this.first === NONE) this.first = record;
      else {
        this.few = [this.first, record];
        this.first = NONE;
      }
    } else if (few.length < MOST_IN_LIST) few.push(record);
    else {
      this.many = new Set(few).add(record);
      this.few = undefined;
    }
  }

  delete(record: number): void {
    const { few, many } = this;
    if (many !== undefined) {
      many.delete(record);
      if (many.size === 0) this.many = undefined;
    } else if (few === undefined) {
      if (this.first === record) this.first = NONE;
    } else {
      const at = few.indexOf(record);
      if (at < 0) return;
      for (let next = at + 1; next < few.length; next++) few[next - 1] = few[next];
      few.pop();
      if (few.length === 0) this.few = undefined;
    }
  }

  clear(): void {
    this.first = NONE;
    this.few = undefined;
    this.many = undefined;
  }

  *[Symbol.iterator](): Iterator<number> {
    if (this.first !== NONE) yield this.first;
    else yield* this.many ?? this.few ?? [];
  }
}
