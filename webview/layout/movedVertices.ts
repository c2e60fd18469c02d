/** A layout with some boxes put elsewhere by hand: lines follow at their ends, frames grow to hold what is theirs. */
import type { EdgePlacement, LayoutRequest, LayoutResult, Point, Rectangle } from "./layoutRequest";

export type Moves = Readonly<Record<string, { readonly dx: number; readonly dy: number }>>;

export function moveVertices(request: LayoutRequest, layout: LayoutResult, moves: Moves): LayoutResult {
  const moved = Object.keys(moves).filter((id) => layout.nodes.has(id));
  if (moved.length === 0) return layout;
  const nodes = new Map(layout.nodes);
  for (const id of moved) nodes.set(id, shifted(layout.nodes.get(id) as Rectangle, moves[id]));
  const edges = new Map(layout.edges);
  for (const { id, source, target } of request.edges) {
    const edge = layout.edges.get(id);
    const first = Object.hasOwn(moves, source) ? moves[source] : undefined;
    const last = Object.hasOwn(moves, target) ? moves[target] : undefined;
    if (edge !== undefined && (first !== undefined || last !== undefined)) edges.set(id, dragged(edge, first, last));
  }
  const groups = new Map(layout.groups);
  for (const group of request.groups) {
    const before = layout.groups.get(group.id);
    const members = request.nodes.filter((node) => node.group === group.id && Object.hasOwn(moves, node.id));
    if (before === undefined || members.length === 0) continue;
    groups.set(
      group.id,
      holding(
        before,
        members.flatMap((node) => nodes.get(node.id) ?? []),
        group.padding,
        group.header,
      ),
    );
  }
  const services = request.nodes.filter((node) => node.band === true && Object.hasOwn(moves, node.id));
  const band =
    layout.band === undefined || request.band === undefined
      ? layout.band
      : holding(
          layout.band,
          services.flatMap((node) => nodes.get(node.id) ?? []),
          request.band.padding,
          request.band.header,
        );
  const all = [...nodes.values(), ...groups.values(), ...(band === undefined ? [] : [band])];
  return { nodes, edges, groups, band, bounds: all.reduce(union) };
}

function shifted({ x, y, width, height }: Rectangle, { dx, dy }: { dx: number; dy: number }): Rectangle {
  return { x: x + dx, y: y + dy, width, height };
}

/** The ends go with their boxes; what is between goes along with the nearer end. */
function dragged(
  edge: EdgePlacement,
  first: { dx: number; dy: number } | undefined,
  last: { dx: number; dy: number } | undefined,
): EdgePlacement {
  const zero = { dx: 0, dy: 0 };
  const a = first ?? zero;
  const b = last ?? zero;
  const count = edge.points.length - 1;
  const at = (point: Point, share: number): Point => ({
    x: point.x + a.dx * (1 - share) + b.dx * share,
    y: point.y + a.dy * (1 - share) + b.dy * share,
  });
  return { points: edge.points.map((point, i) => at(point, count === 0 ? 0 : i / count)), label: at(edge.label, 0.5) };
}

function holding(frame: Rectangle, boxes: readonly Rectangle[], padding: number, header: number): Rectangle {
  return boxes.reduce(
    (all, box) =>
      union(all, {
        x: box.x - padding,
        y: box.y - header,
        width: box.width + 2 * padding,
        height: box.height + padding + header,
      }),
    frame,
  );
}

function union(a: Rectangle, b: Rectangle): Rectangle {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}
