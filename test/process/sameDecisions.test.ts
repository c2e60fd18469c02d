/** A run is decided once more from what its JobMasters were told, and a journal that says something else is noticed. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRun } from "../../simulator/client/openRun";
import { checkDecisions } from "../../simulator/client/sameDecisions";
import { Workspace } from "./faultlineCli";

describe("the same inputs give the same decisions", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("after an instance and a coordinator were killed; and not when a decision in the journal is another one", async () => {
    const run = workspace.run(workspace.exampleJob((job) => (job.operators.texts.rate = 2_500)));
    await run.event("checkpoint.completed");
    await (await openRun(run.directory)).inject({ fault: "crash", target: "service:langid#0" });
    await run.event("failover");
    await (await openRun(run.directory)).inject({ fault: "crash", target: "coordinator" });
    await run.event("coordinator.recovered");
    await run.report();
    const check = await checkDecisions(run.directory);
    assert.equal(check.difference, undefined);
    assert.ok(check.inputs > 40 && check.decisions > 40, `${check.inputs} inputs, ${check.decisions} decisions`);

    const copy = workspace.path("copy");
    cpSync(run.directory, copy, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    const journal = join(copy, "journal.ndjson");
    const lines = readFileSync(journal, "utf8").split("\n");
    const at = lines.findIndex((line) => line.includes('"kind":"failover"'));
    lines[at] = lines[at].replace('"instances":["langid#0"]', '"instances":["langid#1"]');
    writeFileSync(journal, lines.join("\n"));
    assert.match((await checkDecisions(copy)).difference ?? "", /failover.*langid#1.*once more.*langid#0/s);
  });
});
