import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { commitBatchOutput } from "../../simulator/operators/batchCommit";
import { MiniCluster, committedRecords } from "../fixtures/miniCluster";

const RECORDS = 20_000;
const job = {
  name: "batch",
  runtime: { mode: "batch", parallelism: 2, taskManagers: 2, slots: 1 },
  operators: {
    numbers: { type: "source", connector: "generator", function: "f.ts#record", limit: RECORDS },
    perKey: { type: "window", window: { type: "tumbling", size: "1h", time: "processing" }, aggregate: "count" },
    counts: { type: "sink", connector: "file", path: "counts" },
    all: { type: "sink", connector: "file", path: "all" },
  },
  edges: [
    { from: "numbers", to: "perKey", ship: "HASH", key: "key" },
    { from: "perKey", to: "counts", ship: "REBALANCE" },
    { from: "numbers", to: "all", ship: "REBALANCE" },
  ],
};
const files = { "f.ts": `export const record = (i: number) => ({ id: i, key: i % 100 });` };
const subtasks = (vertex: string) => [`${vertex}#0`, `${vertex}#1`];
/** As a coordinator does when all tasks have finished. */
const commit = async ({ directory, coordinator }: MiniCluster, ...sinks: string[]): Promise<void> => {
  for (const sink of sinks) {
    assert.deepEqual(committedRecords(directory, sink), [], "nothing is committed before all have finished");
    for (const subtask of [0, 1]) {
      await commitBatchOutput(sink, { runDirectory: directory, subtask, attempt: coordinator.attemptOf(`${sink}#${subtask}`) });
    }
  }
};

describe("regions of a batch job, in processes", () => {
  it("a consumer that is lost reads its input again; its producers do not run again", async () => {
    const cluster = await MiniCluster.create({ job, files });
    try {
      const { coordinator } = cluster;
      await cluster.addProcess("taskmanager:0");
      await cluster.addProcess("taskmanager:1");
      // Region after region, as their inputs are complete.
      coordinator.deploy(undefined, subtasks("numbers"));
      await coordinator.finished(subtasks("numbers"));
      assert.equal(readdirSync(join(cluster.directory, "partitions")).length, 4);
      coordinator.deploy(undefined, [...subtasks("all"), ...subtasks("perKey")]);
      await coordinator.until(() =>
        [...subtasks("all"), ...subtasks("perKey")].every((task) => coordinator.states.has(task)),
      );
      await coordinator.restart(subtasks("all"));
      await coordinator.finished([...subtasks("all"), ...subtasks("perKey")]);
      coordinator.deploy(undefined, subtasks("counts"));
      await coordinator.finished();
      await commit(cluster, "all", "counts");
      const ids = committedRecords<{ id: number }>(cluster.directory, "all").map(({ id }) => id);
      assert.equal(ids.length, RECORDS);
      assert.equal(new Set(ids).size, RECORDS);
      const counts = committedRecords<{ key: number; count: number }>(cluster.directory, "counts");
      // The hour may turn while this runs: then a key has two windows.
      assert.equal(new Set(counts.map(({ key }) => key)).size, 100);
      assert.equal(
        counts.reduce((sum, { count }) => sum + count, 0),
        RECORDS,
      );
      coordinator.toAll({
        kind: "releasePartitions",
        producers: subtasks("numbers").map((task) => ({ task, attempt: 0 })),
      });
      // The answer to a later message says that the earlier one was dealt with.
      coordinator.toAll({ kind: "cancel", tasks: [{ task: "numbers#0", attempt: 0 }] });
      const answers = () =>
        coordinator.messages.filter(
          (message) => message.kind === "taskState" && message.state === "CANCELED" && message.task === "numbers#0",
        );
      await coordinator.until(() => answers().length === 2);
      assert.ok(!existsSync(join(cluster.directory, "partitions", "numbers-0.0.0.data")));
    } finally {
      await cluster.close();
    }
  });

  it("partitions are lost with their process: the consumer fails and names the producer, which runs again", async () => {
    const cluster = await MiniCluster.create({ job, files });
    try {
      const { coordinator } = cluster;
      await cluster.addProcess("taskmanager:0");
      const second = await cluster.addProcess("taskmanager:1");
      coordinator.deploy(undefined, subtasks("numbers"));
      await coordinator.finished(subtasks("numbers"));
      second.kill("SIGKILL");
      await once(second, "exit");
      coordinator.deploy(undefined, ["all#0"]);
      await coordinator.until(() => coordinator.states.get("all#0") === "FAILED", false);
      const failure = coordinator.messages.find(
        (message) => message.kind === "taskState" && message.state === "FAILED",
      );
      assert.equal(failure?.kind === "taskState" ? failure.producer : undefined, "numbers#1");
      await cluster.addProcess("taskmanager:1");
      await coordinator.restart(["numbers#1"]);
      await coordinator.finished(["numbers#1"]);
      await coordinator.restart(["all#0", "all#1"]);
      await coordinator.finished(["all#0", "all#1"]);
      await commit(cluster, "all");
      const ids = committedRecords<{ id: number }>(cluster.directory, "all").map(({ id }) => id);
      assert.equal(ids.length, RECORDS);
      assert.equal(new Set(ids).size, RECORDS);
    } finally {
      await cluster.close();
    }
  });
});
