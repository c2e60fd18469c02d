import assert from "node:assert/strict";
import { once } from "node:events";
import { MiniCluster } from "../fixtures/miniCluster";

describe("back-pressure between two processes", () => {
  it("reaches the source, bounds what is under way, and shows in the times of each task", async () => {
    const cluster = await MiniCluster.create({
      job: {
        name: "slow-sink",
        runtime: { parallelism: 1, taskManagers: 2, slots: 1, bufferTimeout: "10ms" },
        operators: {
          source: { type: "source", connector: "generator", function: "f.ts#record", parallelism: 2 },
          sink: { type: "sink", connector: "blackhole", delay: "2ms", parallelism: 2 },
        },
        edges: [{ from: "source", to: "sink", ship: "REBALANCE" }],
      },
      files: { "f.ts": `export const record = (i: number) => ({ i, text: "x".repeat(200) });` },
    });
    try {
      const { coordinator } = cluster;
      await cluster.addProcess("taskmanager:0");
      await cluster.addProcess("taskmanager:1");
      coordinator.deploy();
      await coordinator.running();
      interface Totals {
        records: number;
        busyMs: number;
        backPressuredMs: number;
        idleMs: number;
        buffers: number;
      }
      const totals = (): Map<string, Totals> => {
        const all = new Map<string, Totals>();
        for (const event of coordinator.journal) {
          if (event.kind !== "metrics") continue;
          for (const [task, metrics] of Object.entries(event.tasks ?? {})) {
            const sum = all.get(task) ?? { records: 0, busyMs: 0, backPressuredMs: 0, idleMs: 0, buffers: 0 };
            all.set(task, {
              records: sum.records + metrics.recordsOut,
              busyMs: sum.busyMs + metrics.busyMs,
              backPressuredMs: sum.backPressuredMs + metrics.backPressuredMs,
              idleMs: sum.idleMs + metrics.idleMs,
              buffers: Math.max(sum.buffers, metrics.buffersInUse),
            });
          }
        }
        return all;
      };
      const taken = (task: string) => totals().get(task)?.records ?? 0;
      await coordinator.until(() => taken("sink#0") > 500 && taken("sink#1") > 500);
      const end = totals();
      const emitted = taken("source#0") + taken("source#1");
      const arrived = taken("sink#0") + taken("sink#1");
      // Four channels. At the producers 2 × 2 + 8 buffers a partition; at the consumers 2 a channel and 8 a gate; and one being read.
      const buffers = 2 * (2 * 2 + 8) + 2 * (2 * 2 + 8 + 1);
      assert.ok(emitted - arrived < (buffers * 32 * 1024) / 200, `${emitted - arrived} records are under way`);
      for (const task of ["source#0", "source#1"]) {
        const { busyMs, backPressuredMs, idleMs, buffers: used } = end.get(task)!;
        assert.ok(backPressuredMs > busyMs + idleMs, `${task}: ${JSON.stringify(end.get(task))}`);
        assert.ok(used <= 12 + 1);
      }
      for (const task of ["sink#0", "sink#1"]) {
        const { busyMs, idleMs } = end.get(task)!;
        assert.ok(busyMs > idleMs, `${task}: a sink that takes its time is busy: ${JSON.stringify(end.get(task))}`);
      }
    } finally {
      await cluster.close();
    }
  });

  it("a task is canceled at once while it waits for room, for input, or for an answer", async () => {
    const cluster = await MiniCluster.create({
      job: {
        name: "cancel",
        runtime: { parallelism: 1, taskManagers: 2, slots: 1, checkpointing: { interval: "1h" } },
        operators: {
          source: { type: "source", connector: "generator", parallelism: 2 },
          ask: { type: "async", function: "f.ts#never", capacity: 4, timeout: "1h", parallelism: 2 },
          sink: { type: "sink", connector: "file", path: "out", parallelism: 2 },
        },
        edges: [
          { from: "source", to: "ask", ship: "REBALANCE" },
          { from: "ask", to: "sink", ship: "REBALANCE" },
        ],
      },
      files: { "f.ts": `export const never = () => new Promise(() => {});` },
    });
    try {
      const { coordinator } = cluster;
      const [first] = [await cluster.addProcess("taskmanager:0"), await cluster.addProcess("taskmanager:1")];
      coordinator.deploy();
      await coordinator.running();
      const blocked = () =>
        coordinator.journal.some(
          (event) => event.kind === "metrics" && (event.tasks?.["source#0"]?.backPressuredMs ?? 0) > 50,
        );
      await coordinator.until(blocked);
      const tasks = coordinator.taskNames.map((task) => ({ task, attempt: coordinator.attemptOf(task) }));
      coordinator.toAll({ kind: "cancel", tasks });
      await coordinator.until(() => coordinator.taskNames.every((task) => coordinator.states.get(task) === "CANCELED"));
      coordinator.toAll({ kind: "shutdown" });
      first.disconnect();
      await once(first, "exit");
    } finally {
      await cluster.close();
    }
  });
});
