/** The dip of throughput after a disturbance, on courses whose loss is known: what is counted, and what is told apart from unsteadiness. */
import assert from "node:assert/strict";
import type { JournalEventOf, TaskMetrics } from "../../simulator/observe/journalEvent";
import { throughputDip } from "../../simulator/observe/throughputDip";
import { ThroughputSeries } from "../../simulator/observe/throughputSeries";
import { sampleGraph } from "./observeSampleRun";

const INTERVAL = 250;
const AT = 6_000;

/** Metrics of one process; `perSecond` says how many records a second came at a time (ms). */
function seriesOf(perSecond: (atMs: number) => number, untilMs = 15_000): ThroughputSeries {
  const series = new ThroughputSeries(0, sampleGraph(1));
  for (let at = INTERVAL; at <= untilMs; at += INTERVAL) {
    const recordsIn = perSecond(at - INTERVAL) * (INTERVAL / 1000);
    const metrics = { recordsIn, recordsOut: recordsIn } as TaskMetrics;
    const tasks = { "classify#0": metrics };
    series.add({ seq: at, at, kind: "metrics", intervalMs: INTERVAL, process: "taskmanager:0", rssBytes: 1, tasks } satisfies JournalEventOf<"metrics">);
  }
  return series;
}

const dipOf = (perSecond: (atMs: number) => number): NonNullable<ReturnType<typeof throughputDip>> => {
  const dip = throughputDip(seriesOf(perSecond), { at: AT, steadyFrom: 1_000, until: 15_000 });
  assert.ok(dip !== null);
  return dip;
};
const near = (actual: number, expected: number, by: number): void => assert.ok(Math.abs(actual - expected) <= by, `${actual}, expected ${expected} ± ${by}`);

describe("the dip of throughput", () => {
  it("two seconds of standstill: that many records late, whatever is caught up afterwards", () => {
    const dip = dipOf((at) => (at < AT ? 600 : at < AT + 2_000 ? 0 : at < AT + 3_000 ? 1_800 : 600));
    near(dip.area, 1_200, 10);
    near(dip.durationMs ?? -1, 2_000, 300);
    assert.equal(dip.depth, 1);
    near(dip.before, 600, 1);
    assert.equal(dip.noise, 0);
  });

  it("the burst with which sources began does not count for the level before", () => {
    const dip = dipOf((at) => (at < 1_000 ? 0 : at < 1_500 ? 2_400 : at >= AT && at < AT + 2_000 ? 0 : 600));
    near(dip.before, 600, 6);
    near(dip.area, 1_200, 15);
  });

  it("what comes in lumps loses nothing: up and down as before is no dip", () => {
    const lumps = (at: number): number => ((at / INTERVAL) % 2 === 0 ? 700 : 500);
    const dip = dipOf(lumps);
    assert.deepEqual([dip.durationMs, dip.depth > 0.05], [0, false]);
    assert.ok(dip.area <= dip.noise + 1, JSON.stringify(dip));
    assert.ok(dip.noise > 0 && dip.noise <= 30, JSON.stringify(dip));
  });

  it("a real dip in lumpy throughput stands out from the noise", () => {
    const dip = dipOf((at) => ((at / INTERVAL) % 2 === 0 ? 700 : 500) * (at >= AT && at < AT + 1_000 ? 0.5 : 1));
    near(dip.area, 300, 40);
    assert.ok(dip.area > 5 * dip.noise, JSON.stringify(dip));
    near(dip.durationMs ?? -1, 1_000, 300);
  });

  it("a fall as small as the ups and downs before is put down to them", () => {
    const swing = (at: number): number => (Math.floor(at / 1_000) % 2 === 0 ? 720 : 480);
    const dip = dipOf(swing);
    assert.equal(dip.durationMs, 0);
    assert.equal(dip.depth, 0);
  });

  it("never back: no duration, and all of the area that was seen", () => {
    const dip = dipOf((at) => (at < AT ? 600 : 300));
    assert.equal(dip.durationMs, null);
    // Without the last interval, which may be missing.
    near(dip.area, 8.75 * 300, 30);
    near(dip.depth, 0.5, 0.01);
  });

  describe("looks for it near the disturbance", () => {
    /** ±4 % in turns of two seconds, so that noise is known: up to 48 records behind. */
    const unsteady = (at: number): number => (Math.floor(at / 2_000) % 2 === 0 ? 624 : 576);

    it("a shallow dip is over when throughput is back, whatever falls a little deeper seconds later", () => {
      const dip = dipOf((at) => (at >= AT && at < AT + 1_500 ? 540 : at >= AT + 6_000 && at < AT + 6_250 ? 380 : unsteady(at)));
      near(dip.durationMs ?? -1, 1_500, 250);
      near(dip.lowest, 540, 10);
    });

    it("where nothing happened a later fall no greater than chance brings is not put down to it", () => {
      const dip = dipOf((at) => (at >= AT + 8_000 && at < AT + 8_250 ? 480 : unsteady(at)));
      assert.deepEqual([dip.durationMs, dip.depth], [0, 0], JSON.stringify(dip));
    });

    it("a disturbance that acts late is found: a standstill after four seconds, counted from the disturbance", () => {
      const dip = dipOf((at) => (at >= AT + 4_000 && at < AT + 6_000 ? 0 : unsteady(at)));
      near(dip.durationMs ?? -1, 6_000, 300);
      assert.equal(dip.depth, 1);
      near(dip.area, 1_200, 100);
    });

    it("of two falls the one with the greater loss, even when it comes second", () => {
      const dip = dipOf((at) => (at >= AT && at < AT + 500 ? 300 : at >= AT + 3_000 && at < AT + 5_000 ? 0 : unsteady(at)));
      near(dip.durationMs ?? -1, 5_000, 300);
    });

    it("a standstill shorter than the smoothing lasts until it is over, not until before it began", () => {
      const dip = dipOf((at) => (at >= AT + 250 && at < AT + 500 ? 0 : 600));
      near(dip.durationMs ?? -1, 500, 100);
    });
  });

  it("the last metrics of a process may be missing: that is no fall", () => {
    assert.equal(dipOf((at) => (at >= 15_000 - INTERVAL ? 0 : 600)).durationMs, 0);
  });

  it("less than a second of undisturbed flow tells nothing", () => {
    assert.equal(throughputDip(seriesOf(() => 600), { at: AT, steadyFrom: AT - 500, until: 15_000 }), null);
  });
});
