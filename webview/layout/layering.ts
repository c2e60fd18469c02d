/**
 * First steps of a layered drawing (Sugiyama, Tagawa, Toda 1981): make the graph acyclic, give every node a layer, and cut edges that span
 * several layers into pieces with a dummy node on each layer between.
 */

/** A graph by numbers: node `i` has a size along the flow (`length`) and across it (`breadth`). */
export interface FlowGraph {
  readonly length: Float64Array;
  readonly breadth: Float64Array;
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** Where an edge leaves its source and enters its target, across the flow, from the node's middle. */
  readonly sourcePort: Float64Array;
  readonly targetPort: Float64Array;
}

/** Edges that point back along a cycle, as found by a depth-first walk from the nodes without input; they are drawn against the flow. */
export function findBackEdges(graph: FlowGraph): Uint8Array {
  const count = graph.length.length;
  const { start, list } = outgoing(graph);
  const back = new Uint8Array(graph.source.length);
  const incoming = new Int32Array(count);
  for (const target of graph.target) incoming[target]++;
  /** 0 not seen, 1 on the path, 2 done. */
  const mark = new Uint8Array(count);
  const next = Int32Array.from(start.subarray(0, count));
  const walk = (root: number): void => {
    if (mark[root] !== 0) return;
    const path = [root];
    mark[root] = 1;
    while (path.length > 0) {
      const node = path[path.length - 1];
      if (next[node] === start[node + 1]) {
        mark[node] = 2;
        path.pop();
        continue;
      }
      const edge = list[next[node]++];
      const target = graph.target[edge];
      if (mark[target] === 1) back[edge] = 1;
      else if (mark[target] === 0) {
        mark[target] = 1;
        path.push(target);
      }
    }
  };
  for (let node = 0; node < count; node++) if (incoming[node] === 0) walk(node);
  for (let node = 0; node < count; node++) walk(node);
  return back;
}

/**
 * Layers by the longest path, then nodes are moved within their slack to where their edges are shortest in sum: a source goes next to its
 * first consumer instead of to the far left. `tail` of an edge is always on a lower layer than its `head`.
 */
export function assignLayers(count: number, tail: Int32Array, head: Int32Array): Int32Array {
  const layer = new Int32Array(count);
  const order = topologicalOrder(count, tail, head);
  const outs = adjacency(count, tail);
  const ins = adjacency(count, head);
  for (const node of order) {
    for (let i = outs.start[node]; i < outs.start[node + 1]; i++) {
      const next = head[outs.list[i]];
      if (layer[next] < layer[node] + 1) layer[next] = layer[node] + 1;
    }
  }
  for (let pass = 0; pass < 4; pass++) {
    let moved = false;
    for (let k = order.length - 1; k >= 0; k--) {
      const node = order[k];
      const outDegree = outs.start[node + 1] - outs.start[node];
      const inDegree = ins.start[node + 1] - ins.start[node];
      if (outDegree <= inDegree || outDegree === 0) continue;
      let latest = Infinity;
      for (let i = outs.start[node]; i < outs.start[node + 1]; i++)
        latest = Math.min(latest, layer[head[outs.list[i]]] - 1);
      if (latest > layer[node]) {
        layer[node] = latest;
        moved = true;
      }
    }
    if (!moved) break;
  }
  let least = Infinity;
  for (const value of layer) least = Math.min(least, value);
  if (least > 0 && least < Infinity) for (let i = 0; i < count; i++) layer[i] -= least;
  return layer;
}

/** Kahn's order. Every node is in it once; there must be no cycle. */
export function topologicalOrder(count: number, tail: Int32Array, head: Int32Array): Int32Array {
  const outs = adjacency(count, tail);
  const waiting = new Int32Array(count);
  for (const node of head) waiting[node]++;
  const order = new Int32Array(count);
  let end = 0;
  for (let node = 0; node < count; node++) if (waiting[node] === 0) order[end++] = node;
  for (let k = 0; k < end; k++) {
    for (let i = outs.start[order[k]]; i < outs.start[order[k] + 1]; i++) {
      const next = head[outs.list[i]];
      if (--waiting[next] === 0) order[end++] = next;
    }
  }
  return order;
}

