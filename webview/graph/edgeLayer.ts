/** Data edges and calls: lines told apart by partition type, heads, labels with ship strategy, pattern and live rate. */
import type { LayoutResult } from "../layout/layoutRequest";
import type { CallFigures } from "../model/figures";
import { count, duration } from "../model/numberWords";
import type { Picture, PictureCall, PictureEdge } from "../model/picture";
import { arrowHead, edgeWords, flowPath, lineStyle } from "./edgeLine";
import { PATTERN_SIGN } from "./icons";
import { add, translate, type SvgGroup } from "./svgElements";
import { displayName } from "./vertexCard";

const LABEL_HEIGHT = 17;
const TYPE_HEIGHT = 13;

/** The text elements that show live rates, by edge and call. */
export type RateTexts = ReadonlyMap<string, SVGTextElement>;

interface EdgeDrawing {
  readonly picture: Picture;
  readonly layout: LayoutResult;
  readonly lines: SvgGroup;
  readonly labels: SvgGroup;
  readonly rates: Map<string, SVGTextElement>;
  readonly nameOf: (vertex: string) => string;
}

export function drawEdges(layer: SvgGroup, picture: Picture, layout: LayoutResult): RateTexts {
  layer.selectAll("*").remove();
  const nameOf = (vertex: string): string =>
    displayName(picture.vertices.get(vertex)?.name ?? vertex, vertex).slice(0, 200);
  const rates = new Map<string, SVGTextElement>();
  const drawing: EdgeDrawing = { picture, layout, lines: add(layer, "g"), labels: add(layer, "g"), rates, nameOf };
  for (const call of picture.calls) drawCall(drawing, call);
  for (const edge of picture.edges) drawEdge(drawing, edge);
  return rates;
}

function drawCall({ picture, layout, lines, labels, rates, nameOf }: EdgeDrawing, { id, call }: PictureCall): void {
  const place = layout.edges.get(id);
  if (place === undefined) return;
  const towards = picture.services === "below" ? "down" : "right";
  const group = add(lines, "g", { class: "call", "data-id": id });
  const d = flowPath(place.points, towards);
  add(group, "path", { class: "line", d });
  add(group, "path", { class: "head", d: arrowHead(place.points, towards) });
  add(group, "path", { class: "head", d: arrowHead([...place.points].reverse(), towards) });
  const touch = add(group, "path", { class: "touch", d });
  touch.append("title").text(`${nameOf(call.source)} calls ${nameOf(call.target)}`);
  const label = add(labels, "g", {
    class: "label call-label",
    "data-id": id,
    transform: translate(place.label.x, place.label.y),
  });
  const half = LABEL_HEIGHT / 2;
  add(label, "rect", { class: "label-box", x: -22, y: -half, width: 44, height: LABEL_HEIGHT, rx: half });
  add(label, "text", { class: "label-text", y: 4 }, "calls");
  // The rate stands beside the label where there is room to the right, else below it.
  const beside = picture.services === "below";
  const rate = beside ? { class: "label-rate", x: 28, y: 4 } : { class: "label-rate below", y: LABEL_HEIGHT + 5 };
  rates.set(id, add(label, "text", rate).node() as SVGTextElement);
}

function drawEdge({ picture, layout, lines, labels, rates, nameOf }: EdgeDrawing, pictured: PictureEdge): void {
  const { id, edge, label: words, type, labelWidth } = pictured;
  const place = layout.edges.get(id);
  if (place === undefined) return;
  const { orientation } = picture;
  const style = lineStyle(edge);
  const group = add(lines, "g", { class: `edge ${style}`, "data-id": id });
  const d = flowPath(place.points, orientation);
  add(group, "path", { class: "line", d });
  if (style === "blocking") add(group, "path", { class: "line-core", d });
  add(group, "path", { class: "head", d: arrowHead(place.points, orientation) });
  const sentence = edgeWords(edge, nameOf).slice(0, 2000);
  add(group, "path", { class: "touch", d }).append("title").text(sentence);

  const width = labelWidth - 6;
  const height = LABEL_HEIGHT + (type === "" ? 0 : TYPE_HEIGHT);
  const top = place.label.y - (height - LABEL_HEIGHT) / 2;
  const label = add(labels, "g", { class: "label", "data-id": id, transform: translate(place.label.x, top) });
  add(label, "rect", { class: "label-box", x: -width / 2, y: -LABEL_HEIGHT / 2, width, height, rx: 4 });
  const pattern = `translate(${-width / 2 + 12},0) scale(.8)`;
  add(label, "path", { class: "pattern", d: PATTERN_SIGN[edge.pattern], transform: pattern });
  add(label, "text", { class: "label-text", x: 8, y: 4 }, words);
  if (type !== "") add(label, "text", { class: "label-type", y: 4 + TYPE_HEIGHT }, type);
  rates.set(id, add(label, "text", { class: "label-rate", y: height + 5 }).node() as SVGTextElement);
  label.append("title").text(sentence);
}

export function edgeRateWords(perSecond: number | undefined): string {
  return perSecond === undefined ? "" : `${count(perSecond)}/s`;
}

export function callRateWords(figures: CallFigures | undefined, short: boolean): string {
  if (figures === undefined) return "";
  if (short) return `${count(figures.perSecond)}/s`;
  const p99 = figures.p99Ms === undefined ? [] : [`p99 ${duration(figures.p99Ms)}`];
  return [`${count(figures.perSecond)}/s`, `${figures.inFlight} in flight`, ...p99].join(" · ");
}
