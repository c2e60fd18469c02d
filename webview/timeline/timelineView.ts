/**
 * The recovery timeline: lanes with phases as bars, faults and checkpoints as marks, throughput and p99 beneath, all on one axis. It follows
 * the run until somebody looks closer; a click on a lane goes to the node, a drag of the cursor goes back in time.
 */
import {
  area,
  line,
  scaleLinear,
  select,
  zoom as d3zoom,
  zoomIdentity,
  type D3ZoomEvent,
  type ScaleLinear,
  type Selection,
} from "d3";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { count, duration } from "../model/numberWords";
import type { RunModel } from "../model/runModel";
import type { PictureElement } from "../protocol";
import { barsInSight, TimelineLanes, type Lane, type LaneBar } from "./timelineLanes";

export interface TimelineEvents {
  readonly picked: (element: PictureElement) => void;
  /** A moment to look at, ms since the epoch; undefined is the present. */
  readonly travelled: (at: number | undefined) => void;
}

interface Drawn {
  readonly run: RunModel;
  readonly graph: GraphDescription;
  readonly now: number;
  readonly at: number | undefined;
}

type Layer = Selection<SVGGElement, unknown, null, undefined>;

const LABEL_WIDTH = 148;
const AXIS_HEIGHT = 20;
const LEAST_LANE = 11;
const MOST_LANE = 18;
const FOLLOWED_MS = 30_000;
const RIGHT = 12;

export class TimelineView {
  readonly #svg: Selection<SVGSVGElement, unknown, null, undefined>;
  readonly #layers: Record<"spans" | "axis" | "lanes" | "chart" | "marks" | "cursor", Layer>;
  readonly #lanes = new TimelineLanes();
  readonly #zoom = d3zoom<SVGSVGElement, unknown>();
  readonly #tip: HTMLElement;
  /** What is shown, ms from the run's start; undefined follows the run. */
  #window: { from: number; to: number } | undefined;
  #drawn: Drawn | undefined;
  #scale: ScaleLinear<number, number> = scaleLinear();
  #first = 0;
  #chartHeight = 46;
  #zooming = false;

