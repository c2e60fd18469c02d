/**
 * What a fault does to what goes over a link, measured by others than the program: by user functions that write down when and in which
 * process a record was there, read from what the sinks committed. Each fault is held against the time before it and after its healing.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { FaultRun } from "./faultRun";
import type { RunUnderTest } from "./faultlineCli";
import { EXAMPLE, Workspace } from "./faultlineCli";

/** A record that went through two functions, with their processes and times (ms since the epoch). */
interface Crossing {
  readonly sentBy: number;
  readonly sentAt: number;
  readonly arrivedIn: number;
  readonly arrivedAt: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

describe("faults of links, by what arrives", function () {
  this.timeout(180_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  /** Injects, lets records go on for a while, heals; the time in which it was on for certain. */
  async function during(faults: FaultRun, ms: number, fault: string, target: string, parameters: Readonly<Record<string, unknown>>, targets = 1): Promise<Span> {
    await faults.inject(fault, target, parameters, targets);
    const from = Date.now();
    await records(faults.run, ms);
    const to = Date.now();
    await faults.heal();
    return { from, to };
  }

  /** Until the run's metrics say that so much time has gone by. */
  async function records(run: RunUnderTest, ms: number): Promise<Span> {
    const from = Date.now();
    await run.event("metrics", (event) => event.at > from + ms);
    return { from, to: Date.now() };
  }

  function committed(run: RunUnderTest, sink: string): readonly Crossing[] {
    const folder = join(run.directory, "output", sink);
    return readdirSync(folder)
      .filter((name) => name.startsWith("part-"))
      .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Crossing));
  }

  const delays = (rows: readonly Crossing[]): readonly number[] => rows.map(({ sentAt, arrivedAt }) => arrivedAt - sentAt).sort((a, b) => a - b);
  const median = (values: readonly number[]): number => values[Math.floor(values.length / 2)] ?? NaN;
  const sentIn = (rows: readonly Crossing[], { from, to }: Span): readonly Crossing[] => rows.filter(({ sentAt }) => sentAt >= from && sentAt <= to);
  /** Records a second that arrived; the first moment is left out, in which what was on its way still came. */
  const arrivals = (rows: readonly Crossing[], { from, to }: Span, settleMs = 0): number => rows.filter(({ arrivedAt }) => arrivedAt >= from + settleMs && arrivedAt <= to).length / ((to - from - settleMs) / 1000);

  it("between TaskManagers: latency, bandwidth, slicing and a black hole, on one link and in one direction, and healed", async () => {
    workspace.write(
      "stamps.ts",
      `export const send = (value: { seq: number }) => ({ seq: value.seq, sentBy: process.pid, sentAt: Date.now(), ballast: "x".repeat(1000) });
       export const arrive = (value: object) => ({ ...value, ballast: undefined, arrivedIn: process.pid, arrivedAt: Date.now() });`,
    );
    const job = workspace.write("job.faultline.json", {
      name: "stamps",
      runtime: { parallelism: 2, taskManagers: 2, slots: 1, bufferTimeout: "10ms", checkpointing: { interval: "10m" } },
      operators: {
        numbers: { type: "source", connector: "generator", rate: 200 },
        send: { type: "map", function: "stamps.ts#send" },
        arrive: { type: "map", function: "stamps.ts#arrive" },
        out: { type: "sink", connector: "file", path: "out", identity: "seq" },
      },
      edges: [{ from: "numbers", to: "send" }, { from: "send", to: "arrive", ship: "REBALANCE" }, { from: "arrive", to: "out" }],
    });
    const run = workspace.run(job);
    const faults = await FaultRun.running(run);
    const [a, b] = [faults.pidOf("taskmanager:0"), faults.pidOf("taskmanager:1")];
    const link = "link:taskmanager:0->taskmanager:1";

    await records(run, 500);
    const before = await records(run, 1_500);
    const slow = await during(faults, 1_500, "latency", link, { delay: "400ms", direction: "forward" });
    const healed = await records(run, 1_500);
    // What waits for a slow link is sent in buffers of 32 KiB, and a record arrives with its whole buffer: spans in which several of those get through.
    const narrow = await during(faults, 4_000, "bandwidth", link, { rate: "24KiB/s", direction: "forward" });
    await records(run, 1_000);
    const wide = await records(run, 1_500);
    const sliced = await during(faults, 4_000, "slicing", link, { size: 256, pause: "10ms", direction: "forward" });
    await records(run, 1_000);
    const whole = await records(run, 1_500);
    const silent = await during(faults, 1_500, "black-hole", link, { direction: "forward" });
    const heard = await records(run, 1_500);

    await faults.stop();
    const report = await run.report();
    assert.deepEqual([report.run.state, report.records.lost, report.records.duplicated], ["FINISHED", 0, 0]);
    const rows = committed(run, "out");
    const [hit, other] = [rows.filter((row) => row.sentBy === a && row.arrivedIn === b), rows.filter((row) => row.sentBy === b && row.arrivedIn === a)];
    const told = (what: string): string => `${what}; rows ${rows.length}, over the link ${hit.length}, the other way ${other.length}`;

    assert.ok(median(delays(sentIn(hit, before))) < 150, told(`before, a record takes ${median(delays(sentIn(hit, before)))} ms`));
    const held = delays(sentIn(hit, { from: slow.from, to: slow.to - 500 }));
    assert.ok(held.length > 20 && (held[0] ?? 0) >= 390, told(`with latency every one takes 400 ms or more: from ${held[0]} ms`));
    assert.ok(median(held) < 700, told(`and not much more: ${median(held)} ms`));
    // What comes back over the link are the credits for the other direction: it waits for those now and then, and for nothing else.
    const back = delays(sentIn(other, slow));
    assert.ok((back[0] ?? Infinity) < 150 && median(back) < median(held), told(`the other direction is not held back: from ${back[0]} ms, ${median(back)} in the middle`));
    assert.ok(median(delays(sentIn(hit, { from: healed.from + 500, to: healed.to }))) < 150, told("healed, a record is as quick as before"));

    const usual = arrivals(hit, before);
    assert.ok(usual > 35, told(`50 of 200 a second go this way: ${usual}`));
    // About 1,050 bytes each. A buffer more or less, which begins or ends outside of the span, is 9 records a second.
    const few = arrivals(hit, narrow, 500);
    assert.ok(few > 6 && few < 0.75 * usual, told(`24 KiB a second are some 23 records of ${usual}: ${few}`));
    assert.ok(arrivals(hit, wide) > 0.7 * usual, told(`healed, ${arrivals(hit, wide)} a second`));

    // 256 bytes every 10 ms are 25,600 bytes a second at most.
    const pieces = arrivals(hit, sliced, 500);
    assert.ok(pieces > 6 && pieces < 0.75 * usual, told(`in pieces of 256 bytes some 24 records a second of ${usual}: ${pieces}`));
    assert.ok(arrivals(hit, whole) > 0.7 * usual, told(`healed, ${arrivals(hit, whole)} a second`));

    assert.equal(arrivals(hit, silent, 300), 0, told("nothing arrives out of a black hole"));
    const swallowed = sentIn(hit, { from: silent.from + 300, to: silent.to });
    assert.ok(swallowed.length > 10 && swallowed.every(({ arrivedAt }) => arrivedAt >= silent.to), told("what it swallowed comes after the healing"));
    assert.ok(arrivals(hit, { from: heard.from + 500, to: heard.to }) > 0.7 * usual, told("healed, records come again"));
  });

  it("between TaskManagers and a service: latency, bandwidth and slicing, as the callers' own clock says, and healed", async () => {
    const functions = join(EXAMPLE, "..", "functions", "messages.ts");
    workspace.write(
      "stamps.ts",
      `import { request as ask } from ${JSON.stringify(functions)};
       export const request = (value: { sentAt?: number } & Parameters<typeof ask>[0]) => { value.sentAt = Date.now(); return ask(value); };
       export const response = (value: { id: number; sentAt: number }) => ({ id: value.id, language: "xx", sentBy: process.pid, sentAt: value.sentAt, arrivedIn: process.pid, arrivedAt: Date.now() });`,
    );
    const job = workspace.exampleJob((one) => {
      one.operators.texts.rate = 200;
      one.operators.classify.request = "stamps.ts#request";
      one.operators.classify.response = "stamps.ts#response";
      Object.assign(one.operators.classify, { capacity: 16, timeout: "60s" });
      one.services.langid.batching = { maxSize: 1 };
      one.runtime.checkpointing = { interval: "10m" };
    });
    const run = workspace.run(job);
    const faults = await FaultRun.running(run);
    const all = "link:taskmanager:*->service:langid#*";

    await records(run, 500);
    const before = await records(run, 1_500);
    const slow = await during(faults, 1_500, "latency", all, { delay: "300ms", direction: "forward" }, 4);
    await records(run, 500);
    const healed = await records(run, 1_500);
    // A request is 1,024 bytes of numbers and what goes with them.
    const narrow = await during(faults, 2_500, "bandwidth", all, { rate: "8KiB/s", direction: "forward" }, 4);
    await records(run, 1_500);
    const wide = await records(run, 1_500);
    // An answer is 13 numbers, and what goes with them.
    const sliced = await during(faults, 2_500, "slicing", all, { size: 8, pause: "10ms", direction: "backward" }, 4);
    await records(run, 1_500);
    const whole = await records(run, 1_500);

    await faults.stop();
    const report = await run.report();
    assert.deepEqual([report.run.state, report.records.lost, report.records.duplicated, report.rpc.failed], ["FINISHED", 0, 0, 0]);
    const rows = committed(run, "messages");

    assert.ok(median(delays(sentIn(rows, before))) < 100, `before, a call takes ${median(delays(sentIn(rows, before)))} ms`);
    const held = delays(sentIn(rows, { from: slow.from, to: slow.to - 400 }));
    assert.ok(held.length > 20 && (held[0] ?? 0) >= 290, `with latency every call takes 300 ms or more: ${held.length} calls, from ${held[0]} ms`);
    assert.ok(median(delays(sentIn(rows, healed))) < 100, `healed, a call takes ${median(delays(sentIn(rows, healed)))} ms`);

    const usual = arrivals(rows, before);
    assert.ok(usual > 150, `answers a second before: ${usual}`);
    const few = arrivals(rows, narrow, 500);
    assert.ok(few > 8 && few < 45, `four links of 8 KiB a second carry some 30 calls a second: ${few}`);
    assert.ok(arrivals(rows, wide) > 0.7 * usual, `healed, ${arrivals(rows, wide)} answers a second`);
    const pieces = arrivals(rows, sliced, 500);
    assert.ok(pieces > 2 && pieces < 0.3 * usual, `answers in pieces of 8 bytes every 10 ms: ${pieces} a second`);
    assert.ok(arrivals(rows, whole) > 0.7 * usual, `healed, ${arrivals(rows, whole)} answers a second`);
  });
});
