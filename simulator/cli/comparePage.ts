/** The comparison as one HTML page that opens without a network: the table, the picture aligned at the fault, the advice and its chart. */
import type { ComparedVariant } from "../client/compareRuns";
import type { Advice } from "../faults/deploymentAdvice";
import { escapeHtml } from "../observe/escapeHtml";
import { REPORT_STYLE } from "../observe/reportStyle";
import type { CompareRow } from "./compareTable";

/** After Okabe and Ito. */
const COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442"];
const WIDTH = 1000;
const HEIGHT = 260;
const LEFT = 70;
const BOTTOM = 34;
const DASHES = ["", "7 4", "2 3", "10 3 2 3", "", "7 4", "2 3", "10 3 2 3"];

export function comparePage(title: string, rows: readonly CompareRow[], compared: readonly ComparedVariant[], advice: Advice | undefined): string {
  const names = compared.map(({ variant }) => variant.name);
  const head = `<tr><th></th>${names.map((name, index) => `<th><svg width="26" height="8"><line x1="0" x2="26" y1="4" y2="4" stroke="${colour(index)}" stroke-width="3" stroke-dasharray="${DASHES[index % 8]}"/></svg> ${escapeHtml(name)}</th>`).join("")}</tr>`;
  const body = rows.map(({ name, values }) => `<tr><th>${escapeHtml(name)}</th>${values.map((value) => `<td>${escapeHtml(value)}</td>`).join("")}</tr>`).join("\n");
  const throughput = courseSvg("Records a second, by time from the fault", compared, ({ perSecond }) => perSecond);
  const latency = courseSvg("p99 of calls, ms", compared, ({ p99Ms }) => p99Ms);
  const advised = advice === undefined ? "" : `<h2>Advice</h2>${advice.sentences.map((sentence, index) => `<p>${index === 0 ? "<strong>" : ""}${escapeHtml(sentence)}${index === 0 ? "</strong>" : ""}</p>`).join("")}${adviceSvg(advice)}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title>
<style>${REPORT_STYLE}
table.compare{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}table.compare th,table.compare td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right}
table.compare th:first-child{text-align:left;font-weight:400}svg.chart{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}svg.chart text{fill:var(--quiet)}svg.chart .name{fill:var(--ink);font-weight:600}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
<table class="compare"><thead>${head}</thead><tbody>${body}</tbody></table>
<h2>Aligned at the fault</h2>${throughput}${latency}
${advised}
</main></body></html>
`;
}

function courseSvg(title: string, compared: readonly ComparedVariant[], value: (point: ComparedVariant["faulted"][number]["course"][number]) => number | null): string {
  const courses = compared.map(({ faulted }) => faulted[0]?.course ?? []);
  const points = courses.flat();
  if (points.length === 0) return "";
  const from = Math.min(...points.map(({ atMs }) => atMs));
  const to = Math.max(...points.map(({ atMs }) => atMs), from + 1);
  const top = Math.max(1, ...points.map((point) => value(point) ?? 0)) * 1.08;
  const x = (atMs: number): number => LEFT + ((atMs - from) / (to - from)) * (WIDTH - LEFT - 10);
  const y = (height: number): number => HEIGHT - BOTTOM - (height / top) * (HEIGHT - BOTTOM - 24);
  const lines = courses.map((course, index) => {
    const known = course.flatMap((point) => {
      const height = value(point);
      return height === null ? [] : [`${x(point.atMs).toFixed(1)},${y(height).toFixed(1)}`];
    });
    return `<polyline fill="none" stroke="${colour(index)}" stroke-width="2" stroke-dasharray="${DASHES[index % 8]}" points="${known.join(" ")}"><title>${escapeHtml(compared[index]?.variant.name ?? "")}</title></polyline>`;
  });
  const seconds: string[] = [];
  const step = to - from > 15_000 ? 5_000 : 1_000;
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) seconds.push(`<text x="${x(at)}" y="${HEIGHT - 14}" text-anchor="middle">${at / 1000} s</text>`);
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><text class="name" x="${LEFT}" y="14">${escapeHtml(title)}</text>
<text x="${LEFT - 8}" y="${y(top / 1.08) + 4}" text-anchor="end">${Math.round(top / 1.08).toLocaleString("en")}</text><text x="${LEFT - 8}" y="${y(0) + 4}" text-anchor="end">0</text>
<line x1="${LEFT}" x2="${WIDTH - 10}" y1="${y(0)}" y2="${y(0)}" stroke="currentColor" opacity=".3"/>
<line x1="${x(0)}" x2="${x(0)}" y1="20" y2="${y(0)}" stroke="#c2410c" stroke-dasharray="4 3"/><text x="${x(0) + 5}" y="30" style="fill:#c2410c">fault</text>
${lines.join("\n")}${seconds.join("")}</svg>`;
}

/** Where each way is better: failures a day against the load time of the model, both on logarithmic axes. */
function adviceSvg({ chart }: Advice): string {
  const loads = chart.map(({ loadSeconds }) => loadSeconds);
  const [least = 1, most = 10] = [Math.min(...loads), Math.max(...loads)];
  const [fewest, frequent] = [0.1, 10_000];
  const share = (value: number, from: number, to: number): number => Math.log(Math.min(Math.max(value, from), to) / from) / Math.log(to / from);
  const x = (load: number): number => LEFT + share(load, least, most) * (WIDTH - LEFT - 20);
  const y = (failures: number): number => 300 - share(failures, fewest, frequent) * 260;
  const border = chart.map(({ loadSeconds, failuresPerDay }) => `${x(loadSeconds).toFixed(1)},${y(failuresPerDay ?? frequent).toFixed(1)}`);
  const ticks = [1, 10, 60, 600].filter((load) => load >= least && load <= most).map((load) => `<text x="${x(load)}" y="320" text-anchor="middle">${load < 60 ? `${load} s` : `${load / 60} min`}</text>`);
  const rates = [0.1, 1, 10, 100, 1_000, 10_000].map((rate) => `<text x="${LEFT - 8}" y="${y(rate) + 4}" text-anchor="end">${rate.toLocaleString("en")}</text><line x1="${LEFT}" x2="${WIDTH - 20}" y1="${y(rate)}" y2="${y(rate)}" stroke="currentColor" opacity=".12"/>`);
  return `<svg class="chart" viewBox="0 0 ${WIDTH} 350" role="img" aria-label="Failures a day above which rpc-service pays, by load time of the model">
<polygon points="${border.join(" ")} ${x(most)},${y(frequent)} ${x(least)},${y(frequent)}" fill="#0072b2" opacity=".16"/>
<polygon points="${border.join(" ")} ${x(most)},${y(fewest)} ${x(least)},${y(fewest)}" fill="#d55e00" opacity=".12"/>
<polyline points="${border.join(" ")}" fill="none" stroke="#0072b2" stroke-width="2.5"/>
<text class="name" x="${WIDTH - 30}" y="58" text-anchor="end">rpc-service pays</text><text class="name" x="${LEFT + 12}" y="288">embedded costs less</text>
<text x="${LEFT - 8}" y="18" text-anchor="end">failures</text><text x="${LEFT - 8}" y="32" text-anchor="end">a day</text>
${rates.join("")}${ticks.join("")}<text x="${(WIDTH + LEFT) / 2}" y="342" text-anchor="middle">load time of the model</text></svg>`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "#000000";
}
