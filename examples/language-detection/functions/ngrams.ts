/**
 * From a text to the input of the model: hashed character n-grams, the "hashing trick" over the n-grams that language
 * identification has used since Cavnar and Trenkle (1994). Training and the stream job call this same function, so the
 * model never sees features made in another way than those it was trained on.
 */

/** Length of the feature vector of one text: the second axis of the model's input `ngrams`. */
export const NGRAM_SLOTS = 256;

/** Number of rows of the model's weight table. Ids are 1 to `NGRAM_BUCKETS - 1`; 0 is {@link PADDING_ID}. */
export const NGRAM_BUCKETS = 16_384;

/** The id that fills the slots a short text leaves empty. Its row of weights is zero. */
export const PADDING_ID = 0;

/** The longest n-gram, in UTF-16 code units, the marks of a word's two ends included. */
export const LONGEST_NGRAM = 4;

/** No more than this many UTF-16 code units of a text are read, so that one huge record cannot hold up a task. */
export const MAX_TEXT_UNITS = 4_000;

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Maps a UTF-16 code unit to the lower-case letter it stands for, or to 0 where a word ends. */
const LETTER_OF = letterTable();

/**
 * Hashes the character n-grams of a text, 1 to {@link LONGEST_NGRAM} code units long.
 *
 * The text is put into NFC and lower case; everything that is neither a letter, a combining mark, an apostrophe nor the
 * Catalan middle dot separates words. An n-gram stays inside one word, whose two ends count as one character each, so
 * that "the end of a word in -ción" is a feature and "the last letter of one word and the first of the next" is not.
 *
 * The n-grams are taken in order of length and then of position. A text that has more than {@link NGRAM_SLOTS} of them
 * is thinned evenly, so that each length and each part of the text keeps its share.
 *
 * @param text any text; one without a letter gives a vector of padding only
 * @returns {@link NGRAM_SLOTS} ids below {@link NGRAM_BUCKETS}, padded with {@link PADDING_ID} at the end
 */
export function hashedNgrams(text: string): Int32Array {
  const units = wordUnits(text.slice(0, MAX_TEXT_UNITS).normalize("NFC"));
  const ids = new Int32Array(units.length * LONGEST_NGRAM);
  let count = 0;
  for (let length = 1; length <= LONGEST_NGRAM; length++) {
    for (let start = 0; start + length <= units.length; start++) {
      const id = ngramId(units, start, length);
      if (id !== PADDING_ID) {
        ids[count++] = id;
      }
    }
  }
  const slots = new Int32Array(NGRAM_SLOTS);
  if (count <= NGRAM_SLOTS) {
    slots.set(ids.subarray(0, count));
    return slots;
  }
  for (let slot = 0; slot < NGRAM_SLOTS; slot++) {
    slots[slot] = ids[Math.floor((slot * count) / NGRAM_SLOTS)];
  }
  return slots;
}

/** The words of a text, each in lower case, with one space before the first, between two, and after the last. */
function wordUnits(text: string): Uint16Array {
  const units = new Uint16Array(text.length + 2);
  let length = 1;
  units[0] = SPACE;
  for (let index = 0; index < text.length; index++) {
    const letter = LETTER_OF[text.charCodeAt(index)];
    if (letter !== 0) {
      units[length++] = letter;
    } else if (units[length - 1] !== SPACE) {
      units[length++] = SPACE;
    }
  }
  if (units[length - 1] !== SPACE) {
    units[length++] = SPACE;
  }
  return units.subarray(0, length);
}

/** The id of the n-gram at `start`, or {@link PADDING_ID} where it would reach over the end of a word. */
function ngramId(units: Uint16Array, start: number, length: number): number {
  if (length === 1 && units[start] === SPACE) {
    return PADDING_ID;
  }
  let hash = FNV_OFFSET;
  for (let offset = 0; offset < length; offset++) {
    const unit = units[start + offset];
    if (unit === SPACE && offset > 0 && offset < length - 1) {
      return PADDING_ID;
    }
    hash = Math.imul(hash ^ unit, FNV_PRIME);
  }
  // FNV-1a alone leaves the high bits of short inputs poorly mixed; two more rounds spread them over the buckets.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  hash ^= hash >>> 15;
  return 1 + ((hash >>> 0) % (NGRAM_BUCKETS - 1));
}

/** Built once: a lookup is several times quicker than a regular expression for each character. */
function letterTable(): Uint16Array {
  const table = new Uint16Array(0x1_0000);
  const letterOrMark = /[\p{L}\p{M}]/u;
  for (let unit = 0; unit < table.length; unit++) {
    const character = String.fromCharCode(unit);
    if (letterOrMark.test(character)) {
      const lower = character.toLowerCase();
      table[unit] = lower.length === 1 ? lower.charCodeAt(0) : unit;
    }
  }
  for (const apostrophe of "'\u2019\u02bc") {
    table[apostrophe.charCodeAt(0)] = APOSTROPHE;
  }
  table["\u00b7".charCodeAt(0)] = "\u00b7".charCodeAt(0);
  return table;
}
