/**
 * A vertex's card as SVG. `draw` makes the elements once; `show` only sets texts and classes that changed, so that live figures cost little.
 */
import { select, type Selection } from "d3";
import type { VertexFigures } from "../model/figures";
import { count, duration, percent } from "../model/numberWords";
import type { RegionMap } from "../model/regionGroups";
import { regionName } from "../model/regionGroups";
import type { Look, SubtaskLook } from "../model/subtaskLook";
import { kindSign, LOOK_SIGN } from "./icons";
import { cellPlace, displayName, PADDING, TITLE_Y, type Card, type CellGrid } from "./vertexCard";

const LOAD_WIDTH = 44;

export type SvgGroup = Selection<SVGGElement, unknown, null, undefined>;

/** What a cell shows besides its look. */
export interface CellFigures {
  readonly first: string;
  readonly second: string;
}

export function drawVertex(group: SvgGroup, card: Card, regions: RegionMap): void {
  const { vertex, width, height } = card;
  group.selectAll("*").remove();
  group.classed("service", vertex.kind === "service");
  group
    .append("rect")
    .attr("class", "focus-ring")
    .attr("x", -4)
    .attr("y", -4)
    .attr("width", width + 8)
    .attr("height", height + 8)
    .attr("rx", 10);
  group.append("rect").attr("class", "card").attr("width", width).attr("height", height).attr("rx", 7);
  const kind = vertex.kind === "service" ? "service" : leadingKind(card);
  group
    .append("path")
    .attr("class", "kind-sign")
    .attr("d", kindSign(kind))
    .attr("transform", `translate(${PADDING + 7},${TITLE_Y - 5})`);
  const title = group
    .append("text")
    .attr("class", "title")
    .attr("x", PADDING + 20)
    .attr("y", TITLE_Y)
    .text(card.title);
  title.append("title").text(displayName(vertex.name, vertex.id).slice(0, 2000));
  group
    .append("text")
    .attr("class", "badge")
    .attr("x", width - PADDING)
    .attr("y", TITLE_Y)
    .text(card.badge);
  if (card.subtitleY !== undefined)
    group.append("text").attr("class", "subtitle").attr("x", PADDING).attr("y", card.subtitleY).text(card.subtitle);
  drawOperators(group, card);
  drawCells(group.append("g").attr("class", "cells").attr("role", "group"), card, regions);
  const figures = group.append("g").attr("class", "figures").attr("transform", `translate(0,${card.figuresY})`);
  figures
    .append("line")
    .attr("class", "rule")
    .attr("x1", PADDING)
    .attr("x2", width - PADDING)
    .attr("y1", 3)
    .attr("y2", 3);
  figures.append("text").attr("class", "figure main").attr("x", PADDING).attr("y", 19);
  figures
    .append("text")
    .attr("class", "figure side")
    .attr("x", width - PADDING)
    .attr("y", 19);
  const bar = figures
    .append("g")
    .attr("class", "load")
    .attr("transform", `translate(${width - PADDING - 112},10)`);
  bar.append("rect").attr("class", "load-track").attr("width", LOAD_WIDTH).attr("height", 9).attr("rx", 2);
  bar.append("rect").attr("class", "load-busy").attr("width", 0).attr("height", 9).attr("rx", 2);
  bar.append("rect").attr("class", "load-back").attr("width", 0).attr("height", 9).attr("rx", 2);
}

function drawOperators(group: SvgGroup, card: Card): void {
  card.operators.forEach((row, i) => {
    const line = group
      .append("g")
      .attr("class", "operator")
      .attr("data-operator", row.operator.id)
      .attr("transform", `translate(${PADDING},${row.y})`);
    if (i > 0) line.append("path").attr("class", "chain").attr("d", "M7-3.5V4.5");
    line
      .append("path")
      .attr("class", "operator-sign")
      .attr("d", kindSign(row.operator.kind))
      .attr("transform", "translate(7,10) scale(.82)");
    line.append("text").attr("x", 20).attr("y", 14).text(row.text);
    const words = [
      displayName(row.operator.name, row.operator.id).slice(0, 2000),
      row.operator.kind,
      ...(row.operator.notChained ?? []),
    ];
    line.append("title").text(words.filter(Boolean).join("\n"));
  });
  if (card.hiddenOperators > 0) {
    const last = card.operators.at(-1);
    group
      .append("text")
      .attr("class", "subtitle")
      .attr("x", PADDING + 20)
      .attr("y", (last?.y ?? 36) + 36)
      .text(`and ${card.hiddenOperators} more operators`);
  }
}

function leadingKind(card: Card): string | undefined {
  const kinds = card.vertex.operators.map((operator) => operator.kind);
  return ["source", "rpc", "sink", "window"].find((kind) => kinds.includes(kind)) ?? kinds[0];
}

