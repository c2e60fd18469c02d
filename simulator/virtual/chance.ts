/** Everything random in a virtual world comes from one seed, by way of these. Each part of the world has a stream of its own. */
import type { SeededRandom } from "../core/seededRandom";
import { nextRandom } from "../core/seededRandom";

export class Chance {
  private readonly random: SeededRandom;

  constructor(private readonly seed: number) {
    this.random = { seed: seed | 0 };
  }

  /** A stream of its own: what others draw does not change it. */
  fork(name: string): Chance {
    let hash = (this.seed ^ 0x811c9dc5) | 0;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return new Chance(hash ^ (hash >>> 13));
  }

  /** In [0, 1). */
  next(): number {
    return nextRandom(this.random);
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  yes(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of some; there must be one. */
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)];
  }

  /** With this mean: times between events that know nothing of each other. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }
}
