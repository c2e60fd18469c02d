/**
 * The recovery timeline: lanes with phases as bars, faults and checkpoints as marks, throughput and p99 beneath, all on one axis. It follows
 * the run until somebody looks closer. A drag over the lanes goes through time, the wheel and a drag with Shift look closer, a drag of the
 * axis moves along, a click on a lane's name goes to the node.
 */
import {
  scaleLinear,
  select,
  zoom as d3zoom,
  zoomIdentity,
  type D3ZoomEvent,
  type ScaleLinear,
  type Selection,
} from "d3";
import type { Injection } from "../../simulator/observe/runFacts";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { count, duration } from "../model/numberWords";
import type { SvgGroup } from "../graph/svgElements";
import type { RunModel } from "../model/runModel";
import type { PictureElement } from "../protocol";
import { drawLanes } from "./timelineBars";
import { drawChart } from "./timelineChart";
import { drawCheckpoints, drawFaults, drawSpans } from "./timelineMarks";
import { lanesOf, pickLanes, type Lane } from "./timelineLanes";

export interface TimelineEvents {
  readonly picked: (element: PictureElement) => void;
  /** A moment to look at, ms since the epoch; undefined is the present. */
  readonly travelled: (at: number | undefined) => void;
  /** What can be done there is asked for: at this moment, with the element of the lane. */
  readonly menu: (
    at: number,
    element: PictureElement | undefined,
    place: { readonly x: number; readonly y: number },
  ) => void;
}

interface Drawn {
  readonly run: RunModel;
  readonly graph: GraphDescription;
  readonly now: number;
  readonly at: number | undefined;
}

const LABEL_WIDTH = 148;
const AXIS_HEIGHT = 20;
const LEAST_LANE = 11;
const MOST_LANE = 18;
const FOLLOWED_MS = 30_000;
const RIGHT = 12;
/** A time on the axis reaches so far to either side of its moment, pixels. */
const HALF_TICK = 20;
const MOST_ZOOM = 2000;
/** What the curves say of a moment is of this much before and after it, ms. */
const CHART_AROUND = 250;
/** A stretch that is marked narrower than this, in pixels, was a click. */
const LEAST_BRUSH = 4;

export class TimelineView {
  readonly #svg: Selection<SVGSVGElement, unknown, null, undefined>;
  readonly #layers: Record<"spans" | "axis" | "lanes" | "chart" | "marks" | "cursor", SvgGroup>;
  readonly #zoom = d3zoom<SVGSVGElement, unknown>();
  readonly #tip: HTMLElement;
  /** What is shown, ms from the run's start; undefined follows the run. */
  #window: { from: number; to: number } | undefined;
  #drawn: Drawn | undefined;
  #scale: ScaleLinear<number, number> = scaleLinear();
  #chartHeight = 46;
  /** `seq` that the drawing goes up to. */
  #drawnNext = -1;
  #shown: { readonly lanes: readonly Lane[]; readonly laneHeight: number } = { lanes: [], laneHeight: MOST_LANE };
  #zooming = false;
  /** What the pointer is dragged for, and where in the drawing that began. */
  #drag: { readonly for: "time" | "window"; readonly x: number } | undefined;

