import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describeAnalyzed } from "../../simulator/graph/describeGraph";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { Problem } from "../../simulator/graph/errors";
import { unescapeHtml } from "../../simulator/graph/htmlText";
import { parseOperatorTree } from "../../simulator/graph/operatorTree";
import { analyzePlan, type PlanGraph } from "../../simulator/graph/planGraph";
import { readGraphFile } from "../../simulator/graph/planImport";

const FIXTURES = path.join(__dirname, "../fixtures/plans");
const CAPTURED = path.join(__dirname, "../../../shared/flink/plans");

function planOf(text: string): PlanGraph {
  const read = readGraphFile(text, "plan.json");
  assert.equal(read.kind, "plan", JSON.stringify(read));
  return read.plan;
}

function fixture(name: string): GraphDescription {
  return describeAnalyzed(analyzePlan(planOf(readFileSync(path.join(FIXTURES, name), "utf8"))));
}

function problemsOf(value: unknown): readonly Problem[] {
  const read = readGraphFile(typeof value === "string" ? value : JSON.stringify(value, undefined, 2), "plan.json");
  assert.equal(read.kind, "problems", JSON.stringify(read));
  return read.problems;
}

/** A REST plan of nodes `id: [parallelism, ...inputs]`. */
type RestNode = [number, ...{ id: string; exchange?: string; ship_strategy?: string }[]];

function restPlan(nodes: Readonly<Record<string, RestNode>>): unknown {
  return {
    jid: "1",
    name: "t",
    nodes: Object.entries(nodes).map(([id, [parallelism, ...inputs]]) => ({
      id,
      parallelism,
      operator_strategy: "",
      description: id,
      inputs: inputs.map((input, num) => ({ num, ship_strategy: "HASH", exchange: "pipelined_bounded", ...input })),
    })),
  };
}

