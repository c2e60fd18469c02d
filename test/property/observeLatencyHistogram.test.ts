import { strict as assert } from "node:assert";
import fc from "fast-check";
import { LatencyHistogram, RELATIVE_ERROR } from "../../simulator/observe/latencyHistogram";

/** Latencies from a nanosecond to 11 days, spread evenly over the orders of magnitude. */
const latency = fc.double({ min: Math.log(1.001e-6), max: Math.log(0.999e9), noNaN: true }).map(Math.exp);
const share = fc.double({ min: 0, max: 1, noNaN: true });

/** The latency of rank ⌈q·n⌉ among those recorded. */
function exactQuantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1];
}

describe("latency histogram", () => {
  it("gives every quantile within one per cent", () => {
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), share, (values, q) => {
        const histogram = new LatencyHistogram();
        for (const value of values) histogram.record(value);
        const exact = exactQuantile(values, q);
        const estimate = histogram.quantile(q) as number;
        assert.ok(Math.abs(estimate - exact) <= RELATIVE_ERROR * exact, `${estimate} for ${exact}`);
      }),
      { numRuns: 500 },
    );
  });

  it("merges, in any grouping, to what one histogram would hold", () => {
    fc.assert(
      fc.property(fc.array(fc.array(latency, { maxLength: 50 }), { maxLength: 6 }), share, (groups, q) => {
        const whole = new LatencyHistogram();
        const merged = new LatencyHistogram();
        for (const group of groups) {
          const part = new LatencyHistogram();
          for (const value of group) {
            whole.record(value);
            part.record(value);
          }
          merged.merge(JSON.parse(JSON.stringify(part.take())) as Record<number, number>);
          assert.equal(part.count, 0);
          assert.equal(part.quantile(0.5), null);
        }
        assert.equal(merged.count, whole.count);
        assert.deepEqual(new Map(Object.entries(merged.counts())), new Map(Object.entries(whole.counts())));
        assert.equal(merged.quantile(q), whole.quantile(q));
      }),
    );
  });

  it("takes zero and what is out of range at its ends, and leaves out what is not a number", () => {
    const histogram = new LatencyHistogram();
    histogram.record(0);
    histogram.record(Number.NaN);
    assert.equal(histogram.count, 1);
    assert.ok((histogram.quantile(1) as number) < 2e-6);
    histogram.record(Number.POSITIVE_INFINITY);
    assert.ok((histogram.quantile(1) as number) > 0.9e9);
  });

  it("stays small however much is recorded", () => {
    const histogram = new LatencyHistogram();
    for (let index = 0; index < 200_000; index++) histogram.record(0.01 * 1.00007 ** index);
    assert.ok(Object.keys(histogram.counts()).length < 800);
  });
});
