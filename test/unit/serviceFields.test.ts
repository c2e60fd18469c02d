import assert from "node:assert/strict";
import type { JobSpec, ServiceSpec } from "../../simulator/graph/jobFile";
import { formatMemorySize, parseMemorySize } from "../../simulator/graph/memorySize";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import { DEFAULT_OUTLIER_EJECTION } from "../../simulator/graph/servicePolicies";

function parsed(services: object, rpc: object = {}): ReturnType<typeof parseJobFile> {
  const text = JSON.stringify({
    services,
    operators: {
      a: { type: "source", connector: "generator" },
      ask: { type: "rpc", service: Object.keys(services)[0], ...rpc },
      c: { type: "sink", connector: "stdout" },
    },
    edges: [
      { from: "a", to: "ask" },
      { from: "ask", to: "c" },
    ],
  });
  return parseJobFile(text, "/jobs/x.faultline.json");
}

function jobWith(service: object, rpc: object = {}): JobSpec {
  const { job, problems } = parsed({ m: { model: "m.onnx", ...service } }, rpc);
  assert.deepEqual(problems, []);
  assert.ok(job);
  return job;
}

const serviceOf = (service: object): ServiceSpec => jobWith(service).services[0];

/** Code and element of every finding. */
const findings = (services: object, rpc: object = {}): string[] =>
  parsed(services, rpc).problems.map(({ code, location }) => `${code} ${location?.element}`);

