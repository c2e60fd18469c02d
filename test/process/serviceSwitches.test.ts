/** The switches of a service in the job file, each in a run of its own processes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { COLLECTOR_FLAGS } from "../../simulator/cluster/workerProcesses";
import { openRun } from "../../simulator/client/openRun";
import type { InstanceMetrics, RpcMetrics } from "../../simulator/observe/journalEvent";
import { affineModel, denseModel, identityModel, writeModel } from "../fixtures/onnxModel";
import { countBy, Workspace, type RunUnderTest } from "./faultlineCli";

/** Record `i` has `x`, four numbers that come again every `seed` records. */
const FUNCTIONS = `
  export const numbers = (index: number, seed: number) => ({ id: index, x: Array.from({ length: 4 }, () => index % (seed || 1e9)) });
  export const dated = (index: number) => ({ id: index, x: [1, 2, 3, 4], until: [1, Date.UTC(2100, 0), null][index % 3] });
  export const soon = (record: object) => ({ ...record, until: Date.now() + 700 });
  export const wide = (index: number) => ({ id: index, x: new Float32Array(256).fill(index) });
  export const large = (index: number) => ({ id: index, x: new Float32Array(3_000_000) });
`;

interface Shape {
  readonly service: object;
  readonly records: string;
  readonly limit?: number;
  readonly rate?: number;
  readonly seed?: number;
  readonly rpc?: object;
  readonly operators?: Readonly<Record<string, object>>;
  readonly edges?: readonly object[];
}

function job(workspace: Workspace, { service, records, limit, rate, seed, rpc, operators, edges }: Shape): string {
  const functions = workspace.write("functions.ts", FUNCTIONS);
  return workspace.write("job.faultline.json", {
    runtime: { checkpointing: { interval: "300ms" } },
    services: { m: { device: "cpu", ...service } },
    operators: {
      numbers: { type: "source", connector: "generator", function: `${functions}#${records}`, limit, rate, seed },
      ask: { type: "rpc", service: "m", inputs: { x: "x" }, outputs: { y: "y" }, ...rpc },
      out: { type: "sink", connector: "file", path: "out", identity: "id" },
      ...operators,
    },
    edges: edges ?? [
      { from: "numbers", to: "ask" },
      { from: "ask", to: "out" },
    ],
  });
}

const instanceMetrics = (run: RunUnderTest): InstanceMetrics[] =>
  run.of("metrics").flatMap(({ instances = {} }) => Object.values(instances));
const rpcMetrics = (run: RunUnderTest): RpcMetrics[] =>
  run
    .of("metrics")
    .flatMap(({ tasks = {} }) =>
      Object.values(tasks).flatMap(({ rpc, otherRpc = [] }) => (rpc === undefined ? [] : [rpc, ...otherRpc])),
    );
const sum = <T>(items: readonly T[], of: (item: T) => number | undefined): number =>
  items.reduce((all, item) => all + (of(item) ?? 0), 0);

