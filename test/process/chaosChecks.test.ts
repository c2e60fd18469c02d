/** The tests of the chaos tests: a runtime in which one rule is broken must not get through them. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Blow } from "../chaos/chaosFaults";
import { chaosRun } from "../chaos/chaosRun";
import { buildRuntime } from "../chaos/runtimeBuild";
import type { BrokenRule } from "../chaos/runtimeBuild";

const RULES: readonly (BrokenRule & { readonly found: RegExp })[] = [
  {
    name: "no alignment: a channel goes on after its barrier",
    file: "simulator/cluster/exchange/checkpointBarrierHandler.ts",
    original: "this.options.gate.block(channel);",
    broken: "void channel;",
    found: /lost|duplicated/,
  },
  {
    name: "commit before the checkpoint is complete",
    file: "simulator/operators/fileSink.ts",
    original: "return { state, durable: closed };",
    broken:
      "const early = [...this.pending]; return { state, durable: async () => { await closed(); await this.commit(early, false); } };",
    found: /lost|duplicated|had been committed and was/,
  },
  {
    name: "state of windows not restored",
    file: "simulator/operators/windowOperator.ts",
    original: "for (const [key, panes] of snapshot?.keys ?? [])",
    broken: 'for (const [key, panes] of snapshot === undefined ? [] : ([] as Snapshot["keys"]))',
    found: /lost/,
  },
];

/** Restarts while all is well, and restarts of all while a checkpoint is done by everybody and completed by nobody. */
const BLOWS: readonly Blow[] = (
  ["crash", "coordinator before completion", "crash", "coordinator before completion"] as const
).map((kind, index) => ({
  kind,
  target: `taskmanager:${index % 2}`,
  otherTarget: `taskmanager:${1 - (index % 2)}`,
  chance: 0.5,
  then: "checkpoint",
}));

describe("a runtime with one rule broken does not pass the chaos tests", function () {
  this.timeout(120_000);

  for (const rule of RULES) {
    it(rule.name, async () => {
      const cli = await buildRuntime(`broken-${RULES.indexOf(rule)}`, rule);
      const result = await chaosRun({ cli, job: "generated-skewed", seed: 1, faults: 8, blows: BLOWS });
      const found = result.problems.filter((problem) => rule.found.test(problem));
      rmSync(dirname(result.directory), { recursive: true, force: true });
      assert.ok(found.length > 0, `not noticed; it said: ${result.problems.join("; ")}`);
    });
  }

  it("and with none broken it does", async () => {
    const cli = await buildRuntime("whole");
    const result = await chaosRun({ cli, job: "generated-skewed", seed: 1, faults: 8, blows: BLOWS });
    assert.deepEqual(result.problems, []);
  });
});
