/** Frames around what restarts together, and around the services; their titles lie over the lines so that none crosses the words. */
import type { Selection } from "d3";
import type { LayoutResult } from "../layout/layoutRequest";
import { plural } from "../model/numberWords";
import type { Picture } from "../model/picture";
import { groupTitle } from "../model/regionGroups";
import type { SvgGroup } from "./vertexNode";

export function drawFrames(layer: SvgGroup, picture: Picture, layout: LayoutResult): void {
  layer.selectAll("*").remove();
  const band = layout.band;
  if (band !== undefined) {
    const group = layer.append("g").attr("class", "band").attr("transform", `translate(${band.x},${band.y})`);
    group.append("rect").attr("class", "frame").attr("width", band.width).attr("height", band.height).attr("rx", 12);
  }
  for (const group of picture.regions.groups) {
    const place = layout.groups.get(group.id);
    if (place === undefined) continue;
    const frame = layer
      .append("g")
      .attr("class", `region region-${group.color}`)
      .attr("transform", `translate(${place.x},${place.y})`);
    const sheet = (dx: number, dy: number): void => {
      frame
        .append("rect")
        .attr("class", "frame")
        .attr("x", dx)
        .attr("y", dy)
        .attr("width", place.width)
        .attr("height", place.height)
        .attr("rx", 12);
    };
    // A second sheet behind the first: there is more than one region in here.
    if (group.regions.length > 1) sheet(5, -5);
    sheet(0, 0);
  }
}

export function drawTitles(layer: SvgGroup, picture: Picture, layout: LayoutResult): void {
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
    const swatch = layer.append("rect").attr("class", `swatch region-${group.color}`);
    swatch
      .attr("x", place.x + 16)
      .attr("y", place.y + 11)
      .attr("width", 12)
      .attr("height", 12)
      .attr("rx", 3);
    const text = title(layer, place.x + 34, place.y + 22, name, detail).attr("data-region", group.id);
    text.append("tspan").attr("class", "frame-state").attr("dx", 10);
  }
}

function title(
  layer: SvgGroup,
  x: number,
  y: number,
  name: string,
  detail: string,
): Selection<SVGTextElement, unknown, null, undefined> {
  const text = layer.append("text").attr("class", "frame-title").attr("x", x).attr("y", y);
  text.append("tspan").attr("class", "frame-name").text(name);
  text.append("tspan").attr("class", "frame-detail").attr("dx", 8).text(detail);
  return text;
}

export type FrameWords = (group: string) => { readonly words: string; readonly hit: boolean } | undefined;

export function showFrames(layer: SvgGroup, wordsOf: FrameWords): void {
  layer.selectAll<SVGTextElement, unknown>("text[data-region]").each(function () {
    const state = this.querySelector("tspan.frame-state");
    const words = wordsOf(this.dataset.region ?? "");
    if (state === null) return;
    if (state.textContent !== (words?.words ?? "")) state.textContent = words?.words ?? "";
    state.classList.toggle("hit", words?.hit === true);
    state.classList.toggle("untouched", words?.hit === false);
  });
}
