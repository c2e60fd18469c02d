/**
 * Two or more runs of a job on one axis, aligned at the fault: what each did, one band a run, and the figures that tell them apart. It lies
 * over the picture while it is open.
 */
import { scaleLinear, select, zoom as d3zoom, zoomIdentity, type D3ZoomEvent, type ZoomTransform } from "d3";
import { button, choice } from "../controls";
import { add, translate, type SvgGroup, type SvgSelection } from "../graph/svgElements";
import { duration } from "../model/numberWords";
import { drawLanes } from "../timeline/timelineBars";
import { drawChart } from "../timeline/timelineChart";
import { lanesOf, pickLanes, type Lane } from "../timeline/timelineLanes";
import {
  comparedRows,
  runName,
  windowOf,
  zeroOf,
  type Alignment,
  type ComparedRow,
  type ComparedRun,
} from "./comparedRun";

export interface CompareEvents {
  /** Another run is wanted. */
  readonly more: (at: { readonly x: number; readonly y: number }) => void;
  /** The run with this id is not compared any more. */
  readonly removed: (run: string) => void;
  readonly closed: () => void;
}

const SIGN_REMOVE = "M-5-3.6L-3.6-5 0-1.4 3.6-5 5-3.6 1.4 0 5 3.6 3.6 5 0 1.4-3.6 5-5 3.6-1.4 0Z";
const LABEL_WIDTH = 148;
const RIGHT = 12;
const AXIS_HEIGHT = 22;
const BAND_HEAD = 22;
const LANE = 15;
const CHART = 44;
const BAND_GAP = 14;
/** Lanes of one run; those in trouble come first. */
const MOST_LANES = 10;

interface Band {
  readonly one: ComparedRun;
  readonly lanes: readonly Lane[];
  readonly hidden: number;
  readonly zero: number;
  readonly y: number;
}

export class CompareView {
  readonly #heading = document.createElement("h2");
  readonly #table = document.createElement("table");
  readonly #note = document.createElement("p");
  readonly #svg: SvgSelection<SVGSVGElement>;
  readonly #axis: SvgGroup;
  readonly #bands: SvgGroup;
  readonly #zero: SvgSelection<SVGLineElement>;
  readonly #align: { readonly element: HTMLElement; set(value: "fault" | "start"): void };
  readonly #which = document.createElement("select");
  readonly #whichLabel = document.createElement("label");
  #runs: readonly ComparedRun[] = [];
  #alignment: Alignment = { kind: "fault", fault: 0 };
  #transform: ZoomTransform = zoomIdentity;

