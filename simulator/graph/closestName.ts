/**
 * "Did you mean …?": the known name nearest to what somebody wrote.
 * Distance of Damerau and Levenshtein (restricted), on letters and digits alone, so that `restart-strategy` finds `restartStrategy`.
 */

const LONGEST_NAME = 100;
const MOST_CANDIDATES = 2000;

export function closestName(written: string, candidates: Iterable<string>): string | undefined {
  if (written.length === 0 || written.length > LONGEST_NAME) return undefined;
  const wanted = bare(written);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let seen = 0;
  for (const candidate of candidates) {
    if (++seen > MOST_CANDIDATES) break;
    if (candidate.length > LONGEST_NAME) continue;
    const distance = editDistance(wanted, bare(candidate), bestDistance);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** ` Did you mean "x"?`, or the allowed names when they are few and none is near; empty when there is nothing to say. */
export function didYouMean(written: string, candidates: readonly string[]): string | undefined {
  const closest = closestName(written, candidates);
  if (closest !== undefined) return `Did you mean "${closest}"?`;
  if (candidates.length === 0) return undefined;
  const shown = candidates.slice(0, 12).join(", ");
  return `Known: ${shown}${candidates.length > 12 ? `, and ${candidates.length - 12} more` : ""}.`;
}

/** Letters and digits of a name, in lower case. */
export function bare(name: string): string {
  return name.replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();
}

/** Number of insertions, deletions, replacements and swaps of neighbours from `a` to `b`; `limit` when it is at least that. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast = new Array<number>(b.length + 1).fill(0);
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let smallest = i;
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(distance);
      if (distance < smallest) smallest = distance;
    }
    if (smallest >= limit) return limit;
    beforeLast = last;
    last = row;
  }
  return Math.min(last[b.length] ?? limit, limit);
}
