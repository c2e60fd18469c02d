/**
 * Moments in the order in which they came, each with a small code and a number, packed: about 4 bytes each, 15 at most. Moments are exact to the
 * microsecond, as the journal has them.
 *
 * Each entry is written as its distance from the one before it, in as few bytes as that takes; every {@link BLOCK}th stands by itself, and says by its
 * place in the bytes where its block begins. The newest one is not packed yet: most of what is asked is asked of it, and it is often written over.
 */
const BLOCK = 32;
const GROWTH = 1.25;
/** More than {@link GROWTH} gives while there are few: making room is what costs most of adding. */
const LEAST_GROWTH = 24;
/** A distance of 53 bits, a number of 33 and a code. */
const MOST_BYTES = 15;
/** Half a microsecond, ms: what is kept may be that much after what came. */
const ROUNDED = 0.0005;
/** A code takes this much of the number it is written with; larger ones have a byte of their own. */
const CODES = 32;
const OWN_BYTE = CODES - 1;

/** Many columns stay empty: those of phases where there is no service. */
const NO_BYTES = new Uint8Array(0);

/** A block as it was read last. Few are read at a time, so that a handful for all columns is enough. */
interface ReadBlock {
  columns: number;
  block: number;
  length: number;
  readonly micros: Float64Array;
  readonly codes: Uint8Array;
  readonly marks: Int32Array;
}
const READ_BLOCKS = 8;
const readBlocks: readonly ReadBlock[] = Array.from({ length: READ_BLOCKS }, () => ({
  columns: 0,
  block: 0,
  length: 0,
  micros: new Float64Array(BLOCK),
  codes: new Uint8Array(BLOCK),
  marks: new Int32Array(BLOCK),
}));

/** Where {@link read} goes on. */
let cursor = 0;
let columnsMade = 0;

export class StepColumns {
  readonly #number = ++columnsMade;
  #bytes = NO_BYTES;
  #used = 0;
  /** Where each block begins; the first at 0. */
  #blocks: number[] | undefined;
  #length = 0;
  /** Moments are counted from this one, microseconds since the epoch. */
  #base = 0;
  /** The newest. */
  #micros = 0;
  #code = 0;
  #mark = 0;
  /** The newest that is packed. */
  #packedMicros = 0;
  #packedMark = 0;

  get length(): number {
    return this.#length;
  }
  at(index: number): number {
    return this.#microsOf(index) / 1000;
  }
  code(index: number): number {
    return index === this.#length - 1 ? this.#code : this.#read(index).codes[index % BLOCK];
  }
  mark(index: number): number {
    return index === this.#length - 1 ? this.#mark : this.#read(index).marks[index % BLOCK];
  }

