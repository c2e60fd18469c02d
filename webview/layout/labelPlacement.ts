/**
 * Places for the labels of edges: on their line, off the boxes, the borders of frames and each other. Every label tries places along its line, the middle of
 * the widest step first, then beside it, and takes the first that is free, or else the one where it covers least.
 */
import type { EdgePlacement, LayoutEdge, Point, Rectangle } from "./layoutRequest";

/** Name, partition type and rate beneath each other. */
const HEIGHT = 34;
const CELL = 200;
/** How far beside the line. */
const ASIDE = [-HEIGHT / 2, HEIGHT / 2, -HEIGHT, HEIGHT];
/** Room that is kept around the border of a frame. */
const BORDER = 8;
const SHARES = [0.5, 0.36, 0.64, 0.24, 0.76, 0.14, 0.86];

export function placeLabels(
  wanted: readonly LayoutEdge[],
  edges: Map<string, EdgePlacement>,
  boxes: readonly Rectangle[],
  frames: readonly Rectangle[],
  orientation: "right" | "down",
): void {
  const taken = new RectangleIndex();
  for (const box of boxes) taken.add(box);
  for (const frame of frames) for (const side of sidesOf(frame)) taken.add(side);
  for (const { id, labelWidth = 0 } of wanted) {
    const edge = edges.get(id);
    if (edge === undefined || labelWidth === 0) continue;
    let best = edge.label;
    let least = Infinity;
    for (const at of candidates(edge.points, orientation)) {
      const covered = taken.covered(around(at, labelWidth));
      if (covered < least) {
        least = covered;
        best = at;
      }
      if (covered === 0) break;
    }
    taken.add(around(best, labelWidth));
    edges.set(id, { points: edge.points, label: best });
  }
}

/** The rate stands below, so the middle of the label is above the middle of its room. */
function around(at: Point, width: number): Rectangle {
  return { x: at.x - width / 2, y: at.y - HEIGHT / 2 + 7, width, height: HEIGHT };
}

function sidesOf({ x, y, width, height }: Rectangle): Rectangle[] {
  const half = BORDER / 2;
  const across = { x: x - half, width: width + BORDER, height: BORDER };
  const upright = { y: y - half, width: BORDER, height: height + BORDER };
  return [
    { ...across, y: y - half },
    { ...across, y: y + height - half },
    { ...upright, x: x - half },
    { ...upright, x: x + width - half },
  ];
}

function* candidates(points: readonly Point[], orientation: "right" | "down"): Generator<Point> {
  const steps: { readonly a: Point; readonly b: Point; readonly length: number }[] = [];
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1];
    const b = points[i];
    steps.push({ a, b, length: Math.abs(b.x - a.x) + Math.abs(b.y - a.y) });
  }
  steps.sort((a, b) => b.length - a.length);
  for (const { a, b } of steps.slice(0, 3)) {
    for (const share of SHARES) yield onStep(a, b, share, orientation);
  }
  // Two lines side by side have no room for both labels on them: then just beside the line.
  for (const { a, b } of steps.slice(0, 3)) {
    for (const aside of ASIDE) {
      for (const share of SHARES.slice(0, 5)) {
        const { x, y } = onStep(a, b, share, orientation);
        yield orientation === "right" ? { x, y: y + aside } : { x: x + aside * 2, y };
      }
    }
  }
}

/** A step is a cubic whose ends lie along the flow; see `flowPath`. */
function onStep(a: Point, b: Point, t: number, orientation: "right" | "down"): Point {
  const along = 1.5 * t * (1 - t) * (1 - t) + 1.5 * t * t * (1 - t) + t * t * t;
  const across = 3 * t * t * (1 - t) + t * t * t;
  return orientation === "right"
    ? { x: a.x + (b.x - a.x) * along, y: a.y + (b.y - a.y) * across }
    : { x: a.x + (b.x - a.x) * across, y: a.y + (b.y - a.y) * along };
}

/** Rectangles by the squares of a grid that they touch. */
class RectangleIndex {
  readonly #squares = new Map<string, Rectangle[]>();

  add(rectangle: Rectangle): void {
    for (const key of squaresOf(rectangle)) {
      const list = this.#squares.get(key);
      if (list === undefined) this.#squares.set(key, [rectangle]);
      else list.push(rectangle);
    }
  }

  /** Area of the others that this one covers. */
  covered(rectangle: Rectangle): number {
    const seen = new Set<Rectangle>();
    let sum = 0;
    for (const key of squaresOf(rectangle)) {
      for (const other of this.#squares.get(key) ?? []) {
        if (seen.has(other)) continue;
        seen.add(other);
        const width = Math.min(rectangle.x + rectangle.width, other.x + other.width) - Math.max(rectangle.x, other.x);
        const height =
          Math.min(rectangle.y + rectangle.height, other.y + other.height) - Math.max(rectangle.y, other.y);
        if (width > 0 && height > 0) sum += width * height;
      }
    }
    return sum;
  }
}

function* squaresOf({ x, y, width, height }: Rectangle): Generator<string> {
  for (let i = Math.floor(x / CELL); i <= Math.floor((x + width) / CELL); i++) {
    for (let k = Math.floor(y / CELL); k <= Math.floor((y + height) / CELL); k++) yield `${i} ${k}`;
  }
}
