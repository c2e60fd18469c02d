/** Advice is arithmetic on what was measured: by hand computed cases, and the plain "do not". */
import assert from "node:assert/strict";
import type { AdviceInput } from "../../simulator/faults/deploymentAdvice";
import { adviseDeployment } from "../../simulator/faults/deploymentAdvice";

const input: AdviceInput = {
  embedded: { lostSeconds: [9, 10, 11], capacityPerSecond: 1000 },
  service: { lostSeconds: [1, 1, 1], capacityPerSecond: 900 },
  instances: 2,
  loadPerSecond: 300,
  loadSeconds: 5,
};

describe("advice on deployments", () => {
  it("the break-even rate: a tenth of a day's throughput over what a failure saves", () => {
    const advice = adviseDeployment(input);
    assert.equal(Math.round(advice.failuresPerDay ?? 0), 960);
    assert.deepEqual(advice.range?.map((end) => Math.round(end ?? 0)), [864, 1080]);
    assert.equal(advice.use, "depends");
    assert.match(advice.sentences[0] ?? "", /960 \(864 to 1,080\) failures a day/);
  });

  it("longer loads make it pay sooner, as long as the instances that are left carry the job", () => {
    const { chart } = adviseDeployment(input);
    const at = (load: number): number => chart.find(({ loadSeconds }) => loadSeconds === load)?.failuresPerDay ?? Infinity;
    assert.equal(Math.round(at(5)), 960);
    // 600 s of loading: 605 s lost against 1 s, since one of two instances carries 450 of 300 records.
    assert.equal(Math.round(at(600)), Math.round(8640 / 604));
    const strained = adviseDeployment({ ...input, loadPerSecond: 900 }).chart.find(({ loadSeconds }) => loadSeconds === 600)?.failuresPerDay ?? 0;
    assert.equal(Math.round(strained), Math.round(8640 / (605 - (1 + 595 / 2))));
  });

  it("says plainly when not to use it, and why", () => {
    const no = (change: Partial<AdviceInput>): string => {
      const advice = adviseDeployment({ ...input, ...change });
      assert.equal(advice.use, "embedded");
      return advice.sentences[0] ?? "";
    };
    assert.match(no({ service: { lostSeconds: [12], capacityPerSecond: 900 } }), /Do not use .* costs no less/);
    assert.match(no({ loadPerSecond: 950 }), /Do not use .* carries 900 records a second, and the job has 950/);
    assert.match(no({ service: { lostSeconds: [1], capacityPerSecond: 100 } }), /Do not use .*/);
    assert.match(no({ loadPerSecond: undefined, service: { lostSeconds: [1], capacityPerSecond: 100 } }), /more than one a minute/);
  });

  it("says to use it where it costs nothing", () => {
    const advice = adviseDeployment({ ...input, service: { lostSeconds: [1], capacityPerSecond: 1000 } });
    assert.equal(advice.use, "rpc-service");
    assert.match(advice.sentences[0] ?? "", /pays from the first failure/);
  });
});
