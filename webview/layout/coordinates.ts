/**
 * Places across the flow for layers whose order is fixed: every node wants to be level with its neighbours, and nodes of one layer keep
 * their distance. One layer at a time this is an isotonic regression, solved exactly by pooling adjacent violators; sweeps over the layers
 * do the rest. Squared distances come first (they spread well), absolute ones last (they make lines straight).
 */
import { adjacency, type ProperGraph } from "./layering";

export interface CoordinateOptions {
  /** Gap between two nodes of a layer. */
  readonly gap: number;
  /** Gap where at least one of the two is only a line passing. */
  readonly lineGap: number;
}

/** Middle of every node across the flow, the least border at 0. */
export function* placeAcross(
  graph: ProperGraph,
  layers: readonly Int32Array[],
  options: CoordinateOptions,
): Generator<void, Float64Array> {
  const count = graph.layer.length;
  const ins = adjacency(count, graph.head);
  const outs = adjacency(count, graph.tail);
  const y = new Float64Array(count);
  /** Offsets that make the order's distances vanish: node i of a layer wants `y − offset` in non-decreasing order. */
  const offset = new Float64Array(count);
  for (const layer of layers) {
    let at = 0;
    for (let i = 0; i < layer.length; i++) {
      if (i > 0) at += separation(graph, layer[i - 1], layer[i], options);
      offset[layer[i]] = at;
    }
    const middle = at / 2;
    for (const node of layer) y[node] = offset[node] - middle;
  }
  const weight = edgeWeights(graph);
  const rounds = count > 4000 ? 6 : 14;
  for (let round = 0; round < rounds; round++) {
    const absolute = round >= rounds - 4;
    for (let k = 0; k < layers.length; k++) settle(layers[k], "both", absolute);
    for (let k = layers.length - 1; k >= 0; k--) settle(layers[k], "both", absolute);
    if (round < 4) {
      for (let k = 1; k < layers.length; k++) settle(layers[k], "in", false);
      for (let k = layers.length - 2; k >= 0; k--) settle(layers[k], "out", false);
    }
    yield;
  }
  let least = Infinity;
  for (let node = 0; node < count; node++) least = Math.min(least, y[node] - graph.breadth[node] / 2);
  if (Number.isFinite(least)) for (let node = 0; node < count; node++) y[node] = Math.round((y[node] - least) * 2) / 2;
  return y;

  function settle(layer: Int32Array, sides: "in" | "out" | "both", absolute: boolean): void {
    const wants = new Float64Array(layer.length);
    const weights = new Float64Array(layer.length);
    for (let i = 0; i < layer.length; i++) {
      const node = layer[i];
      const places: number[] = [];
      const pulls: number[] = [];
      if (sides !== "out") gather(node, ins, graph.tail, graph.tailPort, graph.headPort, places, pulls);
      if (sides !== "in") gather(node, outs, graph.head, graph.headPort, graph.tailPort, places, pulls);
      if (places.length === 0) {
        wants[i] = y[node] - offset[node];
        weights[i] = 0.01;
        continue;
      }
      let sum = 0;
      let total = 0;
      for (let k = 0; k < places.length; k++) {
        sum += places[k] * pulls[k];
        total += pulls[k];
      }
      wants[i] = (absolute ? weightedMedian(places, pulls, total, y[node]) : sum / total) - offset[node];
      weights[i] = total;
    }
    const fitted = isotonic(wants, weights);
    for (let i = 0; i < layer.length; i++) y[layer[i]] = fitted[i] + offset[layer[i]];
  }

  function gather(
    node: number,
    side: ReturnType<typeof adjacency>,
    ends: Int32Array,
    farPort: Float64Array,
    nearPort: Float64Array,
    places: number[],
    pulls: number[],
  ): void {
    for (let i = side.start[node]; i < side.start[node + 1]; i++) {
      const edge = side.list[i];
      places.push(y[ends[edge]] + farPort[edge] - nearPort[edge]);
      pulls.push(weight[edge]);
    }
  }
}

function separation(graph: ProperGraph, above: number, below: number, options: CoordinateOptions): number {
  const gap = above >= graph.real || below >= graph.real ? options.lineGap : options.gap;
  return (graph.breadth[above] + graph.breadth[below]) / 2 + gap;
}

/** A line between two dummies is straightened first, then one that touches a dummy: bends in long lines disturb most. */
function edgeWeights(graph: ProperGraph): Float64Array {
  const weights = new Float64Array(graph.tail.length);
  for (let edge = 0; edge < weights.length; edge++) {
    const dummies = Number(graph.tail[edge] >= graph.real) + Number(graph.head[edge] >= graph.real);
    weights[edge] = dummies === 2 ? 8 : dummies === 1 ? 2 : 1;
  }
  return weights;
}

/** Where half of the weight lies on either side; where that is a whole stretch, the place in it that is nearest to `now`. */
function weightedMedian(places: number[], pulls: number[], total: number, now: number): number {
  const order = places.map((_, index) => index).sort((a, b) => places[a] - places[b]);
  let sum = 0;
  for (let k = 0; k < order.length; k++) {
    sum += pulls[order[k]];
    if (sum > total / 2 + 1e-9) return places[order[k]];
    if (Math.abs(sum - total / 2) <= 1e-9) {
      const next = places[order[Math.min(k + 1, order.length - 1)]];
      return Math.max(places[order[k]], Math.min(next, now));
    }
  }
  return places[order[order.length - 1]];
}

/** The non-decreasing sequence nearest to `wants` in weighted squares (pool adjacent violators). */
export function isotonic(wants: Float64Array, weights: Float64Array): Float64Array {
  const means: number[] = [];
  const sums: number[] = [];
  const sizes: number[] = [];
  for (let i = 0; i < wants.length; i++) {
    let mean = wants[i];
    let sum = weights[i];
    let size = 1;
    while (means.length > 0 && means[means.length - 1] > mean) {
      const otherSum = sums.pop() as number;
      mean = (mean * sum + (means.pop() as number) * otherSum) / (sum + otherSum);
      sum += otherSum;
      size += sizes.pop() as number;
    }
    means.push(mean);
    sums.push(sum);
    sizes.push(size);
  }
  const fitted = new Float64Array(wants.length);
  let at = 0;
  for (let block = 0; block < means.length; block++) {
    for (let k = 0; k < sizes[block]; k++) fitted[at++] = means[block];
  }
  return fitted;
}
