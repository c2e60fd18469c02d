/**
 * Which instance of a service a call goes to.
 *
 * `round-robin`; `least-request` (fewest calls outstanding, ties in turn); `power-of-two-choices` (Mitzenmacher: the less loaded of two
 * drawn at random); `consistent-hash` (a ring with virtual nodes, Karger et al.: a key stays with its instance, and when an instance
 * leaves only its own keys move).
 */
import type { BalancingPolicy } from "../graph/jobFile";

export interface BalancerCandidate {
  /** Stable over restarts of the instance (`langid#1`), so that sticky keys come back to it. */
  readonly instance: string;
  /** Calls outstanding. */
  readonly load: number;
}

/** Points of each instance on the ring: with 160, shares of three instances differ by about 10 %. */
const VIRTUAL_NODES = 160;

export class Balancer<C extends BalancerCandidate> {
  private turn = 0;
  private ring: { readonly at: number; readonly instance: string }[] = [];
  private ringOf = "";
  private ringCandidates: readonly C[] = [];

  /** `random` gives numbers in [0, 1). */
  constructor(
    readonly policy: BalancingPolicy,
    private readonly random: () => number,
  ) {}

  /** One of the candidates; `undefined` when there are none. A call without a key under `consistent-hash` goes in turn. */
  pick(candidates: readonly C[], key?: string): C | undefined {
    const first = candidates[0];
    if (candidates.length <= 1) return first;
    switch (this.policy) {
      case "round-robin":
        return this.inTurn(candidates);
      case "least-request":
        return this.leastLoaded(candidates);
      case "power-of-two-choices": {
        const a = Math.floor(this.random() * candidates.length);
        const b = (a + 1 + Math.floor(this.random() * (candidates.length - 1))) % candidates.length;
        const [one, other] = [candidates[a], candidates[b]];
        return one !== undefined && other !== undefined && other.load < one.load ? other : one;
      }
      case "consistent-hash":
        return key === undefined ? this.inTurn(candidates) : this.onRing(candidates, key);
    }
  }

  private inTurn(candidates: readonly C[]): C | undefined {
    this.turn = (this.turn + 1) % candidates.length;
    return candidates[this.turn];
  }

  private leastLoaded(candidates: readonly C[]): C | undefined {
    this.turn = (this.turn + 1) % candidates.length;
    const { turn } = this;
    let best: C | undefined;
    let least = Infinity;
    // Nobody has fewer than none, and there may be a thousand of them.
    for (let at = turn; at < candidates.length && least > 0; at++) {
      const { load } = candidates[at];
      if (load < least) [best, least] = [candidates[at], load];
    }
    for (let at = 0; at < turn && least > 0; at++) {
      const { load } = candidates[at];
      if (load < least) [best, least] = [candidates[at], load];
    }
    return best;
  }

  private onRing(candidates: readonly C[], key: string): C | undefined {
    if (candidates !== this.ringCandidates) {
      this.ringCandidates = candidates;
      this.buildRing(candidates.map((candidate) => candidate.instance));
    }
    const at = hash32(key);
    let low = 0;
    let high = this.ring.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ring[middle]?.at ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    const instance = this.ring[low === this.ring.length ? 0 : low]?.instance;
    return candidates.find((candidate) => candidate.instance === instance);
  }

  private buildRing(instances: readonly string[]): void {
    const ringOf = instances.join("\n");
    if (ringOf === this.ringOf) return;
    this.ringOf = ringOf;
    this.ring = instances
      .flatMap((instance) =>
        Array.from({ length: VIRTUAL_NODES }, (_, node) => ({ at: hash32(`${instance}/${node}`), instance })),
      )
      .sort((a, b) => a.at - b.at || (a.instance < b.instance ? -1 : 1));
  }
}

/** FNV-1a over UTF-16 units with MurmurHash3's finalizer, which FNV needs to spread short keys over 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
