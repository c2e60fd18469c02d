/** Faults of models and devices, seen from outside: by a client of others, in the system's own account of the process, in the journal. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { FaultRun } from "./faultRun";
import { Workspace } from "./faultlineCli";

describe("faults of a service", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("slow and wrong answers, memory, loads and the device: each takes effect and heals; only what no caller can read reaches the stream", async () => {
    const faults = await FaultRun.of(workspace.run(workspace.exampleJob((job) => (job.operators.texts.rate = 200))));
    const { run } = faults;
    const right = await faults.call("langid#0", 7);

    await faults.inject("slow-inference", "service:langid#0", { delay: "300ms" });
    assert.ok((await faults.call("langid#0", 7)).tookMs >= 300, "the run waited");
    await faults.heal();

    await faults.inject("wrong-output", "service:langid#0", { kind: "nan" });
    assert.ok((await faults.call("langid#0", 7)).values.every(Number.isNaN));
    await faults.heal();
    assert.deepEqual((await faults.call("langid#0", 7)).values, right.values, "healed: the right answer again");

    // Each gets a row of an earlier answer; which one, the stream's own records beside it in the batch decide.
    const answers = async (): Promise<unknown[]> => {
      const all: unknown[] = [];
      for (const question of [7, 900, 20, 1500]) all.push((await faults.call("langid#0", question)).values);
      return all;
    };
    const own = await answers();
    await faults.inject("wrong-output", "service:langid#0", { kind: "stale" });
    assert.notDeepEqual(await answers(), own, "the answers are those to earlier questions");
    await faults.heal();
    assert.deepEqual(await answers(), own, "healed: the right answers again");

    const limits = (): string | undefined => /Max address space\s+(\S+)/.exec(readFileSync(`/proc/${faults.pidOf("service:langid#1")}/limits`, "utf8"))?.[1];
    const before = limits();
    const evidence = await faults.inject("device-out-of-memory", "service:langid#1");
    assert.match(evidence, /host memory.*Failed to allocate memory/);
    assert.notEqual(limits(), before, "the process has a real limit");
    await assert.rejects(faults.call("langid#1", 7), /not enough memory/);
    await faults.heal();
    assert.equal(limits(), before);
    assert.equal((await faults.call("langid#1", 7)).values.length, right.values.length);

    const attempts = run.of("failure").length;
    await faults.inject("load-failure", "service:langid#0");
    await run.event("failure", (event) => event.cause.code === "FL3002" && event.task === "langid#0");
    await faults.newAttempt("langid#0", "READY");
    assert.ok(run.of("failure").length >= attempts + 2, "killed, and failed to load");

    await faults.inject("slow-load", "service:langid#0", { delay: "400ms" });
    const warming = await run.event("instance.phase", (event) => event.phase === "WARMING" && (event.loadDelayMs ?? 0) >= 400);
    assert.ok((warming.previousPhaseMs ?? 0) >= 400, "the load took as long as the journal states");
    await run.event("instance.phase", (event) => event.attempt === warming.attempt && event.phase === "READY");

    const lost = faults.pidOf("service:langid#1");
    const again = faults.newAttempt("langid#1", "READY");
    assert.match(await faults.inject("device-lost", "service:langid#1"), /device is lost/);
    await again;
    assert.equal(existsSync(`/proc/${lost}`), false, "the process without a device is gone");
    assert.notEqual(faults.pidOf("service:langid#1"), lost);

    // An answer that no caller can read fails the call for good: this one reaches the stream.
    await faults.inject("wrong-output", "service:langid#0", { kind: "shape", probability: "100%", duration: "150ms" });
    await run.event("failover.finished", (event) => run.of("failover").some(({ id, tasks }) => id === event.id && tasks.length > 0));
    await run.event("fault.healed", (event) => event.by === "duration");
    assert.deepEqual((await faults.call("langid#0", 7)).shape, right.shape);

    await faults.stop();
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.equal(report.injected, 8);
    const reached = report.failures.filter((failure) => failure.restartedTasks.length > 0);
    assert.equal(reached.length, 1);
    assert.match(reached[0]?.effect ?? "", /left with shape/);
    assert.equal(report.records.lost, 0);
    assert.equal(report.records.duplicated, 0);
    assert.equal(report.rpc.failed, 0);
  });

  it("device out of memory, on the best device of this machine: a graphics processor, else Vulkan in software, else the host: its own allocation fails, calls go elsewhere, and healed it answers", async () => {
    const software = "/usr/lib/chromium/vk_swiftshader_icd.json";
    const hasHardware = existsSync("/dev/nvidiactl") || existsSync("/dev/dri");
    const before = { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR };
    const isSoftware = !hasHardware && existsSync(software);
    if (isSoftware) Object.assign(process.env, { VK_ICD_FILENAMES: software, XDG_RUNTIME_DIR: before.XDG_RUNTIME_DIR ?? tmpdir() });
    const run = workspace.run(
      workspace.exampleJob((job) => {
        job.operators.texts.rate = 100;
        job.services.langid.device = isSoftware ? "webgpu" : "auto";
      }),
    );
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    const faults = await FaultRun.of(run);
    const { device } = await run.event("instance.phase", (event) => event.instance === "langid#1" && event.phase === "READY");
    assert.ok(device !== undefined && (!isSoftware || device === "webgpu (software)"), device);
    const right = await faults.call("langid#1", 7);

    const evidence = await faults.inject("device-out-of-memory", "service:langid#1");
    const where = device === "cpu" ? "host memory \\(no device of its own\\)" : device.replace(/[()]/g, "\\$&");
    assert.match(evidence, new RegExp(`^on ${where}, an allocation of \\d+ bytes failed: .`));
    await assert.rejects(faults.call("langid#1", 7), /not enough memory/);
    assert.equal((await faults.call("langid#0", 7)).values.length, right.values.length, "the other instance has what it needs");
    await run.event("client.retry", (event) => event.instance === "langid#1");
    await faults.heal();
    assert.deepEqual((await faults.call("langid#1", 7)).values, right.values, "healed");

    await faults.stop();
    const report = await run.report();
    assert.deepEqual([report.run.state, report.injected, report.records.lost, report.records.duplicated, report.rpc.failed], ["FINISHED", 1, 0, 0, 0]);
    assert.deepEqual(report.failures.flatMap(({ restartedTasks }) => restartedTasks), [], "no stream task restarts");
  });
});
