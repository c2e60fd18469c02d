/** A coordinator that hangs: it cannot let itself go on, so others do. */
import assert from "node:assert/strict";
import { processesOfRun, processState } from "../../simulator/cluster/processesOfRun";
import type { JournalEventOf } from "../../simulator/observe/journalEvent";
import type { CliResult, RunUnderTest } from "./faultlineCli";
import { until, Workspace } from "./faultlineCli";

describe("a coordinator that hangs", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("goes on when the duration is over or when it is healed, and the job loses nothing", async () => {
    const job = workspace.exampleJob((one) => {
      one.operators.texts.rate = 200;
      one.runtime.checkpointing = { interval: "300ms", tolerableFailed: 1000 };
    });
    const run = workspace.run(job);
    await run.event("checkpoint.completed");
    const pid = run.of("process.started").find(({ process }) => process === "coordinator")?.pid ?? -1;

    assertDone(await workspace.cli("inject", run.directory, "hang", "coordinator", "--set", "duration=1500ms"));
    await until(() => processState(pid) === "T", "it is stopped", 5_000);
    const first = await healed(run, 1);
    assert.equal(first.by, "duration");
    assert.ok(stoppedMs(run, 1) >= 1_500);
    await run.event("checkpoint.completed", ({ seq }) => seq > first.seq);

    assertDone(await workspace.cli("inject", run.directory, "hang", "coordinator"));
    await until(() => processState(pid) === "T", "it is stopped", 5_000);
    const refused = await workspace.cli("stop", run.directory);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /FL2008.*stopped[\s\S]*faultline heal/);
    assert.equal(processState(pid), "T", "nobody lets it go on by itself");
    assertDone(await workspace.cli("heal", run.directory));
    const second = await healed(run, 2);
    assert.equal(second.by, "command");
    assert.ok(stoppedMs(run, 2) > 0);
    await run.event("checkpoint.completed", ({ seq }) => seq > second.seq);

    // The same process all the time, and nobody else in its place.
    assert.deepEqual(run.of("coordinator.recovered"), []);
    assertDone(await workspace.cli("stop", run.directory));
    const { state } = (await run.report()).run;
    const { records } = await run.report();
    assert.deepEqual({ state, lost: records.lost, duplicated: records.duplicated }, { state: "FINISHED", lost: 0, duplicated: 0 });
    assert.ok(run.committed("messages").length > 0 || run.committed("counts").length > 0);
  });

  it("leaves what it had begun to the next one, which ends it on time, and when it is told", async () => {
    const run = workspace.run(workspace.exampleJob((one) => (one.operators.texts.rate = 200)));
    await run.event("checkpoint.completed");
    const slow = async (...more: string[]): Promise<void> => {
      assertDone(await workspace.cli("inject", run.directory, "latency", "link:taskmanager:0->service:langid#0", "--set", "delay=20ms", ...more));
    };
    await slow("duration=6s");
    await slow();
    await run.event("fault.effective", ({ injection }) => injection === 1);
    assertDone(await workspace.cli("inject", run.directory, "crash", "coordinator"));
    const { seq } = await run.event("coordinator.recovered");
    assert.equal((await healed(run, 1)).by, "duration");
    assertDone(await workspace.cli("heal", run.directory));
    assert.equal((await healed(run, 2)).by, "command");
    assert.ok(run.of("fault.healed").every((event) => event.seq > seq));
    assertDone(await workspace.cli("stop", run.directory));
    assert.equal((await run.report()).records.lost, 0);
  });

  it("ends with its owner while it hangs", async () => {
    const run = workspace.run(workspace.exampleJob());
    await run.event("checkpoint.completed");
    assertDone(await workspace.cli("inject", run.directory, "hang", "coordinator"));
    await until(() => processesOfRun(run.directory)?.some(({ name, pid }) => name === "coordinator" && processState(pid) === "T") === true, "it is stopped", 5_000);
    run.cli.child.kill("SIGTERM");
    await until(() => processesOfRun(run.directory)?.length === 0, "nobody is left", 10_000);
  });

  function healed(run: RunUnderTest, injection: number): Promise<JournalEventOf<"fault.healed">> {
    return run.event("fault.healed", (event) => event.injection === injection);
  }

  /** Injected, effective and healed stand in the journal in this order. */
  function stoppedMs(run: RunUnderTest, injection: number): number {
    const story = run.events.filter((event) => "injection" in event && event.injection === injection);
    assert.deepEqual(story.map(({ kind }) => kind), ["fault.injected", "fault.effective", "fault.healed"]);
    const effective = run.of("fault.effective").find((event) => event.injection === injection);
    return Number(/ (\d+) ms after/.exec(effective?.evidence ?? "")?.[1] ?? -1);
  }

  function assertDone({ code, stderr }: CliResult): void {
    assert.equal(code, 0, stderr);
  }
});
