import assert from "node:assert/strict";
import { analyzeJob, describeAnalyzed } from "../../simulator/graph/describeGraph";
import {
  buildExecutionGraph,
  parseSubtaskId,
  subtaskNumber,
  type JobTopology,
} from "../../simulator/graph/executionGraph";
import { FaultlineError } from "../../simulator/graph/errors";
import { failoverScope } from "../../simulator/graph/failoverScope";
import { isolateOperator } from "../../simulator/graph/isolateOperator";
import type { Deployment } from "../../simulator/graph/jobFile";
import { buildJobGraph, type JobGraph } from "../../simulator/graph/jobGraph";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import { computeLogicalRegions, computeRegions } from "../../simulator/graph/pipelinedRegion";

interface Operators {
  readonly [id: string]: Readonly<Record<string, unknown>>;
}

function jobGraph(
  operators: Operators,
  edges: readonly Readonly<Record<string, unknown>>[],
  more: Readonly<Record<string, unknown>> = {},
): JobGraph {
  const job = { runtime: { slots: 100 }, operators, edges, ...more };
  const { job: spec, problems } = parseJobFile(JSON.stringify(job), "/j/x.faultline.json");
  assert.ok(spec, JSON.stringify(problems));
  return buildJobGraph(spec);
}

const SOURCE = { type: "source", connector: "generator" };
const STEP = { type: "standIn" };
const SINK = { type: "sink", connector: "blackhole" };

function failsWith(code: string, work: () => unknown): FaultlineError {
  let thrown: unknown;
  assert.throws(work, (error) => {
    thrown = error;
    return error instanceof FaultlineError && error.code === code;
  });
  return thrown as FaultlineError;
}

