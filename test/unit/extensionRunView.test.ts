import { strict as assert } from "node:assert";
import { foldRunView } from "../../extension/runs/foldRunView";
import { EMPTY_RUN_VIEW, describeTask, faultTargets, vertexActivity } from "../../extension/runs/runView";
import type { JournalEvent, JournalEventBody } from "../../simulator/observe/journalEvent";

function journal(...bodies: readonly JournalEventBody[]): readonly JournalEvent[] {
  return bodies.map((body, seq) => ({ ...body, seq, at: seq }));
}

const CRASH = journal(
  { kind: "process.started", process: "taskmanager:0", pid: 10 },
  { kind: "process.started", process: "service:langid#1", pid: 11 },
  {
    kind: "task.state",
    task: "map#0",
    vertexKind: "stream",
    attempt: 0,
    from: "DEPLOYING",
    to: "RUNNING",
    process: "taskmanager:0",
  },
  {
    kind: "task.state",
    task: "langid#1",
    vertexKind: "service",
    attempt: 0,
    from: "DEPLOYING",
    to: "RUNNING",
    process: "service:langid#1",
  },
  { kind: "instance.phase", instance: "langid#1", attempt: 0, phase: "SERVING", device: "cpu" },
  { kind: "fault.injected", injection: 1, fault: "crash", target: "service:langid#1", parameters: {}, by: "command" },
  {
    kind: "process.lost",
    process: "service:langid#1",
    pid: 11,
    evidence: { by: "exit", exitCode: null, signal: "SIGKILL" },
    expected: false,
  },
  { kind: "task.state", task: "langid#1", vertexKind: "service", attempt: 0, from: "RUNNING", to: "FAILED" },
  { kind: "task.state", task: "langid#1", vertexKind: "service", attempt: 1, from: "FAILED", to: "CREATED" },
);

describe("the view of a run in the editor", () => {
  it("shows the attempt that runs, and nothing of the one before it", () => {
    const before = foldRunView(EMPTY_RUN_VIEW, CRASH.slice(0, 5));
    assert.equal(describeTask(before.tasks.get("langid#1")!), "serving, cpu");
    const after = foldRunView(before, CRASH.slice(5));
    assert.equal(describeTask(after.tasks.get("langid#1")!), "created, attempt 2");
    assert.equal(describeTask(after.tasks.get("map#0")!), "running, taskmanager:0");
    assert.equal(
      describeTask(before.tasks.get("langid#1")!),
      "serving, cpu",
      "a view that was handed out stays as it is",
    );
  });

  it("is not confused by the loss of a process whose successor is up", () => {
    const events = journal(
      { kind: "process.started", process: "service:a#0", pid: 1 },
      { kind: "process.started", process: "service:a#0", pid: 2 },
      { kind: "process.lost", process: "service:a#0", pid: 1, evidence: { by: "connection" }, expected: false },
    );
    assert.deepEqual(foldRunView(EMPTY_RUN_VIEW, events).processes.get("service:a#0"), {
      name: "service:a#0",
      pid: 2,
      running: true,
    });
  });

  it("keeps a fault as active only while there is something to heal", () => {
    assert.equal(foldRunView(EMPTY_RUN_VIEW, CRASH).activeFaults.size, 0);
    const hang: JournalEventBody = {
      kind: "fault.injected",
      injection: 2,
      fault: "hang",
      target: "taskmanager:0",
      parameters: {},
      by: "command",
    };
    const hanging = foldRunView(EMPTY_RUN_VIEW, journal(hang));
    assert.equal(hanging.activeFaults.get(2)?.target, "taskmanager:0");
    assert.equal(
      foldRunView(hanging, journal({ kind: "fault.healed", injection: 2, by: "command" })).activeFaults.size,
      0,
    );
  });

  it("gives the same object back when nothing it shows has changed", () => {
    const view = foldRunView(EMPTY_RUN_VIEW, CRASH);
    assert.equal(
      foldRunView(view, journal({ kind: "log", process: "coordinator", level: "info", message: "x" })),
      view,
    );
  });

  it("names service instances first among the targets", () => {
    const targets = faultTargets(foldRunView(EMPTY_RUN_VIEW, CRASH)).map(({ target }) => target);
    assert.deepEqual(targets, ["service:langid#1", "taskmanager:0", "task:map#0"]);
  });

  it("sums the rate of a vertex over its subtasks and counts restarts", () => {
    const counts = { attempt: 0, bytesIn: 0, bytesOut: 0, busyMs: 0, backPressuredMs: 0, idleMs: 0, buffersInUse: 0 };
    const metrics: JournalEventBody = {
      kind: "metrics",
      intervalMs: 500,
      process: "taskmanager:0",
      rssBytes: 1,
      tasks: { "map#0": { ...counts, recordsIn: 300, recordsOut: 300 } },
    };
    const view = foldRunView(foldRunView(EMPTY_RUN_VIEW, CRASH), journal(metrics));
    assert.deepEqual(vertexActivity(view, "map"), ["600/s"]);
    assert.deepEqual(vertexActivity(view, "langid"), ["0/s", "0 of 1 running", "1 restart"]);
  });
});
