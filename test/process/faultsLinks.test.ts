/** Faults of links, on every kind of link: seen in what the processes at the ends of it notice. */
import assert from "node:assert/strict";
import { LatencyHistogram } from "../../simulator/observe/latencyHistogram";
import type { JournalEventOf } from "../../simulator/observe/journalEvent";
import { FaultRun } from "./faultRun";
import { Workspace } from "./faultlineCli";

describe("faults of links", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("latency, bandwidth, slicing, black hole and reset take effect and heal, between all kinds of processes, and nothing is lost", async () => {
    const job = workspace.exampleJob((one) => {
      one.operators.texts.rate = 100;
      one.runtime.checkpointing = { interval: "500ms", tolerableFailed: 1000 };
      one.runtime.restartStrategy = { type: "fixed-delay", attempts: 1000, delay: "50ms" };
    });
    const faults = await FaultRun.of(workspace.run(job));
    const { run } = faults;
    const now = (): number => run.events.at(-1)?.seq ?? 0;
    /** Latencies of the calls that a task made in one interval. */
    const median = (event: JournalEventOf<"metrics">): number =>
      Object.values(event.tasks ?? {}).reduce((most, { rpc }) => Math.max(most, rpc === undefined ? 0 : (LatencyHistogram.of(rpc.latencyMs).quantile(0.5) ?? 0)), 0);

    await faults.inject("latency", "link:taskmanager:*->service:langid#*", { delay: "150ms", jitter: "10ms", direction: "forward" }, 4);
    const slow = await run.event("metrics", (event) => median(event) >= 140);
    assert.ok(median(slow) < 2_000);
    await faults.heal();
    const healedAt = now();
    await run.event("metrics", (event) => event.seq > healedAt && median(event) > 0 && median(event) < 140);

    await faults.inject("bandwidth", "link:taskmanager:0->service:langid#0", { rate: "64KiB/s" });
    await faults.inject("slicing", "link:service:langid#1->taskmanager:0", { size: 16, pause: "0ms" });
    await faults.heal();

    // The clients hear nothing more of the instance, and let their calls go elsewhere.
    await faults.inject("black-hole", "link:taskmanager:*->service:langid#0", { direction: "backward" }, 2);
    const silentAt = now();
    await run.event("metrics", (event) => event.seq > silentAt && event.instances?.["langid#0"]?.requests === 0);
    await faults.heal();
    const heardAt = now();
    await run.event("metrics", (event) => event.seq > heardAt && (event.instances?.["langid#0"]?.requests ?? 0) > 0);

    await faults.inject("reset", "link:taskmanager:0->service:langid#1");
    await run.event("client.retry", (event) => event.instance === "langid#1" && /RESET|reset|hang up|dropped|closed/i.test(event.reason));
    await run.event("fault.healed", (event) => event.by === "end");

    await faults.inject("latency", "link:taskmanager:0->taskmanager:1", { delay: "30ms", duration: "300ms" });
    await run.event("fault.healed", (event) => event.by === "duration");
    const before = now();
    await faults.inject("reset", "link:taskmanager:0->taskmanager:1", { direction: "forward" });
    const broke = await run.event("failure", (event) => event.seq > before && /lost its input/.test(event.cause.message));
    await run.event("failover.finished", (event) => event.seq > broke.seq);

    // Nothing of the TaskManager reaches the coordinator, not even that it was hit; what it said meanwhile comes late, and in order.
    const injection = await faults.order("black-hole", "link:taskmanager:1->coordinator", { direction: "forward" });
    const injected = await run.event("fault.injected", (event) => event.injection === injection);
    await run.event("metrics", (event) => event.process === "taskmanager:0" && event.at > injected.at + 900);
    await faults.heal();
    assert.match(await faults.effect(injection), /do not arrive/);
    const isLate = (event: JournalEventOf<"metrics">): boolean => (run.events[event.seq - 1]?.at ?? 0) - event.at > 300;
    await run.event("metrics", (event) => event.process === "taskmanager:1" && event.seq > injected.seq && isLate(event));

    await faults.stop();
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.equal(report.injected, 12);
    assert.equal(report.records.lost, 0);
    assert.equal(report.records.duplicated, 0);
    assert.equal(report.rpc.failed, 0);
  });
});
