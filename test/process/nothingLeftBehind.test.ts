/** Whatever is killed, three seconds later nothing of the run is there: no process, no socket, no folder elsewhere. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunRecord } from "../../simulator/cluster/runDirectory";
import { processesNaming, until, Workspace } from "./faultlineCli";
import type { RunUnderTest } from "./faultlineCli";

const LIMIT_MS = 3_000;

describe("nothing is left behind", function () {
  this.timeout(60_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("after SIGKILL to `faultline run`, the parent of the coordinator", async () => {
    const run = await runningExample(workspace);
    run.cli.child.kill("SIGKILL");
    await assertGone(run);
  });

  it("after SIGKILL to `faultline run` and to the coordinator at once", async () => {
    const run = await runningExample(workspace);
    const coordinator = run.of("process.started").find((event) => event.process === "coordinator");
    assert.ok(coordinator);
    process.kill(coordinator.pid, "SIGKILL");
    run.cli.child.kill("SIGKILL");
    await assertGone(run);
  });

  it("after a job that was stopped", async () => {
    const run = await runningExample(workspace);
    const stopped = await workspace.cli("stop", run.directory, "--format", "json");
    assert.equal(stopped.code, 0, stopped.stderr);
    assert.equal((JSON.parse(stopped.stdout) as { state: string }).state, "FINISHED");
    const report = await run.report();
    assert.equal(report.records.lost, 0, "what the sources had given was committed");
    assert.equal(report.records.duplicated, 0);
    assert.ok((report.records.out ?? 0) > 0);
    await assertGone(run);
  });

  it("nothing is written into the home folder: the inference runtime's own reporting is off", async () => {
    const home = workspace.path("somebody");
    mkdirSync(home);
    const run = workspace.runAt(home, workspace.exampleJob((job) => (job.operators.texts.limit = 500)));
    assert.equal((await run.report()).run.state, "FINISHED");
    assert.ok(run.of("instance.phase").some((event) => event.phase === "SERVING"), "a model was really run");
    assert.deepEqual(readdirSync(home), []);
  });

  it("after Ctrl-C twice", async () => {
    const run = await runningExample(workspace);
    run.cli.child.kill("SIGINT");
    run.cli.child.kill("SIGINT");
    assert.equal(await run.cli.exit, 0);
    await assertGone(run);
  });
});

async function runningExample(workspace: Workspace): Promise<RunUnderTest> {
  const run = workspace.run(workspace.exampleJob((job) => (job.operators.texts.rate = 500)));
  await run.event("checkpoint.completed");
  assert.ok(processesNaming(run.directory).length >= 6, "the command, the coordinator, two TaskManagers and two instances run");
  return run;
}

async function assertGone(run: RunUnderTest): Promise<void> {
  const record = JSON.parse(readFileSync(join(run.directory, "run.json"), "utf8")) as RunRecord;
  await until(() => processesNaming(run.directory).length === 0, "no process of the run is left", LIMIT_MS);
  await until(() => !existsSync(record.socketDirectory), "its sockets are gone", LIMIT_MS);
  const elsewhere = readdirSync(tmpdir()).filter((name) => name.startsWith("fl-") && join(tmpdir(), name) === record.socketDirectory);
  assert.deepEqual(elsewhere, []);
}
