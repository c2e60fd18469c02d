/** The headline: a service instance dies under load, and nothing else restarts. And the other way round. */
import assert from "node:assert/strict";
import { openRun } from "../../simulator/client/openRun";
import type { RunReport } from "../../simulator/observe/runReport";
import { countBy, Workspace } from "./faultlineCli";
import type { RunUnderTest } from "./faultlineCli";

const TEXTS = 10_400;

describe("isolated recovery of the example job", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("one service instance killed under load: 0 stream tasks restarted, 1 instance restarted, nothing lost, duplicated or failed", async () => {
    const run = workspace.run(workspace.exampleJob((job) => (job.operators.texts.rate = 2_500)));
    await kill(run, "service:langid#1", 1);
    const report = await run.report();
    const failure = onlyFailure(report);
    assert.equal(failure.effective, true, "the instance was really killed");
    assert.deepEqual(failure.restartedTasks, []);
    assert.deepEqual(failure.restartedInstances, ["langid#1"]);
    assert.equal(failure.untouchedTasks, report.run.streamTasks);
    assert.equal(report.rpc.failed, 0);
    assert.ok(report.rpc.succeeded >= TEXTS);
    assertComplete(run, report);
    const restarted = new Set(run.of("task.state").filter((event) => event.attempt > 0).map((event) => event.task));
    assert.deepEqual([...restarted], ["langid#1"]);
    assert.ok(failure.servedAgainAfterMs !== null, "it served again");
  });

  it("a TaskManager killed: only its regions restart, the instances keep their processes and models", async () => {
    const run = workspace.run(workspace.exampleJob((job) => (job.operators.texts.rate = 2_500)));
    await kill(run, "taskmanager:0", 2);
    const report = await run.report();
    const failure = onlyFailure(report);
    assert.equal(failure.effective, true);
    assert.deepEqual(failure.restartedInstances, []);
    // One HASH edge joins all stream tasks in one region: all of them restart, and nothing else.
    assert.equal(failure.restartedTasks.length, report.run.streamTasks);
    assert.ok(run.of("task.restored").some((event) => event.attempt > 0 && event.checkpoint !== undefined), "state came from a checkpoint");
    const serviceProcesses = run.of("process.started").filter((event) => event.process.startsWith("service:"));
    assert.equal(serviceProcesses.length, 2, "no service process was started again");
    assert.equal(run.of("instance.phase").filter((event) => event.phase === "LOADING").length, 2, "no model was loaded again");
    assertComplete(run, report);
  });

  it("the coordinator killed: a new one takes over, the instances keep their loaded models, nothing is lost", async () => {
    const run = workspace.run(workspace.exampleJob((job) => (job.operators.texts.rate = 2_500)));
    await kill(run, "coordinator", 2);
    await run.event("coordinator.recovered");
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.equal(run.of("process.started").filter((event) => event.process.startsWith("service:")).length, 2);
    assert.equal(run.of("instance.phase").filter((event) => event.phase === "LOADING").length, 2);
    assert.ok(run.of("fault.effective").length === 1, "the coordinator was really killed");
    assertComplete(run, report);
  });

  it("terminate (SIGTERM) is survived like a crash", async () => {
    const run = workspace.run(workspace.exampleJob((job) => (job.operators.texts.rate = 2_500)));
    const running = await kill(run, "service:langid#0", 1, "terminate");
    assert.equal(running, 1);
    const report = await run.report();
    assert.deepEqual(onlyFailure(report).restartedInstances, ["langid#0"]);
    assertComplete(run, report);
  });
});

/** Kills once the given checkpoint is complete, so that the kill comes in the middle of the work. */
async function kill(run: RunUnderTest, target: string, afterCheckpoint: number, fault = "crash"): Promise<number> {
  await run.event("checkpoint.completed", (event) => event.checkpoint >= afterCheckpoint);
  await (await openRun(run.directory)).inject({ fault, target });
  await run.event("fault.effective");
  return run.of("fault.effective").length;
}

function onlyFailure(report: RunReport): RunReport["failures"][number] {
  assert.equal(report.injected, 1, "one fault took effect");
  assert.equal(report.failures.length, 1);
  return report.failures[0];
}

/** Counted from the files alone, beside what the report says. */
function assertComplete(run: RunUnderTest, report: RunReport): void {
  assert.equal(report.run.state, "FINISHED");
  assert.equal(report.records.lost, 0);
  assert.equal(report.records.duplicated, 0);
  const messages = countBy(run.committed("messages"), "id");
  assert.equal(messages.size, TEXTS, "every message is there");
  assert.ok([...messages.values()].every((times) => times === 1), "and once");
  const counted = run.committed("counts").reduce((sum, row) => sum + Number(row.count), 0);
  assert.equal(counted, TEXTS, "the windows counted every message once");
}
