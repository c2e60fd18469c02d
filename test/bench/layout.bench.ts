/**
 * The layout of the graph view against well-kept libraries, on graphs such as the view draws: time, lines that cross, and whether frames
 * of regions hold what is theirs and nothing else. Each library gets the same boxes and edges, and the frames where it knows such a thing.
 *
 * `npm run bench layout`; `tsx test/bench/layout.bench.ts GRAPH` for one graph
 */
import { Graph, layout as dagreLayout } from "@dagrejs/dagre";
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import * as dag from "d3-dag";
import ELK, { type ElkNode } from "elkjs/lib/elk.bundled.js";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { LayoutRequest, Rectangle } from "../../webview/layout/layoutRequest";
import { layoutRegions } from "../../webview/layout/regionLayout";
import { ARRANGEMENTS, makePicture } from "../../webview/model/picture";
import {
  batchJob,
  languageDetection,
  layeredGraph,
  severalServices,
  wideChain,
} from "../e2e/webviewHarness/sampleGraphs";

type Places = ReadonlyMap<string, Rectangle>;
type Engine = (request: LayoutRequest) => Places | Promise<Places>;

/** Larger graphs are not given to what took longer than this for the one before. */
const PATIENCE_MS = 20_000;

function ours(request: LayoutRequest): Places {
  const steps = layoutRegions(request);
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value.nodes;
}

const dagre =
  (ranker: "network-simplex" | "tight-tree"): Engine =>
  (request) => {
    const graph = new Graph({ multigraph: true, compound: ranker !== "network-simplex" });
    graph.setGraph({ rankdir: "LR", ranker });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const { id, width, height } of request.nodes) graph.setNode(id, { width, height });
    for (const { id, source, target } of request.edges) graph.setEdge(source, target, {}, id);
    dagreLayout(graph);
    return new Map(
      request.nodes.map(({ id, width, height }) => {
        const { x, y } = graph.node(id) as { x: number; y: number };
        return [id, { x: x - width / 2, y: y - height / 2, width, height }];
      }),
    );
  };

async function elk(request: LayoutRequest): Promise<Places> {
  const box = ({ id, width, height }: LayoutRequest["nodes"][number]): object => ({ id, width, height });
  const grouped = request.groups.map((group) => ({
    id: `group ${group.id}`,
    layoutOptions: { "elk.padding": `[top=${group.header},left=14,bottom=14,right=14]` },
    children: request.nodes.filter((node) => node.group === group.id).map(box),
  }));
  const result = await new ELK().layout({
    id: "root",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    },
    children: [...grouped, ...request.nodes.filter(({ group }) => group === undefined).map(box)] as never,
    edges: request.edges.map(({ id, source, target }) => ({ id, sources: [source], targets: [target] })),
  });
  const places = new Map<string, Rectangle>();
  const read = (nodes: readonly ElkNode[] | undefined, x: number, y: number): void => {
    for (const node of nodes ?? []) {
      const at = { x: x + (node.x ?? 0), y: y + (node.y ?? 0), width: node.width ?? 0, height: node.height ?? 0 };
      if (node.children === undefined || node.children.length === 0) places.set(node.id, at);
      else read(node.children, at.x, at.y);
    }
  };
  read(result.children, 0, 0);
  return places;
}

function d3Dag(request: LayoutRequest): Places {
  const graph = dag.graph<LayoutRequest["nodes"][number], undefined>();
  const nodes = new Map(request.nodes.map((node) => [node.id, graph.node(node)]));
  for (const { source, target } of request.edges) {
    const [from, to] = [nodes.get(source), nodes.get(target)];
    if (from !== undefined && to !== undefined) graph.link(from, to, undefined);
  }
  const layout = dag
    .sugiyama()
    .layering(dag.layeringLongestPath())
    .decross(dag.decrossTwoLayer().order(dag.twolayerAgg()))
    .coord(dag.coordGreedy())
    .nodeSize(({ data }: { readonly data: LayoutRequest["nodes"][number] }) => [data.height, data.width] as const)
    .gap([40, 90]);
  layout(graph);
  return new Map(
    Array.from(graph.nodes(), ({ data, x, y }) => [
      data.id,
      { x: y - data.width / 2, y: x - data.height / 2, width: data.width, height: data.height },
    ]),
  );
}

let graphviz: Promise<Graphviz> | undefined;

async function dot(request: LayoutRequest): Promise<Places> {
  graphviz ??= Graphviz.load();
  const number = new Map(request.nodes.map(({ id }, i) => [id, i]));
  const box = ({ id, width, height }: LayoutRequest["nodes"][number]): string =>
    `n${number.get(id)} [width=${width / 72}, height=${height / 72}]`;
  const text = [
    'digraph { rankdir=LR; node [shape=box, fixedsize=true, label=""]; splines=line;',
    ...request.groups.map(
      ({ id }, i) =>
        `subgraph cluster_${i} { ${request.nodes
          .filter(({ group }) => group === id)
          .map(box)
          .join(";")} }`,
    ),
    ...request.nodes.filter(({ group }) => group === undefined).map(box),
    ...request.edges.map(({ source, target }) => `n${number.get(source)} -> n${number.get(target)}`),
    "}",
  ].join("\n");
  const plain = (await graphviz).layout(text, "plain", "dot");
  const places = new Map<string, Rectangle>();
  for (const line of plain.split("\n")) {
    const [, name, x, y] = /^node n(\d+) (\S+) (\S+)/.exec(line) ?? [];
    const node = request.nodes[Number(name)];
    if (name === undefined || node === undefined) continue;
    const { width, height } = node;
    places.set(node.id, { x: Number(x) * 72 - width / 2, y: -Number(y) * 72 - height / 2, width, height });
  }
  return places;
}