describe("the switches of a service", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("autoscaler: instances come while requests wait and go by drain when it is calm; nothing is lost either way", async () => {
    const functions = workspace.write("functions.ts", FUNCTIONS);
    const run = workspace.run(
      job(workspace, {
        service: {
          model: writeModel(denseModel(256, 24)),
          autoscaler: { max: 2, targetQueueTime: "40ms", coolDown: "1s", scaleInBelow: 0.9 },
        },
        records: "wide",
        // Enough for some looks of the autoscaler, which come every half second.
        limit: 4_500,
        operators: {
          trickle: { type: "source", connector: "generator", function: `${functions}#wide`, rate: 20 },
          all: { type: "union" },
          out: { type: "sink", connector: "file", path: "out" },
        },
        edges: [
          { from: "numbers", to: "all" },
          { from: "trickle", to: "all" },
          { from: "all", to: "ask" },
          { from: "ask", to: "out" },
        ],
      }),
    );
    const more = await run.event("service.scaled", ({ from, to }) => to > from);
    assert.deepEqual([more.from, more.to, more.by], [1, 2, "autoscaler"]);
    assert.match(more.reason ?? "", /requests wait/);
    const fewer = await run.event("service.scaled", ({ from, to }) => to < from);
    assert.deepEqual([fewer.from, fewer.to, fewer.by], [2, 1, "autoscaler"]);
    await run.event("instance.phase", ({ instance, phase }) => instance === "m#1" && phase === "DRAINING");
    await (await openRun(run.directory)).stop("drain");
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.deepEqual([report.records.lost, report.records.duplicated, report.rpc.failed], [0, 0, 0]);
    assert.deepEqual(report.failures, [], "nothing restarted");
  });

  it("deadline: records that nobody wants any more are not called for, and go to the side output `expired`", async () => {
    const run = workspace.run(
      job(workspace, {
        service: { model: writeModel(affineModel()) },
        records: "dated",
        limit: 90,
        rpc: { deadline: "until" },
        operators: { late: { type: "sink", connector: "file", path: "late" } },
        edges: [
          { from: "numbers", to: "ask" },
          { from: "ask", to: "out" },
          { from: "ask", to: "late", sideOutput: "expired" },
        ],
      }),
    );
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED", JSON.stringify(report.run.cause));
    const ids = (sink: string): number[] =>
      (run.committed(sink) as { id: number }[]).map(({ id }) => id).sort((a, b) => a - b);
    const all = Array.from({ length: 90 }, (_, id) => id);
    assert.deepEqual(
      ids("late"),
      all.filter((id) => id % 3 === 0),
    );
    assert.deepEqual(
      ids("out"),
      all.filter((id) => id % 3 !== 0),
    );
    assert.equal(report.rpc.requests, 60, "for the late ones no call was made");
  });

  it("deadline: what is late in the queue costs no device time, is counted, and its job goes on", async () => {
    const run = workspace.run(
      job(workspace, {
        service: { model: writeModel(denseModel(256, 200)) },
        records: "wide",
        limit: 4_000,
        // Some milliseconds a run: of those that are under way some are through in time, and not all.
        rpc: { deadline: "until", capacity: 1_000 },
        operators: {
          date: { type: "map", function: `${workspace.path("functions.ts")}#soon` },
          late: { type: "sink", connector: "file", path: "late" },
        },
        edges: [
          { from: "numbers", to: "date" },
          { from: "date", to: "ask" },
          { from: "ask", to: "out" },
          { from: "ask", to: "late", sideOutput: "expired" },
        ],
      }),
    );
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED", JSON.stringify(report.run.cause));
    const [late, out] = [run.committed("late").length, run.committed("out").length];
    assert.equal(late + out, 4_000, "each record goes one way");
    // How many are in time is a matter of the machine; never all, when as many are under way.
    assert.ok(late > 30, `${late} late, ${out} in time`);
    assert.ok(report.rpc.expired > 0 && report.rpc.expired <= late);
    const [instance] = report.services[0].instances;
    assert.ok(instance.expired > 0, "some were dropped from the queue");
    const ran = sum(instanceMetrics(run), ({ requests }) => requests);
    assert.ok(ran <= 4_000 - instance.expired, `${ran} ran, ${instance.expired} were dropped`);
    assert.deepEqual(report.failures, []);
  });

  it("several models in one service, a result cache, and its hits and saved device time in metrics and report", async () => {
    const run = workspace.run(
      job(workspace, {
        service: {
          model: writeModel(affineModel()),
          models: { same: writeModel(identityModel("FP32", ["N", 4])) },
          parallelism: 2,
          balancing: "consistent-hash",
          resultCache: "1mb",
        },
        records: "numbers",
        seed: 10,
        limit: 400,
        operators: {
          askSame: { type: "rpc", service: "m", model: "same", inputs: { x: "x" }, outputs: { z: "y" } },
        },
        edges: [
          { from: "numbers", to: "ask" },
          { from: "ask", to: "askSame" },
          { from: "askSame", to: "out" },
        ],
      }),
    );
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    const rows = run.committed("out") as { id: number; y: Record<string, number>; z: Record<string, number> }[];
    assert.equal(countBy(rows, "id").size, 400);
    for (const { id, y, z } of rows) assert.deepEqual([y[0], z[0]], [2 * (id % 10) + 1, id % 10]);
    // Ten different requests for each of two models are computed, perhaps more than once while the first answer is on its way.
    const ran = sum(instanceMetrics(run), ({ requests }) => requests);
    const hits = sum(instanceMetrics(run), ({ cacheHits }) => cacheHits);
    assert.ok(ran >= 20 && hits > 0 && ran + hits >= 790, `${ran} ran, ${hits} were known`);
    assert.ok(sum(rpcMetrics(run), ({ cacheHits }) => cacheHits) > 0);
    assert.equal(
      report.rpc.cacheHits,
      sum(rpcMetrics(run), ({ cacheHits }) => cacheHits),
    );
    assert.ok((report.rpc.savedMs ?? 0) > 0, "saved device time is told");
    assert.equal(report.rpc.succeeded, 800, "both operators of the chain are counted");
  });

  it("hedging and ejection: an instance that hangs is hedged around and left out by the job file's numbers", async () => {
    const run = workspace.run(
      job(workspace, {
        service: {
          model: writeModel(affineModel()),
          parallelism: 2,
          balancing: "round-robin",
          hedging: { after: "30ms", maxShare: 1 },
          outlierEjection: { minStall: "400ms", stallFactor: 2, baseEjection: "30s" },
        },
        records: "numbers",
        rate: 200,
      }),
    );
    await run.event("checkpoint.completed");
    const client = await openRun(run.directory);
    await client.inject({ fault: "hang", target: "service:m#0" });
    const { instance, reason } = await run.event("client.ejected");
    assert.equal(instance, "m#0");
    assert.match(reason, /no answer for (4|5|6|7|8|9)\d\d ms/);
    await run.event("metrics", ({ tasks = {} }) => Object.values(tasks).some(({ rpc }) => (rpc?.hedged ?? 0) > 0));
    await client.heal();
    await client.stop("drain");
    const report = await run.report();
    assert.deepEqual([report.run.state, report.records.lost, report.rpc.failed], ["FINISHED", 0, 0]);
    assert.ok((report.rpc.hedged ?? 0) > 0);
  });

  it("memory limit: a model that does not fit fails with the limit named, and one that fits is served", async function () {
    if (process.platform !== "linux") this.skip();
    const model = writeModel(denseModel(2048, 12));
    const started = (memoryLimit: string): RunUnderTest =>
      workspace.run(
        job(workspace, {
          service: { model, memoryLimit, restartStrategy: { type: "none" } },
          records: "numbers",
          limit: 0,
        }),
      );
    const small = await started("300mb").report();
    assert.deepEqual([small.run.state, small.run.cause?.code], ["FAILED", "FL3006"]);
    assert.match(small.run.cause?.message ?? "", /lets an instance allocate 300mb/);
    assert.equal((await started("2gb").report()).run.state, "FINISHED");
  });

  it("instances and TaskManagers collect garbage with one thread, under a memory limit too", async function () {
    if (process.platform !== "linux") this.skip();
    const run = workspace.run(job(workspace, { service: { model: writeModel(affineModel(4)), memoryLimit: "2gb" }, records: "numbers" }));
    await run.event("job.state", ({ to }) => to === "RUNNING");
    const workers = run.events.flatMap((event) => (event.kind === "process.started" && event.process !== "coordinator" ? [event] : []));
    assert.ok(workers.some((worker) => worker.process.startsWith("service:")) && workers.some((worker) => worker.process.startsWith("taskmanager:")));
    for (const { process: name, pid } of workers) {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      for (const flag of COLLECTOR_FLAGS) assert.ok(command.includes(flag), `${name} was started without ${flag}: ${command.join(" ")}`);
    }
    await (await openRun(run.directory)).stop("cancel");
    await run.report();
  });

  it("transport pekko-rpc: a record over the frame size fails the job with a sentence that says so", async () => {
    const run = workspace.run(
      job(workspace, {
        service: { model: writeModel(identityModel("FP32", ["N", "L"])), transport: "pekko-rpc" },
        records: "large",
        limit: 1,
        rpc: { timeout: "1s" },
        operators: { out: { type: "sink", connector: "blackhole" } },
      }),
    );
    const { cause } = await run.event("failure");
    assert.equal(cause.code, "FL3009");
    assert.match(cause.message, /12000000 bytes are over the frame size of 10485760/);
    await (await openRun(run.directory)).stop("cancel");
    await run.cli.exit;
  });
});
