/** Random numbers that are the same on every machine for the same seed. */

/** A source of numbers from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** The mulberry32 generator: 32 bits of state, integer arithmetic only, good enough to shuffle and to sample. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Puts the items into random order, in place (Fisher-Yates), and returns the same array. */
export function shuffle<Item>(items: Item[], random: Random): Item[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}