describe("job graph", () => {
  it("chains what the rules allow, and says why the rest is not", () => {
    const reasonOf = (operators: Operators, edge: Readonly<Record<string, unknown>>, more = {}): readonly string[] => {
      const graph = jobGraph(
        { a: SOURCE, b: STEP, c: SINK, ...operators },
        [
          { from: "a", to: "b", ...edge },
          { from: "b", to: "c" },
        ],
        more,
      );
      return graph.vertices.flatMap((vertex) => vertex.operators).find(({ id }) => id === "b")!.notChained;
    };
    assert.deepEqual(reasonOf({}, {}), []);
    assert.match(reasonOf({}, { ship: "REBALANCE" }).join(), /REBALANCE; only FORWARD/);
    assert.match(reasonOf({}, { partitionType: "BLOCKING" }).join(), /batch exchange/);
    assert.deepEqual(reasonOf({}, { partitionType: "HYBRID_FULL" }), [], "only BATCH is no exchange to chain over");
    assert.match(reasonOf({ b: { ...STEP, parallelism: 2 } }, {}).join(), /parallelism is 2/);
    assert.match(reasonOf({ b: { ...STEP, maxParallelism: 7 } }, {}).join(), /maximum parallelism is 7.*not set/);
    assert.match(reasonOf({ b: { ...STEP, slotSharingGroup: "gpu" } }, {}).join(), /slot sharing group "gpu"/);
    assert.match(reasonOf({ b: { ...STEP, chaining: "HEAD" } }, {}).join(), /strategy is HEAD/);
    assert.match(reasonOf({ a: { ...SOURCE, chaining: "NEVER" } }, {}).join(), /before is NEVER/);
    assert.deepEqual(reasonOf({ a: { ...SOURCE, chaining: "HEAD" } }, {}), [], "the head of a chain has followers");
    assert.match(reasonOf({}, {}, { runtime: { slots: 9, chaining: false } }).join(), /switched off/);
    const union = jobGraph({ a: SOURCE, b: SOURCE, u: { type: "union" }, c: SINK }, [
      { from: "a", to: "u" },
      { from: "b", to: "u" },
      { from: "u", to: "c" },
    ]);
    assert.match(union.vertices[2].operators[0].notChained.join(), /union/);
    assert.equal(union.vertices[2].name, "u -> c");
  });

  it("keeps trees of chained operators and parallel edges", () => {
    const graph = jobGraph({ a: SOURCE, b: STEP, c: STEP, d: SINK, e: SINK }, [
      { from: "a", to: "b" },
      { from: "a", to: "c" },
      { from: "b", to: "d", ship: "HASH", key: "k" },
      { from: "c", to: "d", ship: "HASH", key: "k" },
      { from: "c", to: "e" },
    ]);
    assert.deepEqual(
      graph.vertices.map(({ id, name }) => [id, name]),
      [
        ["a", "a -> (b, c -> e)"],
        ["d", "d"],
      ],
    );
    assert.deepEqual(
      graph.vertices[0].chainedEdges.map(({ source, target }) => `${source}${target}`),
      ["ab", "ac", "ce"],
    );
    assert.deepEqual(
      graph.edges.map(({ index, source, target, sourceOperator }) => [index, source, target, sourceOperator]),
      [
        [0, "a", "d", "b"],
        [1, "a", "d", "c"],
      ],
    );
  });

  const withService = (deployment: Deployment): JobGraph =>
    jobGraph(
      { a: SOURCE, ask: { type: "rpc", service: "model" }, c: SINK },
      [
        { from: "a", to: "ask" },
        { from: "ask", to: "c", ship: "HASH", key: "k" },
      ],
      {
        runtime: { parallelism: 2, slots: 2 },
        services: {
          model: {
            model: "m.onnx",
            parallelism: 3,
            deployment,
            calls: ["helper"],
            ...(deployment === "external" ? { addresses: ["h:1"] } : {}),
          },
          helper: { model: "h.onnx" },
        },
      },
    );

  it("gives a service its own vertex without data edges, and a region for each instance", () => {
    const graph = withService("rpc-service");
    const model = graph.vertices.find(({ id }) => id === "model")!;
    assert.deepEqual(
      [model.kind, model.parallelism, model.slotSharingGroup, model.operators.length],
      ["service", 3, "service-model", 0],
    );
    assert.deepEqual(
      graph.calls.map(({ source, target, operator }) => [source, target, operator]),
      [
        ["a", "model", "ask"],
        ["model", "helper", undefined],
      ],
    );
    const execution = buildExecutionGraph(graph);
    const regions = computeRegions(execution);
    assert.equal(regions.count, 1 + 3 + 1);
    const instance = failoverScope(execution, regions, subtaskNumber(execution, "model#1"));
    assert.deepEqual([...instance.subtasks], [subtaskNumber(execution, "model#1")]);
    const task = failoverScope(execution, regions, subtaskNumber(execution, "c#0"));
    assert.deepEqual([...task.subtasks], [0, 1, 2, 3], "the service runs on");
    assert.equal(failoverScope(execution, regions, 0, { strategy: "full" }).subtasks.length, 8);
  });

  it("has no vertex for a model that runs elsewhere", () => {
    for (const deployment of ["embedded", "sidecar", "external"] as const) {
      const graph = withService(deployment);
      assert.ok(!graph.vertices.some(({ id }) => id === "model"));
      assert.ok(!graph.calls.some(({ source, target }) => source === "model" || target === "model"));
    }
  });

  it("chains of ten thousand operators cost no stack", function () {
    this.timeout(60_000);
    const n = 10_000;
    const operators = Object.fromEntries(
      Array.from({ length: n }, (_, i) => [`o${i}`, i === 0 ? SOURCE : i === n - 1 ? SINK : STEP]),
    );
    const edges = Array.from({ length: n - 1 }, (_, i) => ({ from: `o${i}`, to: `o${i + 1}` }));
    const graph = jobGraph(operators, edges);
    assert.equal(graph.vertices.length, 1);
    assert.ok(graph.vertices[0].name.endsWith(`o${n - 2} -> o${n - 1}`));
  });
});

describe("execution graph", () => {
  const one = (parallelism: number): JobTopology => ({ vertices: [{ id: "a", parallelism }], edges: [] });

  it("refuses what cannot be wired", () => {
    for (const parallelism of [0, -1, 1.5, 32_769, NaN])
      failsWith("FL1013", () => buildExecutionGraph(one(parallelism)));
    failsWith("FL1012", () => buildExecutionGraph({ vertices: [...one(1).vertices, ...one(1).vertices], edges: [] }));
    const edge = { source: "a", target: "b", pattern: "POINTWISE", partitionType: "BLOCKING" } as const;
    failsWith("FL1010", () => buildExecutionGraph({ ...one(1), edges: [edge] }));
    const many = Array.from({ length: 200 }, (_, i) => ({ id: `v${i}`, parallelism: 32_768 }));
    assert.match(failsWith("FL1004", () => buildExecutionGraph({ vertices: many, edges: [] })).message, /4000000/);
  });

  it("names subtasks, also of ids with a #", () => {
    assert.deepEqual(parseSubtaskId("a#b#12"), { vertexId: "a#b", index: 12 });
    for (const text of ["", "#1", "a", "a#", "a#x", "a#-1", "a#9999999999"])
      assert.equal(parseSubtaskId(text), undefined, text);
    const graph = buildExecutionGraph(one(3));
    assert.equal(subtaskNumber(graph, "a#2"), 2);
    assert.match(failsWith("FL1017", () => subtaskNumber(graph, "a#3")).hint!, /0 to 2/);
    assert.match(failsWith("FL1017", () => subtaskNumber(graph, "A#0")).hint!, /"a"/);
  });
});

