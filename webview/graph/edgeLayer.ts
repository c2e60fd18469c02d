/**
 * Data edges and calls: lines told apart by partition type, heads, labels with ship strategy, pattern and live rate. Only those in sight are
 * in the document.
 */
import type { LayoutResult, Rectangle } from "../layout/layoutRequest";
import type { CallFigures } from "../model/figures";
import type { LivePicture } from "../model/livePicture";
import { count, duration } from "../model/numberWords";
import type { Picture, PictureCall, PictureEdge } from "../model/picture";
import { arrowHead, edgeWords, flowPath, lineStyle } from "./edgeLine";
import { touches } from "./farCanvas";
import { PATTERN_SIGN } from "./icons";
import { add, make, translate, type Attributes, type SvgGroup } from "./svgElements";
import { displayName } from "./vertexCard";

const LABEL_HEIGHT = 17;
const TYPE_HEIGHT = 13;

interface DrawnEdge {
  readonly line: SvgGroup;
  readonly label: SvgGroup;
  /** Where the rate stands, once there is one. */
  readonly rateAt: Attributes;
  rate: SVGTextElement | undefined;
}

export class EdgeLayer {
  readonly #lines: SvgGroup;
  readonly #labels: SvgGroup;
  readonly #drawn = new Map<string, DrawnEdge>();
  readonly #bounds = new Map<string, Rectangle>();
  #picture: Picture | undefined;
  /** What the rates were shown of: a line that comes into sight has them too. */
  #live: LivePicture | undefined;
  #layout: LayoutResult | undefined;

  constructor(layer: SvgGroup) {
    this.#lines = add(layer, "g");
    this.#labels = add(layer, "g");
  }

  setPicture(picture: Picture, layout: LayoutResult): void {
    this.clear();
    this.#live = undefined;
    this.#picture = picture;
    this.#layout = layout;
    this.#bounds.clear();
    for (const [id, { points, label }] of layout.edges) this.#bounds.set(id, boundsOf([...points, label]));
  }

  clear(): void {
    for (const id of [...this.#drawn.keys()]) this.#remove(id);
  }

  /**
   * Draws what came into sight and takes away what left it.
   * @param until by the page's clock: nothing more is drawn after that. @returns whether all that is in sight is drawn.
   */
  cull(sight: Rectangle, until = Infinity): boolean {
    const picture = this.#picture;
    if (picture === undefined) return true;
    let complete = true;
    for (const call of picture.calls)
      complete = this.#keep(call.id, sight, until, () => this.#drawCall(picture, call)) && complete;
    for (const edge of picture.edges)
      complete = this.#keep(edge.id, sight, until, () => this.#drawEdge(picture, edge)) && complete;
    return complete;
  }

  showRates(live: LivePicture): void {
    const picture = this.#picture;
    if (picture === undefined) return;
    this.#live = live;
    for (const id of this.#drawn.keys()) this.#showRate(picture, id, live);
  }

  /** Lines that begin or end at this vertex stand out; undefined ends that. */
  emphasize(vertex: string | undefined): void {
    const picture = this.#picture;
    if (picture === undefined) return;
    const mark = (id: string, source: string, target: string): void => {
      const near = vertex !== undefined && (source === vertex || target === vertex);
      const drawn = this.#drawn.get(id);
      drawn?.line.classed("near", near);
      drawn?.label.classed("near", near);
    };
    for (const { id, edge } of picture.edges) mark(id, edge.source, edge.target);
    for (const { id, call } of picture.calls) mark(id, call.source, call.target);
  }

  /** Lines between these vertices stand out. */
  trace(vertices: ReadonlySet<string> | undefined): void {
    const picture = this.#picture;
    if (picture === undefined) return;
    for (const [id, drawn] of this.#drawn) {
      const ends = picture.edgeById.get(id)?.edge ?? picture.callById.get(id)?.call;
      const traced = ends !== undefined && vertices?.has(ends.source) === true && vertices.has(ends.target);
      drawn.line.classed("traced", traced);
      drawn.label.classed("traced", traced);
    }
  }

  #keep(id: string, sight: Rectangle, until: number, draw: () => DrawnEdge | undefined): boolean {
    const bounds = this.#bounds.get(id);
    const wanted = bounds !== undefined && touches(bounds, sight);
    if (wanted && !this.#drawn.has(id)) {
      if (until !== Infinity && performance.now() > until) return false;
      const drawn = draw();
      if (drawn !== undefined) this.#drawn.set(id, drawn);
      if (this.#picture !== undefined && this.#live !== undefined) this.#showRate(this.#picture, id, this.#live);
    } else if (!wanted && this.#drawn.has(id)) this.#remove(id);
    return true;
  }

  #remove(id: string): void {
    const drawn = this.#drawn.get(id);
    drawn?.line.remove();
    drawn?.label.remove();
    this.#drawn.delete(id);
  }

  #showRate(picture: Picture, id: string, live: LivePicture): void {
    const drawn = this.#drawn.get(id);
    if (drawn === undefined) return;
    const text = picture.edgeById.has(id)
      ? edgeRateWords(live.edgeRate(id))
      : callRateWords(live.call(id), picture.services === "right");
    if (drawn.rate === undefined && text !== "")
      drawn.rate = add(drawn.label, "text", drawn.rateAt).node() as SVGTextElement;
    if (drawn.rate !== undefined && drawn.rate.textContent !== text) drawn.rate.textContent = text;
  }

  #nameOf(picture: Picture, vertex: string): string {
    return displayName(picture.vertices.get(vertex)?.name ?? vertex, vertex).slice(0, 200);
  }

  #drawCall(picture: Picture, { id, call }: PictureCall): DrawnEdge | undefined {
    const place = this.#layout?.edges.get(id);
    if (place === undefined) return undefined;
    const towards = picture.services === "below" ? "down" : "right";
    const line: SvgGroup = make("g", { class: "call", "data-id": id });
    const d = flowPath(place.points, towards);
    add(line, "path", { class: "line", d });
    add(line, "path", { class: "head", d: arrowHead(place.points, towards) });
    add(line, "path", { class: "head", d: arrowHead([...place.points].reverse(), towards) });
    const touch = add(line, "path", { class: "touch", d });
    touch.append("title").text(`${this.#nameOf(picture, call.source)} calls ${this.#nameOf(picture, call.target)}`);
    const label: SvgGroup = make("g", {
      class: "label call-label",
      "data-id": id,
      transform: translate(place.label.x, place.label.y),
    });
    const half = LABEL_HEIGHT / 2;
    add(label, "rect", { class: "label-box", x: -22, y: -half, width: 44, height: LABEL_HEIGHT, rx: half });
    add(label, "text", { class: "label-text", y: 4 }, "calls");
    // The rate stands beside the label where there is room to the right, else below it.
    const beside = picture.services === "below";
    const rateAt = beside ? { class: "label-rate", x: 28, y: 4 } : { class: "label-rate below", y: LABEL_HEIGHT + 5 };
    return this.#placed({ line, label, rateAt, rate: undefined });
  }

