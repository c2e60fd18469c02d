/** The comparison as one HTML page that opens without a network: the table, the picture aligned at the fault, the advice and its chart. */
import type { ComparedVariant, CoursePoint, FaultedRun } from "../client/compareRuns";
import type { Advice } from "../faults/deploymentAdvice";
import { escapeHtml } from "../observe/escapeHtml";
import { REPORT_STYLE } from "../observe/reportStyle";
import type { CompareRow, LossRatio } from "./compareTable";
import { ratioText } from "./compareTable";

/** After Okabe and Ito. */
const COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442"];
const WIDTH = 1000;
const HEIGHT = 260;
const LEFT = 70;
const BOTTOM = 34;
const DASHES = ["", "7 4", "2 3", "10 3 2 3", "", "7 4", "2 3", "10 3 2 3"];

export function comparePage(title: string, rows: readonly CompareRow[], compared: readonly ComparedVariant[], advice: Advice | undefined, ratio: LossRatio | null): string {
  const names = compared.map(({ variant }) => variant.name);
  const head = `<tr><th></th>${names.map((name, index) => `<th><svg width="26" height="8"><line x1="0" x2="26" y1="4" y2="4" stroke="${colour(index)}" stroke-width="3" stroke-dasharray="${DASHES[index % 8]}"/></svg> ${escapeHtml(name)}</th>`).join("")}</tr>`;
  const body = rows.map(({ name, values }) => `<tr><th>${escapeHtml(name)}</th>${values.map((value) => `<td>${escapeHtml(value)}</td>`).join("")}</tr>`).join("\n");
  const [first, ...more] = advice?.sentences ?? [];
  const headline = first === undefined ? "" : `<p class="lead"><strong>${escapeHtml(first)}</strong></p>`;
  const lost = ratio === null ? "" : `<p class="lead">${ratioText(ratio).trim().split("\n").map(escapeHtml).join("<br>")}</p>`;
  const advised = advice === undefined ? "" : `<h2>When it pays</h2>${more.map((sentence) => `<p>${escapeHtml(sentence)}</p>`).join("")}${adviceSvg(advice)}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title>
<style>${REPORT_STYLE}
.lead{margin:0 0 6px;max-width:80ch}.wide{overflow-x:auto}
table.compare{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}table.compare th,table.compare td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right}
table.compare th:first-child{text-align:left;font-weight:400}svg.chart{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}svg.chart text{fill:var(--quiet)}svg.chart .name{fill:var(--ink);font-weight:600}
svg.chart .cost{fill:var(--bad);font-weight:600}svg.chart .none{fill:var(--good);font-weight:600}svg.chart .fault{fill:var(--fault)}svg.chart line.fault{stroke:var(--fault)}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${headline}${lost}
<h2>Throughput of the job, each way it can be run, aligned at the fault</h2>${bandsSvg(compared)}
<h2>What it costs</h2><div class="wide"><table class="compare"><thead>${head}</thead><tbody>${body}</tbody></table></div>
<h2>Latency</h2>${courseSvg("p99 of calls, ms, by time from the fault", compared, ({ p99Ms }) => p99Ms)}
${advised}
</main></body></html>
`;
}

const BAND = 92;
const NOTES = 190;

