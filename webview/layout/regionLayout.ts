/**
 * Layout of a job: every group (a set of pipelined regions) is laid out by itself, then the groups as boxes among each other, so that a
 * group is always a rectangle with nothing foreign in it. An edge that leaves its group runs through a gate on the group's border; gates
 * are nodes of no length, so that inside the group too it keeps clear of the boxes. Services stand in a band beside the flow, each as near
 * as there is room to those who call it.
 */
import { placeLabels } from "./labelPlacement";
import { spreadParallel } from "./parallelEdges";
import { callLines, placeBand } from "./serviceBand";
import { layoutFlow, type FlowEdge, type FlowLayout, type FlowNode } from "./flowLayout";
import type { FlowPoint } from "./flowPoint";
import type {
  EdgePlacement,
  LayoutEdge,
  LayoutNode,
  LayoutRequest,
  LayoutResult,
  Point,
  Rectangle,
} from "./layoutRequest";

const FLOW = { gap: 24, lineGap: 16, layerGap: 20 };
const LABEL_ROOM = 36;
/** Top down a label needs its height along the line: name, partition type and rate. */
const LABEL_ROOM_DOWN = 72;
/** Only what is read vertex by vertex is folded. */
const MOST_FOLDED = 80;
const GATE_BREADTH = 14;
const GATE_GAP = 14;

/** A group with its own layout, or a box on its own. */
interface Block {
  readonly id: string;
  readonly members: readonly LayoutNode[];
  readonly group: LayoutRequest["groups"][number] | undefined;
  layout: FlowLayout | undefined;
  /** Number of the member in `layout`. */
  readonly index: ReadonlyMap<string, number>;
  /** Edge id → number of its gate in `layout`. */
  readonly gates: Map<string, number>;
  /** Edge id → number of the edge in `layout`. */
  readonly lines: Map<string, number>;
  length: number;
  breadth: number;
  /** From the block's low corner to the layout's. */
  inset: FlowPoint;
}

