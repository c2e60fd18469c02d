import assert from "node:assert/strict";
import { once } from "node:events";
import { readStateFile } from "../../simulator/cluster/checkpointStorage";
import { MiniCluster, committedRecords } from "../fixtures/miniCluster";

const RECORDS = 12_000;

function jobWith(unaligned: boolean): object {
  return {
    name: "unaligned",
    runtime: {
      parallelism: 2,
      taskManagers: 2,
      slots: 1,
      bufferTimeout: "10ms",
      checkpointing: { interval: "1h", unaligned },
    },
    operators: {
      numbers: { type: "source", connector: "generator", function: "f.ts#record", limit: RECORDS },
      // Slow, so that everything before it is full.
      slow: { type: "standIn", selectivity: 1, serviceTime: "0.25ms" },
      all: { type: "sink", connector: "file", path: "all", identity: "id" },
    },
    edges: [
      { from: "numbers", to: "slow", ship: "HASH", key: "id" },
      { from: "slow", to: "all", ship: "REBALANCE" },
    ],
  };
}
const files = {
  // Some records are longer than a buffer, and there are several shapes.
  "f.ts": `export const record = (i: number) =>
    i % 500 === 7 ? { id: i, long: "y".repeat(100_000) } : i % 2 ? { id: i, text: "x".repeat(300) } : { id: i, more: [i], text: "x".repeat(300) };`,
};

describe("checkpoints whose barriers overtake the data", () => {
  async function backPressured(cluster: MiniCluster): Promise<void> {
    await cluster.coordinator.until(() =>
      cluster.coordinator.journal.some(
        (event) => event.kind === "metrics" && (event.tasks?.["numbers#0"]?.backPressuredMs ?? 0) > 50,
      ),
    );
  }

  it("store what is in flight, and a restart gives every record once", async () => {
    const cluster = await MiniCluster.create({ job: jobWith(true), files });
    try {
      const { coordinator } = cluster;
      await cluster.addProcess("taskmanager:0");
      const killed = await cluster.addProcess("taskmanager:1");
      coordinator.deploy();
      await coordinator.running();
      await backPressured(cluster);
      await coordinator.checkpoint();
      await coordinator.checkpoint();
      killed.kill("SIGKILL");
      await once(killed, "exit");
      const checkpoint = coordinator.completed.at(-1)!;
      let inputs = 0;
      let outputs = 0;
      for (const handle of checkpoint.handles.values()) {
        const { inFlight } = await readStateFile(cluster.directory, handle);
        inputs += inFlight?.inputs.reduce((sum, { state }) => sum + state.payloads.length, 0) ?? 0;
        outputs +=
          inFlight?.outputs.flatMap(({ states }) => states).reduce((sum, { payloads }) => sum + payloads.length, 0) ??
          0;
      }
      assert.ok(inputs > 0 && outputs > 0, `${inputs} buffers at inputs and ${outputs} at outputs were stored`);
      await cluster.addProcess("taskmanager:1");
      await coordinator.restart();
      // Once more from a checkpoint that was taken after a restore, with restored data still in flight.
      await coordinator.checkpoint();
      await coordinator.restart();
      await coordinator.finish();
      const ids = committedRecords<{ id: number }>(cluster.directory, "all").map(({ id }) => id);
      assert.equal(ids.length, RECORDS);
      assert.equal(new Set(ids).size, RECORDS);
    } finally {
      await cluster.close();
    }
  });

  it("are complete long before aligned ones under back-pressure", async () => {
    const took: number[] = [];
    for (const unaligned of [true, false]) {
      const cluster = await MiniCluster.create({ job: jobWith(unaligned), files });
      try {
        const { coordinator } = cluster;
        await cluster.addProcess("taskmanager:0");
        await cluster.addProcess("taskmanager:1");
        coordinator.deploy();
        await coordinator.running();
        await backPressured(cluster);
        // Counted in records, not in time: how many the slow operator finishes while the checkpoint is taken.
        const done = () =>
          coordinator.journal.reduce(
            (sum, event) =>
              sum +
              (event.kind === "metrics"
                ? (event.tasks?.["slow#0"]?.recordsIn ?? 0) + (event.tasks?.["slow#1"]?.recordsIn ?? 0)
                : 0),
            0,
          );
        const before = done();
        await coordinator.checkpoint();
        took.push(done() - before);
      } finally {
        await cluster.close();
      }
    }
    const [unaligned, aligned] = took;
    assert.ok(
      unaligned < aligned,
      `records worked off during the checkpoint: unaligned ${unaligned}, aligned ${aligned}`,
    );
  });
});
