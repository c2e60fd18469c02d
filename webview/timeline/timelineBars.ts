/** The lanes as drawn: one shape for each look in a lane, however many bars there are, and words where a bar has room for them. */
import type { ScaleLinear } from "d3";
import type { SvgGroup } from "../graph/svgElements";
import type { Look } from "../model/subtaskLook";
import type { LaneBar } from "../model/laneHistory";
import { barsInSight, type Lane } from "./timelineLanes";
import { pixelsOf } from "./timelinePixels";

export interface BarArea {
  /** Start of the run and end of it so far, ms since the epoch. */
  readonly start: number;
  readonly now: number;
  /** Milliseconds from the run's start to pixels. */
  readonly scale: ScaleLinear<number, number>;
  readonly top: number;
  readonly laneHeight: number;
  readonly width: number;
}

interface BarText {
  readonly x: number;
  readonly words: string;
  readonly look: Look;
}

export function drawLanes(layer: SvgGroup, lanes: readonly Lane[], area: BarArea): void {
  const { laneHeight, top, width } = area;
  const groups = layer
    .selectAll<SVGGElement, Lane>("g.lane")
    .data(lanes, laneKey)
    .join((enter) => {
      const group = enter.append("g").attr("class", "lane");
      group.append("rect").attr("class", "lane-back");
      group.append("text").attr("class", "lane-label").attr("x", 10).append("title");
      group.append("g").attr("class", "bars");
      return group;
    });
  groups.classed("service", (lane) => lane.service).attr("transform", (_, i) => `translate(0,${top + i * laneHeight})`);
  groups.select("rect.lane-back").attr("width", width).attr("height", laneHeight);
  groups
    .select<SVGTextElement>("text.lane-label")
    .attr("y", laneHeight / 2 + 4)
    .each(function (lane) {
      const words = lane.label.length > 21 ? `${lane.label.slice(0, 13)}…${lane.label.slice(-6)}` : lane.label;
      if (this.firstChild?.nodeType === Node.TEXT_NODE) this.firstChild.textContent = words;
      else this.prepend(words);
      const title = this.querySelector<SVGTitleElement>("title");
      if (title !== null) title.textContent = lane.label;
    });
  groups.select<SVGGElement>("g.bars").each(function (lane) {
    drawBars(
      layer.select<SVGGElement>(() => this),
      lane,
      area,
    );
  });
}

function drawBars(group: SvgGroup, lane: Lane, { start, now, scale, laneHeight }: BarArea): void {
  const [from, to] = scale.domain();
  const [left, right] = scale.range();
  const pixel = pixelsOf(scale);
  const x = (at: number): number => Math.max(left, Math.min(right, pixel(at - start)));
  const height = laneHeight - 4;
  const shapes = new Map<Look, string>();
  const texts: BarText[] = [];
  for (const bar of barsInSight(lane.bars, from + start, to + start, now, x)) {
    const begin = x(bar.from);
    const length = Math.max(1.5, x(bar.to ?? now) - begin);
    const shape = `M${begin.toFixed(1)} 2h${length.toFixed(1)}v${height}h${(-length).toFixed(1)}z`;
    shapes.set(bar.look, (shapes.get(bar.look) ?? "") + shape);
    const words = barWords(lane, bar);
    if (laneHeight >= 14 && length > words.length * 6.4 + 10) texts.push({ x: begin + 5, words, look: bar.look });
  }
  // Bound to the looks alone: the shapes of thousands of bars are with the elements, and would be kept here once more.
  group
    .selectAll<SVGPathElement, Look>("path.bar")
    .data([...shapes.keys()], (look) => look)
    .join((enter) => enter.insert("path", "text").attr("class", "bar"))
    .attr("data-look", (look) => look)
    .attr("d", (look) => shapes.get(look) ?? "");
  group
    .selectAll<SVGTextElement, BarText>("text")
    .data(texts)
    .join("text")
    .attr("x", (text) => text.x)
    .attr("data-on", (text) => text.look)
    .attr("y", laneHeight / 2 + 4)
    .text((text) => text.words);
}

/** How many of a lane's subtasks look like this, unless all is well. */
function barWords(lane: Lane, bar: LaneBar): string {
  return lane.index === undefined && bar.count > 1 && bar.look !== "running" ? `${bar.count} ${bar.words}` : bar.words;
}

function laneKey(lane: Lane): string {
  return `${lane.vertex}#${lane.index ?? ""}`;
}
