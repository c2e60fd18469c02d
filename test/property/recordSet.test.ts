/** Records under way against a `Set` of the language, while they are few, many, and few again. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { RecordSet } from "../../simulator/virtual/recordSet";

const change = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }).map((count) => ({ kind: "add", count }) as const) },
  { weight: 8, arbitrary: fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 12 }).map((shares) => ({ kind: "delete", shares }) as const) },
  { weight: 1, arbitrary: fc.constant({ kind: "clear" } as const) },
);

describe("records under way", () => {
  it("are a set of numbers that keeps their order", () => {
    let [few, many] = [0, 0];
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const records = new RecordSet();
        const plain = new Set<number>();
        let next = 0;
        for (const one of changes) {
          if (one.kind === "add") {
            for (let count = 0; count < one.count; count++) {
              records.add(next);
              plain.add(next++);
            }
          } else if (one.kind === "delete") {
            for (const share of one.shares) {
              // Now and then one that is not there (any more).
              const record = Math.floor(share * (next + 1));
              records.delete(record);
              plain.delete(record);
            }
          } else {
            records.clear();
            plain.clear();
          }
          if (plain.size > 16) many++;
          else few++;
          assert.equal(records.size, plain.size);
          assert.deepEqual([...records], [...plain]);
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(few > 100 && many > 100, `${few} and ${many}: both ways were gone`);
  });
});
