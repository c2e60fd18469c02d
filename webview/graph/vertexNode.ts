/**
 * A vertex's card as SVG. It is drawn once; live figures only set texts and classes that changed. The item is what has
 * the focus and a spoken name; the face beside it, with its changing figures, is for eyes only. Cells follow, one level deeper.
 */
import type { VertexFigures } from "../model/figures";
import { count, duration, percent } from "../model/numberWords";
import type { RegionMap } from "../model/regionGroups";
import { kindSign } from "./icons";
import { drawCell } from "./subtaskCells";
import { add, setText, translate, type SvgGroup } from "./svgElements";
import { displayName, PADDING, TITLE_Y, type Card } from "./vertexCard";

const LOAD_WIDTH = 36;

export function drawVertex(group: SvgGroup, card: Card, regions: RegionMap): void {
  const { vertex, width, height } = card;
  group.selectAll("*").remove();
  group.classed("service", vertex.kind === "service");
  const item = add(group, "g", { class: "item", role: "treeitem", tabindex: -1, "aria-level": 1 });
  add(item, "rect", { class: "card", width, height, rx: 7 });
  const face = add(group, "g", { class: "face", "aria-hidden": "true" });
  const kind = vertex.kind === "service" ? "service" : leadingKind(card);
  add(face, "path", { class: "kind-sign", d: kindSign(kind), transform: translate(PADDING + 7, TITLE_Y - 5) });
  const title = add(face, "text", { class: "title", x: PADDING + 20, y: TITLE_Y }, card.title);
  add(title, "title", {}, displayName(vertex.name, vertex.id).slice(0, 2000));
  add(face, "text", { class: "badge", x: width - PADDING, y: TITLE_Y }, card.badge);
  if (card.subtitleY !== undefined)
    add(face, "text", { class: "subtitle", x: PADDING, y: card.subtitleY }, card.subtitle);
  drawOperators(face, card);
  const cells = add(group, "g", { class: "cells", role: "group" });
  const { mode, count: subtasks } = card.cells;
  if (mode === "chip" || mode === "instance") {
    for (let index = 0; index < subtasks; index++) drawCell(cells, card, index, regions);
  }
}

function drawOperators(face: SvgGroup, card: Card): void {
  card.operators.forEach(({ operator, y, text }, i) => {
    const row = add(face, "g", { class: "operator", "data-operator": operator.id, transform: translate(PADDING, y) });
    if (i > 0) add(row, "path", { class: "chain", d: "M7-3.5V4.5" });
    add(row, "path", { class: "operator-sign", d: kindSign(operator.kind), transform: "translate(7,10) scale(.82)" });
    add(row, "text", { x: 20, y: 14 }, text);
    const words = [
      displayName(operator.name, operator.id).slice(0, 2000),
      operator.kind,
      ...(operator.notChained ?? []),
    ];
    add(row, "title", {}, words.filter(Boolean).join("\n"));
  });
  if (card.hiddenOperators === 0) return;
  const y = (card.operators.at(-1)?.y ?? 36) + 34;
  add(face, "text", { class: "subtitle", x: PADDING + 20, y }, `and ${card.hiddenOperators} more operators`);
}

function drawFigures(face: SvgGroup, card: Card): void {
  const right = card.width - PADDING;
  const figures = add(face, "g", { class: "figures", transform: translate(0, card.figuresY) });
  add(figures, "line", { class: "rule", x1: PADDING, x2: right, y1: 3, y2: 3 });
  add(figures, "text", { class: "figure main", x: PADDING, y: 19 });
  add(figures, "text", { class: "figure side", x: right, y: 19 });
  const bar = add(figures, "g", { class: "load", transform: translate(right - 104, 10) });
  add(bar, "rect", { class: "load-track", width: LOAD_WIDTH, height: 9, rx: 2 });
  add(bar, "rect", { class: "load-busy", width: 0, height: 9, rx: 2 });
  add(bar, "rect", { class: "load-back", width: 0, height: 9, rx: 2 });
}

function leadingKind(card: Card): string | undefined {
  const kinds = card.vertex.operators.map((operator) => operator.kind);
  return ["source", "rpc", "sink", "window"].find((kind) => kinds.includes(kind)) ?? kinds[0];
}

/** A card has a place for figures from when there first are some. */
export function showFigures(group: SvgGroup, card: Card, figures: VertexFigures | undefined): void {
  const face = group.select<SVGGElement>("g.face");
  if (face.select("g.figures").empty()) {
    if (figures === undefined) return;
    drawFigures(face, card);
  }
  const service = card.vertex.kind === "service";
  setText(group, "text.figure.main", rateWords(figures, service));
  const p99 = figures?.p99Ms === undefined ? "" : `p99 ${duration(figures.p99Ms)}`;
  setText(group, "text.figure.side", figures === undefined ? "" : service ? p99 : `busy ${percent(figures.busy)}`);
  const bar = group.select<SVGGElement>("g.load");
  const shown = figures !== undefined && !service;
  bar.classed("shown", shown);
  if (!shown) return;
  const busy = LOAD_WIDTH * figures.busy;
  const back = LOAD_WIDTH * Math.min(1 - figures.busy, figures.backPressured);
  bar.select("rect.load-busy").attr("width", busy.toFixed(1));
  bar.select("rect.load-back").attr("x", busy.toFixed(1)).attr("width", back.toFixed(1));
}

/** What comes in; of a source, what goes out. */
function rateWords(figures: VertexFigures | undefined, service: boolean): string {
  if (figures === undefined) return "";
  const isSource = figures.inPerSecond === 0 && figures.outPerSecond > 0;
  return `${count(isSource ? figures.outPerSecond : figures.inPerSecond)} ${service ? "req/s" : "rec/s"}`;
}
