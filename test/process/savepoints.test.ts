/** Savepoints of real runs: taken, stopped with, started from with another parallelism; and what happens with those that do not fit. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRun } from "../../simulator/client/openRun";
import type { TakenSavepoint } from "../../simulator/client/takeSavepoint";
import type { RunReport } from "../../simulator/observe/runReport";
import { startCli } from "../chaos/chaosRun";
import { processesNaming } from "../chaos/runProcesses";
import { buildRuntime } from "../chaos/runtimeBuild";
import { RunUnderTest } from "./faultlineCli";

const RECORDS = 12_000;
const KEYS = 17;
const WINDOW_MS = 500;

describe("savepoints", function () {
  this.timeout(120_000);
  let cli: string;
  let folder: string;
  const runs: RunUnderTest[] = [];
  let jobs = 0;

  before(async () => {
    cli = await buildRuntime("savepoints");
    folder = mkdtempSync(join(tmpdir(), "faultline-savepoints-"));
    writeFileSync(
      join(folder, "functions.ts"),
      [
        'import type { ProcessFunction } from "faultline";',
        `export const keyOf = (value: { seq: number }) => \`k\${(value.seq * 7) % ${KEYS}}\`;`,
        "/** Numbers the records of each key. */",
        "export const number: ProcessFunction<{ seq: number }> = {",
        "  processElement(value, context) {",
        '    const n = ((context.state.get("n") as number | undefined) ?? 0) + 1;',
        '    context.state.set("n", n);',
        "    context.collect({ ...value, key: context.key, n });",
        "  },",
        "};",
        "export const later = (value: unknown) => new Promise((resolve) => setTimeout(() => resolve(value), 20));",
        "",
      ].join("\n"),
    );
  });
  after(async () => {
    for (const run of runs) run.cli.child.kill("SIGKILL");
    for (const run of runs) await run.cli.exit;
    for (const pid of processesNaming(folder)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  /** numbers → async → number (keyed) → all; and windows of the same. */
  function jobFile(
    parallelism: number,
    change: (operators: Record<string, Record<string, unknown>>) => void = () => {},
  ): string {
    const operators: Record<string, Record<string, unknown>> = {
      numbers: { type: "source", connector: "generator", limit: RECORDS, rate: 3_000, eventTime: { step: "1ms" } },
      later: { type: "async", function: "functions.ts#later", ordered: false },
      number: { type: "process", function: "functions.ts#number" },
      all: { type: "sink", connector: "file", path: "all" },
      plain: { type: "sink", connector: "file", path: "plain", identity: "seq" },
      perKey: { type: "window", window: { type: "tumbling", size: `${WINDOW_MS}ms` } },
      counts: { type: "sink", connector: "file", path: "counts" },
    };
    change(operators);
    const job = {
      name: "savepoints",
      runtime: { parallelism, taskManagers: parallelism, slots: 1, checkpointing: { interval: "300ms" } },
      operators,
      edges: [
        { from: "numbers", to: "later" },
        { from: "later", to: "number", ship: "HASH", key: "functions.ts#keyOf" },
        { from: "later", to: "plain" },
        { from: "number", to: "all" },
        { from: "later", to: "perKey", ship: "HASH", key: "functions.ts#keyOf" },
        { from: "perKey", to: "counts" },
      ].map((edge) => ({
        ...edge,
        ...("number" in operators
          ? {}
          : { from: edge.from === "number" ? "renamed" : edge.from, to: edge.to === "number" ? "renamed" : edge.to }),
      })),
    };
    const file = join(folder, `job-${jobs++}.faultline.json`);
    writeFileSync(file, JSON.stringify(job, undefined, 2));
    return file;
  }

  function start(job: string, ...args: string[]): RunUnderTest {
    const directory = join(folder, `run-${runs.length}`);
    const run = new RunUnderTest(
      startCli(cli, ["run", job, "--format", "json", "--directory", directory, ...args], join(folder, "home")),
      directory,
    );
    runs.push(run);
    return run;
  }

  async function refused(job: string, ...args: string[]): Promise<string> {
    const child = startCli(cli, ["run", job, ...args], join(folder, "home"));
    assert.equal(await child.exit, 2, child.stderr);
    return child.stderr;
  }

  /** Over the runs that make one history: every record once, numbered within its key without a gap, and counted once by the windows. */
  function assertWhole(
    history: readonly RunUnderTest[],
    rows: (run: RunUnderTest, sink: string) => Record<string, unknown>[] = (run, sink) => run.committed(sink),
  ): void {
    assert.equal(new Set(history.flatMap((run) => rows(run, "plain")).map((row) => row.seq)).size, RECORDS);
    const all = history.flatMap((run) => rows(run, "all"));
    assert.equal(new Set(all.map((row) => row.seq)).size, all.length, "nothing twice");
    assert.equal(all.length, RECORDS, "nothing lost");
    const numbers = new Map<unknown, number[]>();
    for (const { key, n } of all) numbers.set(key, [...(numbers.get(key) ?? []), Number(n)]);
    assert.equal(numbers.size, KEYS);
    for (const [key, list] of numbers) {
      const sorted = list.sort((a, b) => a - b);
      assert.ok(
        sorted.every((n, index) => n === index + 1),
        `the state of ${String(key)} went on where it was`,
      );
    }
    const windows = new Map<string, number>();
    for (const { key, start, count } of history.flatMap((run) => rows(run, "counts"))) {
      const window = `${String(key)}@${String(start)}`;
      assert.ok(!windows.has(window), `the window ${window} fired once`);
      windows.set(window, Number(count));
    }
    assert.equal(
      [...windows.values()].reduce((sum, count) => sum + count, 0),
      RECORDS,
      "the windows counted each record once",
    );
  }

  function assertBalanced(report: RunReport): void {
    assert.equal(report.run.state, "FINISHED");
    assert.deepEqual(
      report.records.sinks.map(({ sink, method, expected, lost, duplicated }) => [
        sink,
        method,
        expected,
        lost,
        duplicated,
      ]),
      [
        ["all", "none", 0, 0, 0],
        ["plain", "identity", RECORDS, 0, 0],
        ["counts", "window-count", RECORDS, 0, 0],
      ],
    );
  }

  let beside: TakenSavepoint;
  let first: RunUnderTest;
  let stopped: string;

  it("a run stopped with a savepoint goes on with more subtasks: nothing lost, nothing twice, state and windows right", async () => {
    first = start(jobFile(2));
    await first.event("checkpoint.completed", ({ checkpoint }) => checkpoint >= 2);
    beside = await (await openRun(first.directory)).savepoint({ directory: join(folder, "kept") });
    await first.event("checkpoint.completed", ({ checkpoint }) => checkpoint > beside.checkpoint);
    const stop = startCli(cli, ["stop", first.directory, "--savepoint", "--format", "json"], join(folder, "home"));
    assert.equal(await stop.exit, 0, stop.stderr);
    const answer = JSON.parse(stop.stdout) as { state: string; savepoint: string };
    assert.equal(answer.state, "FINISHED");
    stopped = answer.savepoint;
    const report = await first.report();
    assert.deepEqual([report.records.lost, report.records.duplicated], [0, 0]);
    const before = first.committed("plain").length;
    assert.ok(before > 0 && before < RECORDS, `stopped in the middle: ${before}`);

    const second = start(jobFile(3), "--from-savepoint", stopped);
    const restored = await second.event("savepoint.restored");
    assert.ok(restored.rescaled.some(({ operator, from, to }) => operator === "number" && from === 2 && to === 3));
    assertBalanced(await second.report());
    assertWhole([first, second]);
    // Work was shared out, not given to one.
    const parts = readdirSync(join(second.directory, "output", "all"));
    assert.equal(new Set(parts.map((name) => name.split("-")[1])).size, 3);
  });

  it("a savepoint taken beside a run that went on starts another, with one subtask; its retained checkpoint starts a third", async () => {
    const third = start(jobFile(1), "--from", beside.path);
    await third.event("checkpoint.completed", ({ checkpoint }) => checkpoint > beside.checkpoint + 2);
    await (await openRun(third.directory)).stop("cancel");
    assert.equal((await third.report()).run.state, "CANCELED");
    const fourth = start(jobFile(2), "--from", third.directory);
    assertBalanced(await fourth.report());
    // Of the first run, what counts is what it had committed up to the savepoint.
    const { sinks } = (
      JSON.parse(readFileSync(join(fourth.directory, "config.json"), "utf8")) as {
        restored: { sinks: Record<string, { directory: string; prefix: string; next: number }[]> };
      }
    ).restored;
    const earlier = (sink: string): Record<string, unknown>[] =>
      sinks[sink].flatMap(({ directory, prefix, next }) =>
        readdirSync(directory)
          .filter((name) => name.startsWith(prefix) && Number.parseInt(name.slice(prefix.length), 10) < next)
          .flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n"))
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as Record<string, unknown>),
      );
    assertWhole([fourth], (run, sink) => [...earlier(sink), ...run.committed(sink)]);
  });

  it("an unaligned checkpoint starts the same job with all that was on its way, and no other", async () => {
    const slow = (parallelism: number): string => {
      const file = jobFile(parallelism, (operators) => {
        operators.numbers.rate = 60_000;
        operators.later = { type: "standIn", serviceTime: "0.5ms" };
      });
      const job = JSON.parse(readFileSync(file, "utf8")) as {
        runtime: { checkpointing: object };
        edges: { from: string; ship?: string }[];
      };
      job.runtime.checkpointing = { interval: "150ms", unaligned: true };
      job.edges[0].ship = "REBALANCE";
      writeFileSync(file, JSON.stringify(job));
      return file;
    };
    const before = start(slow(2));
    await before.event("checkpoint.completed");
    await (await openRun(before.directory)).stop("cancel");
    assert.equal((await before.report()).run.state, "CANCELED");
    assert.match(
      await refused(slow(3), "--from", before.directory),
      /FL1042: .*on their way between tasks.*parallelism/,
    );
    const after = start(slow(2), "--from", before.directory);
    assert.equal((await after.report()).run.state, "FINISHED");
    assertWhole([before, after]);
  });

  it("state that has no operator any more is refused, and left behind where that is asked for", async () => {
    const renamed = jobFile(2, (operators) => {
      operators.renamed = operators.number;
      delete operators.number;
    });
    const message = await refused(renamed, "--from", stopped);
    assert.match(message, /FL1042: .*"number" \(process\).*--allow-non-restored-state/);
    const run = start(renamed, "--from", stopped, "--allow-non-restored-state");
    assert.deepEqual((await run.event("savepoint.restored")).skipped, ["number"]);
    assert.equal((await run.report()).run.state, "FINISHED");
  });

  it("key groups stay what they were: another maxParallelism is refused", async () => {
    const message = await refused(
      jobFile(2, (operators) => (operators.number.maxParallelism = 64)),
      "--from",
      stopped,
    );
    assert.match(message, /job-\d+\.faultline\.json:\d+:\d+: FL1042: .*128 key groups/);
  });

  it("a damaged savepoint is refused and says which file", async () => {
    const file = join(
      stopped,
      readdirSync(stopped).find((name) => name.startsWith("number-"))!,
    );
    const bytes = readFileSync(file);
    bytes[bytes.length - 3] ^= 1;
    writeFileSync(file, bytes);
    const message = await refused(jobFile(2), "--from", stopped);
    assert.ok(message.includes("FL1041") && message.includes(file), message);
    rmSync(join(stopped, "_metadata"));
    assert.match(await refused(jobFile(2), "--from", stopped), /FL1041: .*_metadata.*|_metadata: FL1041/);
    assert.match(await refused(jobFile(2), "--from", join(folder, "nowhere")), /FL1041: There is no such savepoint/);
  });
});
