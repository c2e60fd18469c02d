import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FaultlineError } from "../../simulator/graph/errors";
import { FileRecords, splitCsv } from "../../simulator/operators/fileRecords";
import type { SourceOperator } from "../../simulator/operators/sourceOperator";
import { OperatorHarness } from "../fixtures/operatorHarness";
import type { HarnessOptions } from "../fixtures/operatorHarness";
import { prepareJob } from "../fixtures/miniCluster";
import type { PreparedJob } from "../fixtures/miniCluster";

const source = (path: string, more: object = {}) => ({ type: "source", connector: "file", path, ...more });
const job = {
  name: "ends",
  operators: {
    lines: source("lines.txt", { format: "lines", repeat: 3, limit: 20 }),
    table: source("table.csv", { format: "csv" }),
    objects: source("objects.ndjson"),
    broken: source("broken.ndjson"),
    empty: source("empty.ndjson"),
    paced: { type: "source", connector: "generator", rate: 500, limit: 100 },
    timed: source("objects.ndjson", { eventTime: { field: "at", outOfOrderness: "5ms" } }),
    untimed: source("objects.ndjson", { eventTime: { field: "no such field" } }),
    sink: { type: "sink", connector: "file", path: "out" },
  },
  edges: ["lines", "table", "objects", "broken", "empty", "paced", "timed", "untimed"].map((from) => ({
    from,
    to: "union",
  })),
};
const files = {
  "lines.txt": "\ufeffone\r\ntwo\n\nfour\nfive\nsix\nseven",
  "table.csv": 'name,text\na,"x, ""y"""\n\nb,"two\nlines"\n',
  "objects.ndjson": '{"at":10,"n":0}\n\n{"at":7,"n":1}\n  \n{"at":20,"n":2}\n',
  "broken.ndjson": '{"n":0}\n\n{"n":\n',
  "empty.ndjson": "\n\n",
};

