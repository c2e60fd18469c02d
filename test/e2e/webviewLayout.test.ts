/** The layout by itself, without a browser: nothing overlaps, frames hold what is theirs and nothing else, the same graph lies the same. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeAnalyzed } from "../../simulator/graph/describeGraph";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { analyzePlan } from "../../simulator/graph/planGraph";
import { readGraphFile } from "../../simulator/graph/planImport";
import type { LayoutResult, Rectangle } from "../../webview/layout/layoutRequest";
import { layoutRegions } from "../../webview/layout/regionLayout";
import { ARRANGEMENTS, makePicture, type Arrangement, type Picture } from "../../webview/model/picture";
import {
  batchJob,
  hostileNames,
  languageDetection,
  layeredGraph,
  severalServices,
  wideChain,
} from "./webviewHarness/sampleGraphs";

const ASPECT = 16 / 9;
const PLANS = join(__dirname, "..", "fixtures", "plans");

function layOut(
  graph: GraphDescription,
  arrangement: Arrangement,
  previous?: LayoutResult,
): { picture: Picture; layout: LayoutResult } {
  const picture = makePicture(graph, "operator", arrangement, (text) => text.length * 7, ASPECT);
  const middles =
    previous &&
    new Map(
      Array.from(previous.nodes, ([id, { x, y, width, height }]) => [id, { x: x + width / 2, y: y + height / 2 }]),
    );
  const steps = layoutRegions(picture.request, middles);
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return { picture, layout: step.value };
}

function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function holds(outer: Rectangle, inner: Rectangle): boolean {
  const slack = 0.5;
  return (
    inner.x >= outer.x - slack &&
    inner.y >= outer.y - slack &&
    inner.x + inner.width <= outer.x + outer.width + slack &&
    inner.y + inner.height <= outer.y + outer.height + slack
  );
}

function check({ picture, layout }: { picture: Picture; layout: LayoutResult }): void {
  const nodes = [...layout.nodes];
  assert.equal(nodes.length, picture.graph.vertices.length);
  for (let i = 0; i < nodes.length; i++) {
    for (let k = i + 1; k < nodes.length; k++) {
      assert.ok(
        !overlap(nodes[i][1], nodes[k][1]),
        `${nodes[i][0].slice(0, 40)} and ${nodes[k][0].slice(0, 40)} overlap`,
      );
    }
  }
  const frames = [...layout.groups];
  for (const [id, frame] of frames) {
    for (const [vertex, place] of nodes) {
      const own = picture.regions.groupOfVertex.get(vertex)?.id === id;
      assert.ok(own ? holds(frame, place) : !overlap(frame, place), `${vertex} and the frame of ${id}`);
    }
    for (const [other, place] of frames)
      assert.ok(other === id || !overlap(frame, place), `frames ${id} and ${other} overlap`);
  }
  for (const { id } of [...picture.edges, ...picture.calls]) {
    const { points, label } = layout.edges.get(id) ?? { points: [], label: { x: NaN, y: NaN } };
    assert.ok(
      points.length >= 2 && Number.isFinite(label.x) && Number.isFinite(label.y),
      `${id} has a line and a label`,
    );
    assert.ok(points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
  }
  for (const [, place] of nodes) assert.ok(holds(layout.bounds, place));
}

const GRAPHS: readonly (readonly [string, GraphDescription])[] = [
  ["language detection", languageDetection()],
  ["a batch job", batchJob()],
  ["several services", severalServices()],
  ["hostile names", hostileNames()],
  ["50 vertices", layeredGraph(50)],
  ["300 vertices", layeredGraph(300, 2, 6, 5)],
  ["a chain of 20", wideChain(20, 128)],
  ["one vertex", { ...wideChain(1, 1) }],
  [
    "no vertices",
    { name: "nothing", vertices: [], edges: [], regions: [], calls: [], origin: { form: "job-file", notes: [] } },
  ],
];

describe("layout of the graph view", () => {
  for (const [name, graph] of GRAPHS) {
    for (const arrangement of ARRANGEMENTS) {
      it(`places ${name} without overlap, ${arrangement.orientation}, services ${arrangement.services}`, () => {
        check(layOut(graph, arrangement));
      });
    }
  }

  for (const file of readdirSync(PLANS).filter((name) => name.endsWith(".json") || name.endsWith(".txt"))) {
    it(`places the plan ${file} without overlap`, () => {
      const read = readGraphFile(readFileSync(join(PLANS, file), "utf8"), file);
      assert.equal(read.kind, "plan");
      const graph = describeAnalyzed(analyzePlan(read.plan));
      for (const arrangement of ARRANGEMENTS) check(layOut(graph, arrangement));
    });
  }

  it("draws two edges between the same vertices side by side", () => {
    const one = wideChain(2, 2);
    const graph: GraphDescription = { ...one, edges: [one.edges[0], { ...one.edges[0], shipStrategy: "BROADCAST" }] };
    for (const arrangement of ARRANGEMENTS) {
      const { layout } = layOut(graph, arrangement);
      const [a, b] = ["edge 0", "edge 1"].map((id) => layout.edges.get(id)?.points[0] ?? { x: NaN, y: NaN });
      assert.ok(Math.abs(a.x - b.x) + Math.abs(a.y - b.y) > 20, `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
    }
  });

  it("places the labels of lines between frames off the frames", () => {
    for (const arrangement of ARRANGEMENTS) {
      const { picture, layout } = layOut(batchJob(), arrangement);
      assert.ok(layout.groups.size > 3);
      for (const { id, labelWidth } of picture.edges) {
        const { x, y } = layout.edges.get(id)?.label ?? { x: NaN, y: NaN };
        const label = { x: x - labelWidth / 2 + 3, y: y - 15, width: labelWidth - 6, height: 30 };
        for (const [frame, place] of layout.groups) {
          assert.ok(!overlap(place, label) || holds(place, label), `the label of ${id} crosses ${frame}`);
        }
      }
    }
  });

  it("lays the same graph out the same", () => {
    for (const arrangement of ARRANGEMENTS) {
      const first = layOut(layeredGraph(120), arrangement);
      const second = layOut(layeredGraph(120), arrangement);
      assert.deepEqual([...second.layout.nodes], [...first.layout.nodes]);
    }
  });

  it("keeps the order of what was there when a vertex is added", () => {
    const before = layeredGraph(40);
    const { layout } = layOut(before, ARRANGEMENTS[0]);
    const sink = { ...before.vertices[0], id: "new", name: "new sink" };
    const region = before.regions[0];
    const after: GraphDescription = {
      ...before,
      vertices: [...before.vertices, sink],
      edges: [...before.edges, { ...before.edges[0], source: "v0", target: "new", partitionType: "PIPELINED_BOUNDED" }],
      regions: [
        { ...region, vertices: [...region.vertices, "new"], subtasks: [...region.subtasks, "new#0", "new#1"] },
        ...before.regions.slice(1),
      ],
    };
    const next = layOut(after, ARRANGEMENTS[0], layout).layout;
    const inOrder = (result: LayoutResult): string[] =>
      ["v0", "v1", "v2", "v3", "v4", "v5"].sort(
        (a, b) => (result.nodes.get(a)?.y ?? 0) - (result.nodes.get(b)?.y ?? 0),
      );
    assert.deepEqual(inOrder(next), inOrder(layout));
  });

  it("draws a cycle among frames instead of failing", () => {
    const graph = batchJob();
    const back = { ...graph.edges[0], source: "sort", target: "orders", partitionType: "BLOCKING" as const };
    for (const arrangement of ARRANGEMENTS) check(layOut({ ...graph, edges: [...graph.edges, back] }, arrangement));
  });
});
