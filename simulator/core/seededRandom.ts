/**
 * A small generator of random numbers whose whole state is one number, so that it can be part of a state machine's state.
 * Source: mulberry32, Tommy Ettinger, public domain.
 */
export interface SeededRandom {
  seed: number;
}

/** The next number in [0, 1). */
export function nextRandom(random: SeededRandom): number {
  random.seed = (random.seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(random.seed ^ (random.seed >>> 15), 1 | random.seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}
