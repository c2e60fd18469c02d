/**
 * The timeline as SVG: lanes of service instances and stream tasks, faults, checkpoints, and below on the same axis throughput and p99.
 * Drawn whole without a script; `timelineScript.ts` draws it again by the same rules for another width or another stretch of time.
 */
import { cut, escapeHtml } from "./escapeHtml";
import { durationText, plural } from "./figureText";
import type { RunFacts } from "./runFacts";
import type { RunReport } from "./runReport";
import { timelineLanes, type Activity, type Segment } from "./timelineLanes";
import { timelineSeries, type Series } from "./timelineSeries";
import { axisTicks, momentText } from "./timelineAxis";

/** Width that it is drawn for; the script fits it to the page. */
const WIDTH = 1160;
const LABELS = 176;
const RIGHT = 28;
const MARKS = 30;
const HEADING = 22;
const LANE = 18;
const BAR = 12;
const TICKS = 20;
const CHART = 74;
const CHART_GAP = 26;
const AXIS = 22;
const LABEL_CHARACTERS = 22;

const NAMES: Readonly<Record<Activity, string>> = {
  down: "down",
  cancelling: "being cancelled",
  starting: "starting",
  loading: "loading the model",
  warming: "warming up",
  draining: "draining",
  waiting: "waiting to start",
  running: "running",
};

/** Activities in the order of the legend, with what they are called there. */
export const LEGEND: readonly (readonly [Activity, string])[] = [
  ["running", "running, serving"],
  ["starting", "starting"],
  ["loading", "loading the model"],
  ["warming", "warming up"],
  ["cancelling", "being cancelled"],
  ["down", "down"],
];

export function timelineSvg(facts: RunFacts, report: RunReport): string {
  const end = Math.max(1, report.run.durationMs);
  const plot = WIDTH - LABELS - RIGHT;
  const x = (ms: number): number => round(LABELS + (Math.min(end, Math.max(0, ms)) / end) * plot);
  const parts: string[] = [];
  let y = MARKS;
  for (const group of timelineLanes(facts)) {
    parts.push(`<text class="group" x="0" y="${y + 14}">${escapeHtml(cut(group.title, 80))}</text>`);
    y += HEADING;
    for (const lane of group.lanes) {
      const label = lane.members > 1 ? `${lane.name} ×${lane.members}` : lane.name;
      const restarts = lane.restarts === 0 ? "" : `${plural(lane.restarts, "restart")}`;
      const again = lane.restarts === 0 ? "" : `<tspan class="restarts"> ↻${lane.restarts}</tspan>`;
      const tip = [cut(label, 400), restarts === "" ? "never restarted" : restarts].join(": ");
      parts.push(
        `<text class="lane" x="${LABELS - 10}" y="${y + 10}" data-tip="${escapeHtml(tip)}">${escapeHtml(middleCut(label))}${again}</text>`,
      );
      parts.push(
        `<rect class="track" x="${LABELS}" y="${y}" width="${plot}" height="${BAR}" data-a="0" data-b="${end}"/>`,
      );
      for (const segment of lane.segments) parts.push(bar(segment, label, y, x));
      y += LANE;
    }
    y += 4;
  }
  const lanesEnd = y;
  if (facts.checkpoints.length > 0) {
    parts.push(`<text class="lane" x="${LABELS - 10}" y="${y + 10}">checkpoints</text>`);
    for (const { checkpoint, at, ok } of facts.checkpoints)
      parts.push(checkpointTick(checkpoint, at - facts.startAt, ok, y, x));
    y += TICKS;
  }
  for (const series of timelineSeries(facts, end)) {
    y += CHART_GAP;
    parts.push(chart(series, y, plot, x));
    y += CHART;
  }
  const axisTop = y + 6;
  const marks = report.failures.map((failure, index) => {
    const from = failure.injectedAtMs;
    const to = Math.max(from, from + (failure.recoveredAfterMs ?? 0));
    const title = `${failure.fault} ${failure.target}`;
    const tip = `${index + 1}. ${title} at ${momentText(from)}${failure.recoveredAfterMs === null ? "" : `, back after ${durationText(failure.recoveredAfterMs)}`}`;
    return { from, to, title, tip, number: index + 1 };
  });
  const bands = marks.map(
    ({ from, to }) =>
      `<rect class="band" x="${x(from)}" y="${MARKS - 4}" width="${round(Math.max(2, x(to) - x(from)))}" height="${axisTop - MARKS}" data-a="${from}" data-b="${to}" data-least="2"/>`,
  );
  const lines = marks.map(({ from, title, tip, number }, index) => {
    const room = (marks.slice(index + 1).find((next) => next.from > from)?.from ?? Infinity) - from;
    const next = room === Infinity ? WIDTH : x(from + room);
    const shown = cut(title, 44);
    const fits = x(from) + 14 + shown.length * 6.4 < next;
    return (
      `<g class="fault" transform="translate(${x(from)} 0)" data-at="${from}" data-tip="${escapeHtml(tip)}" data-card="failure-${number}">` +
      `<line y1="18" y2="${axisTop}"/><circle cy="11" r="8.5"/><text class="number" y="14.8">${number}</text>` +
      `<text class="what${fits ? "" : " hidden"}" x="13" y="15">${escapeHtml(shown)}</text></g>`
    );
  });
  const height = axisTop + AXIS;
  const ticks = axisTicks(0, end, plot).map(
    ({ at, label }) =>
      `<g class="tick" transform="translate(${x(at)} 0)"><line y1="${MARKS}" y2="${axisTop}"/><text y="${axisTop + 15}">${label}</text></g>`,
  );
  const summary = `Timeline of ${durationText(end)}: ${marks.length === 0 ? "no failure" : marks.map(({ tip }) => tip).join("; ")}`;
  return (
    `<svg id="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(cut(summary, 2000))}" data-end="${end}"` +
    ` data-labels="${LABELS}" data-right="${RIGHT}" data-top="${MARKS}" data-bottom="${axisTop}" data-lanes="${lanesEnd}">${PATTERNS}` +
    `<g id="ticks">${ticks.join("")}</g><g id="bands">${bands.join("")}</g><g id="lanes">${parts.join("")}</g><g id="faults">${lines.join("")}</g>` +
    `<rect id="brush" y="${MARKS - 4}" height="${axisTop - MARKS}" width="0" x="0"/><line id="cursor" y1="${MARKS - 4}" y2="${axisTop}" class="hidden"/></svg>`
  );
}

