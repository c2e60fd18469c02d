/** A job made from a plan has the plan's regions: the same number of tasks in each, and the same exchanges. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { analyzeJob } from "../../simulator/graph/describeGraph";
import { regionMembers, type PipelinedRegions } from "../../simulator/graph/pipelinedRegion";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import { analyzePlan } from "../../simulator/graph/planGraph";
import { readGraphFile } from "../../simulator/graph/planImport";
import { planToJobText } from "../../simulator/graph/planToJob";

const EXCHANGES = [
  "blocking",
  "blocking_persistent",
  "pipelined",
  "pipelined_bounded",
  "pipelined_approximate",
  "hybrid_full",
  "hybrid_selective",
];
const SHIPS = [
  "FORWARD",
  "RESCALE",
  "REBALANCE",
  "SHUFFLE",
  "HASH",
  "HASH[a, b]",
  "BROADCAST",
  "GLOBAL",
  "CUSTOM",
  "ByCountry",
];

/** REST plans with chains in their descriptions and names of all kinds. */
const plans = fc
  .array(
    fc.record({
      parallelism: fc.integer({ min: 1, max: 5 }),
      names: fc.array(fc.oneof(fc.constant("Map"), fc.string({ unit: "binary" }), fc.constant("")), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .chain((nodes) =>
    fc.tuple(
      fc.constant(nodes),
      fc.array(
        fc.record({
          a: fc.nat(nodes.length - 1),
          b: fc.nat(nodes.length - 1),
          exchange: fc.constantFrom(...EXCHANGES),
          ship: fc.constantFrom(...SHIPS),
        }),
        { maxLength: 8 },
      ),
      fc.constantFrom("STREAMING", "BATCH", undefined),
    ),
  )
  .map(([nodes, edges, type]) => ({
    jid: "1",
    name: "p",
    ...(type === undefined ? {} : { type }),
    nodes: nodes.map(({ parallelism, names }, i) => ({
      id: `n${i}`,
      parallelism,
      operator_strategy: "",
      description: names.join(" -> "),
      inputs: edges
        .filter(({ a, b }) => Math.max(a, b) === i && a !== b)
        .map(({ a, b, exchange, ship }, num) => ({ num, id: `n${Math.min(a, b)}`, exchange, ship_strategy: ship })),
    })),
  }));

function sizes(regions: PipelinedRegions): number[] {
  return Array.from({ length: regions.count }, (_, r) => regionMembers(regions, r).length).sort((a, b) => a - b);
}

describe("jobs made from plans", function () {
  this.timeout(120_000);

  it("have no finding, and the plan's vertices, exchanges and regions", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const read = readGraphFile(JSON.stringify(plan), "plan.json");
        assert.ok(read.kind === "plan", JSON.stringify(read));
        const text = planToJobText(read.plan);
        const { job, problems } = parseJobFile(text, "/x.faultline.json");
        assert.ok(job, `${JSON.stringify(problems)} in ${text}`);
        const before = analyzePlan(read.plan);
        const after = analyzeJob(job);
        assert.equal(after.vertices.length, before.vertices.length);
        assert.deepEqual(
          after.edges.map(({ partitionType, pattern }) => `${partitionType} ${pattern}`).sort(),
          before.edges.map(({ partitionType, pattern }) => `${partitionType} ${pattern}`).sort(),
        );
        assert.deepEqual(sizes(after.regions), sizes(before.regions));
      }),
      { numRuns: 400 },
    );
  });
});
