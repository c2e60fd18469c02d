import { strict as assert } from "node:assert";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { FaultlineError } from "../../simulator/graph/errors";
import type { JobSpec } from "../../simulator/graph/jobFile";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import type { JournalEvent, JournalEventBody } from "../../simulator/observe/journalEvent";
import { reportOf } from "../../simulator/observe/recoveryReport";
import type { SinkVerification } from "../../simulator/observe/runReport";
import { verifyOutput, type VerifyOutputOptions } from "../../simulator/observe/verifyOutput";
import { sampleGraph, START } from "./observeSampleRun";

interface Ending {
  readonly state?: "FINISHED" | "FAILED" | "CANCELED";
  readonly offsets?: Record<string, number>;
  readonly drained?: boolean;
}

describe("verification of the output", () => {
  let directory: string;
  beforeEach(() => (directory = fs.mkdtempSync(join(tmpdir(), "faultline-verify-"))));
  afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

  function job(operators: object, edges: readonly object[], parallelism = 2): JobSpec {
    const text = JSON.stringify({
      name: "job",
      runtime: { parallelism, slots: 4, checkpointing: { interval: "1s" } },
      operators,
      edges,
    });
    const { job, problems } = parseJobFile(text, join(directory, "job.faultline.json"));
    assert.ok(job !== undefined, JSON.stringify(problems, undefined, 1));
    return job;
  }
  const source = (count: number, more: object = {}): object => {
    fs.writeFileSync(
      join(directory, "in.ndjson"),
      Array.from({ length: count }, (_, id) => JSON.stringify({ id, text: `t${id}` })).join("\n") + "\n",
    );
    return { type: "source", connector: "file", path: "in.ndjson", ...more };
  };
  const map = { type: "map", function: "f.ts#f" };
  const sink = (identity?: string): object => ({
    type: "sink",
    connector: "file",
    path: "all",
    ...(identity ? { identity } : {}),
  });
  const edge = (from: string, to: string, more: object = {}): object => ({ from, to, ...more });

  function committed(values: readonly unknown[], sinkPath = "all", file = "part-0-1.ndjson"): void {
    const folder = join(directory, "output", sinkPath);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(join(folder, file), values.map((value) => JSON.stringify(value) + "\n").join(""));
  }
  const ids = (from: number, to: number): { id: number }[] =>
    Array.from({ length: to - from }, (_, index) => ({ id: from + index }));

  function history({ state = "FINISHED", offsets, drained }: Ending): JournalEvent[] {
    const bodies: JournalEventBody[] = [
      {
        kind: "run.started",
        schema: 1,
        run: {
          id: "r",
          job: "job",
          jobFile: "f",
          directory,
          engine: "local",
          deployment: "rpc-service",
          failoverStrategy: "region",
          scheduler: "default",
          machine: { cores: 1, memoryBytes: 1, platform: "linux", node: "v20" },
        },
        graph: sampleGraph(),
      },
    ];
    if (offsets !== undefined) {
      bodies.push({
        kind: "checkpoint.completed",
        checkpoint: 1,
        durationMs: 1,
        bytes: 1,
        path: "chk-1",
        alignmentMs: 0,
        sourceOffsets: offsets,
      });
    }
    if (drained === true) bodies.push({ kind: "run.stopping", mode: "drain" });
    bodies.push({ kind: "run.ended", state });
    return bodies.map((body, seq) => ({ seq, at: START + seq, ...body }));
  }
  const verify = (spec: JobSpec, ending: Ending = {}, options?: VerifyOutputOptions) =>
    verifyOutput(spec, directory, history(ending), options);
  async function one(spec: JobSpec, ending: Ending = {}, options?: VerifyOutputOptions): Promise<SinkVerification> {
    const { sinks } = await verify(spec, ending, options);
    assert.equal(sinks.length, 1);
    return sinks[0];
  }
  const figures = ({ method, expected, committed, lost, duplicated }: SinkVerification): unknown[] => [
    method,
    expected,
    committed,
    lost,
    duplicated,
  ];
  const straight = (s: object, identity?: string): JobSpec =>
    job({ s, m: map, out: sink(identity) }, [edge("s", "m"), edge("m", "out")]);

  it("finds nothing wrong where all is there once", async () => {
    committed(ids(0, 60), "all", "part-0-1.ndjson");
    committed(ids(60, 100), "all", "part-1-7.ndjson");
    const spec = straight(source(100), "id");
    const result = await verify(spec);
    assert.deepEqual({ ...result, sinks: [] }, { in: 100, out: 100, expected: 100, lost: 0, duplicated: 0, sinks: [] });
    assert.deepEqual(figures(result.sinks[0]), ["identity", 100, 100, 0, 0]);
    const report = reportOf(history({}), { verification: result });
    assert.deepEqual([report.records.in, report.records.lost, report.records.sinks.length], [100, 0, 1]);
  });

  it("tells one lost from one duplicated, and names them", async () => {
    committed([...ids(0, 50), ...ids(51, 100), { id: 7 }, { id: "7" }]);
    const found = await one(straight(source(100), "id"));
    assert.deepEqual(figures(found), ["identity", 100, 101, 1, 2]);
    assert.deepEqual(found.examples, { lost: ["50"], duplicated: ["7", '"7"'] });
  });

  it("cannot tell that by number, and says so", async () => {
    committed([...ids(0, 50), ...ids(51, 100), { id: 7 }]);
    const found = await one(straight(source(100)));
    assert.deepEqual(figures(found), ["count", 100, 100, 0, 0]);
    assert.match(found.note ?? "", /by number alone/);
  });

  it("leaves out parts in progress and other files, and counts lines that are not JSON apart", async () => {
    committed(ids(0, 10));
    committed(ids(0, 5), "all", ".part-0-2.inprogress.0");
    committed(ids(0, 5), "all", "notes.ndjson");
    fs.appendFileSync(join(directory, "output", "all", "part-0-1.ndjson"), '{"id":');
    const found = await one(straight(source(10), "id"));
    assert.deepEqual(figures(found), ["identity", 10, 10, 0, 0]);
    assert.match(found.note ?? "", /1 committed lines are not JSON/);
  });

  it("takes no output at all for all lost", async () => {
    assert.deepEqual(figures(await one(straight(source(10), "id"))), ["identity", 10, 0, 10, 0]);
  });

  it("expects repeated records as often as they are repeated, cut by the limit", async () => {
    // 10 records, three times, cut at 25: 0 to 4 three times, 5 to 9 twice.
    committed([...ids(0, 10), ...ids(0, 10), ...ids(0, 4)]);
    const found = await one(straight(source(10, { repeat: 3, limit: 25 }), "id"));
    assert.deepEqual(figures(found), ["identity", 25, 24, 1, 0]);
    assert.deepEqual(found.examples?.lost, ["4"]);
  });

  it("cuts each source subtask where the last checkpoint had it when the job did not finish", async () => {
    // Subtask 0 emitted records 0, 2, 4; subtask 1 emitted 1, 3, 5, 7, 9.
    const some = [0, 1, 2, 3, 4, 5, 7, 9].map((id) => ({ id }));
    const offsets = { "s#0": 3, "s#1": 5 };
    const spec = straight(source(100), "id");
    committed(some);
    assert.deepEqual(figures(await one(spec, { state: "FAILED", offsets })), ["identity", 8, 8, 0, 0]);
    committed([...some.filter(({ id }) => id !== 5), { id: 4 }]);
    const found = await one(spec, { state: "CANCELED", offsets });
    assert.deepEqual([found.lost, found.duplicated, found.examples], [1, 1, { lost: ["5"], duplicated: ["4"] }]);
    committed([{ id: 0 }, { id: 1 }]);
    assert.deepEqual(figures(await one(spec, { state: "FAILED" })), ["identity", 0, 2, 0, 0]);
  });

  it("takes what was committed after the last checkpoint that the journal knows for early, and not for twice", async () => {
    committed([...ids(0, 8), { id: 8 }, { id: 8 }, { id: 200 }]);
    const found = await one(straight(source(100), "id"), { state: "FAILED", offsets: { "s#0": 3, "s#1": 3 } });
    assert.deepEqual([found.expected, found.lost, found.duplicated], [6, 0, 2]);
    assert.deepEqual(found.examples?.duplicated, ["8", "200"]);
  });

  it("counts a drained run up to where it was stopped, and its windows", async () => {
    committed(ids(0, 8));
    const drained = { offsets: { "s#0": 4, "s#1": 5 }, drained: true };
    assert.deepEqual(figures(await one(straight(source(100), "id"), drained)), ["identity", 9, 8, 1, 0]);
    const windowed = job(
      {
        s: source(100),
        w: { type: "window", window: { type: "tumbling", size: "1s", time: "processing" } },
        out: sink(),
      },
      [edge("s", "w", { ship: "HASH", key: "id" }), edge("w", "out")],
    );
    committed([{ key: 1, count: 9 }]);
    assert.deepEqual(figures(await one(windowed, drained)), ["window-count", 9, 9, 0, 0]);
  });

  it("does not take for lost what the last checkpoint of a broken run holds: in flight, or prepared and not committed", async () => {
    const spec = job({ s: source(100), a: { type: "async", function: "f.ts#f", capacity: 3 }, out: sink("id") }, [
      edge("s", "a"),
      edge("a", "out"),
    ]);
    const broken = { state: "CANCELED", offsets: { "s#0": 20, "s#1": 20 } } as const;
    committed(ids(0, 30));
    committed([...ids(25, 34), { id: 60 }], "all", ".part-1-3.inprogress.0");
    // 30 to 33 were prepared, 34 to 39 in flight: two subtasks with three each.
    const found = await one(spec, broken);
    assert.deepEqual([found.expected, found.committed, found.lost, found.duplicated, found.held], [40, 30, 0, 0, 10]);
    assert.match(found.note ?? "", /10 of the records/);
    committed(ids(0, 29));
    assert.deepEqual(figures(await one(spec, broken)), ["identity", 40, 29, 0, 0]);
    committed(ids(0, 28), "all");
    committed(ids(30, 34), "all", ".part-1-3.inprogress.0");
    const worse = await one(spec, broken);
    assert.deepEqual([worse.lost, worse.held], [2, 10]);
    // The same in a run that finished is lost.
    assert.equal((await one(spec)).lost, 72);
    const byNumber = await one(
      job({ s: source(100), a: { type: "async", function: "f.ts#f", capacity: 3 }, out: sink() }, [
        edge("s", "a"),
        edge("a", "out"),
      ]),
      broken,
    );
    assert.deepEqual([byNumber.method, byNumber.lost, byNumber.held], ["count", 2, 10]);
  });

  it("looks through a file that is read for ever as far as it was read", async function () {
    // Every pass looked through, this is 10^12 steps.
    this.timeout(5_000);
    committed(Array.from({ length: 25 }, (_, index) => ({ id: index % 10 })));
    const spec = straight(source(10, { repeat: 1_000_000_000 }), "id");
    assert.deepEqual(figures(await one(spec, { state: "CANCELED", offsets: { "s#0": 13, "s#1": 12 } })), ["identity", 25, 25, 0, 0]);
  });

  it("counts the offsets in a sequence with repeats", async () => {
    // 3 records repeated: subtask 0 has 0, 2, 1, 0, 2, …; subtask 1 has 1, 0, 2, 1, ….
    committed([0, 2, 1, 0, 1, 0].map((id) => ({ id })));
    const spec = straight(source(3, { repeat: 10 }), "id");
    assert.deepEqual(figures(await one(spec, { state: "FAILED", offsets: { "s#0": 4, "s#1": 2 } })), [
      "identity",
      6,
      6,
      0,
      0,
    ]);
  });

  it("reads csv, with a header, quotes and line ends in fields; text lines by number", async () => {
    fs.writeFileSync(join(directory, "in.csv"), 'id,text\r\na1,"one, two"\r\na2,"a ""word""\nbelow"\r\n\r\na3,x');
    committed([{ id: "a1" }, { id: "a2" }]);
    const found = await one(straight({ type: "source", connector: "file", path: "in.csv", format: "csv" }, "id"));
    assert.deepEqual([found.expected, found.lost, found.examples?.lost], [3, 1, ['"a3"']]);
    fs.writeFileSync(join(directory, "in.txt"), "one\n\nthree");
    const lines = await one(straight({ type: "source", connector: "file", path: "in.txt", format: "lines" }, "id"));
    assert.deepEqual(figures(lines), ["count", 3, 2, 1, 0]);
  });

  it("makes the records of a generator again, with or without a function", async () => {
    committed([0, 1, 2, 4].map((seq) => ({ seq })));
    assert.deepEqual(figures(await one(straight({ type: "source", connector: "generator", limit: 5 }, "seq"))), [
      "identity",
      5,
      4,
      1,
      0,
    ]);
    committed(["r0", "r1", "r1"].map((name) => ({ name })));
    const spec = straight({ type: "source", connector: "generator", limit: 3, function: "f.ts#make" }, "name");
    assert.deepEqual(figures(await one(spec)), ["count", 3, 3, 0, 0]);
    const found = await one(spec, {}, { makeRecord: () => (index) => ({ name: `r${index}` }) });
    assert.deepEqual([found.lost, found.duplicated, found.examples], [1, 1, { lost: ['"r2"'], duplicated: ['"r1"'] }]);
    const unbounded = straight({ type: "source", connector: "generator" }, "seq");
    committed([0, 1, 2].map((seq) => ({ seq })));
    assert.deepEqual(figures(await one(unbounded, { state: "CANCELED", offsets: { "s#0": 2, "s#1": 1 } })), [
      "identity",
      3,
      3,
      0,
      0,
    ]);
  });

  it("sums what windows counted", async () => {
    const windowed = (window: object): JobSpec =>
      job({ s: source(100), w: { type: "window", window }, out: sink() }, [
        edge("s", "w", { ship: "HASH", key: "id" }),
        edge("w", "out"),
      ]);
    committed([
      { key: 1, count: 60 },
      { key: 2, count: 39 },
    ]);
    const tumbling = windowed({ type: "tumbling", size: "1s", time: "processing" });
    assert.deepEqual(figures(await one(tumbling)), ["window-count", 100, 99, 1, 0]);
    assert.equal((await one(tumbling, { state: "FAILED", offsets: { "s#0": 1 } })).method, "none");
    const sliding = windowed({ type: "sliding", size: "3s", slide: "1s", time: "processing" });
    assert.deepEqual(figures(await one(sliding)), ["window-count", 300, 99, 201, 0]);
    assert.equal((await one(windowed({ type: "count", size: 10 }))).method, "none");
    committed([{ key: 1, total: 60 }]);
    assert.match((await one(tumbling)).note ?? "", /no number in their field "count"/);
  });

  it("expects records once for each path, and once for each subtask behind a broadcast", async () => {
    const spec = job({ s: source(10), a: map, b: map, u: { type: "union" }, out: { ...sink("id"), parallelism: 3 } }, [
      edge("s", "a"),
      edge("s", "b"),
      edge("a", "u"),
      edge("b", "u"),
      edge("u", "out", { ship: "BROADCAST" }),
    ]);
    committed(Array.from({ length: 6 }, () => ids(0, 10)).flat());
    assert.deepEqual(figures(await one(spec)), ["identity", 60, 60, 0, 0]);
  });

  it("adds up several sources and several sinks", async () => {
    fs.writeFileSync(join(directory, "more.ndjson"), '{"id":"x"}\n\n{"id":"y"}\n');
    const spec = job(
      {
        s: source(10),
        t: { type: "source", connector: "file", path: "more.ndjson" },
        u: { type: "union" },
        out: sink("id"),
        other: { type: "sink", connector: "file", path: "other" },
      },
      [edge("s", "u"), edge("t", "u"), edge("u", "out"), edge("s", "other")],
    );
    committed([...ids(0, 10), { id: "x" }, { id: "y" }]);
    committed(ids(0, 9), "other");
    const result = await verify(spec);
    assert.deepEqual([result.in, result.out, result.expected, result.lost, result.duplicated], [12, 21, 22, 1, 0]);
  });

  it("leaves out of the totals what cannot be told, and says why", async () => {
    const notes: Record<string, RegExp> = { filter: /filter/, flatMap: /flatMap/, process: /process/ };
    for (const [type, expected] of Object.entries(notes)) {
      const spec = job({ s: source(10), x: { type, function: "f.ts#f" }, out: sink("id") }, [
        edge("s", "x", type === "process" ? { ship: "HASH", key: "id" } : {}),
        edge("x", "out"),
      ]);
      const found = await one(spec);
      assert.equal(found.method, "none");
      assert.match(found.note ?? "", expected);
    }
    const kept = job({ s: source(10), out: { type: "sink", connector: "blackhole" } }, [edge("s", "out")]);
    assert.match((await one(kept)).note ?? "", /keeps nothing/);
    const totals = await verify(kept);
    assert.deepEqual([totals.in, totals.expected, totals.lost], [10, 0, 0]);
    const report = reportOf(history({}), { verification: totals });
    assert.deepEqual([report.records.in, report.records.lost, report.records.out], [10, null, null]);
  });

  it("takes only its own parts in a folder of the person's own", async () => {
    const folder = join(directory, "mine");
    fs.mkdirSync(folder);
    fs.writeFileSync(join(folder, "part-20250101-000000-aaaa-0-1.ndjson"), '{"id":0}\n');
    fs.writeFileSync(join(folder, `part-${basename(directory)}-0-1.ndjson`), '{"id":0}\n');
    const spec = job({ s: source(1), out: { type: "sink", connector: "file", path: folder, identity: "id" } }, [
      edge("s", "out"),
    ]);
    assert.deepEqual(figures(await one(spec)), ["identity", 1, 1, 0, 0]);
  });

  it("says which source it cannot read again", async () => {
    const spec = straight(source(1), "id");
    fs.rmSync(join(directory, "in.ndjson"));
    await assert.rejects(
      verify(spec),
      (error: unknown) => error instanceof FaultlineError && error.code === "FL2010" && error.hint !== undefined,
    );
  });
});
