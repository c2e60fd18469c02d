/**
 * The recovery report as one HTML page that needs nothing else: no network, no file beside it. Everything is drawn here; a small script adds
 * tooltips and zoom. A content security policy allows that script, by its nonce, and nothing else.
 */
import { cut, escapeHtml } from "./escapeHtml";
import { failureCard } from "./failureCard";
import { countText, durationText, plural, shareText } from "./figureText";
import { VERTEX_COLUMNS, vertexRows } from "./vertexRows";
import { batchHistogramText, INSTANCE_COLUMNS, instanceRows } from "./instanceRows";
import { outcome, predictionSentences, verdict, withVertexNames } from "./reportSentences";
import { REPORT_STYLE } from "./reportStyle";
import { factsOf, type RunHistory } from "./runFacts";
import type { RunReport, SinkVerification } from "./runReport";
import { TIMELINE_SCRIPT } from "./timelineScript";
import { LEGEND, timelineSvg } from "./timelineSvg";

export interface ReportHtmlOptions {
  /** Of the page's one script; letters, digits, `+/=_-`. A random one when not given. */
  readonly nonce?: string;
}

/** Cards of failures, at most; the timeline and the JSON report hold all. */
const MOST_CARDS = 200;

export function reportHtml(history: RunHistory, report: RunReport, options: ReportHtmlOptions = {}): string {
  const facts = factsOf(history);
  const nonce = (options.nonce ?? crypto.randomUUID()).replace(/[^A-Za-z0-9+/=_-]/g, "");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const title = cut(verdict(report), 300);
  const cards = report.failures.slice(0, MOST_CARDS).map((failure, index) => failureCard(failure, index + 1, report));
  const more = report.failures.length - cards.length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(cut(`${report.run.job}: ${title}`, 200))}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
