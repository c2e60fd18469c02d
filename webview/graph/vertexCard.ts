/**
 * What is on a vertex's card at each level and how large it is. The size depends on the graph alone, never on live figures, so that nothing
 * has to be laid out again while a job runs.
 */
import type { OperatorDescription, VertexDescription } from "../../simulator/graph/graphDescription";
import type { PictureLevel } from "../protocol";

/** Width of a text in CSS pixels. */
export type Measure = (text: string, font: CardFont) => number;
export type CardFont = "title" | "text" | "small";

export interface CellGrid {
  /** `instance`: a card for each; `chip`: icon and index; `grid`: bare cells; `bar`: one bar of counts. */
  readonly mode: "instance" | "chip" | "grid" | "bar";
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly gap: number;
  readonly count: number;
}

export interface OperatorRow {
  readonly operator: OperatorDescription;
  readonly y: number;
  readonly text: string;
  readonly cut: boolean;
}

export interface Card {
  readonly vertex: VertexDescription;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly titleCut: boolean;
  readonly badge: string;
  /** Second line: model and device of a service, number of chained operators. */
  readonly subtitle: string;
  readonly subtitleY: number | undefined;
  readonly operators: readonly OperatorRow[];
  /** Operators that found no room; they are listed in the details. */
  readonly hiddenOperators: number;
  readonly cells: CellGrid;
  readonly figuresY: number;
}

export const PADDING = 12;
export const TITLE_Y = 21;
const LEAST_WIDTH = 204;
const MOST_WIDTH = 288;
const ROW_HEIGHT = 19;
const MOST_ROWS = 7;
const FIGURES_HEIGHT = 27;
/** Up to this many subtasks are drawn as chips, instances as cards. */
const MOST_CHIPS = 10;
const MOST_INSTANCES = 6;

/** @param collapsed the vertex stands for a whole region: its vertices are listed as operators are, its subtasks counted. */
export function cardOf(vertex: VertexDescription, level: PictureLevel, measure: Measure, collapsed = false): Card {
  const count = Math.max(0, vertex.parallelism);
  const isService = vertex.kind === "service";
  const minimum = Math.max(
    isService && count > 1 ? 276 : LEAST_WIDTH,
    Math.min(MOST_WIDTH, wantedWidth(vertex, level, measure)),
  );
  const cells = gridOf(count, isService, collapsed ? "region" : level, minimum - 2 * PADDING);
  const width = Math.max(minimum, gridWidth(cells) + 2 * PADDING);
  const badge = vertex.parallelism < 0 ? "×?" : `×${vertex.parallelism}`;
  const room = width - 2 * PADDING;
  const title = cut(displayName(vertex.name, vertex.id), room - 24 - measure(badge, "small") - 10, "title", measure);

  let y = 30;
  let subtitleY: number | undefined;
  let subtitle = "";
  if (isService) {
    subtitle = serviceLine(vertex);
    subtitleY = y + 9;
    y += 16;
  } else if (level !== "operator" && vertex.operators.length > 1) {
    subtitle = `${vertex.operators.length} ${collapsed ? "vertices" : "chained operators"}`;
    subtitleY = y + 9;
    y += 18;
  }
  subtitle = cut(subtitle, room, "text", measure).text;

  const operators: OperatorRow[] = [];
  let hiddenOperators = 0;
  if (level === "operator" && !isService && listsOperators(vertex)) {
    y += 2;
    const shown = vertex.operators.length <= MOST_ROWS ? vertex.operators : vertex.operators.slice(0, MOST_ROWS - 1);
    hiddenOperators = vertex.operators.length - shown.length;
    for (const operator of shown) {
      const fitted = cut(displayName(operator.name, operator.id), room - 26, "text", measure);
      operators.push({ operator, y, text: fitted.text, cut: fitted.cut });
      y += ROW_HEIGHT;
    }
    if (hiddenOperators > 0) y += ROW_HEIGHT;
    y += 2;
  }
  y += 6;
  const grid = { ...cells, x: PADDING, y };
  y += gridHeight(cells) + 4;
  const figuresY = y;
  return {
    vertex,
    width,
    height: y + FIGURES_HEIGHT,
    title: title.text,
    titleCut: title.cut,
    badge,
    subtitle,
    subtitleY,
    operators,
    hiddenOperators,
    cells: grid,
    figuresY,
  };
}

/** A single operator that gave the vertex its name is not said twice. */
function listsOperators(vertex: VertexDescription): boolean {
  const [only, more] = vertex.operators;
  return only !== undefined && (more !== undefined || only.name !== vertex.name);
}

