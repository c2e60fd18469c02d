/** When records of a source with a rate and bursts are due. */
import assert from "node:assert/strict";
import type { SourceBursts } from "../../simulator/graph/jobFile";
import { SourcePace } from "../../simulator/operators/sourcePace";

/** Records due in each 100 ms of the first `seconds`, over all subtasks, looked at every 10 ms. */
function perTenth(rate: number, bursts: SourceBursts | undefined, parallelism: number, seconds: number): number[] {
  const paces = Array.from(
    { length: parallelism },
    (_, subtask) => new SourcePace(1000, rate, bursts, subtask, parallelism),
  );
  return Array.from({ length: seconds * 10 }, (_tenth, tenth) => {
    let records = 0;
    for (let at = 10; at <= 100; at += 10)
      for (const pace of paces) records += pace.take(1000 + tenth * 100 + at - 0.01, Infinity);
    return records;
  });
}

describe("pace of a source", () => {
  it("is even over all subtasks", () => {
    assert.deepEqual(perTenth(200, undefined, 3, 1), Array<number>(10).fill(20));
  });

  it("rises in bursts and falls back", () => {
    const bursts = { ratePerSecond: 1000, lengthMs: 200, gapMs: 300, seed: undefined };
    const regular = [10, 10, 10, 100, 100, 10, 10, 10, 100, 100];
    assert.deepEqual(perTenth(100, bursts, 2, 1), regular);
    assert.deepEqual(
      perTenth(0, bursts, 2, 1),
      regular.map((records) => (records === 100 ? 100 : 0)),
      "without a rate nothing comes between them",
    );
  });

  it("draws bursts from a seed: the same each time, others for another seed, and about as many", () => {
    const bursts = (seed: number): SourceBursts => ({ ratePerSecond: 1000, lengthMs: 100, gapMs: 400, seed });
    const first = perTenth(10, bursts(1), 1, 100);
    assert.deepEqual(perTenth(10, bursts(1), 1, 100), first);
    assert.notDeepEqual(perTenth(10, bursts(2), 1, 100), first);
    const total = first.reduce((sum, records) => sum + records, 0);
    assert.ok(total > 15_000 && total < 26_000, `${total} records; about 20,800 are to be expected`);
  });

  it("what held it up longer than a second is not made up for", () => {
    const pace = new SourcePace(0, 1000, undefined, 0, 1);
    assert.equal(pace.take(10_000, Infinity), 1001);
    assert.equal(pace.take(10_500, Infinity), 500);
  });
});