/** Edges by one of their ends: those of node `n` are `list[start[n]] … list[start[n + 1] − 1]`. */
export function adjacency(count: number, end: Int32Array): { readonly start: Int32Array; readonly list: Int32Array } {
  const start = new Int32Array(count + 1);
  for (const node of end) start[node + 1]++;
  for (let node = 0; node < count; node++) start[node + 1] += start[node];
  const fill = Int32Array.from(start);
  const list = new Int32Array(end.length);
  for (let edge = 0; edge < end.length; edge++) list[fill[end[edge]]++] = edge;
  return { start, list };
}

function outgoing(graph: FlowGraph): { readonly start: Int32Array; readonly list: Int32Array } {
  return adjacency(graph.length.length, graph.source);
}

/** A graph in which every edge (`tail` → `head`) goes from one layer to the next. Nodes from `real` on are dummies. */
export interface ProperGraph {
  readonly real: number;
  readonly layer: Int32Array;
  readonly breadth: Float64Array;
  readonly tail: Int32Array;
  readonly head: Int32Array;
  readonly tailPort: Float64Array;
  readonly headPort: Float64Array;
  /** Nodes that edge `e` of the flow graph passes, its ends included, in the direction of the layers. */
  readonly chains: readonly Int32Array[];
  readonly reversed: Uint8Array;
}

/** Room that a line wants beside nodes and other lines. */
const DUMMY_BREADTH = 10;
/** Above this many dummies long edges are drawn straight: a picture of that size is not read line by line. */
const MOST_DUMMIES = 40_000;

/** Layers and dummies for a graph that may have cycles. */
export function properGraph(graph: FlowGraph): ProperGraph {
  const reversed = findBackEdges(graph);
  const edges = graph.source.length;
  const from = Int32Array.from(graph.source);
  const to = Int32Array.from(graph.target);
  for (let e = 0; e < edges; e++) if (reversed[e]) [from[e], to[e]] = [to[e], from[e]];
  const loops = (e: number): boolean => from[e] === to[e];
  const plain = [...from.keys()].filter((e) => !loops(e));
  const layerOfReal = assignLayers(graph.length.length, pick(from, plain), pick(to, plain));

  const layer = Array.from(layerOfReal);
  const breadth = Array.from(graph.breadth);
  const tail: number[] = [];
  const head: number[] = [];
  const tailPort: number[] = [];
  const headPort: number[] = [];
  const chains: Int32Array[] = [];
  for (let e = 0; e < edges; e++) {
    const first = from[e];
    const last = to[e];
    const outPort = reversed[e] ? graph.targetPort[e] : graph.sourcePort[e];
    const inPort = reversed[e] ? graph.sourcePort[e] : graph.targetPort[e];
    const chain = [first];
    const between = layer[last] - layer[first] - 1;
    if (between > 0 && layer.length + between <= graph.length.length + MOST_DUMMIES) {
      for (let k = 1; k <= between; k++) {
        chain.push(layer.length);
        layer.push(layer[first] + k);
        breadth.push(DUMMY_BREADTH);
      }
    }
    chain.push(last);
    chains.push(Int32Array.from(chain));
    if (loops(e) || (between > 0 && chain.length === 2)) continue;
    for (let k = 1; k < chain.length; k++) {
      tail.push(chain[k - 1]);
      head.push(chain[k]);
      tailPort.push(k === 1 ? outPort : 0);
      headPort.push(k === chain.length - 1 ? inPort : 0);
    }
  }
  return {
    real: graph.length.length,
    layer: Int32Array.from(layer),
    breadth: Float64Array.from(breadth),
    tail: Int32Array.from(tail),
    head: Int32Array.from(head),
    tailPort: Float64Array.from(tailPort),
    headPort: Float64Array.from(headPort),
    chains,
    reversed,
  };
}

function pick(values: Int32Array, indices: readonly number[]): Int32Array {
  return Int32Array.from(indices, (index) => values[index]);
}
