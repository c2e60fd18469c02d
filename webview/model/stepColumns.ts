/** Moments in the order in which they came, each with a small code and a number, in columns of their own types: 13 bytes each. */
const FIRST_CAPACITY = 8;
const GROWTH = 1.5;

export class StepColumns {
  #at = new Float64Array(FIRST_CAPACITY);
  #code = new Uint8Array(FIRST_CAPACITY);
  #mark = new Int32Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }
  at(index: number): number {
    return this.#at[index];
  }
  code(index: number): number {
    return this.#code[index];
  }
  mark(index: number): number {
    return this.#mark[index];
  }

  push(at: number, code: number, mark: number): void {
    if (this.#length === this.#at.length) this.#resize(Math.ceil(this.#length * GROWTH));
    this.#at[this.#length] = at;
    this.#code[this.#length] = code;
    this.#mark[this.#length] = mark;
    this.#length++;
  }

  setCode(index: number, code: number): void {
    this.#code[index] = code;
  }
  set(index: number, at: number, code: number, mark: number): void {
    this.#at[index] = at;
    this.#code[index] = code;
    this.#mark[index] = mark;
  }
  /** Only the first so many stay. */
  cut(length: number): void {
    this.#length = Math.min(length, this.#length);
  }

  /** How many are not after a moment. */
  until(moment: number): number {
    let low = 0;
    let high = this.#length;
    // Most ask for the present.
    if (high > 0 && this.#at[high - 1] <= moment) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#at[middle] <= moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Lets the first so many go. */
  drop(count: number): void {
    const kept = this.#length - count;
    const capacity = Math.max(FIRST_CAPACITY, Math.ceil(kept * GROWTH));
    const at = new Float64Array(capacity);
    const code = new Uint8Array(capacity);
    const mark = new Int32Array(capacity);
    at.set(this.#at.subarray(count, this.#length));
    code.set(this.#code.subarray(count, this.#length));
    mark.set(this.#mark.subarray(count, this.#length));
    [this.#at, this.#code, this.#mark, this.#length] = [at, code, mark, kept];
  }

  #resize(capacity: number): void {
    const at = new Float64Array(capacity);
    const code = new Uint8Array(capacity);
    const mark = new Int32Array(capacity);
    at.set(this.#at);
    code.set(this.#code);
    mark.set(this.#mark);
    [this.#at, this.#code, this.#mark] = [at, code, mark];
  }
}
