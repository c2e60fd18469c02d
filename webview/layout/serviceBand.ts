/**
 * The band of services beside the flow, and the calls that lead there. "Along" is the direction in which the band stretches: to the right
 * for a band below the flow, down for one at its right.
 */
import { isotonic } from "./coordinates";
import type { EdgePlacement, LayoutEdge, LayoutNode, LayoutRequest, Point, Rectangle } from "./layoutRequest";

/** Between flow and band: a call's label has to find room there, beneath each other or side by side. */
const GAP = { below: 42, right: 104 } as const;
const NODE_GAP = 32;
/** Where a detour turns, below (beside) its caller. */
const TURN = 20;

/** Places the services in rows by how deep the calls go; within a row near their callers. Their rectangles are added to `nodes`. */
export function placeBand(
  request: LayoutRequest,
  band: readonly LayoutNode[],
  nodes: Map<string, Rectangle>,
  flow: Rectangle,
): Rectangle | undefined {
  if (band.length === 0 || request.band === undefined) return undefined;
  const { header, padding, minWidth = 0, side } = request.band;
  const right = side === "right";
  const along = (size: { width: number; height: number }): number => (right ? size.height : size.width);
  const across = (size: { width: number; height: number }): number => (right ? size.width : size.height);
  const empty = flow.width === 0;
  const top = empty ? 0 : (right ? flow.x + flow.width : flow.y + flow.height) + GAP[side];
  const middle = right ? flow.y + flow.height / 2 : flow.x + flow.width / 2;
  let at = top + (right ? padding : header);
  let low = Infinity;
  let high = -Infinity;
  for (const row of callDepths(request.edges, band)) {
    const wants = row.map((node) => {
      const callers = request.edges
        .filter((edge) => edge.target === node.id)
        .flatMap((edge) => nodes.get(edge.source) ?? []);
      if (callers.length === 0) return middle;
      return (
        callers.reduce((sum, one) => sum + (right ? one.y + one.height / 2 : one.x + one.width / 2), 0) / callers.length
      );
    });
    const order = row.map((_, i) => i).sort((a, b) => wants[a] - wants[b] || a - b);
    const offset: number[] = [];
    let run = 0;
    order.forEach((i, k) => {
      if (k > 0) run += (along(row[order[k - 1]]) + along(row[i])) / 2 + NODE_GAP;
      offset.push(run);
    });
    const fitted = isotonic(
      Float64Array.from(order, (i, k) => wants[i] - offset[k]),
      new Float64Array(order.length).fill(1),
    );
    let thick = 0;
    order.forEach((i, k) => {
      const { id, width, height } = row[i];
      const start = Math.round(fitted[k] + offset[k] - along(row[i]) / 2);
      low = Math.min(low, start);
      high = Math.max(high, start + along(row[i]));
      thick = Math.max(thick, across(row[i]));
      nodes.set(id, right ? { x: at, y: start, width, height } : { x: start, y: at, width, height });
    });
    at += thick + (right ? GAP.right - 16 : GAP.below);
  }
  const bottom = at - (right ? GAP.right - 16 : GAP.below) + padding;
  low -= right ? header : padding;
  high += padding;
  const width = right ? bottom - top : high - low;
  const missing = Math.max(0, minWidth - width);
  return right
    ? { x: top, y: low, width: width + missing, height: high - low }
    : { x: low - missing / 2, y: top, width: width + missing, height: bottom - top };
}

function callDepths(edges: readonly LayoutEdge[], band: readonly LayoutNode[]): LayoutNode[][] {
  const depth = new Map(band.map((node) => [node.id, 0]));
  for (let round = 0; round < band.length; round++) {
    let changed = false;
    for (const edge of edges) {
      const caller = depth.get(edge.source);
      const called = depth.get(edge.target);
      if (caller === undefined || called === undefined || edge.source === edge.target) continue;
      if (called < caller + 1 && caller + 1 < band.length) {
        depth.set(edge.target, caller + 1);
        changed = true;
      }
    }
    if (!changed) break;
  }
  const rows: LayoutNode[][] = [];
  for (const node of band) (rows[depth.get(node.id) as number] ??= []).push(node);
  return rows.filter((row) => row !== undefined);
}

