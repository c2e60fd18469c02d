/**
 * A simple layered layout, left to right: layers by the longest way from a source, order in a layer by the mean place of the neighbours
 * (the barycentre heuristic of Sugiyama, Tagawa and Toda, 1981). Deterministic; costs nodes + edges for each of a fixed number of sweeps.
 */

export interface LayoutNode {
  readonly width: number;
  readonly height: number;
}
export interface LayoutEdge {
  readonly source: number;
  readonly target: number;
}
export interface PlacedNode extends LayoutNode {
  readonly x: number;
  readonly y: number;
  readonly layer: number;
}
export interface Layout {
  readonly nodes: readonly PlacedNode[];
  readonly width: number;
  readonly height: number;
}

const SWEEPS = 4;

/** Places nodes; the edges must form no cycle, and `nodes` must be in topological order. */
export function layeredLayout(
  nodes: readonly LayoutNode[],
  edges: readonly LayoutEdge[],
  gap: { readonly x: number; readonly y: number; readonly margin: number },
): Layout {
  const outgoing: number[][] = nodes.map(() => []);
  const incoming: number[][] = nodes.map(() => []);
  for (const { source, target } of edges) {
    outgoing[source].push(target);
    incoming[target].push(source);
  }
  const layerOf = new Int32Array(nodes.length);
  for (let node = 0; node < nodes.length; node++) {
    for (const target of outgoing[node]) layerOf[target] = Math.max(layerOf[target], layerOf[node] + 1);
  }
  const layers: number[][] = [];
  layerOf.forEach((layer, node) => (layers[layer] ??= []).push(node));
  order(layers, incoming, outgoing);

  const tallest = layers.reduce((most, layer) => Math.max(most, columnHeight(layer, nodes, gap.y)), 0);
  const placed: PlacedNode[] = new Array<PlacedNode>(nodes.length);
  let x = gap.margin;
  layers.forEach((members, layer) => {
    const width = members.reduce((most, node) => Math.max(most, nodes[node].width), 0);
    let y = gap.margin + (tallest - columnHeight(members, nodes, gap.y)) / 2;
    for (const node of members) {
      placed[node] = { ...nodes[node], x: x + (width - nodes[node].width) / 2, y, layer };
      y += nodes[node].height + gap.y;
    }
    x += width + gap.x;
  });
  return { nodes: placed, width: Math.max(0, x - gap.x) + gap.margin, height: tallest + 2 * gap.margin };
}

function columnHeight(members: readonly number[], nodes: readonly LayoutNode[], gap: number): number {
  return members.reduce((sum, node) => sum + nodes[node].height + gap, -gap);
}

function order(layers: number[][], incoming: readonly number[][], outgoing: readonly number[][]): void {
  const position = new Float64Array(incoming.length);
  const renumber = (layer: readonly number[]): void =>
    layer.forEach((node, i) => (position[node] = (i + 0.5) / layer.length));
  layers.forEach(renumber);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : layers.toReversed()) {
      const mean = new Map(
        layer.map((node) => [node, meanPosition(forward ? incoming[node] : outgoing[node], position, position[node])]),
      );
      layer.sort((a, b) => mean.get(a)! - mean.get(b)! || a - b);
      renumber(layer);
    }
  }
}

function meanPosition(neighbours: readonly number[], position: Float64Array, otherwise: number): number {
  if (neighbours.length === 0) return otherwise;
  return neighbours.reduce((sum, node) => sum + position[node], 0) / neighbours.length;
}
