/** Breakpoints in a job file: which operator or edge a line belongs to. Knows nothing of the editor. */
import { parse } from "jsonc-parser";
import type { BreakpointPlace } from "../../simulator/observe/debuggerMessage";
import { locateElements } from "../../simulator/graph/parseJobFile";

export interface PlaceInFile {
  readonly place: BreakpointPlace;
  /** Both count from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
}

/** Operators and edges of a job file in the order of its text. */
export function placesOf(text: string, file: string): readonly PlaceInFile[] {
  const places: PlaceInFile[] = [];
  for (const [element, { line, offset, length }] of locateElements(text, file)) {
    if (line === undefined || offset === undefined) continue;
    const source = text.slice(offset, offset + (length ?? 0));
    const place = placeOf(element, source);
    if (place !== undefined) places.push({ place, firstLine: line, lastLine: line + source.split("\n").length - 1 });
  }
  return places.sort((a, b) => a.firstLine - b.firstLine);
}

/** The place that a line is within; of several, the one that begins last. */
export function placeAt(places: readonly PlaceInFile[], line: number): PlaceInFile | undefined {
  return places.findLast(({ firstLine, lastLine }) => firstLine <= line && line <= lastLine);
}

/** `source` is the text of the element itself: `"id": { … }` of an operator, `{ … }` of an edge. */
function placeOf(element: string, source: string): BreakpointPlace | undefined {
  if (element.startsWith("operators")) {
    const [operator] = Object.keys(parse(`{${source}}`) as Readonly<Record<string, unknown>>);
    return operator === undefined ? undefined : { kind: "operator", operator };
  }
  if (!element.startsWith("edges")) return undefined;
  const { from, to } = parse(source) as { readonly from?: unknown; readonly to?: unknown };
  return typeof from === "string" && typeof to === "string" ? { kind: "edge", from, to } : undefined;
}
