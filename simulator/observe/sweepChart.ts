/** A page with charts of figures against one parameter: a panel for each figure, a line with its interval for each combination. Stands alone. */
import { escapeHtml } from "./escapeHtml";
import { REPORT_STYLE } from "./reportStyle";
import type { Estimate } from "./simulationResult";

export interface SweepChart {
  readonly title: string;
  readonly parameter: string;
  /** The parameter's values, as written. */
  readonly labels: readonly string[];
  readonly panels: readonly {
    readonly title: string;
    readonly unit: string;
    readonly lines: readonly { readonly name: string; readonly values: readonly (Estimate | null)[] }[];
  }[];
}

/** One figure of several combinations: a bar for each. */
export interface ResultBars {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly { readonly name: string; readonly value: Estimate | null }[];
}

const [WIDTH, HEIGHT] = [560, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 12, 12, 40];
/** After Okabe and Ito; the dashes tell lines apart without colours. */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#666666"];
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

export function sweepChart(chart: SweepChart): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(chart.title)}</title><style>${REPORT_STYLE}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:20px;margin-top:16px}figure{margin:0}figcaption{font-weight:650;margin-bottom:4px}
.panels svg{width:100%;height:auto;font:12px system-ui,sans-serif;fill:var(--ink)}.grid{stroke:var(--line)}.panels text{fill:var(--quiet)}</style></head>
<body><main><h1>${escapeHtml(chart.title)}</h1><p class="job">Means over the seeds; the bands hold the true mean with a probability of 95 %.</p>
${sweepFigures(chart)}</main></body></html>
`;
}

/** The legend and the panels alone, as elements of a page; all text in them is escaped. */
export function sweepFigures(chart: SweepChart): string {
  const names = chart.panels[0]?.lines.map(({ name }) => name) ?? [];
  const legend = names.map((name, index) => `<li><svg viewBox="0 0 26 12"><path d="M0 6H26" ${stroke(index)}/></svg>${escapeHtml(name)}</li>`).join("");
  const panels = chart.panels.map((panel) => `<figure><figcaption>${escapeHtml(panel.title)}, ${escapeHtml(panel.unit)}</figcaption>${panelSvg(chart, panel)}</figure>`).join("");
  return `<ul class="legend">${legend}</ul><div class="panels">${panels}</div>`;
}

const BAR = { row: 26, name: 150, height: 14 } as const;

/** Figures of combinations beside each other, with their intervals. */
export function barFigures(charts: readonly ResultBars[]): string {
  const figures = charts.map(({ title, unit, bars }) => `<figure><figcaption>${escapeHtml(title)}, ${escapeHtml(unit)}</figcaption>${barsSvg(title, unit, bars)}</figure>`);
  return `<div class="panels">${figures.join("")}</div>`;
}

function barsSvg(title: string, unit: string, bars: ResultBars["bars"]): string {
  const top = niceTop(Math.max(...bars.map(({ value }) => value?.high ?? 0), 0));
  const height = bars.length * BAR.row + 24;
  const x = (value: number): number => BAR.name + ((WIDTH - BAR.name - RIGHT - 8) * value) / top;
  const grid = [0, 0.5, 1]
    .map((part) => `<path class="grid" d="M${at(x(part * top))} 0V${height - 20}"/><text x="${at(x(part * top))}" y="${height - 5}" text-anchor="${part === 1 ? "end" : "middle"}">${tick(part * top)}</text>`)
    .join("");
  const rows = bars.map(({ name, value }, index) => {
    const middle = index * BAR.row + BAR.row / 2;
    const label = `<text x="${BAR.name - 8}" y="${at(middle + 4)}" text-anchor="end">${escapeHtml(name)}</text>`;
    if (value === null) return label;
    const said = escapeHtml(`${name}: ${tick(value.mean)} (${tick(value.low)} to ${tick(value.high)}) ${unit}`);
    const bar = `<rect x="${at(x(0))}" y="${at(middle - BAR.height / 2)}" width="${at(Math.max(1, x(value.mean) - x(0)))}" height="${BAR.height}" fill="${COLORS[index % COLORS.length]}"><title>${said}</title></rect>`;
    const [low, high] = [at(x(value.low)), at(x(value.high))];
    return `${label}${bar}<path class="interval" d="M${low} ${at(middle)}H${high}M${low} ${at(middle - 4)}v8M${high} ${at(middle - 4)}v8"/>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(`${title} of each combination`)}">${grid}${rows.join("")}</svg>`;
}

function panelSvg(chart: SweepChart, panel: SweepChart["panels"][number]): string {
  const highest = Math.max(...panel.lines.flatMap(({ values }) => values.map((value) => value?.high ?? 0)), 0);
  const top = niceTop(highest);
  const x = (index: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * (chart.labels.length === 1 ? 0.5 : index / (chart.labels.length - 1)));
  const y = (value: number): number => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / top;
  const grid = [0, 0.25, 0.5, 0.75, 1]
    .map((part) => `<path class="grid" d="M${LEFT} ${at(y(part * top))}H${WIDTH - RIGHT}"/><text x="${LEFT - 6}" y="${at(y(part * top) + 4)}" text-anchor="end">${tick(part * top)}</text>`)
    .join("");
  const every = Math.ceil(chart.labels.length / 12);
  const labels = chart.labels.map((label, index) => (index % every === 0 ? `<text x="${at(x(index))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${escapeHtml(label)}</text>` : "")).join("");
  const lines = panel.lines
    .map(({ name, values }, index) => {
      const known = values.flatMap((value, position) => (value === null ? [] : [{ value, position }]));
      if (known.length === 0) return "";
      const upper = known.map(({ value, position }) => `${at(x(position))} ${at(y(value.high))}`);
      const lower = known.toReversed().map(({ value, position }) => `${at(x(position))} ${at(y(value.low))}`);
      const points = known.map(({ value, position }) => `<circle cx="${at(x(position))}" cy="${at(y(value.mean))}" r="3" fill="${COLORS[index % COLORS.length]}"><title>${escapeHtml(`${name}, ${chart.parameter} ${chart.labels[position]}: ${tick(value.mean)} (${tick(value.low)} to ${tick(value.high)}) ${panel.unit}`)}</title></circle>`).join("");
      const path = known.map(({ value, position }) => `${at(x(position))} ${at(y(value.mean))}`).join("L");
      return `<path d="M${[...upper, ...lower].join("L")}Z" fill="${COLORS[index % COLORS.length]}" opacity=".13"/><path d="M${path}" ${stroke(index)}/>${points}`;
    })
    .join("");
  const axis = `<text x="${at((LEFT + WIDTH - RIGHT) / 2)}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(chart.parameter)}</text>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(`${panel.title} against ${chart.parameter}`)}">${grid}${labels}${lines}${axis}</svg>`;
}

function stroke(index: number): string {
  const dash = DASHES[index % DASHES.length];
  return `fill="none" stroke="${COLORS[index % COLORS.length]}" stroke-width="2"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
}

function niceTop(value: number): number {
  if (value <= 0) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 4, 5, 10].find((step) => step * size >= value) ?? 10) * size;
}

function tick(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function at(value: number): string {
  return value.toFixed(1);
}