<p class="job">${jobLine(report)}</p>
<div class="verdict ${outcome(report)}">${mark(outcome(report))}<h1>${escapeHtml(title)}</h1></div>
${tiles(report)}
${predictions(report)}
<h2 class="timeline">Timeline <span class="hint hidden" id="hint">Drag to zoom, wheel to zoom further, double click for the whole run.</span>
<button type="button" id="whole" class="hidden">Whole run</button></h2>
${legend()}
<div class="frame">${timelineSvg(facts, report)}</div>
${cards.length > 0 ? `<h2>${report.failures.length === 1 ? "What happened" : `What happened, ${report.failures.length} times`}</h2>` : ""}
${cards.join("\n")}
${more > 0 ? `<p class="quiet-text">And ${plural(more, "more failure")}: the JSON form of this report holds all.</p>` : ""}
${injectionsFailed(report)}
<h2>All figures</h2>
${figures(report)}
${instances(report)}
${vertices(report)}
<footer>Times of failures count from the injection, times of the timeline from the start of the run. Lost and duplicated records were counted by
reading what the sinks committed and what the sources hold.</footer>
</main>
<div id="tip" role="status" hidden></div>
<script nonce="${nonce}">${TIMELINE_SCRIPT}</script>
</body>
</html>
`;
}

/** Of a real Flink: whether it restarted what was predicted. */
function predictions(report: RunReport): string {
  if (report.predictions === undefined) return "";
  return predictionSentences(report.predictions)
    .map((line) => `<p>${escapeHtml(cut(withVertexNames(line, report), 1_000))}</p>`)
    .join("\n");
}

function jobLine({ run }: RunReport): string {
  const started = run.startedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC");
  const parts = [
    run.job,
    run.state.toLowerCase(),
    `ran ${durationText(run.durationMs)}`,
    run.deployment,
    run.devices.join(", "),
    started,
  ];
  return parts
    .filter((part) => part !== "")
    .map((part) => `<bdi>${escapeHtml(cut(part, 200))}</bdi>`)
    .join(" · ");
}

/** A shape for each outcome, so that it can be told without its colour. */
function mark(kind: "good" | "bad" | "open"): string {
  const shapes = {
    good: '<circle cx="12" cy="12" r="11" fill="currentColor"/><path d="M6.5 12.5l3.8 3.8L17.5 8.5" fill="none" stroke="var(--ground)" stroke-width="2.4"/>',
    bad: '<path d="M8 1h8l7 7v8l-7 7H8l-7-7V8z" fill="currentColor"/><path d="M8 8l8 8M16 8l-8 8" fill="none" stroke="var(--ground)" stroke-width="2.4"/>',
    open: '<path d="M12 1l11 21H1z" fill="currentColor"/><path d="M12 8v7M12 17v2.2" fill="none" stroke="var(--ground)" stroke-width="2.4"/>',
  };
  const names = { good: "Good", bad: "Bad", open: "Open" };
  return `<svg viewBox="0 0 24 24" role="img" aria-label="${names[kind]}">${shapes[kind]}</svg>`;
}

interface Tile {
  readonly name: string;
  readonly figure: string;
  readonly more?: string;
  readonly wrong?: boolean;
}

/** The figures that decide, the same ones in the same places for every run. */
function tiles(report: RunReport): string {
  const { records, run, failures, rpc } = report;
  const list: Tile[] = [];
  const of = records.expected === null ? "not counted" : `of ${plural(records.expected, "record")}`;
  list.push({
    name: "Lost",
    figure: records.lost === null ? "–" : countText(records.lost),
    more: of,
    wrong: (records.lost ?? 0) > 0,
  });
  list.push({
    name: "Duplicated",
    figure: records.duplicated === null ? "–" : countText(records.duplicated),
    more: of,
    wrong: (records.duplicated ?? 0) > 0,
  });
  const tasks = new Set(failures.flatMap((failure) => failure.restartedTasks)).size;
  const instances = new Set(failures.flatMap((failure) => failure.restartedInstances)).size;
  list.push({
    name: "Tasks restarted",
    figure: countText(tasks),
    more: `of ${plural(run.streamTasks, "stream task")}`,
  });
  if (run.serviceInstances > 0)
    list.push({
      name: "Instances restarted",
      figure: countText(instances),
      more: `of ${countText(run.serviceInstances)}`,
    });
  const slowest = (pick: (index: number) => number | null | undefined): number | null =>
    failures.reduce<number | null>((most, _failure, index) => {
      const value = pick(index);
      return value === null || value === undefined ? most : Math.max(most ?? 0, value);
    }, null);
  const ofSeveral = failures.length > 1 ? "the slowest" : "";
  const noticed = slowest((index) => failures[index]?.detectedAfterMs);
  if (noticed !== null) list.push({ name: "Noticed after", figure: durationText(noticed), more: ofSeveral });
  const served = slowest((index) => failures[index]?.servedAgainAfterMs);
  const recovered = slowest((index) => failures[index]?.recoveredAfterMs);
  if (tasks === 0 && served !== null) {
    const cold = slowest((index) => failures[index]?.instances[0]?.restartColdStartMs);
    list.push({
      name: "Serving again after",
      figure: durationText(served),
      more: cold === null ? ofSeveral : `cold start ${durationText(cold)}`,
    });
  } else if (recovered !== null) {
    list.push({ name: "Running again after", figure: durationText(recovered), more: ofSeveral });
  }
  const deepest = slowest((index) => failures[index]?.dip?.depth);
  if (deepest !== null) {
    const held = deepest < 0.05;
    list.push({
      name: "Throughput",
      figure: held ? "held" : `−${shareText(deepest)}`,
      more: held ? `${countText(failures[0]?.dip?.before ?? 0)}/s` : "at its lowest",
    });
  }
  if (rpc.p99Ms !== null)
    list.push({ name: "p99 of calls", figure: durationText(rpc.p99Ms), more: `${plural(rpc.failed, "call")} failed` });
  const items = list.map(
    ({ name, figure, more, wrong }) =>
      `<li><span class="name">${name}</span><span class="figure${wrong === true ? " wrong" : ""}">${escapeHtml(figure)}</span>` +
      `<span class="more">${escapeHtml(more ?? "")}</span></li>`,
  );
  return `<ul class="tiles">${items.join("")}</ul>`;
}

function legend(): string {
  const items = LEGEND.map(
    ([activity, name]) =>
      `<li><svg viewBox="0 0 26 12" aria-hidden="true"><rect x=".5" y=".5" width="25" height="11" class="bar ${activity}"/></svg>${name}</li>`,
  );
  return `<ul class="legend">${items.join("")}<li><svg viewBox="0 0 26 12" aria-hidden="true"><path class="checkpoint" d="M13 1L17 10H9Z"/></svg>checkpoint</li></ul>`;
}

function injectionsFailed({ injectionsFailed: failed }: RunReport): string {
  if (failed.length === 0) return "";
  const items = failed
    .slice(0, MOST_CARDS)
    .map(({ fault, target, reason }) => `<li>${escapeHtml(cut(`${fault} of ${target}: ${reason}`, 600))}</li>`);
  return `<h2>Could not be injected</h2><ul>${items.join("")}</ul>`;
}

function figures(report: RunReport): string {
  const { run, records, rpc, checkpoints } = report;
  const rows: [string, string][] = [];
  const add = (name: string, value: string): void => void rows.push([name, value]);
  const some = (value: number | null, unit: string): string => (value === null ? "" : `${countText(value)} ${unit}`);
  const time = (name: string, value: number | null): string => (value === null ? "" : `${name} ${durationText(value)}`);
  const joined = (...parts: string[]): string => parts.filter((part) => part !== "").join(", ");
  add(
    "Records",
    joined(
      some(records.in, "in"),
      some(records.out, "out"),
      some(records.lost, "lost"),
      some(records.duplicated, "duplicated"),
      records.perSecond === null ? "" : `${countText(records.perSecond)}/s committed`,
    ),
  );
  if (rpc.requests > 0) {
    add(
      "Calls to services",
      joined(
        some(rpc.requests, "made"),
        some(rpc.succeeded, "succeeded"),
        some(rpc.retried, "retried"),
        some(rpc.failed, "failed"),
        time("p50", rpc.p50Ms),
        time("p99", rpc.p99Ms),
      ),
    );
    if (rpc.hedged > 0) add("Hedged calls", countText(rpc.hedged));
    if (rpc.cacheHits > 0)
      add(
        "Result cache",
        joined(
          `${countText(rpc.cacheHits)} hits, ${shareText(rpc.cacheHits / rpc.requests)} of the calls`,
          `${durationText(rpc.savedMs)} of device time saved`,
        ),
      );
    if (rpc.wastedMs > 0) add("Device time in vain", durationText(rpc.wastedMs));
  }
  add(
    "Checkpoints",
    joined(
      some(checkpoints.completed, "completed"),
      some(checkpoints.failed, "failed"),
      some(checkpoints.damaged.length === 0 ? null : checkpoints.damaged.length, "damaged"),
      time("p50", checkpoints.p50Ms),
      time("longest", checkpoints.maxMs),
    ),
  );
  if (run.firstRecordAfterMs !== null) add("First record at a sink", `after ${durationText(run.firstRecordAfterMs)}`);
  add("Failover", `${run.failoverStrategy}, ${run.scheduler} scheduler`);
  if (run.loadDelayMs !== undefined)
    add("Extra load time", `${durationText(run.loadDelayMs)} added to every model load, as the job file says`);
  add(
    "Run",
    joined(run.id, run.engine === "local" ? "" : run.engine, run.seed === undefined ? "" : `seed ${run.seed}`),
  );
  add("Folder", run.directory);
  if (run.cause !== undefined)
    add(
      "Cause",
      [run.cause.code, run.cause.message, run.cause.hint ?? "", run.cause.detail ?? ""]
        .filter((part) => part !== "")
        .join(" "),
    );
  const main = rows.map(
    ([name, value]) => `<tr><th scope="row">${name}</th><td>${escapeHtml(cut(value, 4000))}</td></tr>`,
  );
  const sinks = records.sinks.map(
    (sink) =>
      `<tr><th scope="row">Sink <bdi>${escapeHtml(cut(sink.sink, 100))}</bdi></th><td>${sinkText(sink)}</td></tr>`,
  );
  return `<table class="figures"><tbody>${main.join("")}${sinks.join("")}</tbody></table>`;
}

/** Back-pressure, as Flink reports it, and what went through. */
function vertices(report: RunReport): string {
  const rows = vertexRows(report).slice(0, MOST_INSTANCES);
  if (rows.length === 0) return "";
  const head = VERTEX_COLUMNS.map((name) => `<th scope="col">${name}</th>`).join("");
  const body = rows.map(([name = "", ...cells]) => {
    const rest = cells.map((cell) => `<td>${escapeHtml(cut(cell, 100))}</td>`).join("");
    return `<tr><th scope="row"><bdi>${escapeHtml(cut(name, 100))}</bdi></th>${rest}</tr>`;
  });
  return `<h2>Vertices</h2>