describe("pipelined regions", () => {
  const edge = (
    source: string,
    target: string,
    partitionType: "PIPELINED" | "BLOCKING",
    pattern: "POINTWISE" | "ALL_TO_ALL" = "POINTWISE",
  ) => ({ source, target, partitionType, pattern });
  const vertices = (parallelism: number, ...ids: string[]) => ids.map((id) => ({ id, parallelism }));

  it("are merged on a cycle over several logical regions, and the merge is told", () => {
    const topology = {
      vertices: vertices(2, "a", "b", "c"),
      edges: [edge("a", "b", "PIPELINED"), edge("a", "c", "BLOCKING"), edge("c", "b", "BLOCKING")],
    };
    const graph = buildExecutionGraph(topology);
    assert.equal(computeLogicalRegions(graph).count, 2, "as LogicalPipelinedRegionComputeUtil has them");
    const regions = computeRegions(graph);
    assert.equal(regions.count, 2);
    assert.equal(regions.regionOf[subtaskNumber(graph, "a#1")], regions.regionOf[subtaskNumber(graph, "c#1")]);
    assert.deepEqual(regions.mergedOnCycle, [0]);
  });

  it("are one where a blocking all-to-all edge lies inside", () => {
    const topology = {
      vertices: vertices(3, "a", "b"),
      edges: [edge("a", "b", "PIPELINED"), edge("a", "b", "BLOCKING", "ALL_TO_ALL")],
    };
    assert.equal(computeRegions(buildExecutionGraph(topology)).count, 1);
  });

  it("must hold co-located tasks together", () => {
    const located = (type: "PIPELINED" | "BLOCKING"): JobTopology => ({
      vertices: vertices(2, "head", "tail").map((vertex) => ({ ...vertex, coLocationGroup: "loop" })),
      edges: [edge("head", "tail", type)],
    });
    assert.equal(computeRegions(buildExecutionGraph(located("PIPELINED"))).count, 2);
    assert.match(
      failsWith("FL1016", () => computeRegions(buildExecutionGraph(located("BLOCKING")))).message,
      /head#0 and tail#0/,
    );
  });
});

describe("an operator taken out into a service", () => {
  const analyzed = analyzeJob(
    parseJobFile(
      JSON.stringify({
        runtime: { parallelism: 3, slots: 3 },
        operators: { in: SOURCE, parse: STEP, score: { ...STEP, name: "Score it" }, out: SINK },
        edges: [
          { from: "in", to: "parse" },
          { from: "parse", to: "score" },
          { from: "score", to: "out", ship: "HASH", key: "seq" },
        ],
      }),
      "/j/x.json",
    ).job!,
  );

  it("adds a region for each instance, and leaves the regions of the data alone", () => {
    for (const target of ["in/score", "in/Score it", "in/2"]) {
      const isolated = isolateOperator(analyzed, target);
      assert.equal(isolated.operator.id, "score");
      assert.equal(isolated.serviceId, "score-it-service");
      assert.deepEqual([isolated.before.regions.count, isolated.after.regions.count], [1, 4]);
      assert.deepEqual(
        [isolated.scopeBefore, isolated.scopeAfter, isolated.scopeOfClientAfter].map((scope) => scope.subtasks.length),
        [6, 1, 6],
      );
      const described = describeAnalyzed(isolated.after);
      assert.deepEqual(described.calls, [{ source: "in", target: "score-it-service" }]);
      assert.equal(described.vertices[0].operators[2].kind, "rpc");
    }
  });

  it("says what it cannot take out", () => {
    assert.match(failsWith("FL1010", () => isolateOperator(analyzed, "in")).hint!, /in\/2 \(Score it\)/);
    assert.match(failsWith("FL1010", () => isolateOperator(analyzed, "in/scor")).hint!, /Score it/);
    failsWith("FL1017", () => isolateOperator(analyzed, "nobody/0"));
    failsWith("FL1015", () => isolateOperator(analyzed, "in/in"));
    failsWith("FL1015", () => isolateOperator(analyzed, "out"));
  });
});
