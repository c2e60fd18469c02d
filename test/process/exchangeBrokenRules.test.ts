import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { MiniCluster, TASK_EXECUTOR_PROCESS, committedRecords } from "../fixtures/miniCluster";

/** Rules of which each alone keeps records from being lost or duplicated, and how each is broken. */
const BROKEN_RULES = [
  {
    rule: "a channel that is ahead of the barrier waits",
    file: "exchange/checkpointBarrierHandler.ts",
    from: "this.options.gate.block(channel);",
    to: "",
  },
  {
    rule: "a sink commits when the checkpoint is complete, not when it is taken",
    file: "operators/fileSink.ts",
    from: "durable: closed",
    to: "durable: () => closed().then(() => this.checkpointComplete(checkpoint))",
  },
  {
    rule: "an operator starts with the state of the checkpoint",
    file: "cluster/task.ts",
    from: "operator.open(restored?.operators[id])",
    to: 'operator.open(id === "running" ? undefined : restored?.operators[id])',
  },
];

const RECORDS = 12_000;
const job = {
  name: "rules",
  runtime: { parallelism: 2, taskManagers: 1, slots: 2, bufferTimeout: "5ms", checkpointing: { interval: "1h" } },
  operators: {
    numbers: { type: "source", connector: "generator", limit: RECORDS, rate: 12_000 },
    running: { type: "process", function: "f.ts#runningCount" },
    all: { type: "sink", connector: "file", path: "all" },
  },
  edges: [
    { from: "numbers", to: "running", ship: "HASH", key: "f.ts#keyOf" },
    { from: "running", to: "all" },
  ],
};
const files = {
  "f.ts": `
    export const keyOf = (value: { seq: number }) => value.seq % 16;
    export const runningCount = {
      processElement(value: { seq: number }, context: any) {
        const count = (context.state.get("count") ?? 0) + 1;
        context.state.set("count", count);
        context.collect({ seq: value.seq, key: context.key, count });
      },
    };
  `,
};

interface Outcome {
  readonly lost: number;
  readonly duplicated: number;
  /** Records with a final name before their checkpoint was complete. */
  readonly early: number;
  /** Keys whose counts are not 1, 2, 3, … each once. */
  readonly wrongCounts: number;
}

/** One run that goes through each place at which a broken rule would show. */
async function run(program: string): Promise<Outcome> {
  const cluster = await MiniCluster.create({ job, files });
  const { coordinator } = cluster;
  const taken = (): number =>
    coordinator.journal.reduce(
      (sum, event) =>
        sum +
        (event.kind === "metrics"
          ? Object.entries(event.tasks ?? {}).reduce(
              (n, [task, { recordsIn }]) => n + (task.startsWith("running") ? recordsIn : 0),
              0,
            )
          : 0),
      0,
    );
  const more = async (): Promise<void> => {
    const before = taken();
    await coordinator.until(() => taken() > before + 300);
  };
  try {
    await cluster.addProcess("taskmanager:0", program);
    coordinator.deploy();
    await coordinator.running();
    await more();
    // The barrier of one source is far ahead of the other's.
    const id = coordinator.trigger(false, ["numbers#0"]);
    await more();
    coordinator.triggerAlso(id, false, ["numbers#1"]);
    await coordinator.until(() => coordinator.completed.some((checkpoint) => checkpoint.id === id));
    await coordinator.restart();
    await more();
    // A checkpoint that every task took, and that never became complete.
    coordinator.holdCompletion = true;
    const committedBefore = committedRecords(cluster.directory, "all").length;
    coordinator.trigger();
    await coordinator.until(() => coordinator.acknowledged);
    const early = committedRecords(cluster.directory, "all").length - committedBefore;
    coordinator.holdCompletion = false;
    await coordinator.restart();
    await coordinator.finish();
    const records = committedRecords<{ seq: number; key: number; count: number }>(cluster.directory, "all");
    const seen = new Set(records.map(({ seq }) => seq));
    const counts = new Map<number, number[]>();
    for (const { key, count } of records) {
      counts.set(key, [...(counts.get(key) ?? []), count]);
    }
    const isWrong = (list: number[]): boolean => list.sort((a, b) => a - b).some((count, i) => count !== i + 1);
    const wrongCounts = [...counts.values()].filter(isWrong).length;
    return { lost: RECORDS - seen.size, duplicated: records.length - seen.size, early, wrongCounts };
  } finally {
    await cluster.close();
  }
}

describe("the check for exactly once catches a wrong runtime", () => {
  let directory: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), "faultline-rules-"));
  });
  after(() => rmSync(directory, { recursive: true }));

  /** The TaskManager of the tests with one piece of its source replaced. */
  async function broken({ file, from, to }: (typeof BROKEN_RULES)[number]): Promise<string> {
    const program = join(directory, "broken.cjs");
    let replaced = 0;
    await build({
      entryPoints: [TASK_EXECUTOR_PROCESS],
      bundle: true,
      platform: "node",
      outfile: program,
      external: ["esbuild", "onnxruntime-node"],
      logLevel: "error",
      plugins: [
        {
          name: "break-a-rule",
          setup(context) {
            context.onLoad({ filter: /\.ts$/ }, ({ path }) => {
              if (!path.endsWith(file)) return undefined;
              const source = readFileSync(path, "utf8");
              replaced += source.split(from).length - 1;
              return { contents: source.replace(from, to), loader: "ts" };
            });
          },
        },
      ],
    });
    assert.equal(replaced, 1, `${file} must hold "${from}" once`);
    return program;
  }

  it("finds nothing wrong with the right one", async () => {
    assert.deepEqual(await run(TASK_EXECUTOR_PROCESS), { lost: 0, duplicated: 0, early: 0, wrongCounts: 0 });
  });

  for (const rule of BROKEN_RULES) {
    it(`finds that this is broken: ${rule.rule}`, async () => {
      const outcome = await run(await broken(rule));
      const { lost, duplicated, early, wrongCounts } = outcome;
      const found = lost + duplicated + early + wrongCounts;
      assert.ok(found > 0, `nothing was found: ${JSON.stringify(outcome)}`);
    });
  }
});
