/**
 * Moments in the order in which they came, each with a small code and a number, in columns as narrow as what is in them: 6 bytes each while a
 * column spans less than an hour and its numbers are small, 13 at most. Moments are exact to the microsecond, as the journal has them.
 */
const GROWTH = 1.3;
/** More than {@link GROWTH} gives while there are few: making room is what costs most of adding. */
const LEAST_GROWTH = 8;
/** Moments are counted from this long before the first one, microseconds: what comes late may be older. */
const BEFORE_FIRST = 60e6;
const MOST_OFFSET = 2 ** 32 - 1;
/** Half a microsecond, ms: what is kept may be that much after what came. */
const ROUNDED = 0.0005;

type Offsets = Uint32Array | Float64Array;
type Marks = Uint8Array | Uint16Array | Int32Array;

/** Many columns stay empty: those of phases where there is no service. */
const NO_OFFSETS = new Uint32Array(0);
const NO_CODES = new Uint8Array(0);

export class StepColumns {
  /** Microseconds since the epoch; 0 once the moments are too far apart for 32 bits. */
  #base = 0;
  #offset: Offsets = NO_OFFSETS;
  #code = NO_CODES;
  #mark: Marks = NO_CODES;
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
    if (length === this.#code.length) this.#allot(Math.ceil(length * GROWTH) + LEAST_GROWTH);
    this.#length++;
    this.set(length, at, code, mark);
  }

  setCode(index: number, code: number): void {
    this.#code[index] = code;
  }
  set(index: number, at: number, code: number, mark: number): void {
    const micros = Math.round(at * 1000);
    const offset = micros - this.#base;
    if (!(offset >= 0 && offset <= MOST_OFFSET) && this.#offset instanceof Uint32Array) this.#widenOffsets();
    this.#offset[index] = micros - this.#base;
    this.#code[index] = code;
    const bytes = this.#mark.BYTES_PER_ELEMENT;
    if (bytes < 4 && !(mark >= 0 && mark <= (bytes === 1 ? 0xff : 0xffff))) this.#widenMarks(mark);
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

  /** Room for so many; all three columns lie in one piece of memory, since each piece costs time of its own. */
  #allot(
    capacity: number,
    offsetBytes = this.#offset.BYTES_PER_ELEMENT,
    markBytes = this.#mark.BYTES_PER_ELEMENT,
    added = 0,
  ): void {
    const memory = new ArrayBuffer(capacity * (offsetBytes + markBytes + 1));
    const offset = offsetBytes === 4 ? new Uint32Array(memory, 0, capacity) : new Float64Array(memory, 0, capacity);
    if (added === 0) offset.set(this.#offset);
    else this.#offset.forEach((one, i) => void (offset[i] = one + added));
    const Marks = markBytes === 1 ? Uint8Array : markBytes === 2 ? Uint16Array : Int32Array;
    const mark = new Marks(memory, capacity * offsetBytes, capacity);
    mark.set(this.#mark);
    const code = new Uint8Array(memory, capacity * (offsetBytes + markBytes), capacity);
    code.set(this.#code);
    [this.#offset, this.#code, this.#mark] = [offset, code, mark];
  }

  #widenOffsets(): void {
    this.#allot(this.#code.length, 8, this.#mark.BYTES_PER_ELEMENT, this.#base);
    this.#base = 0;
  }

  #widenMarks(mark: number): void {
    this.#allot(this.#code.length, this.#offset.BYTES_PER_ELEMENT, mark >= 0 && mark <= 0xffff ? 2 : 4);
  }
}
