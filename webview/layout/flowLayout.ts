/**
 * One level of a layered drawing, with "along" the flow and "across" it instead of x and y: the same serves left to right and top down.
 */
import { placeAcross } from "./coordinates";
import { properGraph, type FlowGraph } from "./layering";
import { orderLayers } from "./ordering";

export interface FlowNode {
  readonly length: number;
  readonly breadth: number;
  /** Middle across the flow in an earlier drawing: the order starts from there. */
  readonly previous?: number;
}

export interface FlowEdge {
  readonly source: number;
  readonly target: number;
  readonly sourcePort: number;
  readonly targetPort: number;
  /** Least gap between the layers that this edge joins. */
  readonly room: number;
}

/** A place in the flow: `u` along, `v` across. */
export interface FlowPoint {
  readonly u: number;
  readonly v: number;
}

export interface FlowLayout {
  /** Low corner of every node. */
  readonly nodes: readonly FlowPoint[];
  /** From the source's border to the target's, with both borders of every layer that is passed. */
  readonly edges: readonly (readonly FlowPoint[])[];
  readonly length: number;
  readonly breadth: number;
  readonly crossings: number;
}

export interface FlowOptions {
  readonly gap: number;
  readonly lineGap: number;
  /** Gap between two layers, where no edge wants more. */
  readonly layerGap: number;
}

/** Yields between its steps; a caller that lost interest just stops asking. */
export function* layoutFlow(
  nodes: readonly FlowNode[],
  edges: readonly FlowEdge[],
  options: FlowOptions,
): Generator<void, FlowLayout> {
  const graph: FlowGraph = {
    length: Float64Array.from(nodes, (node) => node.length),
    breadth: Float64Array.from(nodes, (node) => node.breadth),
    source: Int32Array.from(edges, (edge) => edge.source),
    target: Int32Array.from(edges, (edge) => edge.target),
    sourcePort: Float64Array.from(edges, (edge) => edge.sourcePort),
    targetPort: Float64Array.from(edges, (edge) => edge.targetPort),
  };
  const proper = properGraph(graph);
  yield;
  const previous = nodes.some((node) => node.previous !== undefined)
    ? Float64Array.from(nodes, (node) => node.previous ?? NaN)
    : undefined;
  const { layers, crossings } = yield* orderLayers(proper, previous);
  const middle = yield* placeAcross(proper, layers, options);

  const thickness = layers.map((layer) =>
    layer.reduce((most, node) => (node < proper.real ? Math.max(most, graph.length[node]) : most), 0),
  );
  const start = layerStarts(thickness, layers.length, edges, proper.layer, options.layerGap);
  const along = (node: number): number => {
    const layer = proper.layer[node];
    return start[layer] + (node < proper.real ? (thickness[layer] - graph.length[node]) / 2 : 0);
  };
  const places = nodes.map((node, i) => ({ u: along(i), v: middle[i] - node.breadth / 2 }));
  const lines = edges.map((edge, e) => {
    const chain = proper.chains[e];
    const points: FlowPoint[] = [];
    const back = proper.reversed[e] === 1;
    for (let k = 0; k < chain.length; k++) {
      const node = chain[k];
      const layer = proper.layer[node];
      if (k === 0 || k === chain.length - 1) {
        const isSource = (k === 0) !== back;
        const port = isSource ? edge.sourcePort : edge.targetPort;
        const u = along(node) + (k === 0 ? graph.length[node] : 0);
        points.push({ u, v: middle[node] + port });
      } else {
        points.push({ u: start[layer], v: middle[node] }, { u: start[layer] + thickness[layer], v: middle[node] });
      }
    }
    return back ? points.reverse() : points;
  });
  const last = layers.length - 1;
  let breadth = 0;
  for (let node = 0; node < middle.length; node++) breadth = Math.max(breadth, middle[node] + proper.breadth[node] / 2);
  return { nodes: places, edges: lines, length: last < 0 ? 0 : start[last] + thickness[last], breadth, crossings };
}

function layerStarts(
  thickness: readonly number[],
  count: number,
  edges: readonly FlowEdge[],
  layer: Int32Array,
  layerGap: number,
): number[] {
  const gaps = new Array<number>(count).fill(0);
  for (let k = 0; k + 1 < count; k++) gaps[k] = layerGap;
  for (const edge of edges) {
    const first = Math.min(layer[edge.source], layer[edge.target]);
    // A label sits in the first gap of its edge.
    if (layer[edge.source] !== layer[edge.target]) gaps[first] = Math.max(gaps[first], edge.room);
  }
  const start: number[] = [];
  let at = 0;
  for (let k = 0; k < count; k++) {
    start.push(at);
    at += thickness[k] + gaps[k];
  }
  return start;
}
