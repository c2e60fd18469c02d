/** Several edges between the same two boxes lie side by side, so that each can be seen, pointed at and read. */
import type { EdgePlacement, LayoutEdge, Rectangle } from "./layoutRequest";

/** A label with its rate, and some air. */
const APART = 42;
/** Kept free at the corners of a box. */
const CORNER = 14;

export function spreadParallel(
  wanted: readonly LayoutEdge[],
  edges: Map<string, EdgePlacement>,
  nodes: ReadonlyMap<string, Rectangle>,
  orientation: "right" | "down",
): void {
  const bundles = new Map<string, LayoutEdge[]>();
  for (const edge of wanted) {
    if (edge.call === true) continue;
    const key = JSON.stringify([edge.source, edge.target]);
    bundles.set(key, [...(bundles.get(key) ?? []), edge]);
  }
  for (const bundle of bundles.values()) {
    const ends = [nodes.get(bundle[0].source), nodes.get(bundle[0].target)];
    if (bundle.length < 2 || ends[0] === undefined || ends[1] === undefined) continue;
    const sides = ends.map((box) => (orientation === "right" ? (box?.height ?? 0) : (box?.width ?? 0)));
    const apart = Math.min(APART, (Math.min(...sides) - 2 * CORNER) / (bundle.length - 1));
    bundle.forEach(({ id }, i) => {
      const edge = edges.get(id);
      if (edge === undefined) return;
      const by = (i - (bundle.length - 1) / 2) * Math.max(0, apart);
      const moved = ({ x, y }: { readonly x: number; readonly y: number }): { x: number; y: number } =>
        orientation === "right" ? { x, y: y + by } : { x: x + by, y };
      edges.set(id, { points: edge.points.map(moved), label: moved(edge.label) });
    });
  }
}