/** Told apart by pattern, and not by colour alone. */
const PATTERNS =
  `<defs>` +
  `<pattern id="p-starting" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" class="bg"/><path d="M2.5 0V5" class="ink"/></pattern>` +
  `<pattern id="p-loading" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" class="bg"/><path d="M1.5 0V6" class="ink"/></pattern>` +
  `<pattern id="p-warming" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" class="bg"/><circle cx="2.5" cy="2.5" r="1.2" class="ink"/></pattern>` +
  `<pattern id="p-cancelling" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" class="bg"/><path d="M0 0L5 5M5 0L0 5" class="ink"/></pattern>` +
  `</defs>`;

function bar(segment: Segment, lane: string, y: number, x: (ms: number) => number): string {
  const { activity, from, to, detail } = segment;
  const tip = `${cut(lane, 120)}: ${NAMES[activity]}${detail === "" ? "" : ` (${detail})`}, ${durationText(to - from)}, from ${momentText(from)} to ${momentText(to)}`;
  // What is short and matters must be seen.
  const least = activity === "running" || activity === "waiting" ? 0 : 1.5;
  return `<rect class="bar ${activity}" x="${x(from)}" y="${y}" width="${round(Math.max(least, x(to) - x(from)))}" height="${BAR}" data-a="${round(from)}" data-b="${round(to)}" data-least="${least}" data-tip="${escapeHtml(tip)}"/>`;
}

function checkpointTick(checkpoint: number, at: number, ok: boolean, y: number, x: (ms: number) => number): string {
  const tip = `checkpoint ${checkpoint} ${ok ? "completed" : "failed"} at ${momentText(at)}`;
  const shape = ok ? "M0 2L4 10H-4Z" : "M-4 2L4 10M4 2L-4 10";
  return `<path class="${ok ? "checkpoint" : "checkpoint failed"}" d="${shape}" transform="translate(${x(at)} ${y})" data-at="${round(at)}" data-y="${y}" data-tip="${escapeHtml(tip)}"/>`;
}

function chart(series: Series, top: number, plot: number, x: (ms: number) => number): string {
  const bottom = top + CHART;
  const y = (value: number): number => round(bottom - (Math.min(value, series.top) / series.top) * CHART);
  const grid = [series.top / 2, series.top]
    .map(
      (value) =>
        `<line class="grid" x1="${LABELS}" x2="${LABELS + plot}" y1="${y(value)}" y2="${y(value)}"/><text class="scale" x="${LABELS - 10}" y="${y(value) + 4}">${escapeHtml(series.format(value))}</text>`,
    )
    .join("");
  const path = series.values
    .map((value, index) =>
      value === null
        ? ""
        : `${index > 0 && series.values[index - 1] !== null ? "L" : "M"}${x(series.from + index * series.step)} ${y(value)}`,
    )
    .join("");
  const values = series.values.map((value) => (value === null ? "" : String(round(value)))).join(" ");
  return (
    `<text class="group" x="0" y="${top - 10}">${escapeHtml(series.title)}</text>${grid}` +
    `<line class="base" x1="${LABELS}" x2="${LABELS + plot}" y1="${bottom}" y2="${bottom}"/>` +
    `<path class="series ${series.id}" d="${path}" data-top="${top}" data-bottom="${bottom}" data-max="${series.top}" data-from="${round(series.from)}" data-step="${series.step}" data-unit="${series.unit}" data-values="${values}"/>`
  );
}

/** The index at the end says most: it stays. */
function middleCut(label: string): string {
  if (label.length <= LABEL_CHARACTERS) return label;
  const tail = label.slice(-9);
  return `${cut(label.slice(0, -9), LABEL_CHARACTERS - 9)}${tail}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