  constructor(
    private readonly host: HTMLElement,
    private readonly events: TimelineEvents,
  ) {
    this.#svg = select(host).append("svg").attr("class", "timeline-svg").attr("role", "img");
    const layer = (name: string): SvgGroup => this.#svg.append("g").attr("class", name);
    this.#layers = {
      spans: layer("spans"),
      axis: layer("axis"),
      lanes: layer("lanes"),
      chart: layer("chart"),
      marks: layer("marks"),
      cursor: layer("cursor"),
    };
    this.#tip = document.createElement("div");
    this.#tip.className = "tip";
    this.#tip.hidden = true;
    host.append(this.#tip);
    this.#zoom
      .scaleExtent([1, MOST_ZOOM])
      .filter((event: MouseEvent) => event.type === "wheel" || (event.button === 0 && this.#isOnAxis(event)))
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => this.#zoomed(event));
    this.#svg.call(this.#zoom).on("dblclick.zoom", null);
    this.#svg.on("click", (event: MouseEvent) => this.#clicked(event));
    this.#svg.on("dblclick", () => this.follow());
    this.#svg.on("contextmenu", (event: MouseEvent) => this.#menu(event));
    this.#svg.on("pointerdown", (event: PointerEvent) => this.#dragFrom(event));
    this.#svg.on("pointermove", (event: PointerEvent) =>
      this.#drag === undefined ? this.#hover(event) : this.#dragTo(event),
    );
    this.#svg.on("pointerup", (event: PointerEvent) => this.#dragEnd(event));
    this.#svg.on("pointercancel", () => this.#dropDrag());
    this.#svg.on("pointerleave", () => (this.#tip.hidden = true));
    new ResizeObserver(() => this.#redraw()).observe(host);
  }

  /** `at`: the moment that is looked at when it is not the present. */
  show(run: RunModel, graph: GraphDescription, now: number, at: number | undefined): void {
    const before = this.#drawn;
    this.#drawn = { run, graph, now, at };
    // Travelling through a run that is over moves nothing but the cursor.
    if (before?.run === run && before.graph === graph && before.now === now && this.#drawnNext === run.next) {
      this.#drawCursor(this.host.clientHeight - 2);
    } else this.#redraw();
  }

  clear(): void {
    this.#drawn = undefined;
    this.#window = undefined;
    this.#drawnNext = -1;
    for (const layer of Object.values(this.#layers)) layer.selectAll("*").remove();
  }

  /** Back to the newest moments. */
  follow(): void {
    this.#window = undefined;
    this.#resetZoom();
    this.#redraw();
  }

  #range(): { from: number; to: number } {
    const drawn = this.#drawn;
    if (drawn === undefined) return { from: 0, to: 1000 };
    const end = Math.max(2000, drawn.now - drawn.run.facts.startAt);
    const all = drawn.run.ended || !drawn.run.handle.live;
    return this.#window ?? { from: all ? 0 : Math.max(0, end - FOLLOWED_MS), to: end + (all ? 0 : end * 0.015) };
  }

  #redraw(): void {
    const drawn = this.#drawn;
    const width = this.host.clientWidth;
    const height = this.host.clientHeight;
    if (drawn === undefined || width < 100 || height < 60) return;
    this.#drawnNext = drawn.run.next;
    const { from, to } = this.#range();
    this.#svg.attr("width", width).attr("height", height);
    this.#scale = scaleLinear([from, to], [LABEL_WIDTH, width - RIGHT]);
    this.#chartHeight = height < 170 ? 34 : 46;
    const lanes = lanesOf(drawn.graph, drawn.run);
    const room = height - AXIS_HEIGHT - this.#chartHeight - 8;
    const laneHeight = Math.max(LEAST_LANE, Math.min(MOST_LANE, Math.floor(room / Math.max(1, lanes.length))));
    const fit = Math.max(1, Math.floor(room / laneHeight));
    const shown = pickLanes(lanes, fit);
    const bottom = AXIS_HEIGHT + shown.length * laneHeight;
    this.#drawAxis(width, bottom);
    this.#shown = { lanes: shown, laneHeight };
    const { startAt } = drawn.run.facts;
    drawLanes(this.#layers.lanes, shown, {
      start: startAt,
      now: drawn.now,
      scale: this.#scale,
      top: AXIS_HEIGHT,
      laneHeight,
      width,
    });
    const area = { run: drawn.run, now: drawn.now, scale: this.#scale, top: AXIS_HEIGHT };
    const chartTop = height - this.#chartHeight - 2;
    drawSpans(this.#layers.spans, { ...area, bottom });
    drawChart(this.#layers.chart, { ...area, top: chartTop, height: this.#chartHeight });
    drawCheckpoints(this.#layers.marks, { ...area, bottom }, chartTop - 1);
    const flags = drawFaults(this.#layers.marks, { ...area, bottom: height - 2 });
    // Of a time that a flag covers in part, the rest says something else.
    const isCovered = (tick: number): boolean =>
      flags.some(({ from, to }) => this.#scale(tick) + HALF_TICK > from && this.#scale(tick) - HALF_TICK < to);
    this.#layers.axis.selectAll<SVGGElement, number>("g").classed("covered", isCovered);
    this.#drawCursor(height - 2);
    const failures = drawn.run.facts.failovers.length;
    this.#svg.attr(
      "aria-label",
      `Recovery timeline, ${duration(drawn.now - drawn.run.facts.startAt)}, ${failures} recoveries, ${lanes.length} lanes`,
    );
  }

  #drawAxis(width: number, bottom: number): void {
    const ticks = this.#scale.ticks(Math.max(2, Math.floor((width - LABEL_WIDTH) / 90)));
    const groups = this.#layers.axis
      .selectAll<SVGGElement, number>("g")
      .data(ticks, (tick) => tick)
      .join((enter) => {
        const group = enter.append("g");
        group.append("line").attr("y1", AXIS_HEIGHT - 3);
        group.append("text").attr("y", 12);
        return group;
      });
    groups.attr("transform", (tick) => `translate(${this.#scale(tick)},0)`);
    groups.select("line").attr("y2", bottom);
    groups.select("text").attr("class", (tick) => (this.#scale(tick) > width - RIGHT - 24 ? "last" : null));
    groups.select("text").text((tick) => clock(tick, this.#scale.domain()));
  }

  #drawCursor(bottom: number): void {
    const { run, at } = this.#drawn as Drawn;
    const moments = at === undefined ? [] : [at - run.facts.startAt];
    const cursor = this.#layers.cursor
      .selectAll<SVGGElement, number>("g")
      .data(moments)
      .join((enter) => {
        const group = enter.append("g");
        group.append("line").attr("y1", 0);
        group.append("path").attr("d", "M-6 0H6V6L0 12-6 6Z");
        return group;
      });
    cursor.attr("transform", (moment) => `translate(${this.#scale(moment)},0)`);
    cursor.select("line").attr("y2", bottom);
  }

  #zoomed(event: D3ZoomEvent<SVGSVGElement, unknown>): void {
    if (this.#zooming || event.sourceEvent === null || event.sourceEvent === undefined) return;
    const drawn = this.#drawn;
    if (drawn === undefined) return;
    const end = Math.max(2000, drawn.now - drawn.run.facts.startAt);
    const width = this.host.clientWidth;
    const full = scaleLinear([0, end], [LABEL_WIDTH, width - RIGHT]);
    const scaled = event.transform.rescaleX(full);
    const [from, to] = scaled.domain();
    this.#window =
      event.transform.k <= 1.001 ? { from: 0, to: end } : { from: Math.max(0, from), to: Math.min(end * 1.02, to) };
    this.#redraw();
  }

  /** The strip that moves along; with Shift a stretch is marked there too. */
  #isOnAxis(event: MouseEvent): boolean {
    const [x, y] = pixels(event, this.host);
    return !event.shiftKey && x >= LABEL_WIDTH && y < AXIS_HEIGHT;
  }

  #dragFrom(event: PointerEvent): void {
    const [x] = pixels(event, this.host);
    if (this.#drawn === undefined || event.button !== 0 || x < LABEL_WIDTH || this.#isOnAxis(event)) return;
    this.#drag = { for: event.shiftKey ? "window" : "time", x };
    this.#tip.hidden = true;
    this.#svg.node()?.setPointerCapture(event.pointerId);
  }

  #dragTo(event: PointerEvent): void {
    const drag = this.#drag;
    if (drag === undefined) return;
    const [x] = pixels(event, this.host);
    if (drag.for === "time") this.#travel(x);
    else this.#drawBrush([this.#brush(drag.x, x)]);
  }

  #dragEnd(event: PointerEvent): void {
    const drag = this.#drag;
    this.#dropDrag();
    if (drag?.for !== "window") return;
    const [left, right] = this.#brush(drag.x, pixels(event, this.host)[0]);
    if (right - left > LEAST_BRUSH) this.#lookAt(this.#scale.invert(left), this.#scale.invert(right));
  }

  #dropDrag(): void {
    this.#drag = undefined;
    this.#drawBrush([]);
  }

  #brush(from: number, to: number): readonly [left: number, right: number] {
    const [low, high] = this.#scale.range();
    return [Math.max(low, Math.min(from, to)), Math.min(high, Math.max(from, to))];
  }

  #drawBrush(marked: readonly (readonly [left: number, right: number])[]): void {
    this.#layers.cursor
      .selectAll<SVGRectElement, readonly [number, number]>("rect.brush")
      .data(marked)
      .join("rect")
      .attr("class", "brush")
      .attr("y", 0)
      .attr("height", this.host.clientHeight)
      .attr("x", ([left]) => left)
      .attr("width", ([left, right]) => right - left);
  }

  /** Shows this stretch, ms from the run's start; the wheel goes on from there. */
  #lookAt(from: number, to: number): void {
    const drawn = this.#drawn;
    if (drawn === undefined) return;
    const end = Math.max(2000, drawn.now - drawn.run.facts.startAt);
    const full = scaleLinear([0, end], [LABEL_WIDTH, this.host.clientWidth - RIGHT]);
    const k = Math.min(MOST_ZOOM, end / Math.max(1, to - from));
    this.#zooming = true;
    this.#zoom.transform(this.#svg, zoomIdentity.translate(LABEL_WIDTH - k * full(from), 0).scale(k));
    this.#zooming = false;
    this.#window = { from, to };
    this.#redraw();
  }

  #travel(x: number): void {
    const drawn = this.#drawn;
    if (drawn === undefined) return;
    const at = drawn.run.facts.startAt + this.#scale.invert(Math.max(LABEL_WIDTH, x));
    this.events.travelled(Math.min(drawn.now, at));
  }

