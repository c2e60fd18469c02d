/** Random batch jobs under random losses: regions run when their inputs are there, what is lost is made again, and what is committed fits together. */
import assert from "node:assert/strict";
import { BatchWorld, randomBatchJob } from "../fixtures/batchWorld";
import { buildBroken } from "../fuzz/mutantBundle";

const SEEDS = 150;

describe("regions of random batch jobs", () => {
  it(`run to the end through losses, and commit what belongs together (${SEEDS} seeds)`, () => {
    let losses = 0;
    let restarts = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new BatchWorld(randomBatchJob(seed), seed);
      try {
        world.run(8);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
      assert.equal(world.ended, "FINISHED", `seed ${seed}`);
      losses += world.losses;
      restarts += world.events.filter((event) => event.kind === "failover").length;
    }
    assert.ok(losses > SEEDS && restarts > SEEDS, `${losses} TaskManagers lost, ${restarts} failovers`);
  });

  it("without losses every task runs once", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const world = new BatchWorld(randomBatchJob(seed), seed);
      world.run(0);
      assert.ok([...world.deployed.values()].every((attempt) => attempt === 0));
      assert.equal(world.ended, "FINISHED");
    }
  });
});

/** Each of these alone keeps a batch job right. */
const RULES = [
  {
    name: "what a TaskManager held is lost with it",
    file: "resultPartitions.ts",
    from: "if (leavesResults(t, task)) task.outputGone = true;",
    to: "void leavesResults(t, task);",
  },
  {
    name: "results are let go when nobody needs them any more",
    file: "jobMaster.ts",
    from: "    releaseConsumed(t, task);\n",
    to: "    void releaseConsumed;\n",
  },
  {
    name: "results are kept for all regions that read them",
    file: "resultPartitions.ts",
    from: "if (everyConsumerFinished(t, producer)) unneeded.push(producer);",
    to: "unneeded.push(producer); void everyConsumerFinished;",
  },
  {
    name: "slots are given back when their tasks have ended",
    file: "slotPool.ts",
    from: "    pool.assigned.delete(key);\n  }\n}",
    to: "    void pool.assigned;\n  }\n}",
  },
] as const;

describe("rules of batch jobs, broken on purpose", () => {
  for (const [position, rule] of RULES.entries()) {
    it(`noticed: ${rule.name}`, async () => {
      const broken = await buildBroken<{ BatchWorld: typeof BatchWorld; randomBatchJob: typeof randomBatchJob }>(
        "test/fixtures/batchWorld.ts",
        rule,
        `batch-${position}`,
      );
      assert.throws(() => {
        for (let seed = 1; seed <= 30; seed++) new broken.BatchWorld(broken.randomBatchJob(seed), seed).run(seed % 8);
      });
    });
  }
});
