/** Frames around what restarts together, and around the services; their titles lie over the lines so that none crosses the words. */
import type { LayoutResult } from "../layout/layoutRequest";
import { plural } from "../model/numberWords";
import { stateWidth, type Picture } from "../model/picture";
import { groupTitle } from "../model/regionGroups";
import type { Measure } from "./vertexCard";
import { add, translate, type SvgGroup, type SvgSelection } from "./svgElements";

export function drawFrames(layer: SvgGroup, picture: Picture, layout: LayoutResult): void {
  layer.selectAll("*").remove();
  const band = layout.band;
  if (band !== undefined) {
    const group = add(layer, "g", { class: "band", transform: translate(band.x, band.y) });
    add(group, "rect", { class: "frame", width: band.width, height: band.height, rx: 12 });
  }
  for (const group of picture.regions.groups) {
    const place = layout.groups.get(group.id);
    if (place === undefined) continue;
    const { width, height } = place;
    const frame = add(layer, "g", { class: `region region-${group.color}`, transform: translate(place.x, place.y) });
    // A second sheet behind the first: there is more than one region in here.
    if (group.regions.length > 1) add(frame, "rect", { class: "frame sheet", x: 5, y: -5, width, height, rx: 12 });
    add(frame, "rect", { class: "frame", width, height, rx: 12 });
  }
}

export function drawTitles(layer: SvgGroup, picture: Picture, layout: LayoutResult, measure: Measure): void {
  layer.selectAll("*").remove();
  const band = layout.band;
  if (band !== undefined) {
    const services = picture.graph.vertices.filter((vertex) => vertex.kind === "service");
    const instances = services.reduce((sum, vertex) => sum + Math.max(0, vertex.parallelism), 0);
    const detail = `${plural(instances, "instance")}, each its own region`;
    title(layer, band.x + 16, band.y + 22, "Services", instances === 1 ? "1 instance, its own region" : detail);
  }
  for (const group of picture.regions.groups) {
    const place = layout.groups.get(group.id);
    if (place === undefined) continue;
    const { name, detail } = groupTitle(group);
    add(layer, "rect", {
      class: `swatch region-${group.color}`,
      x: place.x + 16,
      y: place.y + 11,
      width: 12,
      height: 12,
      rx: 3,
    });
    const text = title(layer, place.x + 34, place.y + 22, name, detail).attr("data-region", group.id);
    add(text, "tspan", { class: "frame-state", dx: 10 });
    // Where there is not room for both, what happens now stands in the place of what never changes.
    const all = measure(name, "title") + measure(detail, "text") + stateWidth(group.subtasks, measure) + 66;
    text.classed("tight", all > place.width);
  }
}

function title(layer: SvgGroup, x: number, y: number, name: string, detail: string): SvgSelection<SVGTextElement> {
  const text = add(layer, "text", { class: "frame-title", x, y });
  add(text, "tspan", { class: "frame-name" }, name);
  add(text, "tspan", { class: "frame-detail", dx: 8 }, detail);
  return text;
}

export type FrameWords = (group: string) => { readonly words: string; readonly hit: boolean } | undefined;

export function showFrames(layer: SvgGroup, wordsOf: FrameWords): void {
  layer.selectAll<SVGTextElement, unknown>("text[data-region]").each(function () {
    const state = this.querySelector("tspan.frame-state");
    const words = wordsOf(this.dataset.region ?? "");
    if (state === null) return;
    if (state.textContent !== (words?.words ?? "")) state.textContent = words?.words ?? "";
    this.classList.toggle("told", words !== undefined);
    state.classList.toggle("hit", words?.hit === true);
    state.classList.toggle("untouched", words?.hit === false);
  });
}
