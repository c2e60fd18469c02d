/** The shape of an edge and of its label, and the words for both. */
import { path as d3path } from "d3";
import type { EdgeDescription } from "../../simulator/graph/graphDescription";
import type { Point } from "../layout/layoutRequest";

/** Smooth through the points; every step begins and ends along the flow. */
export function flowPath(points: readonly Point[], orientation: "right" | "down"): string {
  const path = d3path();
  trace(path, points, orientation);
  return path.toString();
}

interface PathSink {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  quadraticCurveTo(cpx: number, cpy: number, x: number, y: number): void;
  bezierCurveTo(cpx1: number, cpy1: number, cpx2: number, cpy2: number, x: number, y: number): void;
}

/** Of the corners where a line turns at the end of a row. */
const CORNER = 10;

export function trace(path: PathSink, points: readonly Point[], orientation: "right" | "down"): void {
  if (points.length === 0) return;
  path.moveTo(points[0].x, points[0].y);
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1];
    const b = points[i];
    const next = points[i + 1];
    if (isStraight(a, b)) {
      if (next !== undefined && isStraight(b, next) && isCorner(a, b, next)) {
        const before = towards(b, a);
        const after = towards(b, next);
        path.lineTo(before.x, before.y);
        path.quadraticCurveTo(b.x, b.y, after.x, after.y);
      } else path.lineTo(b.x, b.y);
    } else if (orientation === "right") path.bezierCurveTo((a.x + b.x) / 2, a.y, (a.x + b.x) / 2, b.y, b.x, b.y);
    else path.bezierCurveTo(a.x, (a.y + b.y) / 2, b.x, (a.y + b.y) / 2, b.x, b.y);
  }
}

function isStraight(a: Point, b: Point): boolean {
  return Math.abs(a.x - b.x) < 0.6 || Math.abs(a.y - b.y) < 0.6;
}

function isCorner(a: Point, b: Point, c: Point): boolean {
  return Math.abs(a.x - b.x) < 0.6 !== Math.abs(b.x - c.x) < 0.6;
}

/** A little way from one point to another. */
function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(0.5, CORNER / length);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

const ARROW = 8;

/** A head at the last point. `towards`: the way the line arrives. */
export function arrowHead(points: readonly Point[], towards: "right" | "down"): string {
  const end = points.at(-1);
  if (end === undefined) return "";
  const before = points.at(-2) ?? end;
  const sign = towards === "right" ? Math.sign(end.x - before.x || 1) : Math.sign(end.y - before.y || 1);
  const { x, y } = end;
  return towards === "right"
    ? `M${x} ${y}L${x - sign * ARROW} ${y - ARROW * 0.55}V${y + ARROW * 0.55}Z`
    : `M${x} ${y}L${x - ARROW * 0.55} ${y - sign * ARROW}H${x + ARROW * 0.55}Z`;
}

export type LineStyle = "pipelined" | "blocking" | "hybrid" | "approximate" | "undefined";

export function lineStyle(edge: EdgeDescription): LineStyle {
  switch (edge.partitionType) {
    case "PIPELINED":
    case "PIPELINED_BOUNDED":
      return "pipelined";
    case "BLOCKING":
    case "BLOCKING_PERSISTENT":
      return "blocking";
    case "HYBRID_FULL":
    case "HYBRID_SELECTIVE":
      return "hybrid";
    case "PIPELINED_APPROXIMATE":
      return "approximate";
    case "UNDEFINED":
      return "undefined";
  }
}

/** What each style says; the legend is made from it. */
export const LINE_WORDS: Readonly<Record<LineStyle, { readonly name: string; readonly meaning: string }>> = {
  pipelined: { name: "Pipelined", meaning: "read while it is written; both ends restart together" },
  blocking: { name: "Blocking", meaning: "read after it is complete; ends may restart apart" },
  hybrid: { name: "Hybrid", meaning: "can be read while it is written; ends may restart apart" },
  approximate: { name: "Approximate", meaning: "the producer may restart without its consumers' data" },
  undefined: { name: "Not decided", meaning: "the plan does not say yet" },
};

export function edgeWords(edge: EdgeDescription, nameOf: (vertex: string) => string): string {
  const pattern = edge.pattern === "ALL_TO_ALL" ? "every subtask to every subtask" : "subtask by subtask";
  return `${nameOf(edge.source)} to ${nameOf(edge.target)}: ${edge.shipStrategy}, ${edge.partitionType}, ${pattern}${edge.derived ? " (derived)" : ""}`;
}
