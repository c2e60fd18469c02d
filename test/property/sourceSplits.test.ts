/** However often the work of a source is shared out anew, every record is emitted once. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  advance,
  countBelow,
  initialAssignment,
  RecordsLeft,
  redistributeSplits,
} from "../../simulator/graph/sourceSplits";
import type { SplitAssignment } from "../../simulator/graph/sourceSplits";

const TOTAL = 200;

/** Numbers of the first records of an assignment, by its ranges alone. */
function records(assignment: SplitAssignment, most: number): number[] {
  const numbers: number[] = [];
  for (const { from, step, until } of assignment) {
    for (let record = from; record < Math.min(until, TOTAL); record += step) numbers.push(record);
  }
  return numbers.sort((a, b) => a - b).slice(0, most);
}

describe("source splits", () => {
  it("every record is emitted once over any history of parallelisms and stops", () => {
    const stage = fc.record({
      parallelism: fc.integer({ min: 1, max: 7 }),
      emitted: fc.array(fc.nat(30), { minLength: 7, maxLength: 7 }),
    });
    fc.assert(
      fc.property(fc.array(stage, { minLength: 1, maxLength: 6 }), (stages) => {
        const seen: number[] = [];
        let left: readonly SplitAssignment[] = [];
        for (const [index, { parallelism, emitted }] of stages.entries()) {
          left =
            index === 0
              ? Array.from({ length: parallelism }, (_, subtask) => initialAssignment(subtask, parallelism))
              : redistributeSplits(left, parallelism);
          left = left.map((assignment, subtask) => {
            const all = assignment.reduce((sum, range) => sum + countBelow(range, TOTAL), 0);
            const now = Math.min(all, emitted[subtask]);
            const numbers = records(assignment, now);
            seen.push(...numbers);
            return advance(assignment, now);
          });
          const rest = new RecordsLeft(left.flat());
          for (let record = 0; record < TOTAL; record++)
            assert.equal(rest.has(record), !seen.includes(record), `record ${record}`);
          assert.equal(rest.emittedBelow(TOTAL), seen.length);
        }
        seen.push(...left.flatMap((assignment) => records(assignment, Infinity)));
        assert.deepEqual(
          seen.sort((a, b) => a - b),
          Array.from({ length: TOTAL }, (_, record) => record),
        );
      }),
    );
  });
});