/** One band for each variant: its throughput from the first repetition, what it lost in red, and in words what restarted. */
function bandsSvg(compared: readonly ComparedVariant[]): string {
  const points = compared.flatMap(({ faulted }) => faulted[0]?.course ?? []);
  if (points.length === 0) return "";
  const from = Math.min(...points.map(({ atMs }) => atMs));
  const to = Math.max(...points.map(({ atMs }) => atMs), from + 1) + 250;
  const right = WIDTH - NOTES;
  const x = (atMs: number): number => LEFT + 80 + ((atMs - from) / (to - from)) * (right - LEFT - 80);
  const levels = compared.map(({ faulted: [run] }) => levelOf(run));
  // Sources catch up several times as fast as they usually go: were that drawn whole, the usual would be a line at the bottom.
  const top = Math.max(1, Math.max(...levels) > 0 ? Math.max(...levels) * 1.8 : Math.max(...points.map(({ perSecond }) => perSecond)));
  const bands = compared.map(({ variant, faulted }, index) => {
    const [run] = faulted;
    const course = run?.course ?? [];
    const [floor, level] = [24 + (index + 1) * BAND - 22, levels[index] ?? 0];
    const y = (rate: number): number => floor - (Math.min(rate, top) / top) * (BAND - 30);
    const line = course.map(({ atMs, perSecond }) => `${x(atMs + 125).toFixed(1)},${y(perSecond).toFixed(1)}`);
    const [begin, end] = [course[0], course.at(-1)];
    const area = begin === undefined || end === undefined ? "" : `<polygon fill="${colour(index)}" opacity=".18" points="${x(begin.atMs + 125).toFixed(1)},${floor} ${line.join(" ")} ${x(end.atMs + 125).toFixed(1)},${floor}"/>`;
    return `<g><title>${escapeHtml(variant.name)}</title>${area}${lostPolygon(course, run, level, x, y)}
<polyline fill="none" stroke="${colour(index)}" stroke-width="2" points="${line.join(" ")}"/>
<line x1="${x(from)}" x2="${right}" y1="${floor}" y2="${floor}" stroke="currentColor" opacity=".3"/>
<text class="name" x="0" y="${floor - 30}">${escapeHtml(variant.name)}</text><text x="0" y="${floor - 14}">${level === 0 ? "" : `${Math.round(level).toLocaleString("en")}/s before`}</text>
${notesOf(run, right + 14, floor - 44)}</g>`;
  });
  const height = 24 + compared.length * BAND + 20;
  const step = to - from > 15_000 ? 5_000 : 1_000;
  const seconds: string[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) seconds.push(`<text x="${x(at)}" y="${height - 6}" text-anchor="middle">${at / 1000} s</text>`);
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Records a second by time from the fault, a band for each way to run the job; what was lost is red">
<line class="fault" x1="${x(0)}" x2="${x(0)}" y1="18" y2="${height - 22}" stroke-dasharray="4 3"/><text class="fault" x="${x(0) + 5}" y="14">fault</text>
${bands.join("\n")}${seconds.join("")}</svg>`;
}

/** Records of the sources a second before the fault; 0 where that is not known. */
function levelOf(run: FaultedRun | undefined): number {
  return run === undefined || run.dip === null ? 0 : run.dip.before * run.recordsPerCount;
}

/** Between the level before and what came, as long as the dip was. */
function lostPolygon(course: readonly CoursePoint[], run: FaultedRun | undefined, level: number, x: (atMs: number) => number, y: (rate: number) => number): string {
  const dip = run?.dip;
  if (dip === undefined || dip === null || dip.durationMs === 0) return "";
  const until = dip.durationMs ?? Infinity;
  const low = course.filter(({ atMs }) => atMs + 250 > 0 && atMs <= until);
  const [begin, end] = [low[0], low.at(-1)];
  if (begin === undefined || end === undefined) return "";
  const below = low.map(({ atMs, perSecond }) => `${x(atMs + 125).toFixed(1)},${y(Math.min(perSecond, level)).toFixed(1)}`);
  return `<polygon fill="#d4351c" opacity=".45" points="${x(begin.atMs + 125).toFixed(1)},${y(level).toFixed(1)} ${below.join(" ")} ${x(end.atMs + 125).toFixed(1)},${y(level).toFixed(1)}"><title>what was lost</title></polygon>`;
}

function notesOf(run: FaultedRun | undefined, x: number, y: number): string {
  if (run === undefined) return "";
  const { restartedTasks, dip, recordsPerCount } = run;
  const restarted = restartedTasks === 0 ? `<text class="none" x="${x}" y="${y}">no stream task restarted</text>` : `<text class="cost" x="${x}" y="${y}">${restartedTasks} stream tasks restarted</text>`;
  const lost = dip === null ? "" : dip.durationMs === 0 ? `<text class="none" x="${x}" y="${y + 17}">throughput held</text>` : `<text class="cost" x="${x}" y="${y + 17}">${Math.round(dip.area * recordsPerCount).toLocaleString("en")} records late</text>`;
  const models = `<text x="${x}" y="${y + 34}">${run.modelsLoadedAgain} ${run.modelsLoadedAgain === 1 ? "model" : "models"} loaded again</text>`;
  return restarted + lost + models;
}

function courseSvg(title: string, compared: readonly ComparedVariant[], value: (point: CoursePoint) => number | null): string {
  const courses = compared.map(({ faulted }) => faulted[0]?.course ?? []);
  const points = courses.flat();
  if (points.every((point) => value(point) === null)) return "";
  const from = Math.min(...points.map(({ atMs }) => atMs));
  const to = Math.max(...points.map(({ atMs }) => atMs), from + 1);
  const highest = Math.max(1, ...points.map((point) => value(point) ?? 0));
  const x = (atMs: number): number => LEFT + ((atMs - from) / (to - from)) * (WIDTH - LEFT - 30);
  // Logarithmic: a call takes milliseconds, and one that waits for a model seconds.
  const y = (height: number): number => HEIGHT - BOTTOM - (Math.log(Math.max(height, 1)) / Math.log(Math.max(highest, 10))) * (HEIGHT - BOTTOM - 34);
  const lines = courses.map((course, index) => {
    // Where no call ended there is no latency: the line breaks off.
    const pieces: string[][] = [[]];
    for (const point of course) {
      const height = value(point);
      if (height === null) pieces.push([]);
      else pieces.at(-1)?.push(`${x(point.atMs).toFixed(1)},${y(height).toFixed(1)}`);
    }
    const drawn = pieces.filter((piece) => piece.length > 0).map((piece) => `<polyline fill="none" stroke="${colour(index)}" stroke-width="2" stroke-dasharray="${DASHES[index % 8]}" stroke-linecap="round" points="${(piece.length === 1 ? [...piece, ...piece] : piece).join(" ")}"/>`);
    return `<g><title>${escapeHtml(compared[index]?.variant.name ?? "")}</title>${drawn.join("")}</g>`;
  });
  const seconds: string[] = [];
  const step = to - from > 15_000 ? 5_000 : 1_000;
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) seconds.push(`<text x="${x(at)}" y="${HEIGHT - 14}" text-anchor="middle">${at / 1000} s</text>`);
  const marks = [1, 10, 100, 1_000, 10_000].filter((mark) => mark <= highest).map((mark) => `<text x="${LEFT - 8}" y="${y(mark) + 4}" text-anchor="end">${mark.toLocaleString("en")}</text><line x1="${LEFT}" x2="${WIDTH - 30}" y1="${y(mark)}" y2="${y(mark)}" stroke="currentColor" opacity=".12"/>`);
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><text class="name" x="${LEFT}" y="14">${escapeHtml(title)}</text>
${marks.join("")}
<line class="fault" x1="${x(0)}" x2="${x(0)}" y1="20" y2="${HEIGHT - BOTTOM}" stroke-dasharray="4 3"/><text class="fault" x="${x(0) + 5}" y="30">fault</text>
${lines.join("\n")}${seconds.join("")}</svg>`;
}

