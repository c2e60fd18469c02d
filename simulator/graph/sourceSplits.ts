/**
 * Which records of a source belong to which subtask. The records of all subtasks together are numbered from 0; at first subtask `i` of `p`
 * has `i, i + p, i + 2p, …`. A run that starts from a savepoint shares out what was left, over any number of subtasks. Flink's source
 * splits, which its enumerator gives to readers anew.
 */

/** Every `step`-th record from `from` on, below `until` (`Infinity`: as far as the source goes). */
export interface RecordRange {
  readonly from: number;
  readonly step: number;
  readonly until: number;
}

/** What one subtask is to emit, in rising order over all its ranges. */
export type SplitAssignment = readonly RecordRange[];

/** What subtask `subtask` of `parallelism` has left after `emitted` records from the very beginning. */
export function initialAssignment(subtask: number, parallelism: number, emitted = 0): SplitAssignment {
  return [{ from: subtask + emitted * parallelism, step: parallelism, until: Infinity }];
}

/** How many records of the range lie below `end`. */
export function countBelow({ from, step, until }: RecordRange, end: number): number {
  const stop = Math.min(until, end);
  return stop === Infinity ? Infinity : Math.max(0, Math.ceil((stop - from) / step));
}

/** What is left of an assignment after its first `emitted` records. */
export function advance(assignment: SplitAssignment, emitted: number): SplitAssignment {
  const ranges = assignment.map((range) => ({ ...range }));
  let left = emitted;
  while (left > 0) {
    const open = ranges.filter((range) => range.from < range.until);
    if (open.length === 0) break;
    const next = open.reduce((first, range) => (range.from < first.from ? range : first));
    const other = open.reduce(
      (nearest, range) => (range !== next && range.from < nearest ? range.from : nearest),
      Infinity,
    );
    const steps = Math.min(left, countBelow(next, other));
    next.from += steps * next.step;
    left -= steps;
  }
  return ranges.filter((range) => range.from < range.until);
}

/** Shares out anew what the subtasks of a source have left: what some had emitted far ahead of others is not emitted again. */
export function redistributeSplits(left: readonly SplitAssignment[], parallelism: number): readonly SplitAssignment[] {
  const all = left.flat();
  const open = all.filter((range) => range.until === Infinity);
  // From here on nobody has emitted anything.
  const front = open.reduce((highest, range) => Math.max(highest, range.from), 0);
  const behind = all
    .map((range) => ({ ...range, until: Math.min(range.until, front) }))
    .filter((range) => range.from < range.until);
  return Array.from({ length: parallelism }, (_, subtask) => [
    ...behind.filter((_range, index) => index % parallelism === subtask),
    ...(open.length === 0 ? [] : [{ from: front + subtask, step: parallelism, until: Infinity }]),
  ]);
}

/** Records that nobody has emitted, for the question whether one of them is. */
export class RecordsLeft {
  /** Step → rest → ranges. */
  private readonly byStep = new Map<number, Map<number, RecordRange[]>>();
  /** No record from here on was emitted. */
  readonly front: number;

  constructor(readonly ranges: readonly RecordRange[]) {
    this.front = ranges.reduce((front, { from, until }) => (until === Infinity ? Math.max(front, from) : front), 0);
    for (const range of ranges) {
      const rests = this.byStep.get(range.step) ?? new Map<number, RecordRange[]>();
      this.byStep.set(range.step, rests);
      const rest = range.from % range.step;
      rests.set(rest, [...(rests.get(rest) ?? []), range]);
    }
  }

  has(record: number): boolean {
    for (const [step, rests] of this.byStep) {
      if (rests.get(record % step)?.some(({ from, until }) => record >= from && record < until) === true) return true;
    }
    return false;
  }

  /** Records below `end` that were emitted. */
  emittedBelow(end: number): number {
    const stop = Math.min(end, this.front);
    return stop - this.ranges.reduce((sum, range) => sum + countBelow(range, stop), 0);
  }
}
