/**
 * Moments in the order in which they came, each with a small code and a number, in columns as narrow as what is in them: 6 bytes each while a
 * column spans less than an hour and its numbers are small, 13 at most. Moments are exact to the microsecond, as the journal has them.
 */
const FIRST_CAPACITY = 8;
const GROWTH = 1.3;
/** Moments are counted from this long before the first one, microseconds: what comes late may be older. */
const BEFORE_FIRST = 60e6;
const MOST_OFFSET = 2 ** 32 - 1;
/** Half a microsecond, ms: what is kept may be that much after what came. */
const ROUNDED = 0.0005;

type Offsets = Uint32Array | Float64Array;
type Marks = Uint8Array | Uint16Array | Int32Array;

export class StepColumns {
  /** Microseconds since the epoch; 0 once the moments are too far apart for 32 bits. */
  #base = 0;
  #offset: Offsets = new Uint32Array(FIRST_CAPACITY);
  #code = new Uint8Array(FIRST_CAPACITY);
  #mark: Marks = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }
  at(index: number): number {
    return (this.#base + this.#offset[index]) / 1000;
  }
  code(index: number): number {
    return this.#code[index];
  }
  mark(index: number): number {
    return this.#mark[index];
  }

  push(at: number, code: number, mark: number): void {
    const length = this.#length;
    if (length === 0 && this.#offset instanceof Uint32Array) this.#base = Math.round(at * 1000) - BEFORE_FIRST;
    if (length === this.#code.length) this.#resize(Math.ceil(length * GROWTH));
    this.#length++;
    this.set(length, at, code, mark);
  }

  setCode(index: number, code: number): void {
    this.#code[index] = code;
  }
  set(index: number, at: number, code: number, mark: number): void {
    const micros = Math.round(at * 1000);
    const offset = micros - this.#base;
    if (this.#offset instanceof Uint32Array && !(offset >= 0 && offset <= MOST_OFFSET)) this.#widenOffsets();
    this.#offset[index] = micros - this.#base;
    this.#code[index] = code;
    if (!fits(this.#mark, mark)) this.#mark = widened(this.#mark, mark);
    this.#mark[index] = mark;
  }
  /** Only the first so many stay. */
  cut(length: number): void {
    this.#length = Math.min(length, this.#length);
  }

  /** How many are not after a moment. */
  until(moment: number): number {
    const last = moment + ROUNDED;
    let low = 0;
    let high = this.#length;
    // Most ask for the present.
    if (high > 0 && this.at(high - 1) <= last) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle) <= last) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Lets the first so many go. */
  drop(count: number): void {
    const kept = new StepColumns();
    for (let i = count; i < this.#length; i++) kept.push(this.at(i), this.#code[i], this.#mark[i]);
    this.#base = kept.#base;
    this.#offset = kept.#offset;
    this.#code = kept.#code;
    this.#mark = kept.#mark;
    this.#length = kept.#length;
  }

  #resize(capacity: number): void {
    const offset = this.#offset instanceof Uint32Array ? new Uint32Array(capacity) : new Float64Array(capacity);
    offset.set(this.#offset);
    const code = new Uint8Array(capacity);
    code.set(this.#code);
    const bytes = this.#mark.BYTES_PER_ELEMENT;
    const mark =
      bytes === 1 ? new Uint8Array(capacity) : bytes === 2 ? new Uint16Array(capacity) : new Int32Array(capacity);
    mark.set(this.#mark);
    [this.#offset, this.#code, this.#mark] = [offset, code, mark];
  }

  #widenOffsets(): void {
    const base = this.#base;
    this.#offset = Float64Array.from(this.#offset, (offset) => base + offset);
    this.#base = 0;
  }
}

function fits(marks: Marks, mark: number): boolean {
  const bytes = marks.BYTES_PER_ELEMENT;
  return bytes === 4 || (mark >= 0 && mark <= (bytes === 1 ? 0xff : 0xffff));
}

function widened(marks: Marks, mark: number): Marks {
  return mark >= 0 && mark <= 0xffff ? Uint16Array.from(marks) : Int32Array.from(marks);
}
