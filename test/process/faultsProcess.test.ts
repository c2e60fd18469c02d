/** Faults of processes, records and checkpoints, seen from outside: in the system's own account of the process and on the disk. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FaultRun } from "./faultRun";
import { until, Workspace } from "./faultlineCli";

describe("faults of processes, records and checkpoints", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  const stateOf = (pid: number): string => /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";

  it("each takes effect and heals, and nothing is lost", async () => {
    const job = workspace.exampleJob((one) => {
      one.operators.texts.rate = 200;
      one.runtime.checkpointing = { interval: "300ms", tolerableFailed: 1000 };
      one.runtime.restartStrategy = { type: "fixed-delay", attempts: 1000, delay: "50ms" };
    });
    const faults = await FaultRun.of(workspace.run(job));
    const { run } = faults;
    const service = faults.pidOf("service:langid#0");

    await faults.inject("hang", "service:langid#0");
    assert.equal(stateOf(service), "T");
    await faults.heal();
    await until(() => stateOf(service) !== "T", "it goes on", 2_000);

    await faults.inject("cpu-starvation", "service:langid#0", { share: "20%", period: "50ms" });
    let stopped = 0;
    for (let look = 0; look < 100; look++) {
      if (stateOf(service) === "T") stopped++;
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    assert.ok(stopped > 40 && stopped < 100, `it stands still most of the time: ${stopped} of 100`);
    await faults.heal();
    await until(() => stateOf(service) !== "T", "it goes on", 2_000);

    const again = faults.newAttempt("langid#0", "READY");
    assert.match(await faults.inject("memory-exhaustion", "service:langid#0"), /SIGABRT/);
    assert.equal(existsSync(`/proc/${service}`), false);
    assert.match(readFileSync(join(run.directory, "logs", "service-langid-0.log"), "utf8"), /bad_alloc|out of memory/i);
    await again;

    await faults.inject("storage-full", "taskmanager:0");
    await run.event("checkpoint.failed", (event) => /disk is full/.test(event.cause.message));
    await faults.heal();
    await faults.inject("storage-error", "coordinator");
    await run.event("checkpoint.failed", (event) => /EIO/.test(event.cause.message));
    await faults.heal();
    await faults.inject("checkpoint-declined", "task:perLanguage#0", { checkpoints: 2 });
    await run.event("fault.healed", (event) => event.by === "end");
    assert.ok(run.of("checkpoint.failed").filter((event) => /declines/.test(event.cause.message)).length >= 1);
    const failed = run.of("checkpoint.failed").length;
    const last = Math.max(...run.of("checkpoint.failed").map((event) => event.checkpoint));
    await run.event("checkpoint.completed", (event) => event.checkpoint > last);
    assert.ok(failed >= 3);

    await faults.inject("poison", "task:classify#1");
    const poisoned = await run.event("failure", (event) => event.task === "classify#1" && /poisoned/.test(event.cause.message));
    await run.event("failover.finished", (event) => event.id === run.of("failover").find(({ failures }) => failures.includes(poisoned.id))?.id);

    // Damaged, the checkpoint cannot be restored; put back, it can.
    const newest = Math.max(...readdirSync(join(run.directory, "checkpoints")).map((name) => Number(name.slice(4))));
    await run.event("checkpoint.completed", (event) => event.checkpoint > newest);
    const injection = await faults.order("damaged-file", "task:perLanguage#0");
    const [, file = "", sum] = /^(\S+) does not match its checksum any more \((\w+)…/.exec(await faults.effect(injection)) ?? [];
    if (existsSync(file)) assert.ok(createHash("sha256").update(readFileSync(file)).digest("hex").startsWith(sum ?? "-"));
    await faults.heal();

    await faults.inject("terminate", "taskmanager:1");
    await run.event("process.lost", (event) => event.process === "taskmanager:1" && !event.expected);
    await faults.inject("crash", "coordinator");
    await run.event("coordinator.recovered");
    await run.event("job.state", (event) => event.to === "RUNNING" && event.seq > run.of("coordinator.recovered")[0].seq);

    await faults.stop();
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.equal(report.injected, 10);
    assert.equal(report.records.lost, 0);
    assert.equal(report.records.duplicated, 0);
  });

  it("a damaged state file of the newest checkpoint: the restore goes back to the one before, what sinks had committed since is made again, and healing is too late to bring it back", async () => {
    const job = workspace.exampleJob((one) => {
      one.operators.texts.rate = 400;
      one.runtime.checkpointing = { interval: "1500ms" };
      one.runtime.restartStrategy = { type: "fixed-delay", attempts: 1000, delay: "50ms" };
    });
    const faults = await FaultRun.of(workspace.run(job));
    const { run } = faults;
    const first = run.of("checkpoint.completed")[0]?.checkpoint ?? -1;
    const { checkpoint: newest } = await run.event("checkpoint.completed", (event) => event.checkpoint > first);
    // Committed, so that going back has something to take back.
    const commit = await run.event("sink.committed", (event) => event.checkpoint === newest && event.files.some((file) => file.includes("messages")));
    const [file = ""] = commit.files;
    assert.ok(existsSync(join(run.directory, file)));
    assert.match(await faults.inject("damaged-file", "task:perLanguage#0"), new RegExp(`chk-${newest}/.*does not match its checksum`));
    await faults.inject("crash", "taskmanager:0");

    const damaged = await run.event("checkpoint.damaged");
    assert.equal(damaged.checkpoint, newest);
    assert.match(damaged.cause.message, /its content has changed/);
    const failover = await run.event("failover", (event) => event.seq > damaged.seq);
    assert.equal(failover.restoredCheckpoint, first);
    await run.event("task.restored", (event) => event.seq > failover.seq && event.task === "perLanguage#0" && event.checkpoint === first);
    await run.event("job.state", (event) => event.seq > failover.seq && event.to === "RUNNING");
    await faults.heal(1);
    assert.equal(existsSync(join(run.directory, "checkpoints", `chk-${newest}`, "_metadata")), false, "it does not come back");
    await run.event("checkpoint.completed", (event) => event.checkpoint > newest);
    // The next restore is from a sound one again.
    await faults.inject("crash", "taskmanager:1");
    await run.event("failover.finished", (event) => event.seq > damaged.seq && event.id > failover.id);

    await faults.stop();
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.deepEqual(report.checkpoints.damaged, [newest]);
    assert.ok(report.failures.some(({ damagedCheckpoints, restoredCheckpoint }) => damagedCheckpoints.includes(newest) && restoredCheckpoint === first), JSON.stringify(report.failures));
    assert.equal(report.records.lost, 0);
    assert.equal(report.records.duplicated, 0);
  });
});
