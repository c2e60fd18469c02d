/** Subtasks and service instances within a card: elements of their own while they are few, masses of one shape for each look when many. */
import type { RegionMap } from "../model/regionGroups";
import { regionName } from "../model/regionGroups";
import type { SubtaskLook } from "../model/subtaskLook";
import { LOADS, type Shade } from "../model/subtaskShade";
import { LOOK_SIGN } from "./icons";
import { add, make, setText, translate, type SvgGroup } from "./svgElements";
import { cellPlace, type Card, type CellGrid } from "./vertexCard";

/** What a cell shows besides its look. */
export interface CellFigures {
  readonly first: string;
  readonly second: string;
  /** A fault that was injected still acts on it. */
  readonly faulted: boolean;
}

/** One subtask as an element of its own; a bare cell of a large grid gets one only while it has the focus. */
export function drawCell(group: SvgGroup, card: Card, index: number, regions: RegionMap): SvgGroup {
  const grid = card.cells;
  const { cellWidth: width, cellHeight: height } = grid;
  const { x, y } = cellPlace(grid, index);
  const region = regions.regionOfSubtask.get(`${card.vertex.id}#${index}`);
  const color = region === undefined ? undefined : regions.colorOfRegion.get(region.id);
  const colored = color !== undefined && (card.vertex.kind === "service" || grid.mode !== "chip");
  const cell = add(group, "g", {
    class: `cell ${grid.mode}${colored ? ` region-${color}` : ""}`,
    "data-index": index,
    transform: translate(x, y),
  });
  const item = add(cell, "g", { class: "item", role: "treeitem", tabindex: -1, "aria-level": 2 });
  add(item, "rect", { class: "cell-box", width, height, rx: grid.mode === "grid" ? 2 : 5 });
  const face = add(cell, "g", { class: "face", "aria-hidden": "true" });
  if (grid.mode === "chip") {
    add(face, "path", { class: "sign", transform: `translate(10,${height / 2}) scale(.78)` });
    add(face, "text", { class: "cell-name", x: 19, y: height / 2 + 4 }, String(index));
  } else if (grid.mode === "instance") {
    const tall = height > 50;
    cell.classed("flat", !tall);
    add(face, "circle", { class: "ring-track", cx: 15, cy: 16, r: 9.5 });
    add(face, "path", { class: "ring" });
    add(face, "path", { class: "sign", transform: "translate(15,16)" });
    add(face, "text", { class: "cell-name", x: 30, y: tall ? 14 : 17 }, `#${index}`);
    if (tall)
      add(
        face,
        "text",
        { class: "cell-region", x: width - 7, y: 14 },
        region === undefined ? "" : shortRegion(region.id),
      );
    add(face, "text", { class: "cell-words", x: tall ? 30 : width - 7, y: tall ? 28 : 17 });
    add(face, "text", { class: "cell-first", x: 8, y: tall ? 45 : 36 });
    if (tall) add(face, "text", { class: "cell-second", x: 8, y: 59 });
  }
  return cell;
}

function shortRegion(id: string): string {
  const name = regionName(id);
  return name.startsWith("Region ") ? `R${name.slice(7)}` : "";
}

export function showCell(cell: SvgGroup, look: SubtaskLook, shade: Shade, figures: CellFigures, label: string): void {
  const node = cell.node();
  if (node === null) return;
  if (node.dataset.look !== look.look) {
    node.dataset.look = look.look;
    node.querySelector("path.sign")?.setAttribute("d", LOOK_SIGN[look.look]);
  }
  const load = shade === look.look ? "" : shade;
  if ((node.dataset.load ?? "") !== load) node.dataset.load = load;
  setText(cell, "text.cell-words", look.words);
  setText(cell, "text.cell-first", figures.first);
  setText(cell, "text.cell-second", figures.second);
  const item = node.querySelector("g.item");
  if (item !== null && item.getAttribute("aria-label") !== label) item.setAttribute("aria-label", label);
  node.querySelector("path.ring")?.setAttribute("d", look.progress === undefined ? "" : arc(look.progress, 9.5));
  node.classList.toggle("faulted", figures.faulted);
  const mark = node.querySelector(".fault-mark");
  if (!figures.faulted) mark?.remove();
  else if (mark === null) drawFaultMark(node);
  node.classList.toggle(
    "turning",
    look.progress === undefined && (look.look === "restarting" || look.look === "starting"),
  );
}

/** A flash at the upper right corner. */
function drawFaultMark(cell: SVGGElement): void {
  const width = Number(cell.querySelector("rect.cell-box")?.getAttribute("width"));
  const d = "M1.5-7L-4.5 1H-.5L-1.5 7 4.5-1H.5Z";
  const mark = make("path", { class: "fault-mark", d, transform: translate(width - 2, 1) });
  cell.querySelector("g.face")?.prepend(mark.node() as SVGPathElement);
}

/** Part of a circle about (15, 16), clockwise from the top. */
function arc(share: number, radius: number): string {
  const angle = Math.max(0.02, Math.min(0.999, share)) * 2 * Math.PI;
  const x = 15 + radius * Math.sin(angle);
  const y = 16 - radius * Math.cos(angle);
  return `M15 ${16 - radius}A${radius} ${radius} 0 ${angle > Math.PI ? 1 : 0} 1 ${x.toFixed(2)} ${y.toFixed(2)}`;
}