  constructor(
    private readonly host: HTMLElement,
    private readonly events: TimelineEvents,
  ) {
    this.#svg = select(host).append("svg").attr("class", "timeline-svg").attr("role", "img");
    const layer = (name: string): Layer => this.#svg.append("g").attr("class", name);
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
      .scaleExtent([1, 2000])
      .filter((event: Event) => event.type === "wheel" || (event as MouseEvent).button === 0)
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => this.#zoomed(event));
    this.#svg.call(this.#zoom).on("dblclick.zoom", null);
    this.#svg.on("click", (event: MouseEvent) => this.#clicked(event));
    this.#svg.on("dblclick", () => this.follow());
    this.#svg.on("pointermove", (event: PointerEvent) => this.#hover(event));
    this.#svg.on("pointerleave", () => (this.#tip.hidden = true));
    new ResizeObserver(() => this.#redraw()).observe(host);
  }

  /** `at`: the moment that is looked at when it is not the present. */
  show(run: RunModel, graph: GraphDescription, now: number, at: number | undefined): void {
    this.#drawn = { run, graph, now, at };
    this.#redraw();
  }

  clear(): void {
    this.#drawn = undefined;
    this.#window = undefined;
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
    const { from, to } = this.#range();
    this.#svg.attr("width", width).attr("height", height);
    this.#scale = scaleLinear([from, to], [LABEL_WIDTH, width - RIGHT]);
    this.#chartHeight = height < 170 ? 34 : 46;
    const lanes = this.#lanes.of(drawn.graph, drawn.run.facts);
    const room = height - AXIS_HEIGHT - this.#chartHeight - 8;
    const laneHeight = Math.max(LEAST_LANE, Math.min(MOST_LANE, Math.floor(room / Math.max(1, lanes.length))));
    const fit = Math.max(1, Math.floor(room / laneHeight));
    const shown = pickLanes(lanes, fit, this.#first);
    const bottom = AXIS_HEIGHT + shown.length * laneHeight;
    this.#drawAxis(width, bottom);
    this.#drawSpans(bottom);
    this.#drawLanes(shown, laneHeight, width);
    this.#drawChart(height - this.#chartHeight - 2, width);
    this.#drawMarks(height - 2);
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
    groups.select("text").text((tick) => clock(tick, this.#scale.domain()));
  }

  /** From a failure until everything ran again. */
  #drawSpans(bottom: number): void {
    const { run, now } = this.#drawn as Drawn;
    const start = run.facts.startAt;
    const [left, right] = this.#scale.range();
    const visible = run.facts.failovers.map((failover) => {
      const failure = run.facts.failures.find((one) => failover.failures.includes(one.id));
      return { id: failover.id, from: (failure?.at ?? failover.at) - start, to: (failover.finishedAt ?? now) - start };
    });
    this.#layers.spans
      .selectAll<SVGRectElement, (typeof visible)[number]>("rect")
      .data(visible, (span) => span.id)
      .join("rect")
      .attr("y", AXIS_HEIGHT)
      .attr("height", Math.max(0, bottom - AXIS_HEIGHT))
      .attr("x", (span) => clamp(this.#scale(span.from), left, right))
      .attr("width", (span) =>
        Math.max(0, clamp(this.#scale(span.to), left, right) - clamp(this.#scale(span.from), left, right)),
      );
  }

  #drawLanes(lanes: readonly Lane[], laneHeight: number, width: number): void {
    const { run, now } = this.#drawn as Drawn;
    const start = run.facts.startAt;
    const [from, to] = this.#scale.domain();
    const groups = this.#layers.lanes
      .selectAll<SVGGElement, Lane>("g.lane")
      .data(lanes, laneKey)
      .join((enter) => {
        const group = enter.append("g").attr("class", "lane");
        group.append("rect").attr("class", "lane-back");
        group.append("text").attr("class", "lane-label").attr("x", 10).append("title");
        group.append("g").attr("class", "bars");
        return group;
      });
    groups
      .classed("service", (lane) => lane.service)
      .attr("transform", (_, i) => `translate(0,${AXIS_HEIGHT + i * laneHeight})`);
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
    groups.select<SVGGElement>("g.bars").each((lane, i, nodes) => {
      const x = (at: number): number => clamp(this.#scale(at - start), LABEL_WIDTH, width - RIGHT);
      const bars = barsInSight(lane.bars, from + start, to + start, now, x);
      const shapes = select(nodes[i])
        .selectAll<SVGGElement, LaneBar>("g.bar")
        .data(bars, (bar) => bar.from)
        .join((enter) => {
          const group = enter.append("g").attr("class", "bar");
          group.append("rect").attr("rx", 2);
          group.append("text");
          return group;
        });
      shapes.attr("data-look", (bar) => bar.look).attr("transform", (bar) => `translate(${x(bar.from)},2)`);
      shapes
        .select("rect")
        .attr("height", laneHeight - 4)
        .attr("width", (bar) => Math.max(1.5, x(bar.to ?? now) - x(bar.from)));
      shapes
        .select("text")
        .attr("x", 5)
        .attr("y", laneHeight / 2 + 2)
        .text((bar) => {
          const words =
            lane.index === undefined && bar.count > 1 && bar.look !== "running"
              ? `${bar.count} ${bar.words}`
              : bar.words;
          return x(bar.to ?? now) - x(bar.from) > words.length * 6.4 + 10 && laneHeight >= 14 ? words : "";
        });
    });
  }

  #drawChart(top: number, width: number): void {
    const { run, now } = this.#drawn as Drawn;
    const series = run.facts.throughput;
    const layer = this.#layers.chart.attr("transform", `translate(0,${top})`);
    const [from, to] = this.#scale.domain();
    const end = Math.min(to, series === undefined ? 0 : series.until, now - run.facts.startAt);
    const step = Math.max(100, Math.ceil((to - from) / Math.max(40, (width - LABEL_WIDTH) / 3) / 100) * 100);
    const points: { at: number; rate: number; p99: number | undefined }[] = [];
    if (series !== undefined) {
      for (let at = Math.max(Math.floor(from / step) * step, 0); at < end; at += step) {
        const until = Math.min(at + step, end);
        points.push({
          at: (at + until) / 2,
          rate: series.rate(at, until),
          p99: series.latency(at, until, 0.99) ?? undefined,
        });
      }
    }
    const most = Math.max(1, ...points.map((point) => point.rate)) * 1.08;
    const slowest = Math.max(1, ...points.map((point) => point.p99 ?? 0)) * 1.15;
    const y = scaleLinear([0, most], [this.#chartHeight - 4, 4]);
    const yLatency = scaleLinear([0, slowest], [this.#chartHeight - 4, 4]);
    const shape = area<(typeof points)[number]>()
      .x((point) => this.#scale(point.at))
      .y0(this.#chartHeight - 4)
      .y1((point) => y(point.rate));
    const p99 = line<(typeof points)[number]>()
      .defined((point) => point.p99 !== undefined)
      .x((point) => this.#scale(point.at))
      .y((point) => yLatency(point.p99 ?? 0));
    layer
      .selectAll("line.chart-floor")
      .data([0])
      .join("line")
      .attr("class", "chart-floor")
      .attr("x1", LABEL_WIDTH)
      .attr("x2", width - RIGHT)
      .attr("y1", this.#chartHeight - 4)
      .attr("y2", this.#chartHeight - 4);
    layer.selectAll("path.rate").data([points]).join("path").attr("class", "rate").attr("d", shape);
    layer.selectAll("path.p99").data([points]).join("path").attr("class", "p99").attr("d", p99);
    const last = points.at(-1);
    const at = series?.measure === "sources" ? "out of sources" : "into sinks";
    const words: (readonly [string, string])[] = [
      ["chart-name rate-words", last === undefined ? `Records ${at}` : `${count(last.rate)} rec/s ${at}`],
      ["chart-name p99-words", last?.p99 === undefined ? "p99 of calls" : `p99 ${duration(last.p99)} of calls`],
    ];
    layer
      .selectAll("text.chart-name")
      .data(words)
      .join("text")
      .attr("class", ([name]) => name)
      .attr("x", 10)
      .attr("y", (_, i) => this.#chartHeight / 2 - 6 + i * 15)
      .text(([, text]) => text);
  }

  #drawMarks(bottom: number): void {
    const { run } = this.#drawn as Drawn;
    const start = run.facts.startAt;
    const [from, to] = this.#scale.domain();
    const faults = [...run.facts.injections.values()].filter((one) => one.at - start >= from && one.at - start <= to);
    const marks = this.#layers.marks
      .selectAll<SVGGElement, (typeof faults)[number]>("g.fault")
      .data(faults, (one) => one.injection)
      .join((enter) => {
        const group = enter.append("g").attr("class", "fault");
        group.append("line").attr("y1", 4);
        group
          .append("rect")
          .attr("y", 1)
          .attr("height", AXIS_HEIGHT - 5);
        group.append("path").attr("d", "M0 2L9 7.5 0 13Z");
        group.append("text").attr("x", 12).attr("y", 12);
        return group;
      });
    marks.attr("transform", (one) => `translate(${this.#scale(one.at - start)},0)`);
    marks.select("line").attr("y2", bottom);
    const right = this.#scale.range()[1];
    marks
      .select("text")
      .attr("x", (one) => (this.#scale(one.at - start) > right - 150 ? -4 : 12))
      .attr("text-anchor", (one) => (this.#scale(one.at - start) > right - 150 ? "end" : "start"))
      .text(faultWords);
    marks
      .select("rect")
      .attr("width", (one) => faultWords(one).length * 7 + 22)
      .attr("x", (one) => (this.#scale(one.at - start) > right - 150 ? -faultWords(one).length * 7 - 8 : 0));
    const checkpoints = run.facts.checkpoints.filter((one) => one.at - start >= from && one.at - start <= to);
    const thinned =
      checkpoints.length > 200
        ? checkpoints.filter((_, i) => i % Math.ceil(checkpoints.length / 200) === 0)
        : checkpoints;
    this.#layers.marks
      .selectAll<SVGPathElement, (typeof checkpoints)[number]>("path.checkpoint")
      .data(thinned, (one) => `${one.checkpoint} ${one.ok}`)
      .join((enter) => {
        const path = enter.append("path");
        path.append("title");
        return path;
      })
      .attr("class", (one) => `checkpoint ${one.ok ? "ok" : "bad"}`)
      .attr("transform", (one) => `translate(${this.#scale(one.at - start)},${bottom - this.#chartHeight - 1})`)
      .attr("d", (one) => (one.ok ? "M0-3.5L3.5 0 0 3.5-3.5 0Z" : "M-3-3L3 3M-3 3L3-3"))
      .select("title")
      .text((one) => `Checkpoint ${one.checkpoint} ${one.ok ? "completed" : "failed"}`);
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

  #resetZoom(): void {
    this.#zooming = true;
    this.#zoom.transform(this.#svg, zoomIdentity);
    this.#zooming = false;
  }

  #clicked(event: MouseEvent): void {
    const drawn = this.#drawn;
    if (drawn === undefined || event.defaultPrevented) return;
    const [x] = place(event, this.host);
    const lane = (event.target as Element).closest<SVGGElement>("g.lane");
    const data = lane === null ? undefined : (select(lane).datum() as Lane);
    if (data !== undefined && x < LABEL_WIDTH) {
      this.events.picked(
        data.index === undefined
          ? { kind: "vertex", vertex: data.vertex }
          : { kind: "subtask", vertex: data.vertex, index: data.index },
      );
      return;
    }
    if (x >= LABEL_WIDTH) this.events.travelled(Math.min(drawn.now, drawn.run.facts.startAt + this.#scale.invert(x)));
  }

  #hover(event: PointerEvent): void {
    const drawn = this.#drawn;
    const bar = (event.target as Element).closest<SVGGElement>("g.bar");
    if (drawn === undefined || bar === null) {
      this.#tip.hidden = true;
      return;
    }
    const data = select(bar).datum() as LaneBar;
    const lane = select(bar.closest<SVGGElement>("g.lane") as SVGGElement).datum() as Lane;
    const lasted = (data.to ?? drawn.now) - data.from;
    const number = lane.index === undefined ? ` (${data.count})` : "";
    this.#tip.textContent = `${lane.label}: ${data.words}${number} for ${duration(lasted)}, from ${duration(data.from - drawn.run.facts.startAt)}`;
    this.#tip.hidden = false;
    const [x, y] = place(event, this.host);
    this.#tip.style.left = `${Math.min(x + 12, this.host.clientWidth - this.#tip.offsetWidth - 8)}px`;
    this.#tip.style.top = `${Math.max(2, y - 30)}px`;
  }
}

function faultWords(injection: { readonly fault: string; readonly target: string }): string {
  return `${injection.fault} ${injection.target.replace(/^service:/, "")}`.slice(0, 60);
}

/** When there is not room for all: the instances and what was ever in trouble, in the order of the graph. */
function pickLanes(lanes: readonly Lane[], fit: number, first: number): readonly Lane[] {
  if (lanes.length <= fit) return lanes;
  const troubled = (lane: Lane): boolean =>
    lane.bars.some((bar) => bar.look === "failing" || bar.look === "restarting");
  const wanted = new Set([...lanes.filter(troubled), ...lanes].slice(first, first + fit));
  return lanes.filter((lane) => wanted.has(lane));
}

function laneKey(lane: Lane): string {
  return `${lane.vertex}#${lane.index ?? ""}`;
}

function place(event: MouseEvent, host: HTMLElement): [number, number] {
  const box = host.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
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