<div class="wide"><table class="instances"><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>
<p class="quiet-text">Shares of the time of all subtasks together: busy, back-pressured (no output buffer was free), idle (no input). Buffers: the most at once in one subtask.</p>`;
}

/** Instances, at most: the JSON report holds all. */
const MOST_INSTANCES = 100;

function instances(report: RunReport): string {
  const rows = instanceRows(report).slice(0, MOST_INSTANCES);
  if (rows.length === 0) return "";
  const head = INSTANCE_COLUMNS.map((name) => `<th scope="col">${name}</th>`).join("");
  const body = rows.map(([name = "", ...cells]) => {
    const rest = cells.map((cell) => `<td>${escapeHtml(cut(cell, 100))}</td>`).join("");
    return `<tr><th scope="row"><bdi>${escapeHtml(cut(name, 100))}</bdi></th>${rest}</tr>`;
  });
  const histograms = report.services
    .flatMap((service) => service.instances)
    .slice(0, MOST_INSTANCES)
    .filter(({ batchSizes }) => Object.keys(batchSizes).length > 0)
    .map(
      ({ instance, batchSizes }) =>
        `<li><bdi>${escapeHtml(cut(instance, 100))}</bdi> ${escapeHtml(batchHistogramText(batchSizes))}</li>`,
    );
  return `<h2>Service instances</h2>
