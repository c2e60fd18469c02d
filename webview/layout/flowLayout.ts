/**
 * One level of a layered drawing, with "along" the flow and "across" it instead of x and y: the same serves left to right and top down.
 */
import { placeAcross } from "./coordinates";
import type { FlowPoint } from "./flowPoint";
import { foldOf, ROW_GAP, turn, TURN_ROOM, type FoldOptions } from "./folding";
import { properGraph, type FlowGraph, type ProperGraph } from "./layering";
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
  /** Gap between two layers, where no edge that begins there wants more. */
  readonly layerGap: number;
  /** Where a long, narrow flow may be folded into rows. */
  readonly fold?: FoldOptions;
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
  const gaps = layerGaps(layers.length, edges, proper.layer, options.layerGap);
  const rows = new Rows(proper, layers, middle, thickness, gaps, options.fold);
  const places = nodes.map((node, i) => {
    const layer = proper.layer[i];
    const { u, v } = rows.place(layer, middle[i]);
    return { u: u + (thickness[layer] - node.length) / 2, v: v - node.breadth / 2 };
  });
  const lines = edges.map((edge, e) => {
    const back = proper.reversed[e] === 1;
    const ports = back ? [edge.targetPort, edge.sourcePort] : [edge.sourcePort, edge.targetPort];
    const points = rows.line(proper.chains[e], graph.length, ports[0], ports[1]);
    return back ? points.reverse() : points;
  });
  return { nodes: places, edges: lines, length: rows.length, breadth: rows.breadth, crossings };
}

/** Where layers lie, in one row or, folded, in several. */
class Rows {
  readonly length: number;
  readonly breadth: number;
  readonly #rowOf: readonly number[];
  readonly #start: number[] = [];
  readonly #rowEnd: number[] = [];
  /** What is added to a place across the flow in each row. */
  readonly #shift: number[] = [];
  /** Middle of the room between a row and the next. */
  readonly #between: number[] = [];
  readonly #lanes = new Map<number, number>();

  constructor(
    private readonly proper: ProperGraph,
    layers: readonly Int32Array[],
    private readonly middle: Float64Array,
    private readonly thickness: readonly number[],
    gaps: readonly number[],
    fold: FoldOptions | undefined,
  ) {
    let breadth = 0;
    for (let node = 0; node < middle.length; node++)
      breadth = Math.max(breadth, middle[node] + proper.breadth[node] / 2);
    const lengths = thickness.map((length, k) => length + gaps[k]);
    const crossing = new Array<number>(layers.length).fill(0);
    for (const tail of proper.tail) crossing[proper.layer[tail]]++;
    const folded = fold === undefined ? undefined : foldOf(lengths, breadth, crossing, fold);
    this.#rowOf = folded?.rowOf ?? lengths.map(() => 0);
    const margin = folded === undefined ? 0 : TURN_ROOM;
    let at = margin;
    for (let k = 0; k < layers.length; k++) {
      if (k > 0 && this.#rowOf[k] !== this.#rowOf[k - 1]) at = margin;
      this.#start.push(at);
      this.#rowEnd[this.#rowOf[k]] = at + thickness[k];
      at += lengths[k];
    }
    const rows = folded?.rows ?? 1;
    let low = 0;
    for (let row = 0; row < rows; row++) {
      let least = Infinity;
      let most = -Infinity;
      layers.forEach((layer, k) => {
        if (this.#rowOf[k] !== row) return;
        for (const node of layer) {
          least = Math.min(least, middle[node] - proper.breadth[node] / 2);
          most = Math.max(most, middle[node] + proper.breadth[node] / 2);
        }
      });
      this.#shift.push(folded === undefined ? 0 : low - least);
      low = folded === undefined ? breadth : low + (most - least);
      this.#between.push(low + ROW_GAP / 2);
      low += ROW_GAP;
    }
    this.breadth = layers.length === 0 ? 0 : low - ROW_GAP;
    this.length = layers.length === 0 ? 0 : Math.max(...this.#rowEnd) + margin;
  }

  place(layer: number, across: number): FlowPoint {
    return { u: this.#start[layer], v: across + this.#shift[this.#rowOf[layer]] };
  }

  /** Through a chain of nodes, in the direction of the layers. */
  line(chain: Int32Array, lengths: Float64Array, firstPort: number, lastPort: number): FlowPoint[] {
    const points: FlowPoint[] = [];
    for (let k = 0; k < chain.length; k++) {
      const node = chain[k];
      const layer = this.proper.layer[node];
      const here = this.place(layer, this.middle[node]);
      const entering: FlowPoint[] = [];
      if (k === 0) {
        const inset = (this.thickness[layer] - lengths[node]) / 2;
        entering.push({ u: here.u + inset + lengths[node], v: here.v + firstPort });
      } else if (k === chain.length - 1) {
        const inset = (this.thickness[layer] - lengths[node]) / 2;
        entering.push({ u: here.u + inset, v: here.v + lastPort });
      } else entering.push(here, { u: here.u + this.thickness[layer], v: here.v });
      const row = k > 0 ? this.#rowOf[this.proper.layer[chain[k - 1]]] : this.#rowOf[layer];
      if (this.#rowOf[layer] !== row) {
        const lane = this.#lanes.get(row) ?? 0;
        this.#lanes.set(row, lane + 1);
        points.push(
          ...turn(points[points.length - 1], entering[0], this.#rowEnd[row], this.#between[row], lane, TURN_ROOM),
        );
      }
      points.push(...entering);
    }
    return points;
  }
}

function layerGaps(count: number, edges: readonly FlowEdge[], layer: Int32Array, layerGap: number): number[] {
  const gaps = new Array<number>(count).fill(0);
  for (let k = 0; k + 1 < count; k++) gaps[k] = layerGap;
  for (const edge of edges) {
    const first = Math.min(layer[edge.source], layer[edge.target]);
    // A label sits in the first gap of its edge.
    if (layer[edge.source] !== layer[edge.target]) gaps[first] = Math.max(gaps[first], edge.room);
  }
  return gaps;
}
