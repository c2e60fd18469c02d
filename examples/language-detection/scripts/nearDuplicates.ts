/** Finds texts that are nearly the same, so that none of the stream has a twin among the training texts. */

import { textKey } from "./sentences";

const GRAM_LENGTH = 4;

/** Two texts are nearly the same from this share of common character 4-grams on (Jaccard index of the two sets). */
export const NEARLY_THE_SAME = 0.6;

/** Texts that were taken, and the question whether a new one is nearly the same as one of them. */
export class NearDuplicateIndex {
  readonly #textsWithGram = new Map<string, number[]>();
  readonly #gramCounts: number[] = [];

  /** Whether a text was added whose character 4-grams are nearly the same. */
  hasNearDuplicateOf(text: string): boolean {
    const grams = gramsOf(text);
    const common = new Map<number, number>();
    for (const gram of grams) {
      for (const other of this.#textsWithGram.get(gram) ?? []) {
        common.set(other, (common.get(other) ?? 0) + 1);
      }
    }
    for (const [other, shared] of common) {
      if (shared / (grams.size + this.#gramCounts[other] - shared) >= NEARLY_THE_SAME) {
        return true;
      }
    }
    return false;
  }

  add(text: string): void {
    const grams = gramsOf(text);
    const index = this.#gramCounts.push(grams.size) - 1;
    for (const gram of grams) {
      const texts = this.#textsWithGram.get(gram);
      if (texts === undefined) {
        this.#textsWithGram.set(gram, [index]);
      } else {
        texts.push(index);
      }
    }
  }
}

function gramsOf(text: string): Set<string> {
  const key = ` ${textKey(text)} `;
  const grams = new Set<string>();
  for (let start = 0; start + GRAM_LENGTH <= key.length; start++) {
    grams.add(key.slice(start, start + GRAM_LENGTH));
  }
  return grams;
}