  constructor(
    private readonly host: HTMLElement,
    private readonly events: CompareEvents,
  ) {
    host.tabIndex = -1;
    this.#heading.textContent = "Compare runs";
    this.#align = choice<"fault" | "start">({
      label: "Aligned at",
      values: [
        { value: "fault", label: "At the Fault", hint: "The same failure of every run lies at zero" },
        { value: "start", label: "At the Start", hint: "Every run begins at zero" },
      ],
      chosen: (value) => this.#setAlignment(value === "start" ? { kind: "start" } : { kind: "fault", fault: 0 }),
    });
    this.#whichLabel.append("Failure ", this.#which);
    this.#which.addEventListener("change", () =>
      this.#setAlignment({ kind: "fault", fault: Number(this.#which.value) }),
    );
    const more = button({
      label: "Add Run…",
      press: () => {
        const box = more.element.getBoundingClientRect();
        events.more({ x: box.left, y: box.bottom + 2 });
      },
    });
    const close = button({ label: "Close", key: "Esc", press: events.closed });
    const space = document.createElement("span");
    space.className = "space";
    const head = document.createElement("div");
    head.className = "compare-head";
    head.append(this.#heading, this.#align.element, this.#whichLabel, space, more.element, close.element);
    const scroll = document.createElement("div");
    scroll.className = "compare-table";
    scroll.append(this.#table);
    this.#note.className = "compare-note";
    host.append(head, scroll, this.#note);
    this.#svg = select(host).append("svg").attr("class", "timeline-svg compare-svg").attr("role", "img");
    this.#axis = add(this.#svg, "g", { class: "axis" });
    this.#bands = add(this.#svg, "g", { class: "compare-bands" });
    this.#zero = add(this.#svg, "line", { class: "compare-zero" });
    const zoom = d3zoom<SVGSVGElement, unknown>()
      .scaleExtent([1, 500])
      .filter((event: Event) => (event.type === "wheel" ? (event as WheelEvent).ctrlKey : true))
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => {
        this.#transform = event.transform;
        this.#drawBands();
      });
    this.#svg.call(zoom).on("dblclick.zoom", () => {
      this.#transform = zoomIdentity;
      this.#drawBands();
    });
    new ResizeObserver(() => this.#drawBands()).observe(host);
  }

  get isOpen(): boolean {
    return !this.host.hidden;
  }

  get compared(): readonly string[] {
    return this.#runs.map(({ run }) => run.handle.id);
  }

  open(): void {
    this.host.hidden = false;
    this.host.focus();
  }

  close(): boolean {
    const was = this.isOpen;
    this.host.hidden = true;
    return was;
  }

  /** The first is the one that the picture shows. */
  show(runs: readonly ComparedRun[]): void {
    this.#runs = runs;
    const failures = Math.max(0, ...runs.map(({ report }) => report.failures.length));
    if (failures === 0) this.#alignment = { kind: "start" };
    if (this.#alignment.kind === "fault" && this.#alignment.fault >= failures)
      this.#alignment = { kind: "fault", fault: 0 };
    this.#draw(failures);
  }

  #setAlignment(alignment: Alignment): void {
    this.#alignment = alignment;
    this.#transform = zoomIdentity;
    this.show(this.#runs);
  }

  #draw(failures: number): void {
    this.#align.set(this.#alignment.kind);
    this.#whichLabel.hidden = failures < 2 || this.#alignment.kind !== "fault";
    this.#which.replaceChildren(
      ...Array.from({ length: failures }, (_, i) => {
        const named = this.#runs.find(({ report }) => report.failures.length > i)?.report.failures[i];
        return new Option(`${i + 1}: ${named?.fault ?? ""} ${named?.target ?? ""}`, String(i));
      }),
    );
    if (this.#alignment.kind === "fault") this.#which.value = String(this.#alignment.fault);
    const without = this.#runs.filter(
      ({ report }) => this.#alignment.kind === "fault" && report.failures.length <= this.#alignment.fault,
    );
    this.#note.textContent =
      this.#runs.length < 2
        ? "Add another run of this job to compare it with."
        : without.length > 0
          ? `${without.map(({ run }) => run.handle.id).join(", ")} had no such failure: it is shown from its start.`
          : "";
    this.#drawTable(comparedRows(this.#runs, this.#alignment));
    this.#drawBands();
  }

  #drawTable(rows: readonly ComparedRow[]): void {
    const caption = document.createElement("caption");
    caption.className = "unseen";
    caption.textContent = "Figures of the runs that are compared";
    const head = document.createElement("thead");
    const names = head.insertRow();
    names.append(cell("td", ""));
    this.#runs.forEach(({ run }, i) => {
      const th = cell("th", runName(run.handle), "col");
      if (i > 0) {
        const remove = button({
          label: `Remove ${run.handle.id}`,
          sign: SIGN_REMOVE,
          look: "icon",
          press: () => this.events.removed(run.handle.id),
        });
        remove.element.classList.add("compare-remove");
        th.append(remove.element);
      } else th.append(Object.assign(document.createElement("small"), { textContent: " shown in the graph" }));
      names.append(th);
    });
    const body = document.createElement("tbody");
    for (const { name, values, best } of rows) {
      const row = body.insertRow();
      row.append(cell("th", name, "row"));
      values.forEach((value, i) => {
        const td = cell("td", value);
        if (best.includes(i)) {
          td.className = "best";
          td.append(Object.assign(document.createElement("span"), { className: "unseen", textContent: " (best)" }));
        }
        row.append(td);
      });
    }
    this.#table.replaceChildren(caption, head, body);
  }

  #drawBands(): void {
    const width = this.host.clientWidth;
    if (!this.isOpen || width < 100) return;
    let y = AXIS_HEIGHT;
    const bands = this.#runs.map((one): Band => {
      const band = { one, ...this.#lanesOf(one), zero: zeroOf(one, this.#alignment), y };
      y += BAND_HEAD + band.lanes.length * LANE + CHART + BAND_GAP;
      return band;
    });
    this.#svg.attr("width", width).attr("height", y);
    const range = [LABEL_WIDTH, width - RIGHT];
    const full = scaleLinear([...windowOf(this.#runs, this.#alignment)], range);
    const scale = this.#transform.rescaleX(full);
    this.#drawAxis(scale, y);
    const most = Math.max(1, ...bands.map(({ one }) => peakOf(one)));
    const groups = this.#bands
      .selectAll<SVGGElement, Band>("g.compare-band")
      .data(bands, ({ one }) => one.run.handle.id)
      .join((enter) => {
        const group = enter.append("g").attr("class", "compare-band");
        group.append("rect").attr("class", "compare-back");
        group.append("text").attr("class", "compare-name").attr("x", 10).attr("y", 15);
        group.append("g").attr("class", "lanes");
        group.append("g").attr("class", "chart");
        return group;
      });
    groups.attr("transform", (band) => translate(0, band.y));
    groups.each(function (band) {
      const group = select<SVGGElement, Band>(this);
      const height = BAND_HEAD + band.lanes.length * LANE + CHART;
      group.select(".compare-back").attr("width", width).attr("height", height);
      const more = band.hidden > 0 ? `, ${band.hidden} more lanes not shown` : "";
      group.select(".compare-name").text(`${runName(band.one.run.handle)} · ${band.one.report.run.deployment}${more}`);
      const { facts } = band.one.run;
      drawLanes(group.select<SVGGElement>("g.lanes") as unknown as SvgGroup, band.lanes, {
        start: band.zero,
        now: facts.lastAt,
        scale,
        top: BAND_HEAD,
        laneHeight: LANE,
        width,
      });
      const offset = band.zero - facts.startAt;
      const [from, to] = scale.domain();
      drawChart(group.select<SVGGElement>("g.chart") as unknown as SvgGroup, {
        run: band.one.run,
        now: facts.lastAt,
        scale: scaleLinear([from + offset, to + offset], range),
        top: BAND_HEAD + band.lanes.length * LANE,
        height: CHART,
        most,
      });
    });
    const x = scale(0);
    const inSight = this.#alignment.kind === "fault" && x >= range[0] && x <= range[1];
    this.#zero
      .attr("x1", x)
      .attr("x2", x)
      .attr("y1", 16)
      .attr("y2", y)
      .attr("visibility", inSight ? "visible" : "hidden");
    this.#svg.attr("aria-label", `${this.#runs.length} runs on one axis; the table above has their figures.`);
  }

  #drawAxis(scale: ReturnType<typeof scaleLinear<number, number>>, bottom: number): void {
    const [left, right] = scale.range();
    const ticks = scale.ticks(Math.max(2, Math.floor((right - left) / 100)));
    const groups = this.#axis
      .selectAll<SVGGElement, number>("g")
      .data(ticks, (tick) => tick)
      .join((enter) => {
        const group = enter.append("g");
        group.append("line").attr("y1", AXIS_HEIGHT - 3);
        group.append("text").attr("y", 12);
        return group;
      });
    groups.attr("transform", (tick) => translate(scale(tick), 0));
    groups.select("line").attr("y2", bottom);
    groups.select("text").attr("class", (tick) => (scale(tick) > right - 24 ? "last" : null));
    groups.select("text").text((tick) => {
      if (tick === 0) return this.#alignment.kind === "fault" ? "fault" : "0";
      return `${tick < 0 ? "−" : "+"}${duration(Math.abs(tick))}`;
    });
  }

  #lanesOf(one: ComparedRun): { readonly lanes: readonly Lane[]; readonly hidden: number } {
    const { graph } = one.run.facts;
    if (graph === undefined) return { lanes: [], hidden: 0 };
    const all = lanesOf(graph, one.run);
    const lanes = pickLanes(all, MOST_LANES);
    return { lanes, hidden: all.length - lanes.length };
  }
}

/** Highest throughput of a run, records a second, so that all charts have one scale. */
function peakOf({ run }: ComparedRun): number {
  const series = run.facts.throughput;
  if (series === undefined) return 0;
  const step = Math.max(200, series.until / 400);
  let most = 0;
  for (let at = 0; at + step <= series.until; at += step) most = Math.max(most, series.rate(at, at + step));
  return most;
}

function cell<K extends "td" | "th">(tag: K, text: string, scope?: "col" | "row"): HTMLTableCellElement {
  const element = document.createElement(tag);
  element.textContent = text;
  if (scope !== undefined) element.scope = scope;
  return element;
}
