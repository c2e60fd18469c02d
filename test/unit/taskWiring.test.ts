import assert from "node:assert/strict";
import { MiniCluster, committedRecords } from "../fixtures/miniCluster";

const RECORDS = 400;
const sink = (path: string, parallelism: number) => ({ type: "sink", connector: "file", path, parallelism });
const job = {
  name: "wiring",
  runtime: { parallelism: 2, taskManagers: 2, slots: 2, bufferTimeout: "5ms" },
  operators: {
    numbers: { type: "source", connector: "generator", limit: RECORDS },
    split: { type: "process", function: "f.ts#split" },
    both: { type: "union" },
    chained: { type: "map", function: "f.ts#tag", parallelism: 2 },
    main: sink("main", 2),
    rescaled: sink("rescaled", 4),
    everywhere: sink("everywhere", 3),
    one: sink("one", 3),
    chosen: sink("chosen", 3),
    shuffled: sink("shuffled", 3),
  },
  edges: [
    { from: "numbers", to: "split", ship: "HASH", key: "seq" },
    { from: "split", to: "both", ship: "REBALANCE" },
    { from: "split", to: "both", sideOutput: "odd", ship: "REBALANCE" },
    { from: "both", to: "chained" },
    { from: "chained", to: "main" },
    { from: "numbers", to: "rescaled", ship: "RESCALE" },
    { from: "numbers", to: "everywhere", ship: "BROADCAST" },
    { from: "numbers", to: "one", ship: "GLOBAL" },
    { from: "numbers", to: "chosen", ship: "CUSTOM", partitioner: "f.ts#choose" },
    { from: "numbers", to: "shuffled", ship: "SHUFFLE" },
  ],
};
const files = {
  "f.ts": `
    export const split = {
      processElement(value: { seq: number }, context: any) {
        if (value.seq % 2) context.sideOutput("odd", value);
        else context.collect(value);
        context.sideOutput("nobody reads this", value);
      },
    };
    export const tag = (value: { seq: number }, context: any) => ({ ...value, subtask: context.subtask });
    export const choose = (value: { seq: number }, channels: number) => value.seq % channels;
  `,
};

describe("a job over two TaskManagers, without checkpoints", () => {
  let cluster: MiniCluster;

  before(async () => {
    cluster = await MiniCluster.create({ job, files });
    await cluster.addLocal("taskmanager:0");
    await cluster.addLocal("taskmanager:1");
    cluster.coordinator.deploy();
    await cluster.coordinator.finished();
  });
  after(() => cluster.close());

  const seqs = (path: string) => committedRecords<{ seq: number }>(cluster.directory, path).map(({ seq }) => seq);
  const all = Array.from({ length: RECORDS }, (_, i) => i);
  const sorted = (values: number[]) => values.toSorted((a, b) => a - b);
  /** Records by the subtask of the sink that took them. */
  function bySubtask(path: string): number[] {
    const taken: number[] = [];
    for (const event of cluster.coordinator.journal) {
      if (event.kind === "sink.committed" && event.task.startsWith(`${path}#`)) {
        taken[Number(event.task.split("#")[1])] = event.records;
      }
    }
    return Array.from(taken, (records) => records ?? 0);
  }

  it("brings main and side outputs through a union and a chain", () => {
    assert.deepEqual(sorted(seqs("main")), all);
  });

  it("RESCALE: each producer feeds its own consumers, evenly", () => {
    assert.deepEqual(sorted(seqs("rescaled")), all);
    assert.deepEqual(bySubtask("rescaled"), [100, 100, 100, 100]);
  });

  it("BROADCAST: every consumer has every record", () => {
    assert.deepEqual(
      sorted(seqs("everywhere")),
      all.flatMap((i) => [i, i, i]),
    );
    assert.deepEqual(bySubtask("everywhere"), [RECORDS, RECORDS, RECORDS]);
  });

  it("GLOBAL: the first consumer has all", () => {
    assert.deepEqual(bySubtask("one"), [RECORDS]);
  });

  it("CUSTOM: the partitioner chooses", () => {
    assert.deepEqual(sorted(seqs("chosen")), all);
    assert.deepEqual(bySubtask("chosen"), [134, 133, 133]);
  });

  it("SHUFFLE: every record once, at all consumers", () => {
    assert.deepEqual(sorted(seqs("shuffled")), all);
    assert.equal(bySubtask("shuffled").filter((records) => records > 0).length, 3);
  });

  it("counts what went through each task", () => {
    const totals = new Map<string, { in: number; out: number; offset: number }>();
    for (const event of cluster.coordinator.journal) {
      for (const [task, metrics] of Object.entries((event.kind === "metrics" && event.tasks) || {})) {
        const sum = totals.get(task) ?? { in: 0, out: 0, offset: 0 };
        sum.in += metrics.recordsIn;
        sum.out += metrics.recordsOut;
        sum.offset = metrics.sourceOffset ?? 0;
        totals.set(task, sum);
      }
    }
    const half = RECORDS / 2;
    // To split, rescaled, one, chosen, shuffled once each, and to everywhere: a broadcast counts once.
    assert.deepEqual(totals.get("numbers#0"), { in: half, out: 6 * half, offset: half });
    assert.equal(totals.get("everywhere#0")!.in, RECORDS);
    assert.equal(totals.get("split#0")!.in + totals.get("split#1")!.in, RECORDS);
  });
});
