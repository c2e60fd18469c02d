/** Services of code that call other services, in runs of their own processes. */
import assert from "node:assert/strict";
import { openRun } from "../../simulator/client/openRun";
import type { Deployment } from "../../simulator/graph/jobFile";
import { affineModel, writeModel } from "../fixtures/onnxModel";
import { countBy, Workspace, type RunUnderTest } from "./faultlineCli";

/** `twice` asks the model (y = 2x + 1) for x and for what came back: 4x + 3. `left` and `right` call each other for some records. */
const CODE = `
  import type { RpcService, Tensors } from "faultline";
  const row = { type: "FP32", shape: [4] } as const;
  export const numbers = (index: number) => ({ id: index, x: [index, index, index, index] });
  export const twice: RpcService = {
    inputs: { x: row },
    outputs: { z: row },
    async call({ x }, context) {
      const model = context.client("m");
      const { y } = await model.call({ x });
      const again = await model.call({ x: y });
      return { z: again.y };
    },
  };
  const echo = ({ x }: Tensors): Tensors => ({ z: x });
  export const left: RpcService = {
    inputs: { x: row },
    outputs: { z: row },
    async call({ x }, context) {
      const { z } = await context.client("right").call({ x });
      return { z };
    },
  };
  export const right: RpcService = {
    inputs: { x: row },
    outputs: { z: row },
    async call({ x }, context) {
      if (Number(x.data[0]) !== 30) return echo({ x });
      return context.client("left").call({ x });
    },
  };
  export const forgiving: RpcService = {
    ...right,
    async call(inputs, context) {
      try {
        return await right.call(inputs, context);
      } catch (error) {
        if ((error as { code?: string }).code !== "FL1011") throw error;
        return { z: { type: "FP32", shape: [4], data: Float32Array.of(-1, -1, -1, -1) } };
      }
    },
  };
  export const failing: RpcService = {
    inputs: { x: row },
    outputs: { z: row },
    call({ x }) {
      if (Number(x.data[0]) === 7) throw new Error("seven is not to be had");
      return echo({ x });
    },
  };
`;

interface Shape {
  readonly services: (code: (name: string) => string) => Readonly<Record<string, object>>;
  readonly ask: string;
  readonly limit: number;
  readonly rate?: number;
  readonly runtime?: object;
}

function job(workspace: Workspace, { services, ask, limit, rate, runtime }: Shape): string {
  const file = workspace.write("code.ts", CODE);
  return workspace.write("job.faultline.json", {
    runtime: { checkpointing: { interval: "300ms" }, ...runtime },
    services: services((name) => `${file}#${name}`),
    operators: {
      numbers: { type: "source", connector: "generator", function: `${file}#numbers`, limit, rate },
      ask: { type: "rpc", service: ask, inputs: { x: "x" }, outputs: { z: "z" } },
      out: { type: "sink", connector: "file", path: "out", identity: "id" },
    },
    edges: [
      { from: "numbers", to: "ask" },
      { from: "ask", to: "out" },
    ],
  });
}

const answers = (run: RunUnderTest): Map<number, number> =>
  new Map((run.committed("out") as { id: number; z: Record<string, number> }[]).map(({ id, z }) => [id, z[0]]));