function drawCells(group: SvgGroup, card: Card, regions: RegionMap): void {
  const grid = card.cells;
  if (grid.mode === "bar" || grid.mode === "grid") return;
  for (let index = 0; index < grid.count; index++) drawCell(group, card, index, regions);
}

/** One subtask as an element of its own; a bare cell of a large grid gets one only while it has the focus. */
export function drawCell(group: SvgGroup, card: Card, index: number, regions: RegionMap): SvgGroup {
  const grid = card.cells;
  const { x, y } = cellPlace(grid, index);
  const name = `${card.vertex.id}#${index}`;
  const region = regions.regionOfSubtask.get(name);
  const color = region === undefined ? undefined : regions.colorOfRegion.get(region.id);
  const cell = group
    .append("g")
    .attr("class", `cell ${grid.mode}`)
    .attr("data-index", index)
    .attr("transform", `translate(${x},${y})`)
    .attr("role", "treeitem")
    .attr("tabindex", -1)
    .attr("aria-level", 2);
  const { cellWidth: width, cellHeight: height } = grid;
  if (color !== undefined && (card.vertex.kind === "service" || grid.mode !== "chip"))
    cell.classed(`region-${color}`, true);
  cell
    .append("rect")
    .attr("class", "focus-ring")
    .attr("x", -3)
    .attr("y", -3)
    .attr("width", width + 6)
    .attr("height", height + 6)
    .attr("rx", 7);
  cell
    .append("rect")
    .attr("class", "cell-box")
    .attr("width", width)
    .attr("height", height)
    .attr("rx", grid.mode === "grid" ? 2 : 5);
  if (grid.mode === "chip") {
    cell
      .append("path")
      .attr("class", "sign")
      .attr("transform", `translate(10,${height / 2}) scale(.78)`);
    cell
      .append("text")
      .attr("class", "cell-name")
      .attr("x", 19)
      .attr("y", height / 2 + 4)
      .text(index);
  } else if (grid.mode === "instance") {
    const tall = height > 50;
    cell.append("circle").attr("class", "ring-track").attr("cx", 15).attr("cy", 16).attr("r", 9.5);
    cell.append("path").attr("class", "ring");
    cell.append("path").attr("class", "sign").attr("transform", "translate(15,16)");
    cell
      .append("text")
      .attr("class", "cell-name")
      .attr("x", 30)
      .attr("y", tall ? 14 : 17)
      .text(`#${index}`);
    if (tall)
      cell
        .append("text")
        .attr("class", "cell-region")
        .attr("x", width - 7)
        .attr("y", 14)
        .text(region === undefined ? "" : shortRegion(region.id));
    cell
      .append("text")
      .attr("class", "cell-words")
      .attr("x", tall ? 30 : width - 7)
      .attr("y", tall ? 28 : 17);
    cell
      .append("text")
      .attr("class", "cell-first")
      .attr("x", 8)
      .attr("y", tall ? 45 : 36);
    if (tall) cell.append("text").attr("class", "cell-second").attr("x", 8).attr("y", 59);
    else cell.classed("flat", true);
  }
  return cell;
}

function shortRegion(id: string): string {
  const name = regionName(id);
  return name.startsWith("Region ") ? `R${name.slice(7)}` : "";
}

export function showCell(cell: SvgGroup, look: SubtaskLook, figures: CellFigures, label: string): void {
  const node = cell.node();
  if (node === null) return;
  if (node.dataset.look !== look.look) {
    node.dataset.look = look.look;
    cell.select<SVGPathElement>("path.sign").attr("d", LOOK_SIGN[look.look]);
  }
  setText(cell, "text.cell-words", look.words);
  setText(cell, "text.cell-first", figures.first);
  setText(cell, "text.cell-second", figures.second);
  if (node.getAttribute("aria-label") !== label) node.setAttribute("aria-label", label);
  const ring = cell.select<SVGPathElement>("path.ring");
  if (!ring.empty()) ring.attr("d", look.progress === undefined ? "" : arc(look.progress, 9.5));
  node.classList.toggle(
    "turning",
    look.progress === undefined && (look.look === "restarting" || look.look === "starting"),
  );
}

/** Part of a circle about (15, 16), clockwise from the top. */
function arc(share: number, radius: number): string {
  const angle = Math.max(0.02, Math.min(0.999, share)) * 2 * Math.PI;
  const x = 15 + radius * Math.sin(angle);
  const y = 16 - radius * Math.cos(angle);
  return `M15 ${16 - radius}A${radius} ${radius} 0 ${angle > Math.PI ? 1 : 0} 1 ${x.toFixed(2)} ${y.toFixed(2)}`;
}