<div class="wide"><table class="instances"><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>
<p class="quiet-text">Latencies are those in the instance; queue, in flight and memory are the most that was seen. “not told”: the device does not say
how busy it is.</p>
${histograms.length > 0 ? `<h3>Batches by their size</h3><ul>${histograms.join("")}</ul>` : ""}`;
}

function sinkText(sink: SinkVerification): string {
  const note = sink.note === undefined ? "" : ` <span class="quiet-text">${escapeHtml(cut(sink.note, 600))}</span>`;
  if (sink.method === "none") return note.trim();
  const how = { identity: "compared record by record", count: "counted", "window-count": "counted by windows" }[
    sink.method
  ];
  const wrong = sink.lost + sink.duplicated > 0;
  const text = `${countText(sink.committed)} of ${countText(sink.expected)}, ${countText(sink.lost)} lost, ${countText(sink.duplicated)} duplicated; ${how}.`;
  const examples = [
    ...(sink.examples?.lost.map((id) => `lost ${id}`) ?? []),
    ...(sink.examples?.duplicated.map((id) => `duplicated ${id}`) ?? []),
  ];
  const named =
    examples.length === 0
      ? ""
      : ` <span class="quiet-text">For example ${escapeHtml(cut(examples.join(", "), 1000))}.</span>`;
  return `<span${wrong ? ' class="wrong"' : ""}>${text}</span>${note}${named}`;
}