/** As wide as its names want. */
function wantedWidth(vertex: VertexDescription, level: PictureLevel, measure: Measure): number {
  const title = measure(displayName(vertex.name, vertex.id).slice(0, 80), "title") + 24 + 48;
  const operators = level === "operator" && listsOperators(vertex) ? vertex.operators.slice(0, MOST_ROWS) : [];
  const rows = operators.map((operator) => measure(displayName(operator.name, operator.id).slice(0, 80), "text") + 26);
  return Math.ceil(Math.max(title, ...rows) + 2 * PADDING);
}

/** Low corner of cell `index`, within the card. */
export function cellPlace(grid: CellGrid, index: number): { readonly x: number; readonly y: number } {
  const row = Math.floor(index / grid.columns);
  const column = index - row * grid.columns;
  return { x: grid.x + column * (grid.cellWidth + grid.gap), y: grid.y + row * (grid.cellHeight + grid.gap) };
}

/** The cell at a place within the card, if any. */
export function cellAt(grid: CellGrid, x: number, y: number): number | undefined {
  if (grid.mode === "bar") return undefined;
  const column = Math.floor((x - grid.x) / (grid.cellWidth + grid.gap));
  const row = Math.floor((y - grid.y) / (grid.cellHeight + grid.gap));
  const index = row * grid.columns + column;
  return column >= 0 && column < grid.columns && row >= 0 && index < grid.count ? index : undefined;
}

/** Names come from the workspace: control characters and changes of writing direction must not leave their text. */
export function displayName(name: string, fallback: string): string {
  const clean = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g, " ").trim();
  return clean === "" ? fallback : clean;
}

/** Shortens in the middle, since both the beginning and the end of a name tell it from others. */
export function cut(
  text: string,
  room: number,
  font: CardFont,
  measure: Measure,
): { readonly text: string; readonly cut: boolean } {
  const short = text.length > 400 ? `${text.slice(0, 200)}…${text.slice(-190)}` : text;
  if (measure(short, font) <= room) return { text: short, cut: short !== text };
  const letters = [...segments(short)];
  let low = 0;
  let high = letters.length;
  const made = (keep: number): string =>
    `${letters.slice(0, Math.ceil(keep * 0.62)).join("")}…${keep > 0 ? letters.slice(letters.length - Math.floor(keep * 0.38)).join("") : ""}`;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (measure(made(middle), font) <= room) low = middle;
    else high = middle - 1;
  }
  return { text: made(low), cut: true };
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function* segments(text: string): Generator<string> {
  for (const { segment } of segmenter.segment(text)) yield segment;
}

function serviceLine(vertex: VertexDescription): string {
  if (vertex.service === undefined) return "service";
  const model = displayName(vertex.service.model.split(/[\\/]/).at(-1) ?? "", "model");
  return `${model} · device ${vertex.service.device}`;
}

function gridOf(count: number, isService: boolean, level: PictureLevel | "region", room: number): CellGrid {
  const at = { x: 0, y: 0, count };
  const of = (
    mode: CellGrid["mode"],
    cellWidth: number,
    cellHeight: number,
    gap: number,
    columns: number,
  ): CellGrid => ({
    ...at,
    mode,
    cellWidth,
    cellHeight,
    gap,
    columns: Math.max(1, Math.min(columns, Math.max(1, count))),
    rows: Math.ceil(count / Math.max(1, columns)),
  });
  if (isService && count <= MOST_INSTANCES) {
    const columns = count <= 4 ? 2 : 3;
    const width = count === 1 ? room : 121;
    return of("instance", width, 64, 10, columns);
  }
  if (level === "subtask" && count > MOST_CHIPS) {
    const size = count <= 64 ? 18 : count <= 256 ? 14 : count <= 1024 ? 10 : 7;
    const gap = size > 10 ? 3 : 2;
    const fit = Math.floor((room + gap) / (size + gap));
    const columns = Math.max(fit, Math.ceil(Math.sqrt(count * 1.3)));
    return of("grid", size, size, gap, columns);
  }
  if (level === "subtask") return of("instance", Math.max(108, (room - 8) / 2), 44, 8, count === 1 ? 1 : 2);
  if (count > MOST_CHIPS || level === "region") return { ...of("bar", room, 18, 0, 1), rows: 1 };
  return of("chip", (room - 4 * 5) / 5, 22, 5, 5);
}

function gridWidth(grid: CellGrid): number {
  return grid.columns * (grid.cellWidth + grid.gap) - grid.gap;
}

function gridHeight(grid: CellGrid): number {
  return grid.rows === 0 ? 0 : grid.rows * (grid.cellHeight + grid.gap) - grid.gap;
}
