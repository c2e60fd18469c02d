/** Records expected against records found, by their ids: what is missing and what is too many. */

/** Ids that are named as examples, at most. */
const EXAMPLES = 10;

export class RecordBalance {
  /** Id → how often it was found, less how often it was expected. */
  readonly #balance = new Map<string, number>();
  /** Id → how often it may be found beyond what is expected. */
  readonly #spare = new Map<string, number>();

  found(id: unknown): void {
    this.#add(keyOf(id), 1);
  }

  /** After all {@link found}. `spare`: how often more it may be there without being a duplicate. */
  expect(id: unknown, times: number, spare: number): void {
    const key = keyOf(id);
    if (times > 0) this.#add(key, -times);
    if (spare > 0 && (this.#balance.get(key) ?? 0) > 0) this.#spare.set(key, (this.#spare.get(key) ?? 0) + spare);
  }

  /** Whether it is missing; then it is missing once less. */
  retrieve(id: unknown): boolean {
    const key = keyOf(id);
    if ((this.#balance.get(key) ?? 0) >= 0) return false;
    this.#add(key, 1);
    return true;
  }

  /** Sums over all ids. `spareOfAll`: what every id that was never expected may be found, for sources without an end. */
  result(spareOfAll = 0): { missing: number; surplus: number; examples: { lost: string[]; duplicated: string[] } } {
    let missing = 0;
    let surplus = 0;
    const examples = { lost: [] as string[], duplicated: [] as string[] };
    for (const [id, balance] of this.#balance) {
      if (balance < 0) {
        missing -= balance;
        if (examples.lost.length < EXAMPLES) examples.lost.push(id);
      } else {
        const tooMany = balance - (this.#spare.get(id) ?? spareOfAll);
        if (tooMany <= 0) continue;
        surplus += tooMany;
        if (examples.duplicated.length < EXAMPLES) examples.duplicated.push(id);
      }
    }
    return { missing, surplus, examples };
  }

  #add(key: string, times: number): void {
    this.#balance.set(key, (this.#balance.get(key) ?? 0) + times);
  }
}

/** JSON of the value, so that 7 and "7" are two. */
function keyOf(id: unknown): string {
  return id === undefined ? "(without the field)" : JSON.stringify(id);
}
