import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { MiniCluster, committedRecords } from "../fixtures/miniCluster";

const RECORDS = 60_000;

const job = {
  name: "exactly-once",
  runtime: { parallelism: 2, taskManagers: 2, slots: 1, bufferTimeout: "10ms", checkpointing: { interval: "1h" } },
  operators: {
    numbers: {
      type: "source",
      connector: "generator",
      function: "functions.ts#makeRecord",
      limit: RECORDS,
      rate: 30_000,
      eventTime: { step: "1ms" },
    },
    double: { type: "map", function: "functions.ts#double" },
    perKey: { type: "window", window: { type: "tumbling", size: "1s", time: "event" }, aggregate: "count" },
    counts: { type: "sink", connector: "file", path: "counts" },
    all: { type: "sink", connector: "file", path: "all", identity: "id" },
  },
  edges: [
    { from: "numbers", to: "double", ship: "REBALANCE" },
    { from: "double", to: "perKey", ship: "HASH", key: "key" },
    { from: "perKey", to: "counts" },
    { from: "double", to: "all", ship: "REBALANCE" },
  ],
};
const files = {
  "functions.ts": `
    interface Numbered { id: number; key: string }
    export const makeRecord = (index: number): Numbered => ({ id: index, key: "key " + (index % 23) });
    export const double = (value: Numbered) => ({ ...value, twice: 2 * value.id });
  `,
};

describe("two TaskManagers in processes of their own", () => {
  let cluster: MiniCluster;

  beforeEach(async () => {
    cluster = await MiniCluster.create({ job, files });
  });

  afterEach(() => cluster.close());

  function assertEachRecordOnce(): void {
    const ids = committedRecords<{ id: number; twice: number }>(cluster.directory, "all").map(({ id }) => id);
    assert.equal(ids.length, RECORDS);
    assert.equal(new Set(ids).size, RECORDS);
    const counts = committedRecords<{ key: string; count: number; start: number }>(cluster.directory, "counts");
    assert.equal(
      counts.reduce((sum, { count }) => sum + count, 0),
      RECORDS,
    );
    const windows = counts.map(({ key, start }) => `${key} ${start}`);
    assert.equal(new Set(windows).size, windows.length, "a window fired twice");
  }

  it("commit every record once when a process is killed and the job goes on from its checkpoint", async () => {
    const { coordinator } = cluster;
    const processes = [await cluster.addProcess("taskmanager:0"), await cluster.addProcess("taskmanager:1")];
    coordinator.deploy();
    await coordinator.running();
    await coordinator.checkpoint();
    await coordinator.checkpoint();
    // One more checkpoint is under way when the process dies.
    coordinator.trigger();
    processes[1].kill("SIGKILL");
    await once(processes[1], "exit");
    const restored = coordinator.completed.at(-1)!;
    assert.ok([...restored.offsets.values()].some((offset) => offset > 0));
    // Every task that read from the killed process has failed and says whom it lost.
    const failures = () =>
      coordinator.messages.flatMap((message) =>
        message.kind === "taskState" && message.state === "FAILED" ? [message] : [],
      );
    await coordinator.until(
      () => ["double#0", "perKey#0", "all#0"].every((task) => failures().some((failure) => failure.task === task)),
      false,
    );
    for (const failure of failures().filter(({ task }) => task === "double#0")) {
      assert.equal(failure.cause?.code, "FL2005");
      assert.match(failure.producer!, /#\d$/);
    }
    await cluster.addProcess("taskmanager:1");
    await coordinator.restart();
    await coordinator.checkpoint();
    await coordinator.finish();
    assertEachRecordOnce();
    const restores = coordinator.journal.filter(
      (event) => event.kind === "task.restored" && event.checkpoint === restored.id,
    );
    assert.equal(restores.length, coordinator.taskNames.length);
    for (const sink of ["all", "counts"]) {
      assert.deepEqual(
        readdirSync(join(cluster.directory, "output", sink)).filter((name) => name.startsWith(".")),
        [],
      );
    }
  });

  it("tell of a killed producer by the socket, not by a time-out", async () => {
    const { coordinator } = cluster;
    await cluster.addProcess("taskmanager:0");
    const second = await cluster.addProcess("taskmanager:1");
    coordinator.deploy();
    await coordinator.running();
    second.kill("SIGKILL");
    await coordinator.until(() => coordinator.states.get("double#0") === "FAILED", false);
    const failure = coordinator.messages.find(
      (message) => message.kind === "taskState" && message.task === "double#0" && message.state === "FAILED",
    );
    assert.ok(failure?.kind === "taskState");
    assert.match(failure.cause!.message, /the connection to numbers#1 on taskmanager:1 broke/);
  });

  it("stop with drain: what is under way comes out, windows fire, everything is committed", async () => {
    await cluster.close();
    cluster = await MiniCluster.create({
      job: { ...job, operators: { ...job.operators, numbers: { ...job.operators.numbers, limit: undefined } } },
      files,
    });
    const { coordinator } = cluster;
    await cluster.addProcess("taskmanager:0");
    await cluster.addProcess("taskmanager:1");
    coordinator.deploy();
    await coordinator.running();
    await coordinator.checkpoint();
    await coordinator.checkpoint(true);
    await coordinator.finished();
    const emitted = [...coordinator.completed.at(-1)!.offsets.values()].reduce((a, b) => a + b, 0);
    assert.ok(emitted > 0);
    const ids = committedRecords<{ id: number }>(cluster.directory, "all").map(({ id }) => id);
    assert.equal(ids.length, emitted);
    assert.equal(new Set(ids).size, emitted);
    const counts = committedRecords<{ count: number }>(cluster.directory, "counts");
    assert.equal(
      counts.reduce((sum, { count }) => sum + count, 0),
      emitted,
    );
  });
});