/** Where each way is better: failures a day against the load time of the model, both on logarithmic axes. */
function adviceSvg({ chart, failuresPerDay, range, loadSeconds }: Advice): string {
  const loads = chart.map(({ loadSeconds }) => loadSeconds);
  const [least = 1, most = 10] = [Math.min(...loads), Math.max(...loads)];
  const [fewest, frequent] = [0.1, 10_000];
  const share = (value: number, from: number, to: number): number => Math.log(Math.min(Math.max(value, from), to) / from) / Math.log(to / from);
  const x = (load: number): number => LEFT + share(load, least, most) * (WIDTH - LEFT - 20);
  const y = (failures: number): number => 300 - share(failures, fewest, frequent) * 260;
  const border = chart.map(({ loadSeconds, failuresPerDay }) => `${x(loadSeconds).toFixed(1)},${y(failuresPerDay ?? frequent).toFixed(1)}`);
  const ticks = [1, 10, 60, 600].filter((load) => load >= least && load <= most).map((load) => `<text x="${x(load)}" y="320" text-anchor="middle">${load < 60 ? `${load} s` : `${load / 60} min`}</text>`);
  const rates = [0.1, 1, 10, 100, 1_000, 10_000].map((rate) => `<text x="${LEFT - 8}" y="${y(rate) + 4}" text-anchor="end">${rate.toLocaleString("en")}</text><line x1="${LEFT}" x2="${WIDTH - 20}" y1="${y(rate)}" y2="${y(rate)}" stroke="currentColor" opacity=".12"/>`);
  const measured =
    failuresPerDay === null || loadSeconds <= 0
      ? ""
      : `<line x1="${x(loadSeconds)}" x2="${x(loadSeconds)}" y1="${y(range?.[0] ?? failuresPerDay)}" y2="${y(range?.[1] ?? (range === null ? failuresPerDay : frequent))}" stroke="currentColor" stroke-width="3"/><circle cx="${x(loadSeconds)}" cy="${y(failuresPerDay)}" r="5" fill="#0072b2" stroke="currentColor"/><text class="name" x="${x(loadSeconds) + 10}" y="${Math.max(46, y(failuresPerDay) - 8)}">measured</text>`;
  return `<svg class="chart" viewBox="0 0 ${WIDTH} 350" role="img" aria-label="Failures a day above which rpc-service pays, by load time of the model">
<polygon points="${border.join(" ")} ${x(most)},${y(frequent)} ${x(least)},${y(frequent)}" fill="#0072b2" opacity=".16"/>
<polygon points="${border.join(" ")} ${x(most)},${y(fewest)} ${x(least)},${y(fewest)}" fill="#d55e00" opacity=".12"/>
<polyline points="${border.join(" ")}" fill="none" stroke="#0072b2" stroke-width="2.5"/>
<text class="name" x="${WIDTH - 30}" y="58" text-anchor="end">rpc-service pays</text><text class="name" x="${LEFT + 12}" y="288">embedded costs less</text>
<text x="${LEFT - 8}" y="12" text-anchor="end">failures</text><text x="${LEFT - 8}" y="25" text-anchor="end">a day</text>
${rates.join("")}${ticks.join("")}${measured}<text x="${(WIDTH + LEFT) / 2}" y="342" text-anchor="middle">load time of the model</text></svg>`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "#000000";
}