/** All cells of a large grid with one path for each look; or, for a bar, one stretch for each look. */
export function showGrid(group: SvgGroup, card: Card, looks: readonly Shade[]): void {
  const grid = card.cells;
  const layer = group.select<SVGGElement>("g.cells");
  const shapes = grid.mode === "bar" ? barShapes(grid, looks) : gridShapes(grid, looks);
  layer
    .selectAll<SVGPathElement, readonly [Shade, string]>("path.mass")
    .data(shapes, ([look]) => look)
    .join((enter) => enter.insert("path", "path.gaps, g").attr("class", "mass"))
    .attr("data-look", ([look]) => look)
    .attr("d", ([, shape]) => shape);
  if (grid.mode === "grid") {
    const gaps = layer.selectAll<SVGPathElement, number>("path.gaps").data([grid.gap]);
    gaps.join((enter) =>
      enter.insert("path", "g").attr("class", "gaps").attr("d", gridLines(grid)).attr("stroke-width", grid.gap),
    );
    return;
  }
  const counts = [...countShades(looks)];
  const text = counts
    .map(([look, number]) => (look === "idle" ? `${number} subtasks` : `${number} ${SHADE_WORDS[look] ?? look}`))
    .join(" · ");
  layer
    .selectAll("text.bar-words")
    .data([text])
    .join("text")
    .attr("class", "bar-words")
    .attr("aria-hidden", "true")
    .attr("x", grid.x + 6)
    .attr("y", grid.y + 13)
    .text((words) => words);
}

/**
 * Neighbours in a row that look alike are one shape: thousands of cells are drawn with a few dozen. The gaps between them come from
 * {@link gridLines}, which is drawn over them once.
 */
function gridShapes(grid: CellGrid, looks: readonly Shade[]): [Shade, string][] {
  const parts = new Map<Shade, string[]>();
  const pitch = grid.cellWidth + grid.gap;
  for (let index = 0; index < looks.length;) {
    const look = looks[index];
    const rowEnd = Math.min(looks.length, (Math.floor(index / grid.columns) + 1) * grid.columns);
    let end = index + 1;
    while (end < rowEnd && looks[end] === look) end++;
    const { x, y } = cellPlace(grid, index);
    const width = (end - index) * pitch - grid.gap;
    let list = parts.get(look);
    if (list === undefined) parts.set(look, (list = []));
    list.push(`M${x} ${y}h${width}v${grid.cellHeight}h${-width}z`);
    if (grid.cellWidth >= 10 && (look === "failing" || look === "restarting" || look === "pressed")) {
      for (let at = index; at < end; at++) list.push(hole(look, x + (at - index) * pitch, y, grid.cellWidth));
    }
    index = end;
  }
  return [...parts].map(([look, list]) => [look, list.join("")]);
}

/** Lines where the gaps between the columns of a large grid are. */
function gridLines(grid: CellGrid): string {
  const lines: string[] = [];
  const height = grid.rows * (grid.cellHeight + grid.gap) - grid.gap;
  for (let column = 1; column < grid.columns; column++) {
    lines.push(`M${grid.x + column * (grid.cellWidth + grid.gap) - grid.gap / 2} ${grid.y}v${height}`);
  }
  return lines.join("");
}

/** A hole in the cell: a bar across for what failed, one upright for what restarts, so that colour is not all. */
function hole(look: Shade, x: number, y: number, size: number): string {
  const thin = size * 0.2;
  const long = size * 0.5;
  return look === "failing" || look === "pressed"
    ? `M${x + size * 0.25} ${y + size * 0.4}v${thin}h${long}v${-thin}z`
    : `M${x + size * 0.4} ${y + size * 0.25}v${long}h${thin}v${-long}z`;
}

function barShapes(grid: CellGrid, looks: readonly Shade[]): [Shade, string][] {
  const total = Math.max(1, looks.length);
  const shapes: [Shade, string][] = [];
  let x = grid.x;
  for (const [look, number] of countShades(looks)) {
    const width = Math.max(3, (grid.cellWidth * number) / total);
    shapes.push([look, `M${x} ${grid.y}h${width}v${grid.cellHeight}h${-width}z`]);
    x += (grid.cellWidth * number) / total;
  }
  return shapes;
}

const BAR_ORDER: readonly Shade[] = [
  "running",
  "finished",
  "idle",
  "waiting",
  "starting",
  "restarting",
  "draining",
  "stopping",
  "stopped",
  ...LOADS,
  "failing",
];

/** Where a shade's own name does not say it. */
const SHADE_WORDS: Partial<Record<Shade, string>> = {
  "load-0": "under 20 % busy",
  "load-1": "under 40 %",
  "load-2": "under 60 %",
  "load-3": "under 80 %",
  "load-4": "80 % and more",
  pressed: "back-pressured",
};

function countShades(looks: readonly Shade[]): Map<Shade, number> {
  const counts = new Map<Shade, number>();
  for (const look of looks) counts.set(look, (counts.get(look) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => BAR_ORDER.indexOf(a) - BAR_ORDER.indexOf(b)));
}
