import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applyEvent } from "../../simulator/observe/applyEvent";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import {
  initialRunState,
  restore,
  snapshot,
  type InstanceLive,
  type RunState,
  type TaskLive,
} from "../../simulator/observe/runState";
import { SampleRun, START } from "./observeSampleRun";

const fold = (events: readonly JournalEvent[], from = initialRunState()): RunState => events.reduce(applyEvent, from);
const until = (events: readonly JournalEvent[], ms: number): JournalEvent[] =>
  events.filter((event) => event.at <= START + ms);

function killed(): JournalEvent[] {
  const run = new SampleRun({ loadDelayMs: 1000 }).start();
  run.killInstance(5_000, "langid#1");
  run.checkpoints(2_500, 9_000, 1000);
  run.killTaskManager(9_000, "taskmanager:1");
  return run.metrics(1_400, 12_000).end(12_000).events();
}
const instance = (state: RunState, name: string): InstanceLive => state.instances.get(name) as InstanceLive;
const task = (state: RunState, name: string): TaskLive => state.tasks.get(name) as TaskLive;

describe("live state of a run", () => {
  const events = killed();

  it("knows every task and instance from the first event on", () => {
    const state = fold(events.slice(0, 1));
    assert.equal(state.tasks.size, 6);
    assert.deepEqual([...state.instances.keys()], ["langid#0", "langid#1"]);
    assert.deepEqual(
      [task(state, "classify#1").vertex, task(state, "classify#1").index, task(state, "classify#1").state],
      ["classify", 1, "CREATED"],
    );
    assert.equal(state.job, "INITIALIZING");
  });

  it("shows work under way", () => {
    const state = fold(until(events, 4_500));
    assert.equal(state.job, "RUNNING");
    const classify = task(state, "classify#0");
    assert.equal(classify.state, "RUNNING");
    assert.equal(classify.process, "taskmanager:0");
    assert.ok(Math.abs(classify.recordsInPerSecond - 500) < 40, `${classify.recordsInPerSecond}`);
    assert.ok(Math.abs(classify.busy + classify.idle + classify.backPressured - 1) < 0.01);
    assert.equal(classify.calls?.inFlight, 8);
    const langid = instance(state, "langid#0");
    assert.deepEqual([langid.phase, langid.device, langid.registered, langid.batchSize], ["SERVING", "cpu", true, 4]);
    assert.equal(langid.queueDepth, 2);
    assert.equal(langid.loadDelayMs, 1000);
    assert.equal(state.processes.get("taskmanager:0")?.state, "CONNECTED");
    assert.equal(state.processes.get("taskmanager:0")?.rssBytes, 9e7);
    assert.equal(state.endpoints.get("langid")?.length, 2);
    assert.equal(state.checkpoints.completed, 2);
    assert.equal(state.checkpoints.last?.checkpoint, 2);
  });

  it("shows a fault, what it took down and what did not notice", () => {
    const state = fold(until(events, 5_011));
    assert.deepEqual(
      [...state.faults.values()].map((fault) => [fault.fault, fault.target, fault.state]),
      [["crash", "service:langid#1", "ACTIVE"]],
    );
    const hit = instance(state, "langid#1");
    assert.deepEqual(
      [hit.state, hit.phase, hit.registered, hit.failover, hit.requestsPerSecond],
      ["CREATED", null, false, 1, 0],
    );
    assert.equal(state.processes.get("service:langid#1")?.state, "LOST");
    assert.equal(state.failures.length, 1);
    assert.deepEqual(
      state.failovers.map((failover) => [failover.instances, failover.tasks.length, failover.finishedAt]),
      [[["langid#1"], 0, null]],
    );
    for (const other of state.tasks.values())
      assert.deepEqual([other.state, other.failover, other.restarts], ["RUNNING", null, 0]);
    assert.equal(instance(state, "langid#0").failover, null);
  });

  it("shows it coming back", () => {
    const loading = fold(until(events, 5_500));
    assert.deepEqual([instance(loading, "langid#1").phase, instance(loading, "langid#1").attempt], ["LOADING", 1]);
    assert.equal(loading.faults.size, 0);
    const back = instance(fold(until(events, 6_900)), "langid#1");
    assert.deepEqual(
      [back.phase, back.registered, back.restarts, back.failover, back.retriedAway],
      ["SERVING", true, 1, null, 8],
    );
  });

  it("shows a region restarting", () => {
    const down = fold(until(events, 9_100));
    assert.equal(down.job, "RESTARTING");
    assert.equal(task(down, "classify#1").state, "FAILED");
    assert.equal(task(down, "classify#0").state, "CANCELED");
    assert.equal(task(down, "classify#0").recordsInPerSecond, 0);
    assert.equal(task(down, "messages#0").failover, 2);
    const up = fold(until(events, 9_600));
    assert.deepEqual(
      [task(up, "classify#1").state, task(up, "classify#1").restarts, task(up, "classify#1").failover],
      ["RUNNING", 1, null],
    );
    assert.equal(instance(up, "langid#0").restarts, 0);
  });

  it("ends", () => {
    const state = fold(events);
    assert.deepEqual([state.job, state.ended, state.faults.size], ["FINISHED", true, 0]);
    assert.equal(task(state, "classify#0").busy, 0);
  });

  it("makes no rate of what an attempt that is over still sends, and of the counts that a task ends with", () => {
    const state = fold(until(events, 9_600));
    const late = events.find((event) => event.kind === "metrics" && event.tasks?.["classify#1"] !== undefined);
    const last = events.findLast((event) => event.kind === "metrics" && event.tasks?.["classify#1"] !== undefined);
    const live = task(state, "classify#1");
    const before = live.recordsIn;
    applyEvent(state, { ...late, seq: state.seq + 1 } as JournalEvent);
    assert.ok(live.recordsIn > before);
    assert.equal(live.recordsInPerSecond, 0);
    applyEvent(state, { ...last, intervalMs: 0, seq: state.seq + 1 } as JournalEvent);
    assert.equal(live.recordsInPerSecond, 0);
    applyEvent(state, { ...last, seq: state.seq + 1 } as JournalEvent);
    assert.ok(live.recordsInPerSecond > 400);
  });

  it("gives snapshots that are JSON, that later events do not change, and that the fold goes on from", () => {
    const half = fold(until(events, 5_100));
    const taken = snapshot(half);
    const text = JSON.stringify(taken);
    const rest = events.filter((event) => event.at > START + 5_100);
    fold(rest, half);
    assert.equal(JSON.stringify(taken), text);
    const resumed = fold(rest, restore(JSON.parse(text) as typeof taken));
    assert.deepEqual(JSON.parse(JSON.stringify(snapshot(resumed))), JSON.parse(JSON.stringify(snapshot(fold(events)))));
  });

  it("folds to the same present when old metrics were left out", () => {
    const cut = events.filter((event) => event.kind !== "metrics" || event.at > START + 10_000);
    const [all, less] = [snapshot(fold(events)), snapshot(fold(cut))];
    const present = (state: typeof all): unknown =>
      state.tasks.map(({ recordsIn: _i, recordsOut: _o, ...live }) => live);
    assert.deepEqual(present(less), present(all));
  });

  it("marks what an event changed", () => {
    const state = fold(until(events, 5_000));
    const before = state.seq;
    fold(
      events.filter((event) => event.at > START + 5_000 && event.at <= START + 5_009),
      state,
    );
    const changed = [...state.tasks.values(), ...state.instances.values()].filter((live) => live.changed > before);
    assert.deepEqual(
      changed.map((live) => ("task" in live ? live.task : live.instance)),
      ["langid#1"],
    );
  });

  it("takes instances that a scaled service gains, and unknown kinds", () => {
    const state = fold(until(events, 2_000));
    applyEvent(state, { seq: 9e5, at: START + 2_001, kind: "of.tomorrow" } as never);
    applyEvent(state, {
      seq: 9e5 + 1,
      at: START + 2_002,
      kind: "task.state",
      task: "langid#2",
      vertexKind: "service",
      attempt: 0,
      from: "CREATED",
      to: "SCHEDULED",
      process: "service:langid#2",
    });
    assert.deepEqual([instance(state, "langid#2").service, instance(state, "langid#2").index], ["langid", 2]);
  });

  it("keeps its lists bounded", () => {
    const state = fold(until(events, 2_000));
    for (let index = 0; index < 1000; index++) {
      applyEvent(state, {
        seq: 1e6 + index,
        at: START,
        kind: "log",
        process: "coordinator",
        level: "info",
        message: "x",
      });
      applyEvent(state, {
        seq: 1e6 + index,
        at: START,
        kind: "failure",
        id: index,
        task: "a#0",
        attempt: 0,
        cause: { code: "FL2004", message: "x" },
      });
    }
    assert.ok(state.log.length <= 200 && state.failures.length <= 200);
    assert.equal(state.failureCount, 1000);
  });

  it("runs in a browser: nothing of Node is imported by it or by the report", () => {
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const text = readFileSync(join(__dirname, "../../simulator/observe", `${name}.ts`), "utf8");
      assert.doesNotMatch(text, /from "node:/, name);
      for (const [, next] of text.matchAll(/from "\.\/(\w+)"/g)) visit(next);
    };
    for (const name of [
      "runState",
      "applyEvent",
      "runFacts",
      "recoveryReport",
      "reportHtml",
      "traceExport",
      "journalLine",
    ])
      visit(name);
  });
});