  #drawEdge(picture: Picture, pictured: PictureEdge): DrawnEdge | undefined {
    const { id, edge, label: words, type, labelWidth } = pictured;
    const place = this.#layout?.edges.get(id);
    if (place === undefined) return undefined;
    const { orientation } = picture;
    const style = lineStyle(edge);
    const line: SvgGroup = make("g", { class: `edge ${style}`, "data-id": id });
    const d = flowPath(place.points, orientation);
    add(line, "path", { class: "line", d });
    if (style === "blocking") add(line, "path", { class: "line-core", d });
    add(line, "path", { class: "head", d: arrowHead(place.points, orientation) });
    const sentence = edgeWords(edge, (vertex) => this.#nameOf(picture, vertex)).slice(0, 2000);
    add(line, "path", { class: "touch", d }).append("title").text(sentence);

    const width = labelWidth - 6;
    const height = LABEL_HEIGHT + (type === "" ? 0 : TYPE_HEIGHT);
    const top = place.label.y - (height - LABEL_HEIGHT) / 2;
    const label: SvgGroup = make("g", { class: "label", "data-id": id, transform: translate(place.label.x, top) });
    add(label, "rect", { class: "label-box", x: -width / 2, y: -LABEL_HEIGHT / 2, width, height, rx: 4 });
    const pattern = `translate(${-width / 2 + 12},0) scale(.8)`;
    add(label, "path", { class: "pattern", d: PATTERN_SIGN[edge.pattern], transform: pattern });
    add(label, "text", { class: "label-text", x: 8, y: 4 }, words);
    if (type !== "") add(label, "text", { class: "label-type", y: 4 + TYPE_HEIGHT }, type);
    label.append("title").text(sentence);
    return this.#placed({ line, label, rateAt: { class: "label-rate", y: height + 5 }, rate: undefined });
  }

  #placed(drawn: DrawnEdge): DrawnEdge {
    this.#lines.node()?.append(drawn.line.node() as SVGGElement);
    this.#labels.node()?.append(drawn.label.node() as SVGGElement);
    return drawn;
  }
}

function edgeRateWords(perSecond: number | undefined): string {
  return perSecond === undefined ? "" : `${count(perSecond)}/s`;
}

function callRateWords(figures: CallFigures | undefined, short: boolean): string {
  if (figures === undefined) return "";
  if (short) return `${count(figures.perSecond)}/s`;
  const p99 = figures.p99Ms === undefined ? [] : [`p99 ${duration(figures.p99Ms)}`];
  return [`${count(figures.perSecond)}/s`, `${figures.inFlight} in flight`, ...p99].join(" · ");
}

function boundsOf(points: readonly { readonly x: number; readonly y: number }[]): Rectangle {
  let x = Infinity;
  let y = Infinity;
  let right = -Infinity;
  let bottom = -Infinity;
  for (const point of points) {
    x = Math.min(x, point.x);
    y = Math.min(y, point.y);
    right = Math.max(right, point.x);
    bottom = Math.max(bottom, point.y);
  }
  return { x: x - 60, y: y - 20, width: right - x + 120, height: bottom - y + 40 };
}
