/** Every source, transform, window and sink that a job file can name, in one job on real processes; and a function that throws. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRun } from "../../simulator/client/openRun";
import { startCli } from "../chaos/chaosRun";
import { processesNaming } from "../chaos/runProcesses";
import { buildRuntime } from "../chaos/runtimeBuild";
import { RunUnderTest } from "./faultlineCli";

const RECORDS = 3_000;

const FUNCTIONS = `
import type { AsyncFunction, FilterFunction, FlatMapFunction, GeneratorFunction, MapFunction, ProcessFunction } from "faultline";

export const size: MapFunction<{ name: string; bytes: Uint8Array }> = ({ name, bytes }) => ({ name, size: bytes.length, first: bytes[0] });
export const words: FlatMapFunction<string> = (line) => line.split(" ").map((word) => ({ word }));
export const long: FilterFunction<{ word: string }> = ({ word }) => word.length > 3;
export const later: AsyncFunction<{ word: string }> = async (value) => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  return { ...value, later: true };
};
export const fromCsv: MapFunction<{ word: string; count: string }> = ({ word, count }) => ({ word, count: Number(count) });
export const click: GeneratorFunction = (index, seed) => ({ id: index, user: \`u\${(index * 13 + seed) % 5}\` });
/** Sends every tenth record aside, and says 100 ms of event time after the first record of a user how many had come. */
export class Visits implements ProcessFunction<{ id: number; user: string }> {
  processElement(value: { id: number; user: string }, context: Parameters<ProcessFunction["processElement"]>[1]): void {
    const n = ((context.state.get("n") as number | undefined) ?? 0) + 1;
    context.state.set("n", n);
    if (n === 1) {
      context.registerEventTimeTimer((context.timestampMs ?? 0) + 100);
      context.registerProcessingTimeTimer(Date.now() + 50);
    }
    if (value.id % 10 === 0) context.sideOutput("tenth", value);
    context.collect(value);
  }
  onTimer(timestampMs: number, context: Parameters<ProcessFunction["processElement"]>[1]): void {
    context.sideOutput("timers", { user: context.key, timestampMs, n: context.state.get("n"), event: timestampMs < 1_000_000 });
  }
}
export const fail: MapFunction<{ id: number }> = (value) => {
  if (value.id === 7) throw new TypeError("seven");
  return value;
};
`;

describe("operators of the job file", function () {
  this.timeout(90_000);
  let cli: string;
  let folder: string;
  const runs: RunUnderTest[] = [];
  before(async () => {
    cli = await buildRuntime("operators");
    folder = mkdtempSync(join(tmpdir(), "faultline-operators-"));
    writeFileSync(join(folder, "functions.ts"), FUNCTIONS);
    mkdirSync(join(folder, "pictures", "more"), { recursive: true });
    for (let i = 0; i < 7; i++)
      writeFileSync(join(folder, "pictures", i % 2 === 0 ? "." : "more", `p${i}.bin`), new Uint8Array(i + 1).fill(i));
    writeFileSync(join(folder, "pictures", "note.txt"), "not a picture");
    writeFileSync(join(folder, "lines.txt"), "the quick brown fox\njumps over the lazy dog\n");
    writeFileSync(join(folder, "words.csv"), 'word,count\n"a, b",3\nlonger,4\n');
  });
  after(async () => {
    for (const run of runs) run.cli.child.kill("SIGKILL");
    for (const run of runs) await run.cli.exit;
    for (const pid of processesNaming(folder)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  function start(operators: object, edges: object[], more: object = {}): RunUnderTest {
    const job = {
      name: "operators",
      runtime: { parallelism: 2, taskManagers: 1, slots: 2, checkpointing: { interval: "200ms" }, ...more },
      operators,
      edges,
    };
    const jobFile = join(folder, `job-${runs.length}.faultline.json`);
    writeFileSync(jobFile, JSON.stringify(job, undefined, 2));
    const directory = join(folder, `run-${runs.length}`);
    const run = new RunUnderTest(
      startCli(cli, ["run", jobFile, "--format", "json", "--directory", directory], join(folder, "home")),
      directory,
    );
    runs.push(run);
    return run;
  }

  const file = (path: string, identity?: string): object => ({
    type: "sink",
    connector: "file",
    path,
    ...(identity === undefined ? {} : { identity }),
  });

  it("one job with all of them", async () => {
    const window = (spec: object): object => ({ type: "window", window: spec });
    const run = start(
      {
        pictures: { type: "source", connector: "directory", path: "pictures", suffix: ".bin", repeat: 2 },
        size: { type: "map", function: "functions.ts#size" },
        sizes: file("sizes", "name"),
        lines: { type: "source", connector: "file", path: "lines.txt", format: "lines" },
        words: { type: "flatMap", function: "functions.ts#words" },
        long: { type: "filter", function: "functions.ts#long" },
        later: { type: "async", function: "functions.ts#later", ordered: true },
        csv: { type: "source", connector: "file", path: "words.csv", format: "csv" },
        fromCsv: { type: "map", function: "functions.ts#fromCsv" },
        both: { type: "union" },
        wordsOut: file("words"),
        clicks: {
          type: "source",
          connector: "generator",
          function: "functions.ts#click",
          seed: 3,
          rate: 500,
          bursts: { rate: 10_000, length: "100ms", gap: "200ms", seed: 5 },
          limit: RECORDS,
          eventTime: { step: "1ms" },
        },
        // Gives no record for an hour, and must hold no window back.
        silent: {
          type: "source",
          connector: "generator",
          bursts: { rate: 1, length: "1s", gap: "1h" },
          eventTime: { step: "1ms", idleness: "300ms" },
        },
        all: { type: "union" },
        visits: { type: "process", function: "functions.ts#Visits" },
        tenth: file("tenth"),
        timers: file("timers"),
        visited: file("visited"),
        tumbling: window({ type: "tumbling", size: "500ms" }),
        sliding: window({ type: "sliding", size: "400ms", slide: "200ms" }),
        session: window({ type: "session", gap: "50ms" }),
        counted: window({ type: "count", size: 100 }),
        clock: window({ type: "tumbling", size: "300ms", time: "processing" }),
        ...Object.fromEntries(
          ["tumbling", "sliding", "session", "counted", "clock"].map((name) => [`${name}Out`, file(name)]),
        ),
        forgotten: { type: "sink", connector: "blackhole" },
      },
      [
        { from: "pictures", to: "size" },
        { from: "size", to: "sizes" },
        { from: "lines", to: "words" },
        { from: "words", to: "long" },
        { from: "long", to: "later" },
        { from: "later", to: "both" },
        { from: "csv", to: "fromCsv" },
        { from: "fromCsv", to: "both" },
        { from: "both", to: "wordsOut" },
        { from: "clicks", to: "all" },
        { from: "silent", to: "all" },
        { from: "all", to: "visits", ship: "HASH", key: "user" },
        { from: "visits", to: "visited" },
        { from: "visits", to: "tenth", sideOutput: "tenth" },
        { from: "visits", to: "timers", sideOutput: "timers" },
        ...["tumbling", "sliding", "session", "counted", "clock"].flatMap((name) => [
          { from: "all", to: name, ship: "HASH", key: "user" },
          { from: name, to: `${name}Out` },
        ]),
        { from: "all", to: "forgotten" },
      ],
    );
    // With a source that is silent and not idle, no window in event time would fire before the end. Five users, the last window is open.
    const expected: Record<string, number> = { tumbling: 5 * (RECORDS / 500 - 1), visited: RECORDS };
    for (const [sink, atLeast] of Object.entries(expected)) {
      await run.event("sink.committed", ({ seq }) => {
        const parts = run
          .of("sink.committed")
          .filter((one) => one.seq <= seq && one.files.some((name) => name.startsWith(`output/${sink}/`)));
        return parts.reduce((sum, one) => sum + one.records, 0) >= atLeast;
      });
    }
    await (await openRun(run.directory)).stop("drain");
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED", run.cli.stderr);
    assert.deepEqual([report.records.lost, report.records.duplicated], [0, 0]);
    assert.equal(report.records.sinks.find(({ sink }) => sink === "sizes")?.method, "identity");

    assert.deepEqual(
      sorted(run.committed("sizes")),
      sorted(
        [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6].map((i) => ({
          name: `${i % 2 === 0 ? "" : "more/"}p${i}.bin`,
          size: i + 1,
          first: i,
        })),
      ),
    );
    assert.deepEqual(
      sorted(run.committed("words")),
      sorted([
        ...["quick", "brown", "jumps", "over", "lazy"].map((word) => ({ word, later: true })),
        { word: "a, b", count: 3 },
        { word: "longer", count: 4 },
      ]),
    );
    assert.equal(run.committed("visited").length, RECORDS);
    assert.equal(run.committed("tenth").length, RECORDS / 10);
    const timers = run.committed("timers");
    assert.equal(timers.filter((row) => row.event === true).length, 5, "an event-time timer for each user");
    assert.equal(timers.filter((row) => row.event === false).length, 5, "and one of the clock");
    const sum = (sink: string): number => run.committed(sink).reduce((total, row) => total + Number(row.count), 0);
    assert.equal(sum("tumbling"), RECORDS);
    assert.equal(sum("sliding"), 2 * RECORDS);
    assert.equal(sum("session"), RECORDS);
    assert.equal(run.committed("session").length, 5, "no gap of 50 ms in a user's event time: one session each");
    assert.equal(sum("counted"), Math.floor(RECORDS / 5 / 100) * 100 * 5);
    assert.equal(sum("clock"), RECORDS);
    assert.ok(run.committed("clock").length > 5, "more than one window of the clock");
  });

  it("a function that throws names operator, record and the line in the person's own source", async () => {
    const run = start(
      {
        clicks: { type: "source", connector: "generator", function: "functions.ts#click" },
        fail: { type: "map", function: "functions.ts#fail" },
        out: { type: "sink", connector: "blackhole" },
      },
      [
        { from: "clicks", to: "fail" },
        { from: "fail", to: "out" },
      ],
      { restartStrategy: { type: "none" } },
    );
    assert.equal(await run.cli.exit, 1);
    const line = FUNCTIONS.split("\n").findIndex((text) => text.includes('"seven"')) + 1;
    assert.match(run.cli.stderr, new RegExp(`FL2004: .*"fail".*functions\\.ts:${line}:\\d+.*\\{"id":7,.*seven`));
  });
});

function sorted(rows: readonly object[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();
}