describe("services that call services", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("code calls a model: right results, and kills of either service lose nothing", async () => {
    const run = workspace.run(
      job(workspace, {
        services: (code) => ({
          twice: { function: code("twice"), parallelism: 2, calls: ["m"], batching: { maxSize: 8 } },
          m: { model: writeModel(affineModel()), device: "cpu", parallelism: 2, batching: { maxSize: 16 } },
        }),
        ask: "twice",
        limit: 4_000,
        rate: 800,
      }),
    );
    await run.event("metrics", ({ tasks = {} }) => Object.values(tasks).some(({ rpc }) => (rpc?.succeeded ?? 0) > 0));
    const control = await openRun(run.directory);
    await control.inject({ fault: "crash", target: "service:m#1", parameters: {} });
    await run.event(
      "instance.phase",
      ({ instance, attempt, phase }) => instance === "m#1" && attempt === 1 && phase === "SERVING",
    );
    await control.inject({ fault: "crash", target: "service:twice#0", parameters: {} });
    await run.event(
      "instance.phase",
      ({ instance, attempt, phase }) => instance === "twice#0" && attempt === 1 && phase === "SERVING",
    );
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED", JSON.stringify(report.run.cause));
    assert.deepEqual([report.records.lost, report.records.duplicated, report.rpc.failed], [0, 0, 0]);
    assert.equal(countBy(run.committed("out"), "id").size, 4_000);
    for (const [id, z] of answers(run)) assert.equal(z, 4 * id + 3);
    assert.deepEqual(
      report.failures.map(({ restartedTasks }) => restartedTasks),
      [[], []],
      "no stream task restarted",
    );
    const nested = run
      .of("metrics")
      .flatMap(({ instances = {} }) => Object.values(instances).flatMap(({ calls = [] }) => calls));
    const made = nested.reduce((sum, { requests }) => sum + requests, 0);
    assert.ok(made >= 7_000, `${made} calls of m are told of`);
    assert.ok(nested.every(({ service }) => service === "m"));
    const batches = run
      .of("metrics")
      .flatMap(({ instances = {} }) => Object.entries(instances).filter(([name]) => name.startsWith("m#")));
    assert.ok(
      batches.some(([, { batchSizes }]) => Object.keys(batchSizes).some((size) => Number(size) > 1)),
      "what one run calls shares batches",
    );
  });

  for (const [deployment, of] of [
    ["embedded", "rpc-service"],
    ["embedded", "embedded"],
    ["sidecar", "sidecar"],
    ["rpc-service", "embedded"],
  ] as const satisfies readonly (readonly [Deployment, Deployment])[]) {
    it(`the same code as ${deployment}, calling a model as ${of}`, async () => {
      const run = workspace.run(
        job(workspace, {
          services: (code) => ({
            twice: { function: code("twice"), deployment, calls: ["m"], batching: { maxSize: 8 } },
            m: { model: writeModel(affineModel()), device: "cpu", deployment: of },
          }),
          ask: "twice",
          limit: 200,
        }),
      );
      const report = await run.report();
      assert.equal(report.run.state, "FINISHED", JSON.stringify(report.run.cause));
      assert.equal(countBy(run.committed("out"), "id").size, 200);
      for (const [id, z] of answers(run)) assert.equal(z, 4 * id + 3);
    });
  }

  const circle = (right: string, runtime: object): Shape => ({
    services: (code) => ({
      left: { function: code("left"), calls: "any" },
      right: { function: code(right), calls: "any" },
    }),
    ask: "left",
    limit: 60,
    runtime,
  });

  it("a circle that shows only when the code runs is named within moments, with the place of the call", async () => {
    const run = workspace.run(job(workspace, circle("right", { restartStrategy: { type: "none" } })));
    const report = await run.report();
    assert.equal(report.run.state, "FAILED");
    const { code, message = "" } = report.run.cause ?? {};
    assert.equal(code, "FL1011");
    assert.match(message, /left#0 calls right#0 calls left\./);
    assert.match(message, /made by the service "right" at .*code\.ts:29:/);
    const { timeoutMs } = { timeoutMs: 10_000 };
    const running = await run.event("job.state", ({ to }) => to === "RUNNING");
    const failed = await run.event("job.state", ({ to }) => to === "FAILED");
    assert.ok(failed.at - running.at < timeoutMs / 2, "long before the call's time was over");
  });

  it("code may answer such a call by itself, and the job goes on", async () => {
    const run = workspace.run(job(workspace, circle("forgiving", {})));
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED", JSON.stringify(report.run.cause));
    for (const [id, z] of answers(run)) assert.equal(z, id === 30 ? -1 : id);
    assert.equal(answers(run).size, 60);
  });

  it("code that throws is named with its service and its place, and its instance goes on", async () => {
    const run = workspace.run(
      job(workspace, {
        services: (code) => ({ failing: { function: code("failing") } }),
        ask: "failing",
        limit: 60,
        runtime: { restartStrategy: { type: "none" } },
      }),
    );
    const report = await run.report();
    assert.equal(report.run.state, "FAILED");
    const { code, message = "" } = report.run.cause ?? {};
    assert.equal(code, "FL2004");
    assert.match(message, /"failing" of the service "failing" failed at .*code\.ts:\d+:\d+: seven is not to be had/);
    assert.equal(report.rpc.retried, 0, "what would come again is not tried again");
    assert.equal(run.of("process.lost").filter(({ expected }) => !expected).length, 0);
  });

  it("what is no service, or calls what it did not name, is said before or when it happens", async () => {
    const noService = await workspace.cli(
      "run",
      job(workspace, { services: (code) => ({ s: { function: code("numbers") } }), ask: "s", limit: 1 }),
    );
    assert.equal(noService.code, 2);
    assert.match(noService.stderr, /FL1020: .*code\.ts#numbers is no RpcService/);
    const noExport = await workspace.cli(
      "run",
      job(workspace, { services: (code) => ({ s: { function: code("nothing") } }), ask: "s", limit: 1 }),
    );
    assert.equal(noExport.code, 2);
    assert.match(noExport.stderr, /FL1020: .* exports no "nothing"/);
    const run = workspace.run(
      job(workspace, {
        services: (code) => ({
          twice: { function: code("twice") },
          m: { model: writeModel(affineModel()), device: "cpu" },
        }),
        ask: "twice",
        limit: 1,
        runtime: { restartStrategy: { type: "none" } },
      }),
    );
    const report = await run.report();
    assert.equal(report.run.cause?.code, "FL1010");
    assert.match(report.run.cause?.message ?? "", /"twice" calls "m", which its calls do not name/);
  });
});