/** `previous`: middles of the nodes in an earlier picture, so that what stays the same stays where it is. */
export function* layoutRegions(
  request: LayoutRequest,
  previous?: ReadonlyMap<string, Point>,
): Generator<void, LayoutResult> {
  const down = request.orientation === "down";
  const along = (size: { width: number; height: number }): number => (down ? size.height : size.width);
  const across = (size: { width: number; height: number }): number => (down ? size.width : size.height);
  const before = (id: string): number | undefined => {
    const point = previous?.get(id);
    return point === undefined ? undefined : down ? point.x : point.y;
  };

  const aspect = request.aspect === undefined ? undefined : down ? 1 / request.aspect : request.aspect;
  const fold = aspect === undefined || request.nodes.length > MOST_FOLDED ? undefined : { aspect };
  const labelRoom = (edge: LayoutEdge): number => (down ? LABEL_ROOM_DOWN : (edge.labelWidth ?? 0) + LABEL_ROOM);

  const flowNodes = request.nodes.filter((node) => node.band !== true);
  const bandNodes = request.nodes.filter((node) => node.band === true);
  const blocks = makeBlocks(flowNodes, request);
  const blockOf = new Map<string, number>();
  blocks.forEach((block, i) => block.members.forEach((node) => blockOf.set(node.id, i)));
  const flowEdges = request.edges.filter(
    (edge) => blockOf.has(edge.source) && blockOf.has(edge.target) && edge.call !== true,
  );

  const edgesOf = blocks.map((): LayoutEdge[] => []);
  for (const edge of flowEdges) {
    const a = blockOf.get(edge.source) as number;
    const b = blockOf.get(edge.target) as number;
    edgesOf[a].push(edge);
    if (a !== b) edgesOf[b].push(edge);
  }
  for (let i = 0; i < blocks.length; i++) yield* layoutBlock(blocks[i], edgesOf[i]);

  const between = flowEdges.filter((edge) => blockOf.get(edge.source) !== blockOf.get(edge.target));
  const outer = yield* layoutFlow(
    blocks.map((block) => ({
      length: block.length,
      breadth: block.breadth,
      previous: mean(block.members.map((node) => before(node.id))),
    })),
    between.map((edge) => {
      const a = blocks[blockOf.get(edge.source) as number];
      const b = blocks[blockOf.get(edge.target) as number];
      return {
        source: blockOf.get(edge.source) as number,
        target: blockOf.get(edge.target) as number,
        sourcePort: gatePlace(a, edge.id, edge.source) - a.breadth / 2,
        targetPort: gatePlace(b, edge.id, edge.target) - b.breadth / 2,
        room: labelRoom(edge),
      };
    }),
    { ...FLOW, gap: 36, fold },
  );

  const toPoint = (p: FlowPoint): Point => (down ? { x: p.v, y: p.u } : { x: p.u, y: p.v });
  const toRectangle = (p: FlowPoint, length: number, breadth: number): Rectangle =>
    down ? { x: p.v, y: p.u, width: breadth, height: length } : { x: p.u, y: p.v, width: length, height: breadth };
  const nodes = new Map<string, Rectangle>();
  const groups = new Map<string, Rectangle>();
  const edges = new Map<string, EdgePlacement>();
  blocks.forEach((block, i) => {
    const corner = outer.nodes[i];
    if (block.group !== undefined) groups.set(block.group.id, toRectangle(corner, block.length, block.breadth));
    block.members.forEach((node, k) => {
      const inner = block.layout?.nodes[k] ?? { u: 0, v: 0 };
      nodes.set(node.id, toRectangle(shift(inner, corner, block.inset), along(node), across(node)));
    });
  });
  const innerLine = (i: number, id: string): FlowPoint[] => {
    const block = blocks[i];
    const line = block.lines.get(id);
    if (block.layout === undefined || line === undefined) return [];
    return block.layout.edges[line].map((point) => shift(point, outer.nodes[i], block.inset));
  };
  const outerLine = new Map(between.map((edge, k) => [edge.id, outer.edges[k]]));
  for (const edge of flowEdges) {
    const a = blockOf.get(edge.source) as number;
    const b = blockOf.get(edge.target) as number;
    const middle = outerLine.get(edge.id) ?? [];
    const line = a === b ? innerLine(a, edge.id) : [...innerLine(a, edge.id), ...middle, ...innerLine(b, edge.id)];
    const points = dropRepeats(line).map(toPoint);
    edges.set(edge.id, { points, label: labelPlace(dropRepeats(a === b ? line : [...middle]).map(toPoint)) });
  }

  spreadParallel(flowEdges, edges, nodes, request.orientation);

  const flow = boundsOf([...nodes.values(), ...groups.values()]);
  const bandRectangle = placeBand(request, bandNodes, nodes, flow);
  for (const [id, line] of callLines(request, nodes, bandRectangle)) edges.set(id, line);
  const frames = [...groups.values(), ...(bandRectangle ? [bandRectangle] : [])];
  placeLabels(request.edges, edges, [...nodes.values()], frames, request.orientation);
  return {
    nodes,
    groups,
    edges,
    band: bandRectangle,
    bounds: boundsOf([...nodes.values(), ...frames]),
  };

  function* layoutBlock(block: Block, mine: readonly LayoutEdge[]): Generator<void, void> {
    const inner: FlowNode[] = block.members.map((node) => ({
      length: along(node),
      breadth: across(node),
      previous: before(node.id),
    }));
    if (block.group === undefined) {
      block.length = inner[0].length;
      block.breadth = inner[0].breadth;
      return;
    }
    const lines: FlowEdge[] = [];
    for (const edge of mine) {
      const source = block.index.get(edge.source);
      const target = block.index.get(edge.target);
      if (source !== undefined && target !== undefined) {
        block.lines.set(edge.id, lines.length);
        lines.push({ source, target, sourcePort: 0, targetPort: 0, room: labelRoom(edge) });
      } else {
        const gate = inner.length;
        inner.push({ length: 0, breadth: GATE_BREADTH });
        block.gates.set(edge.id, gate);
        block.lines.set(edge.id, lines.length);
        const ends = source === undefined ? { source: gate, target: target as number } : { source, target: gate };
        lines.push({ ...ends, sourcePort: 0, targetPort: 0, room: GATE_GAP });
      }
    }
    // Gates have to stay at the ends of the flow, so a group is folded only when nothing leaves it.
    block.layout = yield* layoutFlow(inner, lines, block.gates.size > 0 ? FLOW : { ...FLOW, fold });
    const { header, padding, minWidth = 0 } = block.group;
    const before_ = down ? { u: header, v: padding } : { u: padding, v: header };
    const size = { u: block.layout.length + before_.u + padding, v: block.layout.breadth + before_.v + padding };
    block.length = Math.max(size.u, down ? 0 : minWidth);
    block.breadth = Math.max(size.v, down ? minWidth : 0);
    block.inset = { u: before_.u + (block.length - size.u) / 2, v: before_.v + (block.breadth - size.v) / 2 };
    stretchToBorder(block);
    yield;
  }

  /** Across the flow, from the block's low border. */
  function gatePlace(block: Block, edge: string, end: string): number {
    const gate = block.gates.get(edge);
    if (block.layout === undefined || gate === undefined) {
      const member = block.members.find((node) => node.id === end);
      return member === undefined ? 0 : across(member) / 2;
    }
    return block.layout.nodes[gate].v + GATE_BREADTH / 2 + block.inset.v;
  }
}

