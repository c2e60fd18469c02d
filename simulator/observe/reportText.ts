/** The recovery report for a terminal: short, aligned, in plain sentences. */
import { countText, durationText, plural } from "./figureText";
import { INSTANCE_COLUMNS, instanceRows } from "./instanceRows";
import { VERTEX_COLUMNS, vertexRows } from "./vertexRows";
import {
  failureSentences,
  failureTitle,
  outcome,
  predictionSentences,
  verdict,
  withVertexNames,
} from "./reportSentences";
import type { RunReport, SinkVerification } from "./runReport";

/** Colours of the terminal; picocolors has this shape. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
}

export interface ReportTextOptions {
  /** None when not given. */
  readonly paint?: Paint;
  /** Width of the terminal; between 80 and 120 is used. Default 100. */
  readonly columns?: number;
}

const plain: Paint = { bold: same, dim: same, green: same, red: same, yellow: same };

function same(text: string): string {
  return text;
}

/** Lines with a line feed at the end. */
export function reportText(report: RunReport, options: ReportTextOptions = {}): string {
  const paint = options.paint ?? plain;
  const width = Math.min(120, Math.max(80, options.columns ?? 100));
  const lines: string[] = [];
  const { run } = report;
  const how = [run.deployment, run.devices.length > 0 ? `on ${run.devices.join(", ")}` : ""]
    .filter((part) => part !== "")
    .join(" ");
  const name = wrap(oneLine(run.job), width);
  const about = oneLine(
    [run.state, durationText(run.durationMs), how, run.id].filter((part) => part !== "").join(" · "),
  );
  const fits = name.length === 1 && (name[0]?.length ?? 0) + 3 + about.length <= width;
  lines.push(...name.map((line) => paint.bold(line)));
  if (fits) lines.push(`${lines.pop()} ${paint.dim(`· ${about}`)}`);
  else lines.push(...wrap(about, width).map((line) => paint.dim(line)));
  const mark = { good: paint.green, bad: paint.red, open: paint.yellow }[outcome(report)];
  for (const line of wrap(oneLine(verdict(report)), width)) lines.push(mark(line));
  if (run.state === "FAILED" && run.cause?.hint !== undefined) lines.push(...wrap(oneLine(run.cause.hint), width));
  lines.push("", ...figures(report, paint, width));
  lines.push(...instanceLines(report, paint, width));
  lines.push(...vertexLines(report, paint, width));
  for (const sink of report.records.sinks) lines.push(...sinkLines(sink, report, paint, width));
  if (report.predictions !== undefined) {
    const predicted = predictionSentences(report.predictions).map((line) => withVertexNames(line, report));
    const color = report.predictions.agreed === report.predictions.failovers ? paint.green : paint.red;
    lines.push("", ...predicted.flatMap((line) => wrap(oneLine(line), width)).map((line) => color(line)));
  }
  for (const [index, failure] of report.failures.entries()) {
    const label = `${index + 1}. `;
    const indent = " ".repeat(label.length);
    lines.push("");
    for (const [at, line] of wrap(
      oneLine(withVertexNames(failureTitle(failure), report)),
      width - label.length,
    ).entries()) {
      lines.push(`${at === 0 ? label : indent}${paint.bold(line)}`);
    }
    for (const sentence of failureSentences(failure, report)) {
      for (const line of wrap(oneLine(sentence), width - label.length)) lines.push(`${indent}${line}`);
    }
  }
  for (const { fault, target, reason } of report.injectionsFailed) {
    lines.push(
      "",
      ...wrap(oneLine(`${fault} of ${target} could not be injected: ${reason}`), width).map((line) =>
        paint.yellow(line),
      ),
    );
  }
  if (run.loadDelayMs !== undefined) {
    lines.push(
      "",
      paint.dim(`Every model load was stretched by ${durationText(run.loadDelayMs)}, as the job file says.`),
    );
  }
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

/** One line a kind of figure, in columns. */
function figures({ records, rpc, checkpoints }: RunReport, paint: Paint, width: number): readonly string[] {
  const number = (value: number | null, unit: string): string => (value === null ? "" : `${countText(value)} ${unit}`);
  const time = (value: number | null, name: string): string => (value === null ? "" : `${name} ${durationText(value)}`);
  const rows: string[][] = [
    [
      "Records",
      number(records.in, "in"),
      number(records.out, "out"),
      number(records.lost, "lost"),
      number(records.duplicated, "duplicated"),
      records.perSecond === null ? "" : `${countText(records.perSecond)}/s`,
    ],
  ];
  if (rpc.requests > 0) {
    rows.push([
      "Calls",
      number(rpc.requests, "made"),
      number(rpc.retried, "retried"),
      number(rpc.failed, "failed"),
      rpc.expired === 0 ? "" : number(rpc.expired, "too late"),
      time(rpc.p50Ms, "p50"),
      time(rpc.p99Ms, "p99"),
    ]);
  }
  if (rpc.hedged + rpc.cacheHits + rpc.wastedMs > 0) {
    rows.push([
      "Device",
      rpc.hedged === 0 ? "" : number(rpc.hedged, "hedged"),
      rpc.cacheHits === 0 ? "" : number(rpc.cacheHits, "from the cache"),
      rpc.savedMs === 0 ? "" : time(rpc.savedMs, "saved"),
      rpc.wastedMs === 0 ? "" : time(rpc.wastedMs, "wasted"),
    ]);
  }
  if (checkpoints.completed + checkpoints.failed > 0) {
    rows.push([
      "Checkpoints",
      number(checkpoints.completed, "completed"),
      number(checkpoints.failed, "failed"),
      checkpoints.damaged.length === 0 ? "" : number(checkpoints.damaged.length, "damaged"),
      time(checkpoints.p50Ms, "p50"),
      time(checkpoints.maxMs, "longest"),
      time(checkpoints.maxAlignmentMs, "alignment at most"),
    ]);
  }
  const filled = rows.map((row) => row.filter((cell, index) => index === 0 || cell !== ""));
  const widths: number[] = [];
  for (const row of filled)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  // Figures too long for the columns come one after the other.
  if (widths.reduce((sum, one) => sum + one + 2, -2) > width)
    return filled.flatMap((row) => wrap(row.join("  "), width));
  return filled.map((row) =>
    row
      .map((cell, index) => {
        const padded = cell.padEnd(widths[index] ?? 0);
        if (index === 0) return paint.dim(padded);
        return /^[1-9].* (?:lost|duplicated|failed)$/.test(cell) ? paint.red(padded) : padded;
      })
      .join("  "),
  );
}

/** Instances that a terminal shows; the JSON report holds all. */
const MOST_INSTANCES = 8;
const SHOWN = [
  "Instance",
  "Device",
  "Answered",
  "Batch",
  "p50",
  "p99",
  "Queue",
  "Refused",
  "Retried",
  "Busy",
  "Memory",
];

function instanceLines(report: RunReport, paint: Paint, width: number): readonly string[] {
  return tableLines(INSTANCE_COLUMNS, SHOWN, instanceRows(report), "more instance", paint, width);
}

const SHOWN_OF_VERTICES: readonly string[] = VERTEX_COLUMNS.filter((name) => name !== "MB/s" && name !== "Buffers");

function vertexLines(report: RunReport, paint: Paint, width: number): readonly string[] {
  return tableLines(VERTEX_COLUMNS, SHOWN_OF_VERTICES, vertexRows(report), "more vertex", paint, width);
}

function tableLines(
  columns: readonly string[],
  names: readonly string[],
  all: readonly (readonly string[])[],
  more1: string,
  paint: Paint,
  width: number,
): readonly string[] {
  if (all.length === 0) return [];
  const shown = columns.flatMap((name, index) => (names.includes(name) ? [index] : []));
  const table = [columns, ...all.slice(0, MOST_INSTANCES)].map((row) =>
    shown.map((index) => oneLine(row[index] ?? "")),
  );
  const widths = shown.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  // On a narrow terminal the latter columns are left out rather than broken.
  const cutLines = lines.map((line, index) => (index === 0 ? paint.dim(line.slice(0, width)) : line.slice(0, width)));
  const more = all.length - MOST_INSTANCES;
  return [
    "",
    ...cutLines,
    ...(more > 0
      ? [paint.dim(`and ${plural(more, more1, more1 === "more vertex" ? "more vertices" : `${more1}s`)}`)]
      : []),
  ];
}

/** Only what is not plain: sinks that could not be counted, or where something is missing or twice. */
function sinkLines(sink: SinkVerification, report: RunReport, paint: Paint, width: number): readonly string[] {
  const wrong = sink.lost + sink.duplicated > 0;
  if (!wrong && sink.method !== "none" && (sink.held ?? 0) === 0) return [];
  if (!wrong && report.records.sinks.length > 1 && sink.method === "none" && report.records.lost === null) return [];
  const found = wrong
    ? `${countText(sink.lost)} lost, ${countText(sink.duplicated)} duplicated of ${countText(sink.expected)}. `
    : "";
  const named = [
    sink.examples !== undefined && sink.examples.lost.length > 0 ? `Lost: ${sink.examples.lost.join(", ")}.` : "",
    sink.examples !== undefined && sink.examples.duplicated.length > 0
      ? `Duplicated: ${sink.examples.duplicated.join(", ")}.`
      : "",
  ].filter((part) => part !== "");
  const text = oneLine(
    `Sink ${sink.sink}: ${found}${sink.note === undefined ? "" : `${sink.note} `}${named.join(" ")}`,
  ).trim();
  return wrap(text, width).map((line) => (wrong ? paint.red(line) : paint.dim(line)));
}

/** Names and messages come from outside: no line breaks and no control characters reach the terminal. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, " ");
}

/** Lines of at most `width` characters, broken between words where there are any. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    while (word.length > width) {
      lines.push(word.slice(0, width));
      word = word.slice(width);
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
