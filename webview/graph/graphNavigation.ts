/** Where an arrow key leads: along edges with the flow, between neighbours across it, from cell to cell within a grid. */
import type { LayoutResult, Rectangle } from "../layout/layoutRequest";
import type { Picture } from "../model/picture";
import type { PictureElement } from "../protocol";

export type Direction = "right" | "left" | "down" | "up";

export function step(
  picture: Picture,
  layout: LayoutResult,
  from: PictureElement,
  direction: Direction,
): PictureElement | undefined {
  if (from.kind === "subtask") return stepCell(picture, from, direction);
  if (!("vertex" in from)) return undefined;
  const along = picture.orientation === "right" ? ["left", "right"] : ["up", "down"];
  const place = layout.nodes.get(from.vertex);
  if (place === undefined) return undefined;
  if (direction === along[1] || direction === along[0]) {
    const neighbours = (direction === along[1] ? picture.out : picture.in).get(from.vertex) ?? [];
    // Data edges before calls: the flow is the main way.
    const streams = neighbours.filter(
      (id) => picture.vertices.get(id)?.kind === picture.vertices.get(from.vertex)?.kind,
    );
    const vertex = nearest(streams.length > 0 ? streams : neighbours, layout, place);
    return vertex === undefined ? undefined : { kind: "vertex", vertex };
  }
  const vertex = towards([...layout.nodes.keys()], layout, from.vertex, direction);
  return vertex === undefined ? undefined : { kind: "vertex", vertex };
}

function stepCell(
  picture: Picture,
  from: PictureElement & { kind: "subtask" },
  direction: Direction,
): PictureElement | undefined {
  const grid = picture.cards.get(from.vertex)?.cells;
  if (grid === undefined) return undefined;
  const step =
    direction === "right" ? 1 : direction === "left" ? -1 : direction === "down" ? grid.columns : -grid.columns;
  const index = from.index + step;
  return index < 0 || index >= grid.count ? undefined : { kind: "subtask", vertex: from.vertex, index };
}

function nearest(ids: readonly string[], layout: LayoutResult, to: Rectangle): string | undefined {
  return [...ids].sort((a, b) => distance(layout.nodes.get(a), to) - distance(layout.nodes.get(b), to))[0];
}

/** The nearest one on that side; what is straight ahead counts as nearer than what is off to the side. */
function towards(ids: readonly string[], layout: LayoutResult, from: string, direction: Direction): string | undefined {
  const own = centre(layout.nodes.get(from) as Rectangle);
  const vertical = direction === "up" || direction === "down";
  const sign = direction === "down" || direction === "right" ? 1 : -1;
  let best: string | undefined;
  let least = Infinity;
  for (const id of ids) {
    if (id === from) continue;
    const other = centre(layout.nodes.get(id) as Rectangle);
    const ahead = (vertical ? other.y - own.y : other.x - own.x) * sign;
    const aside = Math.abs(vertical ? other.x - own.x : other.y - own.y);
    if (ahead < 8) continue;
    const cost = ahead + aside * 2;
    if (cost < least) {
      least = cost;
      best = id;
    }
  }
  return best;
}

function centre(rectangle: Rectangle): { x: number; y: number } {
  return { x: rectangle.x + rectangle.width / 2, y: rectangle.y + rectangle.height / 2 };
}

function distance(a: Rectangle | undefined, b: Rectangle): number {
  if (a === undefined) return Infinity;
  const p = centre(a);
  const q = centre(b);
  return Math.hypot(p.x - q.x, p.y - q.y);
}
