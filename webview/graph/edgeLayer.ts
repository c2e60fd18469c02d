/** Data edges and calls: lines told apart by partition type, heads, labels with ship strategy, pattern and live rate. */
import type { LayoutResult } from "../layout/layoutRequest";
import type { CallFigures } from "../model/figures";
import { count, duration } from "../model/numberWords";
import type { Picture } from "../model/picture";
import { arrowHead, edgeWords, flowPath, lineStyle } from "./edgeLine";
import { PATTERN_SIGN } from "./icons";
import { displayName } from "./vertexCard";
import type { SvgGroup } from "./vertexNode";

const LABEL_HEIGHT = 17;
const TYPE_HEIGHT = 13;

/** The text elements that show live rates, by edge and call. */
export type RateTexts = ReadonlyMap<string, SVGTextElement>;

export function drawEdges(layer: SvgGroup, picture: Picture, layout: LayoutResult): RateTexts {
  const rates = new Map<string, SVGTextElement>();
  layer.selectAll("*").remove();
  const { orientation } = picture;
  const across = picture.services === "below" ? "down" : "right";
  const nameOf = (vertex: string): string =>
    displayName(picture.vertices.get(vertex)?.name ?? vertex, vertex).slice(0, 200);
  const lines = layer.append("g");
  const labels = layer.append("g");
  for (const { id, call } of picture.calls) {
    const place = layout.edges.get(id);
    if (place === undefined) continue;
    const group = lines.append("g").attr("class", "call").attr("data-id", id);
    const shape = flowPath(place.points, across);
    group.append("path").attr("class", "line").attr("d", shape);
    group.append("path").attr("class", "head").attr("d", arrowHead(place.points, across));
    group
      .append("path")
      .attr("class", "head")
      .attr("d", arrowHead([...place.points].reverse(), across));
    group
      .append("path")
      .attr("class", "touch")
      .attr("d", shape)
      .append("title")
      .text(`${nameOf(call.source)} calls ${nameOf(call.target)}`);
    const label = labels
      .append("g")
      .attr("class", "label call-label")
      .attr("data-id", id)
      .attr("transform", `translate(${place.label.x},${place.label.y})`);
    label
      .append("rect")
      .attr("class", "label-box")
      .attr("x", -22)
      .attr("y", -LABEL_HEIGHT / 2)
      .attr("width", 44)
      .attr("height", LABEL_HEIGHT)
      .attr("rx", LABEL_HEIGHT / 2);
    label.append("text").attr("class", "label-text").attr("y", 4).text("calls");
    const rate = label.append("text").attr("class", "label-rate");
    // Beside the label where there is room to the right, else below it.
    if (picture.services === "below") rate.attr("x", 28).attr("y", 4);
    else rate.classed("below", true).attr("y", LABEL_HEIGHT + 5);
    rates.set(id, rate.node() as SVGTextElement);
  }
  for (const { id, edge, label: words, type, labelWidth } of picture.edges) {
    const place = layout.edges.get(id);
    if (place === undefined) continue;
    const group = lines
      .append("g")
      .attr("class", `edge ${lineStyle(edge)}`)
      .attr("data-id", id);
    const shape = flowPath(place.points, orientation);
    group.append("path").attr("class", "line").attr("d", shape);
    if (lineStyle(edge) === "blocking") group.append("path").attr("class", "line-core").attr("d", shape);
    group.append("path").attr("class", "head").attr("d", arrowHead(place.points, orientation));
    group
      .append("path")
      .attr("class", "touch")
      .attr("d", shape)
      .append("title")
      .text(edgeWords(edge, nameOf).slice(0, 2000));
    const width = labelWidth - 6;
    const height = LABEL_HEIGHT + (type === "" ? 0 : TYPE_HEIGHT);
    const label = labels
      .append("g")
      .attr("class", "label")
      .attr("data-id", id)
      .attr("transform", `translate(${place.label.x},${place.label.y - (height - LABEL_HEIGHT) / 2})`);
    label
      .append("rect")
      .attr("class", "label-box")
      .attr("x", -width / 2)
      .attr("y", -LABEL_HEIGHT / 2)
      .attr("width", width)
      .attr("height", height)
      .attr("rx", 4);
    label
      .append("path")
      .attr("class", "pattern")
      .attr("d", PATTERN_SIGN[edge.pattern])
      .attr("transform", `translate(${-width / 2 + 12},0) scale(.8)`);
    label.append("text").attr("class", "label-text").attr("x", 8).attr("y", 4).text(words);
    if (type !== "")
      label
        .append("text")
        .attr("class", "label-type")
        .attr("y", 4 + TYPE_HEIGHT)
        .text(type);
    rates.set(
      id,
      label
        .append("text")
        .attr("class", "label-rate")
        .attr("y", height + 5)
        .node() as SVGTextElement,
    );
    label.append("title").text(edgeWords(edge, nameOf).slice(0, 2000));
  }
  return rates;
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
