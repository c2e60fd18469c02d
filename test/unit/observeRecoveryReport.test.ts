import { strict as assert } from "node:assert";
import { recoveryReport, reportOf } from "../../simulator/observe/recoveryReport";
import { RunFacts } from "../../simulator/observe/runFacts";
import type { FailureReport, RunReport } from "../../simulator/observe/runReport";
import { SampleRun } from "./observeSampleRun";

const phaseOf = (failure: FailureReport, name: string): number | undefined =>
  failure.phases.find((phase) => phase.phase === name)?.afterMs;
function only(report: RunReport): FailureReport {
  assert.equal(report.failures.length, 1);
  return report.failures[0];
}

describe("recovery report", () => {
  it("has the fields of the contract, and null where nothing was counted", () => {
    const run = new SampleRun().start();
    const report = reportOf(run.metrics(600, 5000).checkpoints(1000, 5000, 1000).end(5000).events());
    assert.deepEqual(Object.keys(report), [
      "run",
      "records",
      "rpc",
      "services",
      "vertices",
      "checkpoints",
      "failures",
      "injected",
      "injectionsFailed",
    ]);
    for (const key of ["id", "job", "state", "deployment", "devices", "startedAt", "durationMs", "directory"])
      assert.ok(key in report.run, key);
    assert.equal(report.run.state, "FINISHED");
    assert.equal(report.run.startedAt, "2025-10-09T08:53:20.000Z");
    assert.equal(report.run.durationMs, 5000);
    assert.equal(report.run.firstRecordAfterMs, 620);
    assert.equal(report.run.streamTasks, 6);
    assert.equal(report.run.serviceInstances, 2);
    assert.deepEqual(report.run.devices, ["cpu"]);
    assert.deepEqual(
      [report.records.in, report.records.expected, report.records.lost, report.records.duplicated],
      [null, null, null, null],
    );
    assert.ok(Math.abs((report.records.perSecond as number) - 4000 / 4.998) < 0.01);
    assert.equal(report.checkpoints.completed, 4);
    assert.equal(report.rpc.failed, 0);
    assert.ok(report.rpc.requests > 1000 && report.rpc.requests === report.rpc.succeeded);
    assert.ok(Math.abs((report.rpc.p99Ms as number) - 3.1) < 0.04, `${report.rpc.p99Ms}`);
    assert.deepEqual(report.failures, []);
    assert.equal(report.injected, 0);
  });

  it("counts records a second from the first task that ran, where the job came to RUNNING only later", () => {
    const run = new SampleRun().start();
    const events = run.metrics(600, 5000).checkpoints(1000, 5000, 1000).end(5000).events();
    const begin = events[0]?.at ?? NaN;
    const late = events.map((event) =>
      event.kind === "job.state" && event.to === "RUNNING" ? { ...event, at: begin + 3000 } : event,
    );
    const ran = events.find(
      (event) => event.kind === "task.state" && event.vertexKind === "stream" && event.to === "RUNNING",
    );
    const seconds = (begin + 5000 - (ran?.at ?? NaN)) / 1000;
    assert.ok(
      Math.abs((reportOf(late).records.perSecond as number) - 4000 / seconds) < 5,
      `${reportOf(late).records.perSecond} a second, over ${seconds} s`,
    );
  });

  it("tells a killed instance: that one restarted, nothing else noticed", () => {
    const run = new SampleRun().start();
    run.killInstance(10_000, "langid#1");
    const report = reportOf(run.metrics(600, 20_000).checkpoints(1000, 20_000, 1000).end(20_000).events());
    const failure = only(report);
    assert.equal(report.injected, 1);
    assert.equal(failure.fault, "crash");
    assert.equal(failure.target, "service:langid#1");
    assert.equal(failure.injectedAtMs, 10_000);
    assert.equal(failure.detectedAfterMs, 9);
    assert.deepEqual(failure.detectedBy, {
      by: "exit",
      exitCode: null,
      signal: "SIGKILL",
      process: "service:langid#1",
    });
    assert.deepEqual(failure.restartedTasks, []);
    assert.deepEqual(failure.restartedInstances, ["langid#1"]);
    assert.equal(failure.untouchedTasks, 6);
    assert.equal(failure.untouched.length, 7);
    assert.ok(failure.untouched.includes("langid#0"));
    assert.equal(failure.recordsReplayed, 0);
    assert.equal(failure.requestsRetried, 8);
    const instance = failure.instances[0];
    // Process start to READY: 180 to LOADING, 45 loading, 8 warming.
    assert.equal(instance?.coldStartMs, 233);
    assert.equal(instance?.restartColdStartMs, 233);
    assert.equal(instance?.registeredAfterMs, 12 + 234);
    assert.equal(failure.recoveredAfterMs, 12 + 234);
    assert.equal(failure.servedAgainAfterMs, 12 + 239);
    assert.deepEqual(
      instance?.phases.map((phase) => phase.phase),
      ["PROCESS", "STARTING", "LOADING", "WARMING", "READY", "SERVING"],
    );
    assert.equal(phaseOf(failure, "effective"), 4);
    assert.equal(phaseOf(failure, "ejected"), 10);
    assert.equal(phaseOf(failure, "restart decided"), 10);
    assert.equal(phaseOf(failure, "process up"), 12 + 65);
    assert.equal(phaseOf(failure, "first answer"), 12 + 239);
    const order = failure.phases.map((phase) => phase.afterMs);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.ok(
      failure.dip !== null && failure.dip.depth < 0.25 && failure.dip.durationMs !== null,
      JSON.stringify(failure.dip),
    );
    assert.ok(
      (failure.p99.duringMs as number) > 60 && (failure.p99.beforeMs as number) < 4,
      JSON.stringify(failure.p99),
    );
  });

  it("tells a killed TaskManager: its region restarted, the services ran on", () => {
    const run = new SampleRun().start();
    run.checkpoints(1000, 10_000, 1000);
    const running = run.killTaskManager(10_000, "taskmanager:1");
    const failure = only(reportOf(run.checkpoints(11_000, 20_000, 1000).metrics(600, 20_000).end(20_000).events()));
    assert.equal(failure.target, "taskmanager:1");
    assert.equal(failure.detectedAfterMs, 11);
    assert.deepEqual(failure.restartedTasks.toSorted(), [...run.streams].toSorted());
    assert.deepEqual(failure.restartedInstances, []);
    assert.equal(failure.untouchedTasks, 0);
    assert.deepEqual(failure.untouched, ["langid#0", "langid#1"]);
    assert.equal(failure.recordsReplayed, 420);
    assert.equal(failure.recoveredAfterMs, running - 10_000);
    assert.equal(failure.restoredCheckpoint, 9);
    assert.deepEqual(failure.regions, ["region-1"]);
    assert.equal(phaseOf(failure, "cancelled"), 25);
    assert.equal(phaseOf(failure, "running"), running - 10_000);
    assert.ok(failure.dip !== null && failure.dip.depth > 0.6, JSON.stringify(failure.dip));
    assert.ok(
      (failure.dip?.durationMs as number) >= 300 && (failure.dip?.durationMs as number) <= 1000,
      JSON.stringify(failure.dip),
    );
    // About 0.41 s without the 1,000 records a second of each of the two measured vertices.
    assert.ok(Math.abs(failure.dip?.area - 820) < 250, JSON.stringify(failure.dip));
  });

  it("tells overlapping faults apart by their targets", () => {
    const run = new SampleRun().start();
    run.killInstance(10_000, "langid#1");
    run.killTaskManager(10_050, "taskmanager:0");
    run.killInstance(10_100, "langid#0");
    const report = reportOf(run.metrics(600, 20_000).end(20_000).events());
    assert.deepEqual(
      report.failures.map((failure) => [
        failure.target,
        failure.restartedInstances,
        failure.restartedTasks.length,
        failure.detectedAfterMs,
      ]),
      [
        ["service:langid#1", ["langid#1"], 0, 9],
        ["taskmanager:0", [], 6, 11],
        ["service:langid#0", ["langid#0"], 0, 9],
      ],
    );
    assert.ok(report.failures.every((failure) => failure.recoveredAfterMs !== null));
    assert.equal(report.failures[2]?.requestsRetried, 8);
  });

  it("tells the same target killed again from the first time", () => {
    const run = new SampleRun().start();
    const back = run.killInstance(5_000, "langid#1");
    run.killInstance(back + 500, "langid#1");
    const report = reportOf(run.metrics(600, 12_000).end(12_000).events());
    assert.deepEqual(
      report.failures.map((failure) => failure.instances.map((instance) => instance.attempt)),
      [[1], [2]],
    );
    assert.deepEqual(
      report.failures.map((failure) => failure.detectedAfterMs),
      [9, 9],
    );
    assert.equal(report.failures[1]?.instances[0]?.coldStartMs, 233);
  });

  it("lays the loss of a TaskManager at the door of the fault on a task in it", () => {
    const run = new SampleRun().start();
    run.inject(5_000, "crash", "task:classify#1", "taskmanager:1 (process 1001) ended by SIGKILL");
    run.killTaskManager(5_000, "taskmanager:1", 300, false);
    const failure = only(reportOf(run.end(9_000).events()));
    assert.equal(failure.fault, "crash");
    assert.equal(failure.detectedAfterMs, 11);
    assert.equal(failure.restartedTasks.length, 6);
  });

  it("tells a later failure from a failover that another one took over and that never finished by itself", () => {
    const run = new SampleRun().start();
    run.killTaskManager(4_000, "taskmanager:0", 5_000);
    run.killTaskManager(4_100, "taskmanager:1");
    run.killTaskManager(20_000, "taskmanager:0", 300, false);
    const unfinished = run.events().filter((event) => !(event.kind === "failover.finished" && event.id === 1));
    assert.deepEqual(
      reportOf(unfinished).failures.map((failure) => [failure.fault, failure.target, failure.restartedTasks.length]),
      [
        ["crash", "taskmanager:0", 6],
        ["crash", "taskmanager:1", 6],
        ["FL2005", "taskmanager:0", 6],
      ],
    );
  });

  it("lists a failure that no fault caused", () => {
    const run = new SampleRun().start();
    run.killInstance(5_000, "langid#0", false);
    run.killTaskManager(8_000, "taskmanager:1", 300, false);
    const report = reportOf(run.metrics(600, 12_000).end(12_000).events());
    assert.deepEqual(
      report.failures.map((failure) => [failure.fault, failure.target, failure.injectedAtMs, failure.detectedAfterMs]),
      [
        ["FL2005", "service:langid#0", 5_009, 0],
        ["FL2005", "taskmanager:1", 8_011, 0],
      ],
    );
    assert.equal(report.injected, 0);
    assert.deepEqual(report.failures[0]?.restartedInstances, ["langid#0"]);
    assert.equal(report.failures[1]?.restartedTasks.length, 6);
  });

  it("does not lay a real failure at the door of a fault elsewhere", () => {
    const run = new SampleRun().start();
    run.inject(4_000, "slow-inference", "service:langid#1", "answers take 200 ms longer");
    run.killInstance(5_000, "langid#0", false);
    const report = reportOf(run.metrics(600, 12_000).end(12_000).events());
    assert.deepEqual(
      report.failures.map((failure) => [failure.fault, failure.detectedAfterMs, failure.restartedInstances]),
      [
        ["slow-inference", null, []],
        ["FL2005", 0, ["langid#0"]],
      ],
    );
    assert.equal(report.failures[0]?.untouchedTasks, 6);
  });

  it("lays a timed-out call at the door of the slow instance", () => {
    const run = new SampleRun().start();
    run.inject(4_000, "slow-inference", "service:langid#1", "answers take 200 ms longer");
    const cause = { code: "FL3009", message: "A call took longer than 1 s." } as const;
    run.at(5_000, { kind: "failure", id: 1, task: "classify#0", attempt: 0, process: "taskmanager:0", cause });
    run.at(5_001, {
      kind: "failover",
      id: 1,
      failures: [1],
      strategy: "region",
      regions: ["region-1"],
      tasks: run.streams,
      instances: [],
      untouched: 2,
      delayMs: 0,
    });
    for (const task of run.streams) run.deploy(task, 5_100, 1);
    const failure = only(reportOf(run.end(9_000).events()));
    assert.equal(failure.fault, "slow-inference");
    assert.equal(failure.detectedAfterMs, 1_000);
    assert.deepEqual(failure.detectedBy, { by: "failure", task: "classify#0", message: cause.message });
    assert.equal(failure.restartedTasks.length, 6);
  });

  it("counts faults that took no effect as not injected, and failed ones apart", () => {
    const run = new SampleRun().start();
    run.inject(2_000, "crash", "service:langid#1");
    const failed = run.inject(3_000, "device-lost", "service:langid#0");
    run.at(3_001, {
      kind: "fault.failed",
      injection: failed,
      cause: { code: "FL1033", message: "The device is a CPU." },
    });
    const report = reportOf(run.end(5_000).events());
    assert.equal(report.injected, 0);
    assert.equal(only(report).effective, false);
    assert.deepEqual(report.injectionsFailed, [
      { fault: "device-lost", target: "service:langid#0", reason: "The device is a CPU." },
    ]);
  });

  it("tells a coordinator that died and was followed by another", () => {
    const run = new SampleRun().start();
    run.inject(5_000, "crash", "coordinator", "process 99 ended by SIGKILL");
    run.at(5_400, { kind: "coordinator.recovered", pid: 100, fromCheckpoint: 3 });
    const failure = only(reportOf(run.metrics(600, 9_000).end(9_000).events()));
    assert.equal(failure.detectedAfterMs, 400);
    assert.equal(failure.recoveredAfterMs, 400);
    assert.equal(failure.untouchedTasks, 6);
    assert.deepEqual(failure.detectedBy, { by: "recovery", process: "coordinator" });
  });

  it("counts what a coordinator that took over replays, and lists one that nobody killed on purpose", () => {
    const run = new SampleRun().start().checkpoints(1_000, 4_500, 1_000);
    run.at(5_400, { kind: "coordinator.recovered", pid: 100, fromCheckpoint: 4 });
    for (const task of run.streams) run.deploy(task, 5_500, 1);
    const failure = only(reportOf(run.metrics(600, 5_000).end(9_000).events()));
    assert.deepEqual([failure.fault, failure.target, failure.restoredCheckpoint], ["none", "coordinator", 4]);
    // Two source subtasks at 500 records a second, from the checkpoint at 4.0 s to their last metrics at 4.85 s.
    assert.equal(failure.recordsReplayed, 2 * 425);
    assert.equal(failure.restartedTasks.length, 6);
  });

  it("counts attempts that no failover explains to the disturbance before them", () => {
    const run = new SampleRun().start();
    run.inject(5_000, "crash", "coordinator", "process 99 ended by SIGKILL");
    run.at(5_400, { kind: "coordinator.recovered", pid: 100, fromCheckpoint: 3 });
    for (const task of run.streams) run.deploy(task, 5_500, 1);
    const failure = only(reportOf(run.end(9_000).events()));
    assert.equal(failure.restartedTasks.length, 6);
    assert.equal(failure.recoveredAfterMs, 560);
    assert.equal(failure.untouchedTasks, 0);
  });

  it("counts what a task ends with at its own time, though it has no interval", () => {
    const run = new SampleRun().start().metrics(600, 6_000);
    const last = run.events().findLast((event) => event.kind === "metrics" && event.tasks !== undefined);
    assert.ok(last?.kind === "metrics");
    const { seq: _seq, at: _at, ...body } = last;
    const before = reportOf(run.end(6_000).events());
    const after = reportOf(run.at(5_990, { ...body, intervalMs: 0 }).events());
    assert.ok(after.rpc.requests > before.rpc.requests);
    const facts = RunFacts.of(run.events());
    assert.ok(Number.isFinite(facts.throughput?.rate(0, 6_000)));
    assert.ok((facts.throughput?.rate(5_900, 6_000) ?? 0) > 0);
  });

  it("says what is not back yet in a run that goes on", () => {
    const run = new SampleRun().start();
    run.killInstance(10_000, "langid#1");
    const soFar = run
      .metrics(600, 10_000)
      .events()
      .filter((event) => event.at < 1_760_000_010_100);
    const failure = only(reportOf(soFar));
    assert.equal(failure.recoveredAfterMs, null);
    assert.equal(failure.servedAgainAfterMs, null);
    assert.deepEqual(failure.restartedInstances, ["langid#1"]);
    assert.equal(failure.dip, null);
    assert.equal(reportOf(soFar).run.state, "RUNNING");
    assert.equal(reportOf(soFar, { alive: false }).run.state, "CRASHED");
  });

  it("counts what went down with a failed job as touched", () => {
    const run = new SampleRun().start();
    run.inject(5_000, "poison", "task:classify#0", "record 17 was poisoned");
    const cause = { code: "FL2012", message: "Restart is not allowed any more." } as const;
    run.at(5_020, { kind: "failure", id: 1, task: "classify#0", attempt: 0, process: "taskmanager:0", cause });
    run.at(5_021, { kind: "job.state", from: "RUNNING", to: "FAILING", cause });
    for (const task of run.streams) run.state(5_030, task, "RUNNING", "CANCELED");
    run.at(5_040, { kind: "run.ended", state: "FAILED", cause });
    const report = reportOf(run.events());
    assert.equal(report.run.state, "FAILED");
    assert.equal(report.run.cause?.code, "FL2012");
    const failure = only(report);
    assert.equal(failure.untouchedTasks, 0);
    assert.equal(failure.recoveredAfterMs, null);
    assert.deepEqual(failure.restartedTasks, []);
  });

  it("takes an empty journal, and one that only began", () => {
    assert.equal(reportOf([]).run.state, "INITIALIZING");
    const begun = new SampleRun().events();
    assert.equal(reportOf(begun).run.id, "20251009-090640-7f3a");
  });

  it("folds the same in one go and event by event, with unknown kinds between", () => {
    const run = new SampleRun().start();
    run.killInstance(3_000, "langid#1");
    const events = run.metrics(600, 6_000).end(6_000).events();
    const facts = new RunFacts();
    for (const event of events) {
      facts.add(event);
      facts.add({ ...event, kind: "of.tomorrow" } as never);
    }
    assert.deepEqual(recoveryReport(facts), reportOf(events));
  });
});
