/** Twenty seeded kills of services and TaskManagers over one run. */
import assert from "node:assert/strict";
import { openRun } from "../../simulator/client/openRun";
import type { Run } from "../../simulator/client/run";
import { nextRandom } from "../../simulator/core/seededRandom";
import { FaultlineError } from "../../simulator/graph/errors";
import { countBy, Workspace } from "./faultlineCli";
import type { RunUnderTest } from "./faultlineCli";

const KILLS = 20;
const SEED = 20_240_501;
const TARGETS = ["service:langid#0", "service:langid#1", "taskmanager:0", "taskmanager:1"];
/** Records: the texts three times over. */
const RECORDS = 31_200;

describe("twenty random kills over one run", function () {
  this.timeout(180_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it(`loses and duplicates nothing (seed ${SEED})`, async () => {
    const random = { seed: SEED };
    const jobFile = workspace.exampleJob((job) => {
      job.operators.texts.repeat = 3;
      job.operators.texts.rate = 1_500;
      job.runtime.checkpointing = { interval: "300ms" };
      job.runtime.restartStrategy = { type: "fixed-delay", attempts: 1000, delay: "0ms" };
    });
    const run = workspace.run(jobFile);
    await run.event("checkpoint.completed");
    const client = await openRun(run.directory);
    let kills = 0;
    while (kills < KILLS) {
      const target = TARGETS[Math.floor(nextRandom(random) * TARGETS.length)];
      const effectiveBefore = run.of("fault.effective").length;
      const seen = run.events.length;
      await injectOnceThere(run, client, target);
      await run.event("fault.effective", () => run.of("fault.effective").length > effectiveBefore);
      kills++;
      // The next kill comes when this one has been dealt with, or while it is: by the toss of the seed.
      if (nextRandom(random) < 0.7) await run.event("failover.finished", (event) => run.events.indexOf(event) >= seen);
      else await run.event("process.connected", (event) => event.process === target && run.events.indexOf(event) >= seen);
    }
    const report = await run.report();
    assert.equal(run.of("fault.effective").length, KILLS, "the kills really happened");
    assert.equal(report.injected, KILLS);
    assert.equal(report.run.state, "FINISHED");
    assert.equal(report.records.lost, 0);
    assert.equal(report.records.duplicated, 0);
    const messages = countBy(run.committed("messages"), "id");
    assert.equal([...messages.values()].reduce((sum, times) => sum + times, 0), RECORDS);
    assert.ok([...messages.values()].every((times) => times === 3), "every message three times, as the source has it");
    const counted = run.committed("counts").reduce((sum, row) => sum + Number(row.count), 0);
    assert.equal(counted, RECORDS);
  });
});

/** A process that is just being started again cannot be killed yet: waits for it. */
async function injectOnceThere(run: RunUnderTest, client: Run, target: string): Promise<void> {
  for (;;) {
    const seen = run.events.length;
    try {
      await client.inject({ fault: "crash", target });
      return;
    } catch (error) {
      if (!(error instanceof FaultlineError) || error.code !== "FL1033") throw error;
      await run.event("process.started", (event) => event.process === target && run.events.indexOf(event) >= seen - 1);
    }
  }
}
