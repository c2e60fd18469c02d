/** Random batch jobs under random losses: regions run when their inputs are there, what is lost is made again, and what is committed fits together. */
import assert from "node:assert/strict";
import { nextRandom } from "../../simulator/core/seededRandom";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import type { JobSpec } from "../../simulator/graph/jobFile";
import { BatchWorld } from "../fixtures/batchWorld";

const TYPES = ["BLOCKING", "BLOCKING", "HYBRID_FULL", "HYBRID_SELECTIVE", "PIPELINED_BOUNDED"];
const SEEDS = 150;

function randomJob(seed: number): JobSpec {
  const random = { seed };
  const pick = <T>(list: readonly T[]): T => list[Math.floor(nextRandom(random) * list.length)];
  const layers = 2 + Math.floor(nextRandom(random) * 3);
  const operators: Record<string, object> = { source: { type: "source", connector: "generator", limit: 10, parallelism: pick([1, 2, 3]) } };
  const edges: object[] = [];
  const names = ["source"];
  for (let layer = 0; layer < layers; layer++) {
    const name = `map${layer}`;
    operators[name] = { type: "map", function: "f.ts#f", parallelism: pick([1, 2, 3]) };
    const inputs = new Set([pick(names), pick(names)]);
    for (const from of inputs) edges.push({ from, to: name, ship: pick(["REBALANCE", "RESCALE", "HASH"]), key: "k", partitionType: pick(TYPES) });
    names.push(name);
  }
  operators.out = { type: "sink", connector: "blackhole", parallelism: pick([1, 2]) };
  edges.push({ from: names[names.length - 1], to: "out", ship: "REBALANCE", partitionType: pick(TYPES) });
  const parsed = parseJobFile(
    JSON.stringify({
      name: `batch ${seed}`,
      runtime: {
        mode: "batch",
        taskManagers: 3,
        slots: 12,
        chaining: false,
        failoverStrategy: nextRandom(random) < 0.85 ? "region" : "full",
        restartStrategy: { type: "fixed-delay", attempts: 1_000_000, delay: pick(["0ms", "50ms"]) },
      },
      operators,
      edges: edges.map((edge) => ("ship" in edge && edge.ship === "HASH" ? edge : { ...edge, key: undefined })),
    }),
    "/batch.faultline.json",
  );
  assert.ok(parsed.job, JSON.stringify(parsed.problems));
  return parsed.job;
}

describe("regions of random batch jobs", () => {
  it(`run to the end through losses, and commit what belongs together (${SEEDS} seeds)`, () => {
    let losses = 0;
    let restarts = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new BatchWorld(randomJob(seed), seed);
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
      const world = new BatchWorld(randomJob(seed), seed);
      world.run(0);
      assert.ok([...world.deployed.values()].every((attempt) => attempt === 0));
      assert.equal(world.ended, "FINISHED");
    }
  });
});
