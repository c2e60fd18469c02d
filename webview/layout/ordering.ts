/**
 * Order within the layers, with few crossings: barycenter sweeps down and up with exchanges of neighbours, keeping the best order seen.
 * Crossings of two layers are counted with an accumulator tree (Barth, Jünger, Mutzel 2002). Nothing here is left to chance: the same
 * graph gets the same order.
 */
import { adjacency, type ProperGraph } from "./layering";

export interface LayerOrder {
  /** Nodes of each layer from first to last. */
  readonly layers: readonly Int32Array[];
  readonly crossings: number;
}

/** Yields after every sweep, so that the caller can stop or let others run. `previous` are earlier places across the flow, if known. */
export function* orderLayers(graph: ProperGraph, previous?: Float64Array): Generator<void, LayerOrder> {
  const count = graph.layer.length;
  const ins = adjacency(count, graph.head);
  const outs = adjacency(count, graph.tail);
  const layers = initialOrder(graph, outs, ins, previous);
  const position = new Float64Array(count);
  place(layers, position);

  let best = layers.map((layer) => layer.slice());
  let fewest = countCrossings(graph, layers, position, outs);
  const sweeps = count > 4000 ? 8 : count > 600 ? 12 : 24;
  let idle = 0;
  for (let sweep = 0; sweep < sweeps && fewest > 0 && idle < 5; sweep++) {
    const down = sweep % 2 === 0;
    for (let k = 1; k < layers.length; k++) {
      const at = down ? k : layers.length - 1 - k;
      const neighbours = down ? ins : outs;
      const ends = down ? graph.tail : graph.head;
      const ports = down ? graph.tailPort : graph.headPort;
      sortByBarycenter(layers[at], neighbours, ends, ports, position);
    }
    for (let round = 0; round < 2; round++) {
      let gained = 0;
      for (const layer of layers) gained += exchange(layer, graph, ins, outs, position);
      if (gained === 0) break;
    }
    const crossings = countCrossings(graph, layers, position, outs);
    if (crossings < fewest) {
      fewest = crossings;
      best = layers.map((layer) => layer.slice());
      idle = 0;
    } else idle++;
    yield;
  }
  return { layers: best, crossings: fewest };
}

type Adjacency = ReturnType<typeof adjacency>;

/** Depth-first from the first layer, so that what hangs together starts side by side; or as it was before. */
function initialOrder(
  graph: ProperGraph,
  outs: Adjacency,
  ins: Adjacency,
  previous: Float64Array | undefined,
): Int32Array[] {
  const count = graph.layer.length;
  const depth = graph.layer.reduce((most, layer) => Math.max(most, layer + 1), 0);
  const layers: number[][] = Array.from({ length: depth }, () => []);
  const seen = new Uint8Array(count);
  const visit = (root: number): void => {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.pop() as number;
      if (seen[node]) continue;
      seen[node] = 1;
      layers[graph.layer[node]].push(node);
      for (let i = outs.start[node + 1] - 1; i >= outs.start[node]; i--) stack.push(graph.head[outs.list[i]]);
    }
  };
  for (let node = 0; node < count; node++) if (ins.start[node] === ins.start[node + 1]) visit(node);
  for (let node = 0; node < count; node++) visit(node);
  if (previous !== undefined) {
    const place = (node: number): number =>
      node < previous.length && !Number.isNaN(previous[node]) ? previous[node] : Infinity;
    for (const layer of layers) layer.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
  }
  return layers.map((layer) => Int32Array.from(layer));
}

function place(layers: readonly Int32Array[], position: Float64Array): void {
  for (const layer of layers) for (let i = 0; i < layer.length; i++) position[layer[i]] = i;
}

function sortByBarycenter(
  layer: Int32Array,
  neighbours: Adjacency,
  ends: Int32Array,
  ports: Float64Array,
  position: Float64Array,
): void {
  const keys = new Map<number, number>();
  for (const node of layer) {
    const from = neighbours.start[node];
    const to = neighbours.start[node + 1];
    if (from === to) {
      keys.set(node, position[node]);
      continue;
    }
    let sum = 0;
    for (let i = from; i < to; i++) {
      const edge = neighbours.list[i];
      // Ports only decide between neighbours that share an end: a fraction of one place.
      sum += position[ends[edge]] + Math.max(-0.4, Math.min(0.4, ports[edge] / 1000));
    }
    keys.set(node, sum / (to - from));
  }
  const sorted = Array.from(layer).sort(
    (a, b) => (keys.get(a) as number) - (keys.get(b) as number) || position[a] - position[b],
  );
  for (let i = 0; i < sorted.length; i++) {
    layer[i] = sorted[i];
    position[sorted[i]] = i;
  }
}

/** Exchanges neighbours where that takes crossings away; returns how many went. */
function exchange(
  layer: Int32Array,
  graph: ProperGraph,
  ins: Adjacency,
  outs: Adjacency,
  position: Float64Array,
): number {
  let gained = 0;
  for (let i = 0; i + 1 < layer.length; i++) {
    const a = layer[i];
    const b = layer[i + 1];
    const gain =
      pairGain(a, b, ins, graph.tail, graph.tailPort, position) +
      pairGain(a, b, outs, graph.head, graph.headPort, position);
    if (gain <= 0) continue;
    gained += gain;
    layer[i] = b;
    layer[i + 1] = a;
    position[b] = i;
    position[a] = i + 1;
  }
  return gained;
}

/** Crossings of `a` before `b`, less those of `b` before `a`, on one side. */
function pairGain(
  a: number,
  b: number,
  side: Adjacency,
  ends: Int32Array,
  ports: Float64Array,
  position: Float64Array,
): number {
  const aTo = side.start[a + 1];
  const bTo = side.start[b + 1];
  let gain = 0;
  for (let i = side.start[a]; i < aTo; i++) {
    const p = position[ends[side.list[i]]] + ports[side.list[i]] * 1e-4;
    for (let j = side.start[b]; j < bTo; j++) {
      const q = position[ends[side.list[j]]] + ports[side.list[j]] * 1e-4;
      if (p > q) gain++;
      else if (p < q) gain--;
    }
  }
  return gain;
}

function countCrossings(
  graph: ProperGraph,
  layers: readonly Int32Array[],
  position: Float64Array,
  outs: Adjacency,
): number {
  let total = 0;
  for (let k = 0; k + 1 < layers.length; k++) {
    const southern: number[] = [];
    for (const node of layers[k]) {
      const ends: number[] = [];
      for (let i = outs.start[node]; i < outs.start[node + 1]; i++) ends.push(position[graph.head[outs.list[i]]]);
      ends.sort((a, b) => a - b);
      southern.push(...ends);
    }
    total += inversions(southern, layers[k + 1].length);
  }
  return total;
}

function inversions(sequence: readonly number[], size: number): number {
  let leaves = 1;
  while (leaves < size) leaves *= 2;
  const tree = new Int32Array(2 * leaves);
  let total = 0;
  for (const value of sequence) {
    let index = value + leaves;
    tree[index]++;
    while (index > 1) {
      if (index % 2 === 0) total += tree[index + 1];
      index = index >> 1;
      tree[index]++;
    }
  }
  return total;
}
