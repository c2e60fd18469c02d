/** Columns of steps against a plain list, whatever is done to both. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { StepColumns } from "../../webview/model/stepColumns";

interface Step {
  readonly micros: number;
  readonly code: number;
  readonly mark: number;
}

const step = fc.record({
  after: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5e6 }), fc.integer({ min: 0, max: 2 ** 40 })),
  code: fc.integer({ min: 0, max: 255 }),
  mark: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
});
const change = fc.oneof(
  { weight: 6, arbitrary: fc.array(step, { minLength: 1, maxLength: 40 }).map((steps) => ({ kind: "push", steps }) as const) },
  { weight: 2, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => ({ kind: "cut", share }) as const) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => ({ kind: "drop", share }) as const) },
  { weight: 1, arbitrary: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })).map(([share, code]) => ({ kind: "code", share, code }) as const) },
);

describe("columns of steps", () => {
  it("are a list of what was put in, after any pushes, cuts, drops and other codes", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const columns = new StepColumns();
        let list: Step[] = [];
        let now = 1_795_858_022_650_957;
        for (const one of changes) {
          const place = one.kind === "push" ? 0 : Math.floor(one.share * list.length);
          if (one.kind === "push") {
            for (const { after, code, mark } of one.steps) {
              now += after;
              list.push({ micros: now, code, mark });
              columns.push(now / 1000, code, mark);
            }
          } else if (one.kind === "cut") {
            list = list.slice(0, place);
            columns.cut(place);
          } else if (one.kind === "drop") {
            list = list.slice(place);
            columns.drop(place);
          } else if (place < list.length) {
            list = list.map((step, i) => (i === place ? { ...step, code: one.code } : step));
            columns.setCode(place, one.code);
          }
          assert.equal(columns.length, list.length);
          list.forEach(({ micros, code, mark }, i) => {
            assert.equal(Math.round(columns.at(i) * 1000), micros);
            assert.deepEqual([columns.code(i), columns.mark(i)], [code, mark]);
          });
          for (const { micros } of list.slice(-50)) assert.equal(columns.until(micros / 1000), list.findLastIndex((other) => other.micros <= micros) + 1);
        }
      }),
      { numRuns: 200 },
    );
  });
});
