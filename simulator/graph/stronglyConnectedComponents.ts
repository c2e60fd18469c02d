/**
 * Strongly connected components of a directed graph: Tarjan's algorithm without recursion
 * (Flink: `StronglyConnectedComponentsComputeUtils`; Tarjan, "Depth-first search and linear graph algorithms", 1972).
 */

/** A directed graph in compressed rows: the targets of node `i` are `targets[starts[i] … starts[i + 1])`. */
export interface Adjacency {
  readonly starts: Int32Array;
  readonly targets: Int32Array;
}

/** Rows from lists of targets. */
export function adjacencyOf(lists: readonly (readonly number[])[]): Adjacency {
  const starts = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (starts[i + 1] = starts[i] + list.length));
  const targets = new Int32Array(starts[lists.length]);
  lists.forEach((list, i) => targets.set(list, starts[i]));
  return { starts, targets };
}

/** Rows from pairs `sources[i] → targets[i]`, of which the first `length` count. */
export function adjacencyOfPairs(
  count: number,
  sources: Int32Array,
  targets: Int32Array,
  length = sources.length,
): Adjacency {
  const starts = new Int32Array(count + 1);
  for (let i = 0; i < length; i++) starts[sources[i] + 1]++;
  for (let i = 0; i < count; i++) starts[i + 1] += starts[i];
  const next = starts.slice(0, count);
  const rows = new Int32Array(length);
  for (let i = 0; i < length; i++) rows[next[sources[i]]++] = targets[i];
  return { starts, targets: rows };
}

/** Component of every node; components are numbered by their least node. Costs nodes + edges. */
export function stronglyConnectedComponents(graph: Adjacency): {
  readonly componentOf: Int32Array;
  readonly count: number;
} {
  const size = graph.starts.length - 1;
  const { starts, targets } = graph;
  const order = new Int32Array(size).fill(-1);
  const low = new Int32Array(size);
  const found = new Int32Array(size).fill(-1);
  const next = starts.slice(0, size);
  const path = new Int32Array(size);
  const open = new Int32Array(size);
  let clock = 0;
  let components = 0;
  let opened = 0;
  for (let root = 0; root < size; root++) {
    if (order[root] >= 0) continue;
    let depth = 0;
    path[depth++] = root;
    order[root] = low[root] = clock++;
    open[opened++] = root;
    while (depth > 0) {
      const node = path[depth - 1];
      if (next[node] < starts[node + 1]) {
        const target = targets[next[node]++];
        if (order[target] < 0) {
          order[target] = low[target] = clock++;
          open[opened++] = target;
          path[depth++] = target;
        } else if (found[target] < 0 && order[target] < low[node]) {
          low[node] = order[target];
        }
        continue;
      }
      depth--;
      if (depth > 0 && low[node] < low[path[depth - 1]]) low[path[depth - 1]] = low[node];
      if (low[node] !== order[node]) continue;
      for (;;) {
        const member = open[--opened];
        found[member] = components;
        if (member === node) break;
      }
      components++;
    }
  }
  const renumbered = new Int32Array(components).fill(-1);
  const componentOf = new Int32Array(size);
  let count = 0;
  for (let i = 0; i < size; i++) {
    if (renumbered[found[i]] < 0) renumbered[found[i]] = count++;
    componentOf[i] = renumbered[found[i]];
  }
  return { componentOf, count };
}