/** From the side of each caller that faces the band to the side of the service that faces the flow. */
export function* callLines(
  request: LayoutRequest,
  nodes: ReadonlyMap<string, Rectangle>,
  band: Rectangle | undefined,
): Generator<readonly [id: string, line: EdgePlacement]> {
  const side = request.band?.side ?? "below";
  const lanes = new Map<number, number>();
  const all = [...nodes.values()];
  const services = new Set(request.nodes.filter((node) => node.band === true).map((node) => node.id));
  for (const edge of request.edges) {
    const source = nodes.get(edge.source);
    const target = nodes.get(edge.target);
    if (edge.call !== true || source === undefined || target === undefined) continue;
    const around = band === undefined ? undefined : detour(source, all, band, lanes, side);
    // Where data leave a caller at the same side, calls leave beside them.
    const shared = (request.orientation === "right") === (side === "right") && !services.has(edge.source);
    yield [edge.id, callLine(source, target, band, around ?? [], side, shared ? 0.74 : 0.5)];
  }
}

function callLine(
  source: Rectangle,
  target: Rectangle,
  band: Rectangle | undefined,
  around: readonly Point[],
  side: "below" | "right",
  leaves: number,
): EdgePlacement {
  const right = side === "right";
  const first = right
    ? { x: source.x + source.width, y: source.y + source.height * leaves }
    : { x: source.x + source.width * leaves, y: source.y + source.height };
  const from = around.at(-1) ?? first;
  const to = right ? { x: target.x, y: target.y + target.height / 2 } : { x: target.x + target.width / 2, y: target.y };
  const entry = band === undefined ? undefined : right ? band.x : band.y;
  const start = right ? from.x : from.y;
  const end = right ? to.x : to.y;
  // Where the line is between flow and band; between two services, in its middle.
  const share =
    entry !== undefined && start < entry && end > entry ? (entry - GAP[side] / 2 - start) / (end - start) : 0.5;
  const bent = easeInOut(Math.max(0, Math.min(1, share)));
  const label = right
    ? { x: start + (end - start) * share, y: from.y + (to.y - from.y) * bent }
    : { x: from.x + (to.x - from.x) * bent, y: start + (end - start) * share };
  return { points: around.length > 0 ? [...around, to] : [from, to], label };
}

/**
 * Where other boxes stand between a caller and the band, its line leaves at the box's last corner and goes down the gap beside them. Lines
 * that share a gap keep apart.
 */
function detour(
  source: Rectangle,
  nodes: readonly Rectangle[],
  band: Rectangle,
  lanes: Map<number, number>,
  side: "below" | "right",
): Point[] | undefined {
  const right = side === "right";
  const near = (one: Rectangle): number => (right ? one.x : one.y);
  const far = (one: Rectangle): number => (right ? one.x + one.width : one.y + one.height);
  const low = (one: Rectangle): number => (right ? one.y : one.x);
  const high = (one: Rectangle): number => (right ? one.y + one.height : one.x + one.width);
  const middle = (low(source) + high(source)) / 2;
  const ahead = nodes.filter((one) => near(one) > far(source) && near(one) < near(band));
  if (!ahead.some((one) => low(one) < middle + 8 && high(one) > middle - 8)) return undefined;
  let border = high(source);
  for (let changed = true; changed;) {
    changed = false;
    for (const one of ahead) {
      if (low(one) < border + 18 && high(one) > border) {
        border = high(one);
        changed = true;
      }
    }
  }
  const taken = lanes.get(border) ?? 0;
  lanes.set(border, taken + 1);
  const lane = border + 10 + 7 * taken;
  const start = far(source);
  const end = Math.max(near(band) - GAP[side], start + TURN + 4);
  const at = (along: number, across: number): Point => (right ? { x: across, y: along } : { x: along, y: across });
  return [at(high(source) - 22, start), at(lane, start + TURN), at(lane, end)];
}

/** How far across a line is that has gone `share` of its way along: a cubic with level ends, as lines are drawn. */
function easeInOut(share: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 20; i++) {
    const t = (low + high) / 2;
    const along = 1.5 * t * (1 - t) * (1 - t) + 1.5 * t * t * (1 - t) + t * t * t;
    if (along < share) low = t;
    else high = t;
  }
  return 3 * low * low * (1 - low) + low * low * low;
}