describe("operators at the ends", () => {
  let prepared: PreparedJob;
  const harnesses: OperatorHarness[] = [];

  beforeEach(async () => {
    prepared = await prepareJob({
      job: {
        ...job,
        operators: { ...job.operators, union: { type: "union" } },
        edges: [...job.edges, { from: "union", to: "sink" }],
      },
      files,
    });
  });
  afterEach(async () => {
    for (const harness of harnesses.splice(0)) await harness.close();
    rmSync(prepared.directory, { recursive: true, force: true });
  });

  async function open(id: string, options: HarnessOptions = {}): Promise<OperatorHarness> {
    const harness = await OperatorHarness.open(prepared, id, options);
    harnesses.push(harness);
    return harness;
  }

  describe("sources", () => {
    const drain = (harness: OperatorHarness, most = Infinity): void => {
      const operator = harness.operator as SourceOperator;
      while (operator.offset < most && operator.poll(1).kind === "more");
    };

    it("subtasks share the records of a file that is read several times", async () => {
      const words = ["one", "two", "", "four", "five", "six", "seven"];
      const all = Array.from({ length: 20 }, (_, i) => words[i % 7]);
      for (let subtask = 0; subtask < 3; subtask++) {
        const harness = await open("lines", { subtask, parallelism: 3 });
        drain(harness);
        assert.deepEqual(
          harness.values,
          all.filter((_, i) => i % 3 === subtask),
        );
      }
    });

    it("go on after a restore with the record that comes next", async () => {
      const first = await open("lines", { subtask: 1, parallelism: 2 });
      drain(first, 6);
      const second = await open("lines", { subtask: 1, parallelism: 2, state: first.snapshot().state });
      drain(second);
      const whole = await open("lines", { subtask: 1, parallelism: 2 });
      drain(whole);
      assert.deepEqual([...first.values, ...second.values], whole.values);
    });

    it("read CSV with quotes, commas and line ends in a cell", async () => {
      const harness = await open("table");
      drain(harness);
      assert.deepEqual(harness.values, [
        { name: "a", text: 'x, "y"' },
        { name: "b", text: "two\nlines" },
      ]);
      assert.deepEqual(splitCsv('a,,"",d,'), ["a", "", "", "d", ""]);
    });

    it("name the line of a record that cannot be read", async () => {
      const harness = await open("broken");
      assert.throws(
        () => drain(harness),
        (error: FaultlineError) =>
          error.code === "FL2010" && error.location?.line === 3 && /Line 3/.test(error.message),
      );
    });

    it("refuse a file without records", async () => {
      await assert.rejects(open("empty"), (error: FaultlineError) => error.code === "FL1022");
    });

    it("refuse a file that is not there", async () => {
      rmSync(join(prepared.directory, "objects.ndjson"));
      await assert.rejects(
        open("objects"),
        (error: FaultlineError) => error.code === "FL2010" && /not there/.test(error.message),
      );
    });

    it("give event time from a field, and a watermark behind it", async () => {
      const harness = await open("timed");
      drain(harness);
      assert.deepEqual(
        harness.emitted.map((item) => ("timestamp" in item ? item.timestamp : "")),
        [10, 7, 20],
      );
      await harness.until(() => harness.emitted.length > 3);
      assert.deepEqual(harness.emitted[3], { watermark: 14 });
      harness.operator.finish();
      assert.deepEqual(harness.emitted[4], { watermark: Infinity });
    });

    it("refuse a record without its event time", async () => {
      const harness = await open("untimed");
      assert.throws(
        () => drain(harness),
        (error: FaultlineError) => error.code === "FL2010",
      );
    });

    it("keep their rate: no record before its time, none lost to the timer", async () => {
      // Its rate counts from when it starts, which is in here: a pause after it is time in which records came due.
      const begun = performance.now();
      const harness = await open("paced");
      const operator = harness.operator as SourceOperator;
      const early: number[] = [];
      for (;;) {
        const polled = operator.poll(1000);
        const allowed = (performance.now() - begun) / 2 + 2;
        if (operator.offset > allowed) early.push(operator.offset);
        if (polled.kind === "end") break;
        if (polled.kind === "wait") await new Promise((resolve) => setTimeout(resolve, polled.waitMs));
      }
      assert.deepEqual(early, []);
      assert.equal(operator.offset, 100);
      assert.ok(performance.now() - begun >= 190);
    });

    it("find their way in a large file", async () => {
      const path = join(prepared.directory, "large.txt");
      const line = (i: number) => `${i} ${"x".repeat(i % 997)}`;
      writeFileSync(path, Array.from({ length: 10_000 }, (_, i) => line(i)).join("\n"));
      const file = await FileRecords.open(path, "lines");
      assert.equal(file.count, 10_000);
      for (const i of [0, 1, 1023, 1024, 5000, 5001, 9999, 3, 4, 4096, 2]) {
        assert.equal(file.read(i), line(i));
      }
      file.close();
    });
  });

  describe("file sink", () => {
    const out = () => join(prepared.directory, "output", "out");
    const names = () => (existsSync(out()) ? readdirSync(out()).sort() : []);
    const content = (name: string) => readFileSync(join(out(), name), "utf8");

    it("commits a checkpoint's records when it is complete, and not before", async () => {
      const harness = await open("sink");
      harness.element({ n: 1 });
      const snapshot = harness.snapshot(1);
      harness.element({ n: 2 });
      await snapshot.durable();
      assert.ok(
        names().every((name) => name.startsWith(".")),
        "nothing looks committed before the checkpoint is complete",
      );
      await harness.operator.checkpointComplete(1);
      assert.deepEqual(
        names().filter((name) => !name.startsWith(".")),
        ["part-0-0.ndjson"],
      );
      assert.equal(content("part-0-0.ndjson"), '{"n":1}\n');
      assert.deepEqual(harness.journal, [
        { kind: "sink.committed", task: "sink#0", checkpoint: 1, files: ["output/out/part-0-0.ndjson"], records: 1 },
      ]);
    });

    it("a restore commits what its checkpoint had pending, and removes what came after", async () => {
      const first = await open("sink");
      first.element({ n: 1 });
      const { state, durable } = first.snapshot(1);
      await durable();
      first.element({ n: 2 });
      await first.snapshot(2).durable();
      first.element({ n: 3 });
      first.operator.finish();
      // No commit came: the process died. The next attempt starts from checkpoint 1.
      const second = await open("sink", { state, attempt: 1 });
      assert.deepEqual(names(), ["part-0-0.ndjson"]);
      second.element({ n: 2 });
      second.element({ n: 3 });
      await second.snapshot(3).durable();
      await second.operator.checkpointComplete(3);
      assert.deepEqual(names(), ["part-0-0.ndjson", "part-0-1.ndjson"]);
      assert.equal(content("part-0-0.ndjson") + content("part-0-1.ndjson"), '{"n":1}\n{"n":2}\n{"n":3}\n');
      const third = await open("sink", { state, attempt: 2 });
      assert.equal(content("part-0-0.ndjson"), '{"n":1}\n', "committing again does no harm");
      await third.close();
    });

    it("a restore from an older checkpoint takes back what was committed since: its records are made again", async () => {
      const first = await open("sink");
      for (const [checkpoint, n] of [
        [1, 1],
        [2, 2],
        [3, 3],
      ] as const) {
        first.element({ n });
        await first.snapshot(checkpoint).durable();
        await first.operator.checkpointComplete(checkpoint);
      }
      assert.deepEqual(names(), ["part-0-0.ndjson", "part-0-1.ndjson", "part-0-2.ndjson"]);
      // Checkpoints 2 and 3 turned out to be damaged. All that is left to do comes in one checkpoint this time.
      const second = await open("sink", { state: { next: 1, pending: [] }, attempt: 1 });
      assert.deepEqual(names(), ["part-0-0.ndjson"]);
      second.element({ n: 2 });
      second.element({ n: 3 });
      await second.snapshot(4).durable();
      await second.operator.checkpointComplete(4);
      assert.equal(names().map(content).join(""), '{"n":1}\n{"n":2}\n{"n":3}\n');
    });

    it("a savepoint may go on in another run: its files are committed where they were", async () => {
      const first = await open("sink");
      first.element({ n: 1 });
      const { state, durable } = first.snapshot(1);
      await durable();
      const other = await prepareJob({
        job: {
          ...job,
          operators: { ...job.operators, union: { type: "union" } },
          edges: [...job.edges, { from: "union", to: "sink" }],
        },
        files,
      });
      const second = await OperatorHarness.open(other, "sink", { state });
      harnesses.push(second);
      assert.equal(content("part-0-0.ndjson"), '{"n":1}\n');
      second.element({ n: 2 });
      await second.snapshot(2).durable();
      await second.operator.checkpointComplete(2);
      assert.deepEqual(readdirSync(join(other.directory, "output", "out")), ["part-0-1.ndjson"]);
      rmSync(other.directory, { recursive: true });
    });

    it("an aborted checkpoint's records come with the next one", async () => {
      const harness = await open("sink");
      harness.element({ n: 1 });
      await harness.snapshot(1).durable();
      harness.element({ n: 2 });
      await harness.snapshot(2).durable();
      await harness.operator.checkpointComplete(2);
      assert.deepEqual(names(), ["part-0-0.ndjson", "part-0-1.ndjson"]);
    });

    it("without checkpoints, commits at the end, and starts anew without anything left", async () => {
      const first = await open("sink", { checkpointing: false });
      first.element({ n: 1 });
      first.operator.finish();
      await first.operator.checkpointComplete(undefined);
      assert.deepEqual(names(), ["part-0-0.ndjson"]);
      await open("sink", { checkpointing: false, attempt: 1 });
      assert.deepEqual(names(), []);
    });

    it("writes typed arrays, bigints and nothing as JSON can", async () => {
      const harness = await open("sink");
      harness.element({ a: Int32Array.of(1, 2), b: 3n, c: [Float32Array.of(0.5)] });
      harness.element(undefined);
      await harness.snapshot(1).durable();
      await harness.operator.checkpointComplete(1);
      assert.equal(content("part-0-0.ndjson"), '{"a":[1,2],"b":"3","c":[[0.5]]}\nnull\n');
    });

    it("says where it cannot write, and why", async () => {
      const harness = await open("sink");
      rmSync(out(), { recursive: true });
      writeFileSync(out(), "a file where the folder was");
      harness.element({ n: 1 });
      assert.throws(
        () => harness.snapshot(1),
        (error: FaultlineError) => error.code === "FL2009" && error.message.includes(out()),
      );
    });
  });
});
