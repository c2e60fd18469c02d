/** What `compare` prints of throughput lost: the ratio by repetition, its spread, and no more than the measurement can tell. */
import assert from "node:assert/strict";
import { compareRows, lossRatio, ratioText } from "../../simulator/cli/compareTable";
import type { ComparedVariant, FaultedRun } from "../../simulator/client/compareRuns";
import type { Deployment } from "../../simulator/graph/jobFile";

function variant(deployment: Deployment, areas: readonly number[], noise: number): ComparedVariant {
  const faulted = areas.map((area) => ({
    // Two sinks: each record is counted twice.
    dip: { depth: 0.5, durationMs: 1, before: 1200, lowest: 600, area: 2 * area, noise: 2 * noise },
    recordsPerCount: 0.5,
    restartedTasks: 0,
    restartedInstances: 1,
    recordsReplayed: 0,
    callsRetried: 0,
    modelsLoadedAgain: 1,
    recoveredAfterMs: 100,
    wastedDeviceMs: 0,
    report: { records: { lost: 0, duplicated: 0 } },
  }));
  return { variant: { name: deployment, deployment }, faulted: faulted as unknown as FaultedRun[], baseline: undefined, steadyPerSecond: null, capacityPerSecond: null, loadMs: null };
}

describe("throughput lost, compared", () => {
  it("repetition by repetition, the median, and how far apart they are", () => {
    const ratio = lossRatio(variant("embedded", [3000, 3300, 2700], 20), variant("rpc-service", [300, 300, 300], 20));
    assert.deepEqual(ratio?.repetitions.map((one) => one.ratio), [10, 11, 9]);
    assert.equal(ratio?.median, 10);
    assert.equal(ratio?.spread, 0.2);
    assert.ok(ratio !== null);
    assert.match(ratioText(ratio), /2\. 3,300 against 300 records, 11 times as much\n/);
    assert.match(ratioText(ratio), /median 10 times; from least to most 20 % of it\.\n$/);
  });

  it("a loss within the noise makes the ratio no greater than the noise allows, and that is said", () => {
    const ratio = lossRatio(variant("embedded", [3000, 3000], 60), variant("rpc-service", [5, 300], 30));
    assert.deepEqual(ratio?.repetitions.map((one) => [one.ratio, one.isBound]), [[100, true], [10, false]]);
    assert.ok(ratio !== null);
    assert.match(ratioText(ratio), /1\. 3,000 against 5 records, at least 100 times/);
    assert.match(ratioText(ratio), /What rpc-service lost in 1 of them cannot be told from noise \(30 records\)/);
  });

  it("of nothing measured there is no ratio", () => {
    assert.equal(lossRatio(variant("embedded", [], 0), variant("rpc-service", [1], 1)), null);
    assert.equal(lossRatio(undefined, variant("rpc-service", [1], 1)), null);
  });

  it("the table has the noise beside the loss", () => {
    const rows = compareRows([variant("embedded", [3000, 3100, 2900], 40)]);
    assert.deepEqual(rows.find(({ name }) => name.startsWith("throughput lost"))?.values, ["3,000 (2,900-3,100)"]);
    assert.deepEqual(rows.find(({ name }) => name.includes("noise"))?.values, ["40"]);
  });
});