/** All cells of a large grid with one path for each look; or, for a bar, one stretch for each look. */
export function showGrid(group: SvgGroup, card: Card, looks: readonly Look[]): void {
  const grid = card.cells;
  const layer = group.select<SVGGElement>("g.cells");
  const shapes = grid.mode === "bar" ? barShapes(grid, looks) : gridShapes(grid, looks);
  layer
    .selectAll<SVGPathElement, readonly [Look, string]>("path.mass")
    .data(shapes, ([look]) => look)
    .join((enter) => enter.insert("path", "g").attr("class", "mass"))
    .attr("data-look", ([look]) => look)
    .attr("d", ([, d]) => d);
  if (grid.mode !== "bar") return;
  const counts = tally(looks);
  const text = [...counts]
    .map(([look, number]) => (look === "idle" ? `${number} subtasks` : `${number} ${look}`))
    .join(" · ");
  layer
    .selectAll("text.bar-words")
    .data([text])
    .join("text")
    .attr("class", "bar-words")
    .attr("x", grid.x + 6)
    .attr("y", grid.y + 13)
    .text((d) => d);
}

function gridShapes(grid: CellGrid, looks: readonly Look[]): [Look, string][] {
  const parts = new Map<Look, string[]>();
  looks.forEach((look, index) => {
    const { x, y } = cellPlace(grid, index);
    let list = parts.get(look);
    if (list === undefined) parts.set(look, (list = []));
    list.push(`M${x} ${y}h${grid.cellWidth}v${grid.cellHeight}h${-grid.cellWidth}z`);
    if (grid.cellWidth >= 10 && (look === "failing" || look === "restarting"))
      list.push(mark(look, x, y, grid.cellWidth));
  });
  return [...parts].map(([look, list]) => [look, list.join("")]);
}

/** A hole in the cell: a bar across for what failed, one upright for what restarts, so that colour is not all. */
function mark(look: Look, x: number, y: number, size: number): string {
  const a = size * 0.25;
  const b = size * 0.5;
  return look === "failing"
    ? `M${x + a} ${y + size * 0.4}v${size * 0.2}h${b}v${-size * 0.2}z`
    : `M${x + size * 0.4} ${y + a}v${b}h${size * 0.2}v${-b}z`;
}

function barShapes(grid: CellGrid, looks: readonly Look[]): [Look, string][] {
  const total = Math.max(1, looks.length);
  const shapes: [Look, string][] = [];
  let x = grid.x;
  for (const [look, number] of tally(looks)) {
    const width = Math.max(3, (grid.cellWidth * number) / total);
    shapes.push([look, `M${x} ${grid.y}h${width}v${grid.cellHeight}h${-width}z`]);
    x += (grid.cellWidth * number) / total;
  }
  return shapes;
}

const BAR_ORDER: readonly Look[] = [
  "running",
  "finished",
  "idle",
  "waiting",
  "starting",
  "restarting",
  "draining",
  "stopping",
  "stopped",
  "failing",
];

function tally(looks: readonly Look[]): Map<Look, number> {
  const counts = new Map<Look, number>();
  for (const look of looks) counts.set(look, (counts.get(look) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => BAR_ORDER.indexOf(a) - BAR_ORDER.indexOf(b)));
}

export function showFigures(group: SvgGroup, card: Card, figures: VertexFigures | undefined): void {
  const service = card.vertex.kind === "service";
  const isSource = figures !== undefined && figures.inPerSecond === 0 && figures.outPerSecond > 0;
  const rate = figures === undefined ? undefined : isSource ? figures.outPerSecond : figures.inPerSecond;
  setText(group, "text.figure.main", rate === undefined ? "" : `${count(rate)} ${service ? "req/s" : "rec/s"}`);
  const side =
    figures === undefined
      ? ""
      : service
        ? figures.p99Ms === undefined
          ? ""
          : `p99 ${duration(figures.p99Ms)}`
        : `busy ${percent(figures.busy)}`;
  setText(group, "text.figure.side", side);
  const bar = group.select<SVGGElement>("g.load");
  bar.classed("shown", figures !== undefined && !service);
  if (figures === undefined || service) return;
  bar.select("rect.load-busy").attr("width", (LOAD_WIDTH * figures.busy).toFixed(1));
  bar
    .select("rect.load-back")
    .attr("x", (LOAD_WIDTH * figures.busy).toFixed(1))
    .attr("width", (LOAD_WIDTH * Math.min(1 - figures.busy, figures.backPressured)).toFixed(1));
}

export function setText(group: SvgGroup, selector: string, text: string): void {
  const node = group.node()?.querySelector(selector);
  if (node !== null && node !== undefined && node.textContent !== text) node.textContent = text;
}

export function selectGroup(node: SVGGElement): SvgGroup {
  return select<SVGGElement, unknown>(node);
}