describe("plans of a real Flink", () => {
  it("of the older REST API: unescaped names, branches, parallel edges, nodes in any order", () => {
    const plan = fixture("rest-plan.classic.json");
    assert.equal(plan.name, "Fraud scores");
    assert.deepEqual(
      plan.vertices.map(({ name, parallelism }) => [name, parallelism]),
      [
        ["Source: Payments <eu> -> Parse café", 2],
        ["Score & filter -> (Sink: Alerts, To row -> Sink: Journal)", 3],
      ],
    );
    const [, scores] = plan.vertices;
    assert.deepEqual(
      scores.operators.map(({ name, input }) => [name, input?.split("/")[1]]),
      [
        ["Score & filter", undefined],
        ["Sink: Alerts", "0"],
        ["To row", "0"],
        ["Sink: Journal", "2"],
      ],
    );
    assert.deepEqual(
      plan.edges.map(({ shipStrategy, partitionType, pattern, derived }) => [
        shipStrategy,
        partitionType,
        pattern,
        derived,
      ]),
      [
        ["HASH", "PIPELINED_BOUNDED", "ALL_TO_ALL", undefined],
        ["BROADCAST", "PIPELINED_BOUNDED", "ALL_TO_ALL", undefined],
      ],
    );
    assert.equal(plan.regions.length, 1);
    assert.equal(plan.origin.form, "rest-plan");
  });

  it("of the newer REST API: trees, nulls spelled out, keys in the ship strategy, a partitioner of the user", () => {
    const plan = fixture("rest-plan.typed.json");
    const [orders] = plan.vertices;
    assert.equal(orders.description, "Source: orders\n:- Calc(select=[a, b])\n:  +- Rank\n+- Sink: raw");
    assert.equal(orders.name, "Source: orders -> (Calc(select=[a, b]) -> Rank, Sink: raw)");
    assert.deepEqual(
      plan.edges.map(({ source, target, shipStrategy, partitionType, pattern }) => [
        source.slice(-2),
        target.slice(-2),
        shipStrategy,
        partitionType,
        pattern,
      ]),
      [
        ["a1", "a2", "HASH[a, b]", "HYBRID_FULL", "ALL_TO_ALL"],
        ["a2", "a3", "FORWARD", "BLOCKING", "POINTWISE"],
        ["a2", "a3", "ByCountry", "BLOCKING_PERSISTENT", "ALL_TO_ALL"],
      ],
    );
    assert.equal(plan.edges[2].derived, true);
    assert.match(plan.origin.notes.join(" "), /ByCountry/);
    assert.equal(plan.regions.length, 8, "no exchange joins two subtasks");
  });

  it("inside the answer of /jobs/:jid", () => {
    const plan = fixture("rest-job.json");
    assert.equal(plan.origin.form, "rest-job");
    assert.deepEqual(
      plan.vertices.map(({ name }) => name),
      ["Source: clicks", "Session window -> Sink: out"],
    );
    assert.deepEqual(
      plan.regions.map(({ subtasks }) => subtasks.map((id) => id.slice(-3))),
      [
        ["1#0", "2#0"],
        ["1#1", "2#1"],
      ],
    );
  });

  it("of getExecutionPlan(): chained by the rules, and said to be derived", () => {
    const plan = fixture("execution-plan.json");
    assert.deepEqual(
      plan.vertices.map(({ id, name }) => [id, name]),
      [
        ["1", "Source: texts -> Map"],
        ["3", "Source: rules"],
        ["5", "Classify -> Sink: counts"],
      ],
    );
    assert.ok(
      plan.edges.every(({ derived, partitionType }) => derived === true && partitionType === "PIPELINED_BOUNDED"),
    );
    assert.deepEqual(plan.vertices[2].operators[0].notChained, [
      "It has 2 inputs; only an operator with one input can be chained.",
      "Its input is HASH; only FORWARD can be chained.",
    ]);
    assert.match(plan.origin.notes[0], /derived/);
  });

  it("in the text that EXPLAIN prints, with places as in the file", () => {
    assert.deepEqual(
      fixture("explain.txt").vertices.map(({ name }) => name),
      ["Source: words[1]"],
    );
    const text = readFileSync(path.join(FIXTURES, "explain.txt"), "utf8").replace(
      '"parallelism" : 1',
      '"parallelism" : 0',
    );
    const [problem] = problemsOf(text);
    assert.equal(problem.code, "FL1013");
    assert.equal(problem.location?.line, text.slice(0, text.indexOf(": 0")).split("\n").length);
  });

  it("with a stream graph: operators by their vertex, pending ones alone", () => {
    const plan = fixture("stream-graph.json");
    assert.equal(plan.origin.form, "stream-graph");
    assert.equal(plan.name, "Adaptive");
    assert.deepEqual(
      plan.vertices.map(({ id, name, parallelism }) => [id, name, parallelism]),
      [
        ["bb000000000000000000000000000001", "Source: a -> Map", 3],
        ["3", "Reduce", -1],
        ["4", "Sort", -1],
        ["5", "Sink: b", -1],
      ],
    );
    assert.deepEqual(
      plan.edges.map(({ target, partitionType }) => [target, partitionType]),
      [
        ["3", "BLOCKING"],
        ["4", "HYBRID_SELECTIVE"],
        ["5", "UNDEFINED"],
      ],
    );
    assert.deepEqual(
      plan.regions.map(({ vertices }) => vertices.map((id) => id.slice(-1)).join("")),
      ["1", "1", "1", "3", "45"],
    );
  });

  it("with comments, a byte order mark and as bare nodes", () => {
    const nodes = restPlan({ b: [1, { id: "a" }], a: [1] });
    assert.equal(planOf(`\uFEFF${JSON.stringify(nodes)}`).vertices.length, 2);
    assert.equal(planOf(`// saved by hand\n${JSON.stringify(nodes)}`).vertices.length, 2);
    const bare = [
      { id: "1", parallelism: 2, inputs: [] },
      { id: "2", parallelism: 2, inputs: [{ id: "1", ship_strategy: "FORWARD", exchange: "blocking" }] },
    ];
    assert.equal(planOf(JSON.stringify({ nodes: bare })).form, "rest-plan");
  });

  it("takes every partition type in any case, and every ship strategy", () => {
    const types = [
      "blocking",
      "BLOCKING_PERSISTENT",
      "pipelined",
      "Pipelined_Bounded",
      "pipelined_approximate",
      "hybrid_full",
      "hybrid_selective",
    ];
    for (const exchange of types)
      assert.equal(
        planOf(JSON.stringify(restPlan({ a: [1], b: [1, { id: "a", exchange }] }))).edges[0].partitionType,
        exchange.toUpperCase(),
      );
    const patterns = {
      FORWARD: "POINTWISE",
      RESCALE: "POINTWISE",
      REBALANCE: "ALL_TO_ALL",
      SHUFFLE: "ALL_TO_ALL",
      HASH: "ALL_TO_ALL",
      "HASH[a, b]": "ALL_TO_ALL",
      BROADCAST: "ALL_TO_ALL",
      GLOBAL: "ALL_TO_ALL",
      CUSTOM: "ALL_TO_ALL",
    };
    for (const [ship_strategy, pattern] of Object.entries(patterns)) {
      const [edge] = planOf(JSON.stringify(restPlan({ a: [2], b: [3, { id: "a", ship_strategy }] }))).edges;
      assert.deepEqual([edge.pattern, edge.ship, edge.derived], [pattern, ship_strategy, false]);
    }
  });

  it("reads a chain whose ids were all written over, and no other graph of that kind", () => {
    const node = (description: string, inputs: number): unknown => ({
      id: "<vertex-id>",
      parallelism: 2,
      operator_strategy: "",
      description,
      inputs: Array.from({ length: inputs }, (_, num) => ({
        num,
        id: "<vertex-id>",
        ship_strategy: "HASH",
        exchange: "pipelined_bounded",
      })),
    });
    for (const nodes of [
      [node("c", 1), node("b", 1), node("a", 0)],
      [node("a", 0), node("b", 1), node("c", 1)],
    ]) {
      const plan = planOf(JSON.stringify({ nodes }));
      assert.deepEqual(
        plan.vertices.map(({ id, name }) => `${id} ${name}`),
        ["vertex-1 a", "vertex-2 b", "vertex-3 c"],
      );
      assert.match(plan.notes[0], /placeholder/);
    }
    assert.equal(problemsOf({ nodes: [node("c", 2), node("b", 0), node("a", 0)] })[0].code, "FL1012");
  });

  if (existsSync(CAPTURED)) {
    for (const name of readdirSync(CAPTURED)) {
      it(`sample ${name}`, () => {
        const read = readGraphFile(readFileSync(path.join(CAPTURED, name), "utf8"), name);
        if (/exceptions|overview/.test(name)) {
          assert.ok(read.kind === "problems" && read.problems[0].code === "FL1005");
          return;
        }
        assert.ok(read.kind === "plan", JSON.stringify(read));
        const described = describeAnalyzed(analyzePlan(read.plan));
        const subtasks = described.vertices.reduce((sum, { parallelism }) => sum + Math.max(1, parallelism), 0);
        assert.equal(new Set(described.regions.flatMap((region) => region.subtasks)).size, subtasks);
      });
    }
  }
});

