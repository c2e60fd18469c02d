/** Throughput as an area and p99 of the calls as a line, on the timeline's axis. */
import { area, line, scaleLinear, type ScaleLinear } from "d3";
import type { SvgGroup } from "../graph/svgElements";
import { count, duration } from "../model/numberWords";
import type { RunModel } from "../model/runModel";

export interface ChartArea {
  readonly run: RunModel;
  /** End of the run so far, ms since the epoch. */
  readonly now: number;
  /** Milliseconds from the run's start to pixels. */
  readonly scale: ScaleLinear<number, number>;
  readonly top: number;
  readonly height: number;
  /** Records a second at the top; absent, the highest in sight. */
  readonly most?: number;
}

interface ChartPoint {
  readonly at: number;
  readonly rate: number;
  readonly p99: number | undefined;
}

/** Pixels of one point. */
const STEP = 3;
/** Metrics are kept in bins of this many milliseconds. */
const BIN_MS = 100;
/** Among so many of the newest points the newest p99 is looked for. */
const RECENT = 12;

export function drawChart(layer: SvgGroup, chart: ChartArea): void {
  const { scale, height } = chart;
  const points = pointsOf(chart);
  const most = (chart.most ?? points.reduce((high, point) => Math.max(high, point.rate), 1)) * 1.08;
  const slowest = points.reduce((high, point) => Math.max(high, point.p99 ?? 0), 1) * 1.15;
  const floor = height - 4;
  const y = scaleLinear([0, most], [floor, 4]);
  const yLatency = scaleLinear([0, slowest], [floor, 4]);
  const rate = area<ChartPoint>()
    .x((point) => scale(point.at))
    .y0(floor)
    .y1((point) => y(point.rate));
  const p99 = line<ChartPoint>()
    .defined((point) => point.p99 !== undefined)
    .x((point) => scale(point.at))
    .y((point) => yLatency(point.p99 ?? 0));
  const [left, right] = scale.range();
  layer.attr("transform", `translate(0,${chart.top})`);
  const base = layer.selectAll("line.chart-floor").data([0]).join("line").attr("class", "chart-floor");
  base.attr("x1", left).attr("x2", right).attr("y1", floor).attr("y2", floor);
  layer.selectAll("path.rate").data([points]).join("path").attr("class", "rate").attr("d", rate);
  layer.selectAll("path.p99").data([points]).join("path").attr("class", "p99").attr("d", p99);
  layer
    .selectAll<SVGTextElement, readonly [string, string]>("text.chart-name")
    .data(namesOf(chart.run, points))
    .join("text")
    .attr("class", ([name]) => name)
    .attr("x", 10)
    .attr("y", (_, i) => height / 2 - 6 + i * 15)
    .text(([, words]) => words);
}

function pointsOf({ run, now, scale }: ChartArea): ChartPoint[] {
  const series = run.facts.throughput;
  if (series === undefined) return [];
  const [from, to] = scale.domain();
  const [left, right] = scale.range();
  const end = Math.min(to, series.until, now - run.facts.startAt);
  const wanted = (to - from) / Math.max(40, (right - left) / STEP);
  const step = Math.max(BIN_MS, Math.ceil(wanted / BIN_MS) * BIN_MS);
  const points: ChartPoint[] = [];
  for (let at = Math.max(0, Math.floor(from / step) * step); at < end; at += step) {
    const until = Math.min(at + step, end);
    points.push({
      at: (at + until) / 2,
      rate: series.rate(at, until),
      p99: series.latency(at, until, 0.99) ?? undefined,
    });
  }
  return points;
}

function namesOf(run: RunModel, points: readonly ChartPoint[]): (readonly [name: string, words: string])[] {
  const last = points.at(-1);
  // Calls that ended in the newest interval are not always there yet.
  const p99 = points.slice(-RECENT).findLast((point) => point.p99 !== undefined)?.p99;
  const where = run.facts.throughput?.measure === "sources" ? "out of sources" : "into sinks";
  return [
    ["chart-name rate-words", last === undefined ? `Records ${where}` : `${count(last.rate)} rec/s ${where}`],
    ["chart-name p99-words", p99 === undefined ? "p99 of calls" : `p99 of calls ${duration(p99)}`],
  ];
}
