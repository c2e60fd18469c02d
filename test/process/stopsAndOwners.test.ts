/** Stops and the owner's end at bad moments: while something restarts, is stopped, or takes over. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRun } from "../../simulator/client/openRun";
import { startCli } from "../chaos/chaosRun";
import { writeChaosJob } from "../chaos/chaosJob";
import { buildRuntime } from "../chaos/runtimeBuild";
import { isAlive, isStopped, processesNaming, runProcesses } from "../chaos/runProcesses";
import { RunUnderTest, until } from "./faultlineCli";

const GONE_MS = 3_000;

describe("stops and owners at bad moments", function () {
  this.timeout(90_000);
  let cli: string;
  let folder: string;
  let run: RunUnderTest;
  before(async () => (cli = await buildRuntime("stops")));
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "faultline-stops-"));
    const { jobFile } = writeChaosJob("generated", folder, { records: 1_000_000, rate: 2_000 });
    const directory = join(folder, "run");
    run = new RunUnderTest(
      startCli(cli, ["run", jobFile, "--format", "json", "--directory", directory], join(folder, "home")),
      directory,
    );
    await run.event("checkpoint.completed");
  });
  afterEach(async () => {
    run.cli.child.kill("SIGKILL");
    await run.cli.exit;
    for (const pid of processesNaming(run.directory)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it("a drain asked for during a restart ends the job FINISHED, with all that was given committed", async () => {
    await crashAndSeeItFail("taskmanager:0");
    await (await openRun(run.directory)).stop("drain");
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.equal(report.records.lost, 0);
    assert.equal(report.records.duplicated, 0);
    assertWhole();
    await assertGone();
  });

  it("a cancel asked for during a restart ends the job CANCELED", async () => {
    await crashAndSeeItFail("taskmanager:1");
    await (await openRun(run.directory)).stop("cancel");
    assert.equal((await run.report()).run.state, "CANCELED");
    await assertGone();
  });

  it("a drain outlives the coordinator that was asked for it", async () => {
    const asking = (await openRun(run.directory)).stop("drain");
    await run.event("run.stopping");
    // It may be over before it is hit; then it has ended just as well.
    kill(["coordinator"]);
    await asking;
    assert.equal((await run.report()).run.state, "FINISHED");
    assertWhole();
    await assertGone();
  });

  it("a coordinator that was stopped and goes on has lost nobody", async () => {
    const pid = pidOf("coordinator");
    const before = runProcesses(run.directory);
    const seen = run.events.length;
    process.kill(pid, "SIGSTOP");
    await until(() => isStopped(pid), "it is stopped", GONE_MS);
    // Longer than the heartbeat timeout of the job.
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    process.kill(pid, "SIGCONT");
    await run.event("checkpoint.completed", (event) => event.seq > seen);
    assert.deepEqual(runProcesses(run.directory), before);
    assert.deepEqual(run.of("process.lost"), []);
  });

  it("the owner's end takes a coordinator with it that is stopped", async () => {
    await endOwnerWhileStopped(["coordinator"]);
  });

  it("the owner's end takes a coordinator and a TaskManager with it that are stopped", async () => {
    await endOwnerWhileStopped(["coordinator", "taskmanager:0"]);
  });

  it("the owner's end together with the coordinator's takes a stopped TaskManager with it", async () => {
    await stop(["taskmanager:1"]);
    kill(["coordinator"]);
    run.cli.child.kill("SIGKILL");
    await assertGone();
  });

  it("the owner's end during a takeover leaves nobody", async () => {
    kill(["coordinator"]);
    await run.event("coordinator.recovered");
    run.cli.child.kill("SIGKILL");
    await assertGone();
  });

  it("the owner's end during a restart leaves nobody", async () => {
    await crashAndSeeItFail("taskmanager:0");
    run.cli.child.kill("SIGKILL");
    await assertGone();
  });

  async function crashAndSeeItFail(name: string): Promise<void> {
    kill([name]);
    await run.event("failover");
  }

  function pidOf(name: string): number {
    const pid = runProcesses(run.directory).get(name);
    assert.ok(pid !== undefined, `${name} runs`);
    return pid;
  }

  function kill(names: readonly string[]): void {
    for (const pid of names.map(pidOf)) process.kill(pid, "SIGKILL");
  }

  async function stop(names: readonly string[]): Promise<void> {
    const pids = names.map(pidOf);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    await until(() => pids.every(isStopped), `${names.join(", ")} are stopped`, GONE_MS);
  }

  async function endOwnerWhileStopped(names: readonly string[]): Promise<void> {
    await stop(names);
    const pids = [...runProcesses(run.directory).values()];
    run.cli.child.kill("SIGKILL");
    await assertGone();
    // One that ends has no command line any more, by which it was looked for, a moment before it is dead.
    await until(() => !pids.some(isAlive), "they are dead", GONE_MS);
  }

  /** Numbers from 0 on, none missing, none twice. */
  function assertWhole(): void {
    const ids = run.committed("all").map((row) => Number(row.id));
    assert.equal(new Set(ids).size, ids.length, "nothing twice");
    for (const rest of [0, 1]) {
      // Each of the two source subtasks was stopped where it was.
      const own = ids.filter((id) => id % 2 === rest);
      assert.ok(own.length > 0);
      assert.equal(Math.max(...own), 2 * (own.length - 1) + rest, "nothing lost");
    }
    const counted = run.committed("counts").reduce((sum, row) => sum + Number(row.count), 0);
    assert.equal(counted, ids.length, "the windows counted the same records");
  }

  async function assertGone(): Promise<void> {
    const { socketDirectory } = JSON.parse(readFileSync(join(run.directory, "run.json"), "utf8")) as {
      socketDirectory: string;
    };
    await until(() => processesNaming(run.directory).length === 0, "no process of the run is left", GONE_MS);
    await until(() => !existsSync(socketDirectory), "its sockets are gone", GONE_MS);
  }
});