describe("a service of a job file", () => {
  it("has the switches of its clients off, or at stated defaults, when it does not say", () => {
    const service = serviceOf({});
    assert.deepEqual(
      [service.hedging, service.retry.budget, service.autoscaler, service.memoryLimitBytes, service.resultCacheBytes],
      [undefined, undefined, undefined, undefined, 0],
    );
    assert.equal(service.transport, "streams");
    assert.deepEqual(service.outlierEjection, DEFAULT_OUTLIER_EJECTION);
    assert.deepEqual(service.models, [{ name: "m", path: "/jobs/m.onnx" }]);
  });

  it("says them in full", () => {
    const service = serviceOf({
      retry: { budget: { ratio: 0.1, ttl: "5s" } },
      hedging: { after: "20ms" },
      outlierEjection: { consecutiveFailures: 3, baseEjection: "2s" },
      transport: "pekko-rpc",
      resultCache: "64mb",
      memoryLimit: "1.5gb",
      autoscaler: { max: 4, targetQueueTime: "50ms" },
    });
    assert.deepEqual(service.retry.budget, { ratio: 0.1, minPerSecond: 10, ttlMs: 5_000 });
    assert.deepEqual(service.hedging, { afterMs: 20, maxShare: 0.05 });
    assert.deepEqual(service.outlierEjection, {
      ...DEFAULT_OUTLIER_EJECTION,
      consecutiveFailures: 3,
      baseEjectionMs: 2_000,
    });
    assert.equal(service.transport, "pekko-rpc");
    assert.equal(service.resultCacheBytes, 64 * 1024 ** 2);
    assert.equal(service.memoryLimitBytes, 1.5 * 1024 ** 3);
    assert.deepEqual(service.autoscaler, {
      min: 1,
      max: 4,
      targetQueueMs: 50,
      coolDownMs: 10_000,
      scaleInBelow: 0.6,
    });
    assert.equal(serviceOf({ outlierEjection: { enabled: false } }).outlierEjection, undefined);
  });

  it("serves several models, and an operator says which it calls", () => {
    const models = { second: "b.onnx" };
    assert.deepEqual(serviceOf({ models }).models, [
      { name: "m", path: "/jobs/m.onnx" },
      { name: "second", path: "/jobs/b.onnx" },
    ]);
    const [, ask] = jobWith({ models }, { model: "second" }).operators;
    assert.equal(ask.kind === "rpc" && ask.rpc.model, "second");
    assert.deepEqual(findings({ m: { models } }), []);
    assert.deepEqual(findings({ m: { model: "m.onnx", models } }, { model: "third" }), ["FL1010 operators.ask.model"]);
    assert.deepEqual(findings({ m: { model: "m.onnx", models: { m: "b.onnx" } } }), ["FL1012 services.m.models.m"]);
  });

  it("is refused when it calls itself round about, and the way round is named", () => {
    const services = {
      s1: { function: "f.ts#s", calls: ["s2"] },
      s2: { function: "f.ts#s", calls: ["s3"] },
      s3: { function: "f.ts#s", calls: ["s2"] },
    };
    const { problems } = parsed(services);
    assert.deepEqual(
      problems.map(({ code, location }) => [code, location?.element]),
      [["FL1011", "services.s2.calls"]],
    );
    assert.match(problems[0].message, /s2 calls s3 calls s2/);
    assert.deepEqual(findings({ m: { function: "f.ts#s", calls: ["m"] } }), ["FL1011 services.m.calls"]);
  });

  it("warns where more calls can be under way than the queues take", () => {
    const queue = { maxLength: 50 };
    const at = "FL1003 operators.ask.capacity";
    assert.deepEqual(findings({ m: { model: "m.onnx", queue } }, { capacity: 51 }), []);
    assert.deepEqual(findings({ m: { model: "m.onnx", queue } }, { capacity: 52 }), [at]);
    assert.deepEqual(findings({ m: { model: "m.onnx", queue, parallelism: 2 } }, { capacity: 52 }), []);
    assert.deepEqual(
      findings({ m: { model: "m.onnx", queue, parallelism: 2, deployment: "embedded" } }, { capacity: 52 }),
      [at],
    );
    assert.deepEqual(findings({ m: { deployment: "external", addresses: ["h:1"], queue } }, { capacity: 52 }), []);
  });

  it("is code or a model, and code says whom it calls: by name, or any", () => {
    const [service] = parsed({ m: { function: "functions/rank.ts#rank" } }).job!.services;
    assert.deepEqual(service.function, { module: "/jobs/functions/rank.ts", exportName: "rank" });
    assert.deepEqual([service.models, service.calls, service.callsAny], [[], [], undefined]);
    const { job } = parsed({
      m: { function: "f.ts#s", calls: "any" },
      n: { model: "n.onnx" },
      o: { function: "f.ts#s", calls: "any" },
    });
    assert.deepEqual(
      job?.services.map(({ calls, callsAny }) => [calls, callsAny]),
      [
        [["n", "o"], true],
        [[], undefined],
        [["m", "n"], true],
      ],
      "no circle that could be seen",
    );
    const findingsOf: readonly (readonly [object, readonly string[]])[] = [
      [{ m: { calls: [] } }, ["FL1003 services.m"]],
      [{ m: { function: "f.ts#s", model: "m.onnx" } }, ["FL1003 services.m.function"]],
      [{ m: { function: "nothing" } }, ["FL1003 services.m.function"]],
      [{ m: { function: "f.ts#s", calls: "all" } }, ["FL1003 services.m.calls"]],
      [{ m: { model: "m.onnx", calls: ["n"] }, n: { model: "n.onnx" } }, ["FL1003 services.m.calls"]],
      [
        { m: { function: "f.ts#s", calls: ["n"] }, n: { model: "n.onnx", deployment: "sidecar" } },
        ["FL1015 services.m.calls"],
      ],
      [{ m: { function: "f.ts#s", calls: ["n"], shared: true }, n: { model: "n.onnx" } }, ["FL1015 services.m.calls"]],
      [{ m: { function: "f.ts#s", calls: ["n"], shared: true }, n: { model: "n.onnx", shared: true } }, []],
    ];
    for (const [services, expected] of findingsOf)
      assert.deepEqual(findings(services), expected, JSON.stringify(services));
  });

  it("is refused with an autoscaler that cannot be, and warned of switches that its deployment does not have", () => {
    const autoscaler = { min: 2, max: 4 };
    assert.deepEqual(findings({ m: { model: "m.onnx", autoscaler } }), ["FL1013 services.m.parallelism"]);
    assert.deepEqual(findings({ m: { model: "m.onnx", autoscaler: { min: 3, max: 2 } } }), [
      "FL1013 services.m.autoscaler",
    ]);
    assert.deepEqual(findings({ m: { model: "m.onnx", deployment: "embedded", autoscaler: { max: 2 } } }), [
      "FL1015 services.m.autoscaler",
    ]);
    const { job, problems } = parsed({ m: { model: "m.onnx", deployment: "embedded", hedging: { after: "1s" } } });
    assert.ok(job);
    assert.deepEqual(
      problems.map(({ code, severity }) => [code, severity]),
      [["FL1003", "warning"]],
    );
  });
});

describe("sizes of memory", () => {
  it("are read with their units, each 1024 of the one before, and written so that they are read back", () => {
    for (const [text, bytes] of [
      ["512mb", 512 * 1024 ** 2],
      ["1.5 GiB", 1.5 * 1024 ** 3],
      ["7 bytes", 7],
      ["2k", 2048],
    ] as const) {
      assert.equal(parseMemorySize(text), bytes);
      assert.equal(parseMemorySize(formatMemorySize(bytes)), bytes);
    }
    for (const text of ["12", "mb", "-1mb", "1e3mb", "1 xb", `${"9".repeat(30)}gb`]) {
      assert.equal(parseMemorySize(text), undefined, text);
    }
    assert.deepEqual(findings({ m: { model: "m.onnx", memoryLimit: "much" } }), ["FL1024 services.m.memoryLimit"]);
  });
});
