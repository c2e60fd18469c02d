import { strict as assert } from "node:assert";
import { traceExport, type TraceEvent } from "../../simulator/observe/traceExport";
import { SampleRun } from "./observeSampleRun";

describe("trace of a run", () => {
  const run = new SampleRun().start();
  run.killInstance(5_000, "langid#1");
  run.killTaskManager(8_000, "taskmanager:1");
  const { traceEvents, otherData } = traceExport(
    run.checkpoints(1000, 12_000, 1000).metrics(600, 12_000).end(12_000).events(),
  );
  const named = (ph: string, name: string): TraceEvent[] =>
    traceEvents.filter((event) => event.ph === ph && event.name === name);
  const processOf = (pid: number): unknown =>
    traceEvents.find((event) => event.name === "process_name" && event.pid === pid)?.args?.name;
  const threadOf = ({ pid, tid }: TraceEvent): unknown =>
    traceEvents.find((event) => event.name === "thread_name" && event.pid === pid && event.tid === tid)?.args?.name;

  it("names processes and threads", () => {
    assert.deepEqual(
      named("M", "process_name").map((event) => event.args?.name),
      ["coordinator", "taskmanager:0", "taskmanager:1", "service:langid#0", "service:langid#1"],
    );
    assert.equal(otherData.job, "Language detection");
  });

  it("has each attempt's states in the process that it ran in", () => {
    const running = named("X", "RUNNING").filter((event) => event.cat === "task" && threadOf(event) === "classify#1");
    assert.deepEqual(
      running.map((event) => [processOf(event.pid), event.args?.attempt]),
      [
        ["taskmanager:1", 0],
        ["taskmanager:1", 1],
      ],
    );
    assert.equal((running[0]?.ts ?? 0) + (running[0]?.dur ?? 0), 8_011_000);
  });

  it("has the phases of instances, cut where the process was lost", () => {
    const serving = named("X", "SERVING").filter((event) => threadOf(event) === "langid#1");
    assert.equal(serving.length, 2);
    assert.equal((serving[0]?.ts ?? 0) + (serving[0]?.dur ?? 0), 5_009_000);
    assert.equal(processOf(serving[0]?.pid ?? 0), "service:langid#1");
  });

  it("has faults as instants over all, failovers and checkpoints as slices, throughput as a counter", () => {
    assert.deepEqual(
      traceEvents.filter((event) => event.cat === "fault").map((event) => [event.name, event.ph, event.s, event.ts]),
      [
        ["crash service:langid#1", "i", "g", 5_000_000],
        ["crash taskmanager:1", "i", "g", 8_000_000],
      ],
    );
    assert.equal(named("b", "failover 1").length, 1);
    assert.equal(named("e", "failover 1").length, 1);
    assert.equal(named("b", "checkpoint 3").length, 1);
    assert.ok(traceEvents.filter((event) => event.ph === "C" && event.name.startsWith("Records")).length > 20);
  });

  it("keeps to the format: every slice has a length, every event a time from the run's start", () => {
    for (const event of traceEvents) {
      if (event.ph === "M") continue;
      assert.ok(
        Number.isInteger(event.ts) && (event.ts as number) >= 0 && (event.ts as number) <= 12_000_000,
        JSON.stringify(event),
      );
      if (event.ph === "X") assert.ok((event.dur as number) >= 0, JSON.stringify(event));
      if (event.ph === "b" || event.ph === "e") assert.ok(event.id !== undefined && event.cat !== undefined);
    }
    const open = new Set<string>();
    for (const event of traceEvents) {
      if (event.ph === "b") open.add(`${event.cat} ${event.id}`);
      if (event.ph === "e") assert.ok(open.delete(`${event.cat} ${event.id}`));
    }
    assert.equal(open.size, 0);
    JSON.parse(JSON.stringify({ traceEvents }));
  });

  it("takes a journal that only began", () => {
    assert.ok(traceExport(new SampleRun().events()).traceEvents.length > 0);
    assert.ok(traceExport([]).traceEvents.length > 0);
  });
});