const ENGINES: readonly (readonly [name: string, engine: Engine])[] = [
  ["ours", ours],
  ["dagre, network-simplex (as Flink's dashboard)", dagre("network-simplex")],
  ["dagre, tight-tree", dagre("tight-tree")],
  ["elkjs, layered", elk],
  ["d3-dag, sugiyama", d3Dag],
  ["Graphviz dot, WebAssembly", dot],
];

const GRAPHS: readonly (readonly [name: string, graph: GraphDescription])[] = [
  ["language detection", languageDetection()],
  ["several services", severalServices()],
  ["batch job", batchJob()],
  ["chain of 20", wideChain(20, 128)],
  ["50 vertices", layeredGraph(50)],
  ["300 vertices", layeredGraph(300)],
  ["1,000 vertices", layeredGraph(1000)],
];

/** Pairs of straight lines between middles that cross; at most a million pairs are looked at. */
function crossings(request: LayoutRequest, places: Places): number {
  const lines = request.edges.flatMap(({ source, target }) => {
    const [a, b] = [places.get(source), places.get(target)];
    if (a === undefined || b === undefined) return [];
    return [[a.x + a.width, a.y + a.height / 2, b.x, b.y + b.height / 2] as const];
  });
  const side = (ax: number, ay: number, bx: number, by: number, cx: number, cy: number): number =>
    Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));
  let count = 0;
  for (let i = 0; i < lines.length; i++) {
    for (let k = i + 1; k < lines.length; k++) {
      const [a, b, c, d] = lines[i];
      const [e, f, g, h] = lines[k];
      if (side(a, b, c, d, e, f) * side(a, b, c, d, g, h) < 0 && side(e, f, g, h, a, b) * side(e, f, g, h, c, d) < 0)
        count++;
    }
  }
  return count;
}

/** Boxes that lie on each other, and boxes that lie in the frame of a region that is not theirs. */
function faults(request: LayoutRequest, places: Places): { readonly overlaps: number; readonly strangers: number } {
  const all = request.nodes.flatMap((node) => {
    const place = places.get(node.id);
    return place === undefined ? [] : [{ node, place }];
  });
  const touch = (a: Rectangle, b: Rectangle): boolean =>
    a.x < b.x + b.width - 0.5 && b.x < a.x + a.width - 0.5 && a.y < b.y + b.height - 0.5 && b.y < a.y + a.height - 0.5;
  let overlaps = 0;
  for (let i = 0; i < all.length; i++)
    for (let k = i + 1; k < all.length; k++) if (touch(all[i].place, all[k].place)) overlaps++;
  let strangers = 0;
  for (const { id } of request.groups) {
    const own = all.filter(({ node }) => node.group === id).map(({ place }) => place);
    if (own.length === 0) continue;
    const x = Math.min(...own.map((place) => place.x));
    const y = Math.min(...own.map((place) => place.y));
    const width = Math.max(...own.map((place) => place.x + place.width)) - x;
    const height = Math.max(...own.map((place) => place.y + place.height)) - y;
    strangers += all.filter(({ node, place }) => node.group !== id && touch(place, { x, y, width, height })).length;
  }
  return { overlaps, strangers };
}

async function main(): Promise<void> {
  const tired = new Set<string>();
  process.stdout.write(
    "| graph | layout | processor time | lines that cross | boxes on each other | boxes in a strange frame |\n",
  );
  process.stdout.write("|---|---|---|---|---|---|\n");
  const wanted = process.argv[2] ?? "";
  for (const [graphName, graph] of GRAPHS.filter(([name]) => name.includes(wanted))) {
    const { request } = makePicture(graph, "operator", ARRANGEMENTS[0], (text) => text.length * 7);
    for (const [name, engine] of ENGINES) {
      if (tired.has(name)) continue;
      const times: number[] = [];
      let places: Places = new Map();
      try {
        for (let i = 0; i < (graph.vertices.length > 100 ? 1 : 3); i++) {
          const before = process.cpuUsage();
          places = await engine(request);
          const { user, system } = process.cpuUsage(before);
          times.push((user + system) / 1000);
        }
      } catch (error) {
        process.stdout.write(`| ${graphName} | ${name} | failed: ${String(error).slice(0, 60)} | | | |\n`);
        continue;
      }
      const ms = Math.min(...times);
      if (ms > PATIENCE_MS) tired.add(name);
      const { overlaps, strangers } = faults(request, places);
      const cross = crossings(request, places);
      process.stdout.write(
        `| ${graphName} | ${name} | ${ms.toFixed(0)} ms | ${cross} | ${overlaps} | ${strangers} |\n`,
      );
    }
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