describe("files that hold no graph", () => {
  it("are named for what they are", () => {
    const cases: [unknown, RegExp][] = [
      [{ jobs: [{ jid: "1" }] }, /list of jobs/],
      [{ exceptionHistory: { entries: [] } }, /exceptions/],
      [{ taskmanagers: [] }, /TaskManagers/],
      [{ job: "x.faultline.json", hypothesis: [] }, /experiment/],
      [{ jid: "1", state: "RUNNING", vertices: [] }, /without the nodes/],
      [[], /a list/],
      [3, /a number/],
      [null, /null/],
      [{}, /empty object/],
      [{ foo: 1, __proto__: null }, /"foo"/],
    ];
    for (const [value, message] of cases) {
      const [problem] = problemsOf(value);
      assert.equal(problem.code, "FL1005");
      assert.match(problem.message, message);
      assert.ok(problem.hint);
    }
  });
});

describe("bad plans", () => {
  const code = (value: unknown): string => problemsOf(value)[0].code;

  it("broken JSON has line and column", () => {
    const [problem] = problemsOf('{\n  "nodes": [\n    { "id": "a", }}\n  ]\n}');
    assert.deepEqual([problem.code, problem.location?.line, problem.location?.column], ["FL1002", 3, 19]);
  });

  it("an unknown exchange, at its place, with the nearest one", () => {
    const [problem] = problemsOf(restPlan({ a: [1], b: [1, { id: "a", exchange: "pipelined_bouned" }] }));
    assert.equal(problem.code, "FL1014");
    assert.equal(problem.location?.element, "nodes[1].inputs[0].exchange");
    assert.ok(problem.location?.line);
    assert.match(problem.hint!, /pipelined_bounded/);
  });

  it("edges to nowhere, duplicate ids, cycles, parallelism out of range", () => {
    assert.equal(code(restPlan({ a: [1], b: [1, { id: "nowhere" }] })), "FL1010");
    const twice = restPlan({ a: [1], b: [1, { id: "a" }] }) as { nodes: { id: string }[] };
    assert.equal(code({ ...twice, nodes: [...twice.nodes, twice.nodes[0]] }), "FL1012");
    const [cycle] = problemsOf(restPlan({ a: [1, { id: "c" }], b: [1, { id: "a" }], c: [1, { id: "b" }] }));
    assert.equal(cycle.code, "FL1011");
    assert.match(cycle.message, /→/);
    assert.equal(code(restPlan({ a: [1, { id: "a" }] })), "FL1011", "an edge to itself");
    for (const parallelism of [0, -2, 10_000_000, 1.5, "4", null]) {
      assert.equal(code(restPlan({ a: [parallelism as number] })), "FL1013", String(parallelism));
    }
    assert.equal(planOf(JSON.stringify(restPlan({ a: [32_768] }))).vertices[0].parallelism, 32_768);
    assert.equal(
      code({ nodes: [{ id: 1, type: "a", pact: "x", parallelism: 1, predecessors: [{ id: 9 }] }] }),
      "FL1010",
    );
    assert.equal(
      code({ nodes: [{ id: "1", parallelism: -1, job_vertex_id: "v", inputs: [{ id: "1", exchange: "WHAT" }] }] }),
      "FL1014",
    );
  });

  it("things that are not of the form", () => {
    for (const nodes of [
      [3],
      [null],
      [{}],
      [{ id: [] }],
      [{ id: "a", parallelism: 1, inputs: 3 }],
      [{ id: "a", parallelism: 1, inputs: [null] }],
      [],
    ]) {
      assert.match(code({ jid: "1", nodes }), /^FL10(03|13)$/, JSON.stringify(nodes));
    }
    assert.equal(code(restPlan({ ["x".repeat(200)]: [1] })), "FL1004");
  });

  it("hostile names are names", () => {
    const html = "<script>alert(1)</script>";
    const plan = planOf(
      JSON.stringify(restPlan({ constructor: [2, { id: html }] as RestNode, [html]: [2] as RestNode })).replace(
        '"nodes":[',
        '"nodes":[{"id":"__proto__","parallelism":1,"description":"&lt;b&gt;","operator_strategy":""},',
      ),
    );
    assert.deepEqual(new Set(plan.vertices.map(({ id }) => id)), new Set(["__proto__", "constructor", html]));
    const described = describeAnalyzed(analyzePlan(plan));
    assert.equal(described.regions.flatMap(({ subtasks }) => subtasks).length, 5);
    assert.equal(plan.vertices.find(({ id }) => id === "__proto__")?.name, "<b>");
  });

  it("too deep and too many", function () {
    this.timeout(60_000);
    assert.equal(code(`{"nodes":${"[".repeat(100_000)}`), "FL1004");
    assert.equal(code(`{"nodes":[${"{},".repeat(4_000_000)}{}]}`), "FL1004");
  });
});

describe("descriptions of vertices", () => {
  it("are unescaped once", () => {
    assert.equal(
      unescapeHtml("a -&gt; b<br/>+- &quot;c&quot; &amp;lt; &#92; &#x41; &auml; &nope; &#0; &"),
      'a -> b\n+- "c" &lt; \\ A ä &nope; &#0; &',
    );
  });

  it("are read as trees and chains", () => {
    const tree = (text: string): string =>
      parseOperatorTree(text)
        .map(({ name, input }) => `${input ?? ""}<${name}`)
        .join(" ");
    assert.equal(tree("A"), "<A");
    assert.equal(tree("A -> B -> C"), "<A 0<B 1<C");
    assert.equal(tree("A -> (B, C -> (D, E))"), "<A 0<B 0<C 2<D 2<E");
    assert.equal(tree("Calc(select=[a -> b, c]) -> Sink"), "<Calc(select=[a -> b, c]) 0<Sink");
    assert.equal(tree("A\n+- B\n   :- C\n   :  +- D\n   +- E\n"), "<A 0<B 1<C 2<D 1<E");
    assert.equal(tree(""), "<");
    assert.ok(parseOperatorTree(`A -> ${"(".repeat(100_000)}`).length >= 1);
  });
});