  push(at: number, code: number, mark: number): void {
    if (this.#length > 0) this.#pack();
    this.#micros = Math.round(at * 1000);
    this.#code = code;
    this.#mark = mark;
    if (this.#length++ === 0) this.#base = this.#micros;
  }

  setCode(index: number, code: number): void {
    if (index === this.#length - 1) this.#code = code;
    else if (this.code(index) !== code) this.#rewrite(index, code);
  }
  /** Only the first so many stay. */
  cut(length: number): void {
    if (length >= this.#length) return;
    if (length === 0) this.#used = 0;
    else {
      const newest = length - 1;
      [this.#micros, this.#code, this.#mark] = [this.#microsOf(newest), this.code(newest), this.mark(newest)];
      if (newest > 0) {
        this.#packedMicros = this.#microsOf(newest - 1);
        this.#packedMark = this.mark(newest - 1);
      }
      this.#used = this.#placeOf(newest);
    }
    this.#blocks?.splice(Math.ceil((length - 1) / BLOCK));
    this.#length = length;
    for (const one of readBlocks) if (one.columns === this.#number) one.columns = 0;
  }

  /** How many are not after a moment. */
  until(moment: number): number {
    const length = this.#length;
    const last = (moment + ROUNDED) * 1000;
    // Most ask for the present.
    if (length === 0 || this.#micros <= last) return length;
    let low = 0;
    let high = this.#blocks?.length ?? 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#microsOfBlock(middle) <= last) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const first = (low - 1) * BLOCK;
    const { micros, length: read } = this.#read(first);
    let count = 1;
    while (count < read && micros[count] <= last) count++;
    return first + count;
  }

  /** Lets the first so many go. */
  drop(count: number): void {
    const kept = new StepColumns();
    for (let i = count; i < this.#length; i++) kept.push(this.at(i), this.code(i), this.mark(i));
    this.#take(kept);
  }

  #take(other: StepColumns): void {
    this.cut(0);
    [this.#bytes, this.#used, this.#blocks, this.#length] = [other.#bytes, other.#used, other.#blocks, other.#length];
    [this.#base, this.#micros, this.#code, this.#mark] = [other.#base, other.#micros, other.#code, other.#mark];
    [this.#packedMicros, this.#packedMark] = [other.#packedMicros, other.#packedMark];
  }

  #rewrite(index: number, code: number): void {
    const anew = new StepColumns();
    for (let i = 0; i < this.#length; i++) anew.push(this.at(i), i === index ? code : this.code(i), this.mark(i));
    this.#take(anew);
  }

  #microsOf(index: number): number {
    return index === this.#length - 1 ? this.#micros : this.#read(index).micros[index % BLOCK];
  }
  #microsOfBlock(block: number): number {
    cursor = this.#blocks?.[block] ?? 0;
    return this.#base + signed(read(this.#bytes));
  }

  /** Packs the newest one. */
  #pack(): void {
    const place = this.#length - 1;
    if (this.#used + MOST_BYTES > this.#bytes.length) {
      const larger = new Uint8Array(Math.ceil(this.#used * GROWTH) + LEAST_GROWTH);
      larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    let since = this.#packedMicros;
    let mark = this.#packedMark;
    if (place % BLOCK === 0) {
      (this.#blocks ??= []).push(this.#used);
      [since, mark] = [this.#base, 0];
    }
    this.#write(unsigned(this.#micros - since));
    const large = this.#code >= OWN_BYTE;
    this.#write(unsigned(this.#mark - mark) * CODES + (large ? OWN_BYTE : this.#code));
    if (large) this.#bytes[this.#used++] = this.#code;
    this.#packedMicros = this.#micros;
    this.#packedMark = this.#mark;
  }

  #write(value: number): void {
    const bytes = this.#bytes;
    let rest = value;
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) bytes[this.#used++] = (rest % 128) | 128;
    for (; rest > 127; rest >>= 7) bytes[this.#used++] = (rest & 127) | 128;
    bytes[this.#used++] = rest;
  }

  /** The block in which one that is packed lies. */
  #read(index: number): ReadBlock {
    const block = Math.floor(index / BLOCK);
    const known = readBlocks[(this.#number + block) % READ_BLOCKS];
    const wanted = Math.min(BLOCK, this.#length - 1 - block * BLOCK);
    if (known.columns !== this.#number || known.block !== block) {
      known.columns = this.#number;
      known.block = block;
    } else if (known.length === wanted) return known;
    const { micros, codes, marks } = known;
    const bytes = this.#bytes;
    cursor = this.#blocks?.[block] ?? 0;
    let [at, mark] = [this.#base, 0];
    for (let i = 0; i < wanted; i++) {
      micros[i] = at += signed(read(bytes));
      const head = read(bytes);
      const code = head % CODES;
      marks[i] = mark += signed((head - code) / CODES);
      codes[i] = code === OWN_BYTE ? bytes[cursor++] : code;
    }
    known.length = wanted;
    return known;
  }

  /** Where the bytes of one that is packed begin. */
  #placeOf(index: number): number {
    const bytes = this.#bytes;
    cursor = this.#blocks?.[Math.floor(index / BLOCK)] ?? 0;
    for (let i = index % BLOCK; i > 0; i--) {
      read(bytes);
      if (read(bytes) % CODES === OWN_BYTE) cursor++;
    }
    return cursor;
  }
}

/** The number at {@link cursor}. */
function read(bytes: Uint8Array): number {
  let byte = bytes[cursor++];
  if (byte < 128) return byte;
  let value = byte & 127;
  let scale = 128;
  do {
    byte = bytes[cursor++];
    value += (byte & 127) * scale;
    scale *= 128;
  } while (byte > 127);
  return value;
}

/** Small numbers of either sign as small ones from 0 on. */
function unsigned(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
function signed(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
