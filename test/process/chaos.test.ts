/** The short form of `npm run chaos`: seeded faults on real processes, counted from the files of the sinks. */
import assert from "node:assert/strict";
import { chaosRun, replayCommand } from "../chaos/chaosRun";
import { buildRuntime } from "../chaos/runtimeBuild";

const SEED = 20_260_101;

describe("chaos on real processes", function () {
  this.timeout(180_000);
  let cli: string;
  before(async () => (cli = await buildRuntime("chaos")));

  for (const [index, job] of (["generated", "example", "batch"] as const).entries()) {
    const seed = SEED + index;
    const faults = 8;
    it(`${job}: nothing lost, nothing twice, nobody left behind (seed ${seed})`, async () => {
      const result = await chaosRun({ cli, job, seed, faults });
      assert.deepEqual(
        result.problems,
        [],
        `again: ${replayCommand({ job, seed, faults })}; folder: ${result.directory}`,
      );
      const effective = [...result.effective].reduce(
        (sum, [kind, count]) => (kind === "at the end" ? sum : sum + count),
        0,
      );
      assert.ok(effective >= faults, `${effective} faults took effect`);
    });
  }
});