  #resetZoom(): void {
    this.#zooming = true;
    this.#zoom.transform(this.#svg, zoomIdentity);
    this.#zooming = false;
  }

  /** The lane at a place of the timeline, by its height. */
  #laneAt(y: number): Lane | undefined {
    const { lanes, laneHeight } = this.#shown;
    return y < AXIS_HEIGHT ? undefined : lanes[Math.floor((y - AXIS_HEIGHT) / laneHeight)];
  }

  #clicked(event: MouseEvent): void {
    const drawn = this.#drawn;
    if (drawn === undefined || event.defaultPrevented) return;
    const [x, y] = pixels(event, this.host);
    const element = elementOf(this.#laneAt(y));
    if (x >= LABEL_WIDTH) {
      if (!event.shiftKey) this.#travel(x);
    } else if (element !== undefined) this.events.picked(element);
  }

  #menu(event: MouseEvent): void {
    const drawn = this.#drawn;
    if (drawn === undefined) return;
    event.preventDefault();
    const [x, y] = pixels(event, this.host);
    // On a flag its own moment is meant, not the pixel beside it.
    const flag = (event.target as Element).closest("g.fault");
    const injection = flag === null ? undefined : (select(flag).datum() as Injection | undefined);
    const at = injection?.at ?? drawn.run.facts.startAt + this.#scale.invert(Math.max(LABEL_WIDTH, x));
    this.events.menu(Math.min(drawn.now, at), elementOf(this.#laneAt(y)), { x: event.clientX, y: event.clientY });
  }

  #hover(event: PointerEvent): void {
    const drawn = this.#drawn;
    const [x, y] = pixels(event, this.host);
    if (drawn !== undefined && x >= LABEL_WIDTH && y > this.host.clientHeight - this.#chartHeight) {
      this.#tell(this.#chartWords(drawn, this.#scale.invert(x)), x, y);
      return;
    }
    const lane = x < LABEL_WIDTH ? undefined : this.#laneAt(y);
    const start = drawn?.run.facts.startAt ?? 0;
    const at = start + this.#scale.invert(x);
    const place = lane?.bars.firstAfter(at) ?? 0;
    const bar = lane !== undefined && place < lane.bars.length ? lane.bars.bar(place) : undefined;
    this.#tip.hidden = drawn === undefined || lane === undefined || bar === undefined || bar.from > at;
    if (drawn === undefined || lane === undefined || bar === undefined) return;
    const lasted = duration((bar.to ?? drawn.now) - bar.from);
    const number = lane.index === undefined ? ` (${bar.count})` : "";
    this.#tell(`${lane.label}: ${bar.words}${number} for ${lasted}, from ${duration(bar.from - start)}`, x, y);
  }

  #tell(words: string, x: number, y: number): void {
    this.#tip.hidden = false;
    this.#tip.textContent = words;
    this.#tip.style.left = `${Math.min(x + 12, this.host.clientWidth - this.#tip.offsetWidth - 8)}px`;
    this.#tip.style.top = `${Math.max(2, y - 30)}px`;
  }

  /** Throughput and p99 around a moment, ms from the run's start. */
  #chartWords({ run }: Drawn, at: number): string {
    const series = run.facts.throughput;
    const words = [duration(Math.max(0, at))];
    if (series !== undefined && at >= 0 && at <= series.until) {
      words.push(`${count(series.rate(at - CHART_AROUND, at + CHART_AROUND))} rec/s`);
      const p99 = series.latency(at - CHART_AROUND, at + CHART_AROUND, 0.99);
      if (p99 !== null) words.push(`p99 of calls ${duration(p99)}`);
    }
    return words.join(" · ");
  }
}

function elementOf(lane: Lane | undefined): PictureElement | undefined {
  if (lane === undefined) return undefined;
  const { vertex, index } = lane;
  return index === undefined ? { kind: "vertex", vertex } : { kind: "subtask", vertex, index };
}

function pixels(event: MouseEvent, host: HTMLElement): [number, number] {
  const box = host.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** `0 s`, `2.5 s`, `1:30`. */
function clock(ms: number, domain: readonly number[]): string {
  const span = domain[1] - domain[0];
  if (ms >= 60_000) {
    const minutes = Math.floor(ms / 60_000);
    const seconds = (ms - minutes * 60_000) / 1000;
    return `${minutes}:${(seconds < 10 ? "0" : "") + (span < 10_000 ? seconds.toFixed(1) : Math.round(seconds))}`;
  }
  const digits = span < 1000 ? 2 : span < 12_000 ? 1 : 0;
  return `${(ms / 1000).toFixed(digits)} s`;
}