function makeBlocks(nodes: readonly LayoutNode[], request: LayoutRequest): Block[] {
  const known = new Map(request.groups.map((group) => [group.id, group]));
  const members = new Map<string, LayoutNode[]>();
  for (const node of nodes) {
    const key = node.group !== undefined && known.has(node.group) ? `group ${node.group}` : `node ${node.id}`;
    const list = members.get(key);
    if (list === undefined) members.set(key, [node]);
    else list.push(node);
  }
  return [...members].map(([id, list]) => ({
    id,
    members: list,
    group: id.startsWith("group ") ? known.get(list[0].group as string) : undefined,
    layout: undefined,
    index: new Map(list.map((node, i) => [node.id, i])),
    gates: new Map(),
    lines: new Map(),
    length: 0,
    breadth: 0,
    inset: { u: 0, v: 0 },
  }));
}

/** Lines to and from gates go on, level, to the border of the block. */
function stretchToBorder(block: Block): void {
  const layout = block.layout;
  if (layout === undefined) return;
  const edges = layout.edges.map((points) => [...points]);
  for (const [edge, gate] of block.gates) {
    const line = edges[block.lines.get(edge) as number];
    const leaves = layout.nodes[gate].u >= (line[0]?.u ?? 0) && line[line.length - 1].u === layout.nodes[gate].u;
    const v = layout.nodes[gate].v + GATE_BREADTH / 2;
    if (leaves) line.push({ u: block.length - block.inset.u, v });
    else line.unshift({ u: -block.inset.u, v });
  }
  block.layout = { ...layout, edges };
}

function shift(point: FlowPoint, corner: FlowPoint, inset: FlowPoint): FlowPoint {
  return { u: point.u + corner.u + inset.u, v: point.v + corner.v + inset.v };
}

function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function dropRepeats(points: readonly FlowPoint[]): FlowPoint[] {
  return points.filter(
    (point, i) => i === 0 || Math.abs(point.u - points[i - 1].u) + Math.abs(point.v - points[i - 1].v) > 0.01,
  );
}

/** The middle of the widest step along the flow: there the line runs free between two layers. */
function labelPlace(points: readonly Point[]): Point {
  let best = points[0] ?? { x: 0, y: 0 };
  let widest = -1;
  for (let i = 1; i < points.length; i++) {
    if (i % 2 === 0) continue;
    const a = points[i - 1];
    const b = points[i];
    const width = Math.abs(b.x - a.x) + Math.abs(b.y - a.y) * 0.25;
    if (width > widest) {
      widest = width;
      best = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    }
  }
  return best;
}

function boundsOf(rectangles: readonly Rectangle[]): Rectangle {
  if (rectangles.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
  let x = Infinity;
  let y = Infinity;
  let right = -Infinity;
  let bottom = -Infinity;
  for (const r of rectangles) {
    x = Math.min(x, r.x);
    y = Math.min(y, r.y);
    right = Math.max(right, r.x + r.width);
    bottom = Math.max(bottom, r.y + r.height);
  }
  return { x, y, width: right - x, height: bottom - y };
}
