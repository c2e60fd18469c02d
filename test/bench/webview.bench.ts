/**
 * What the graph view takes in a real Chromium: first picture, layout of a thousand vertices, frames while panning and zooming, a minute of
 * state changes, and a journal of a million events. Figures are printed, with what they should be; none fails, since machines differ.
 *
 * `tsx test/bench/webview.bench.ts [seconds of state changes, default 60] [picture | pan | live | journal]`
 */
import type { Page } from "playwright-core";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { ExecutionState } from "../../simulator/graph/executionState";
import type { JournalEventBody } from "../../simulator/observe/journalEvent";
import { layeredGraph, mulberry, subtasksOf, wideChain } from "../e2e/webviewHarness/sampleGraphs";
import { JournalScript, START } from "../e2e/webviewHarness/sampleJournal";
import { longestTask } from "./longestTask";
import { WebviewHost, type OpenView } from "../e2e/webviewHarness/webviewHost";

interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly wanted: string;
}

const LARGE_TIMES = 5;

/** @param only one part: picture, pan, live or journal; all when absent. */
export async function benchWebview(seconds = 60, only?: string): Promise<readonly Figure[]> {
  const part = (name: string): boolean => only === undefined || only === name;
  const host = await WebviewHost.start({
    minify: true,
    arguments: ["--enable-precise-memory-info", "--js-flags=--expose-gc"],
  });
  const figures: Figure[] = [];
  const add = (what: string, value: number, unit: string, wanted: string): void => {
    const figure = { what, value, unit, wanted };
    figures.push(figure);
    process.stdout.write(`${line(figure)}\n`);
  };
  try {
    if (part("picture")) {
      const first = await median(9, () => firstPicture(host, layeredGraph(50)));
      add("50 vertices: first picture after the data", first, "ms", "≤ 150");
      add("… its longest task, in processor time", await pictureTask(host, layeredGraph(50)), "ms", "");
      const thousands: Awaited<ReturnType<typeof largeGraph>>[] = [];
      for (let i = 0; i < LARGE_TIMES; i++) thousands.push(await largeGraph(host, layeredGraph(1000)));
      const middle = (of: "layoutMs" | "totalMs" | "gapMs" | "waitMs"): number =>
        quantile(
          thousands.map((one) => one[of]),
          0.5,
        );
      add("1,000 vertices: layout", middle("layoutMs"), "ms", "≤ 1500");
      add("1,000 vertices: data to picture", middle("totalMs"), "ms", "≤ 1500");
      add("1,000 vertices: longest gap of the interface thread", middle("gapMs"), "ms", "≤ 50");
      add(`… the worst of ${LARGE_TIMES}`, Math.max(...thousands.map(({ gapMs }) => gapMs)), "ms", "≤ 50");
      add("1,000 vertices: longest wait of a message from another thread", middle("waitMs"), "ms", "");
      add(`… the worst of ${LARGE_TIMES}`, Math.max(...thousands.map(({ waitMs }) => waitMs)), "ms", "");
      add("… its longest task, in processor time", await pictureTask(host, layeredGraph(1000)), "ms", "≤ 50");
    }
    for (const [name, graph, level] of [
      ["1,000 vertices", layeredGraph(1000), "operator"],
      ["20,000 subtask cells", wideChain(10, 2000), "subtask"],
    ] as const) {
      if (!part("pan")) break;
      const { frames, taskMs } = await panAndZoom(host, graph, level);
      add(`${name}: frames a second, median`, 1000 / quantile(frames, 0.5), "/s", "≥ 55");
      add(`${name}: frames a second, slowest percent`, 1000 / quantile(frames, 0.99), "/s", "≥ 30");
      add("… its longest task, in processor time", taskMs, "ms", "≤ 33");
    }
    if (part("live")) {
      const live = await stateChanges(host, seconds);
      add(`500 state changes a second for ${seconds} s: longest gap`, live.gapMs, "ms", "≤ 100");
      add("… its longest task, in processor time", live.taskMs, "ms", "≤ 100");
      add("… share of one processor", live.share * 100, "%", "");
      add("… heap, last third over first", live.heapRatio, "×", "about 1");
      add("… heap kept for each state change, for going back in time", live.bytesPerChange, "B", "");
    }
    if (part("journal")) {
      const journal = await journalFigures(host, 1_000_000);
      add("1,000,000 events: opened", journal.openMs, "ms", "≤ 3000");
      add("… its first lanes drawn", journal.firstMs, "ms", "");
      add("… in processor time", journal.openProcessorMs, "ms", "≤ 3000");
      add("1,000,000 events: scrubbing, median", 1000 / quantile(journal.frames, 0.5), "/s", "≥ 30");
    }
  } finally {
    await host.stop();
  }
  return figures;
}

function line({ what, value, unit, wanted }: Figure): string {
  return `${what.padEnd(62)} ${value.toFixed(value < 10 ? 2 : 0).padStart(8)} ${unit.padEnd(3)} (wanted ${wanted})`;
}

/** From the message with the graph until the frame after it was drawn. */
async function firstPicture(host: WebviewHost, graph: GraphDescription): Promise<number> {
  const view = await host.open();
  const ms = await view.page.evaluate<number>(timedShow(graph));
  await view.close();
  return ms;
}

function graphMessage(graph: GraphDescription): string {
  return JSON.stringify({ kind: "graph", graph, title: graph.name, openable: true, runnable: true, editable: true });
}

/** Runs in the page; resolves with milliseconds from the message to the frame after the picture. */
function timedShow(graph: GraphDescription): string {
  return `new Promise((resolve) => {
    const message = ${graphMessage(graph)};
    const start = performance.now();
    new MutationObserver((_, observer) => {
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
    }).observe(document.body, { attributes: true, attributeFilter: ["data-ready"] });
    window.postMessage(message, "*");
  })`;
}

/**
 * From now until `__watch` is false: the longest gap, between two messages that the page sends to itself, one 4 ms after the other. It is the harder
 * measure: a message of its own is sent late where the thread is late, and then waits a second time. More messages would keep a core busy by
 * themselves.
 */
const WATCH_GAPS = `
  window.__watch = true;
  { const longest = (window.__longest = new Float64Array(1)); const channel = new MessageChannel(); const last = new Float64Array([performance.now()]);
    const look = () => { const now = performance.now(); longest[0] = Math.max(longest[0], now - last[0]); last[0] = now; };
    const send = () => channel.port2.postMessage(0);
    channel.port1.onmessage = () => { look(); if (window.__watch) setTimeout(send, 4); };
    send(); }`;

/** The same, and the longest time that a message from another thread waited, as a key or a click would; and frames' distances. */
const WATCH = `${WATCH_GAPS}
  window.__wait = 0; window.__frames = [];
  { const clock = () => performance.timeOrigin + performance.now();
    const source = "setInterval(() => postMessage(performance.timeOrigin + performance.now()), 4)";
    const sender = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    sender.onmessage = ({ data }) => {
      window.__wait = Math.max(window.__wait, clock() - data);
      if (!window.__watch) sender.terminate();
    };
    let frame = performance.now();
    const tick = (now) => { window.__frames.push(now - frame); frame = now; if (window.__watch) requestAnimationFrame(tick); };
    requestAnimationFrame((now) => { frame = now; requestAnimationFrame(tick); }); }`;

/** After the first frame of a picture: what is drawn in the ones that follow. */
const AFTERWARDS = "new Promise((resolve) => setTimeout(resolve, 200))";

async function largeGraph(
  host: WebviewHost,
  graph: GraphDescription,
): Promise<{ layoutMs: number; totalMs: number; gapMs: number; waitMs: number }> {
  const view = await host.open();
  // Parsed beforehand: in the editor the message arrives as an object.
  await view.page.evaluate(`window.__message = ${graphMessage(graph)}; ${WATCH}`);
  const totalMs = await view.page.evaluate<number>(
    timedShow({ ...graph, vertices: [] }).replace(
      /const message = .*;\n/,
      "const message = window.__message; window.__longest[0] = 0; window.__wait = 0;\n",
    ),
  );
  await view.page.evaluate(AFTERWARDS);
  const gapMs = await view.page.evaluate<number>("window.__watch = false; window.__longest[0]");
  const waitMs = await view.page.evaluate<number>("window.__wait");
  const layoutMs = Number(await view.page.evaluate("document.body.dataset.layoutMs"));
  await view.close();
  return { layoutMs, totalMs, gapMs, waitMs };
}

/** By itself, traced: tracing takes time that the other figures should not have in them. */
async function pictureTask(host: WebviewHost, graph: GraphDescription): Promise<number> {
  const view = await host.open();
  await view.page.evaluate(`window.__message = ${graphMessage(graph)};`);
  const show = timedShow({ ...graph, vertices: [] }).replace(
    /const message = .*;\n/,
    "const message = window.__message;\n",
  );
  const { processorMs } = await longestTask(view.page, async () => {
    await view.page.evaluate(show);
    await view.page.evaluate(AFTERWARDS);
  });
  await view.close();
  return processorMs;
}

/** Four seconds of wheel and drag over the picture; distances of frames in milliseconds. */
async function panAndZoom(
  host: WebviewHost,
  graph: GraphDescription,
  level: "operator" | "subtask",
): Promise<{ frames: number[]; taskMs: number }> {
  const view = await host.open({ state: { level } });
  await view.show(graph);
  let frames: number[] = [];
  const { processorMs: taskMs } = await longestTask(view.page, async () => {
    frames = await view.page.evaluate<number[]>(`new Promise((resolve) => {
    ${WATCH}
    const svg = document.querySelector("svg.graph");
    const end = performance.now() + 4000;
    let i = 0;
    const move = () => {
      i++;
      const zoomIn = Math.floor(i / 40) % 2 === 0;
      svg.dispatchEvent(new WheelEvent("wheel", { deltaY: zoomIn ? -30 : 30, clientX: 500 + 100 * Math.sin(i / 30), clientY: 400, bubbles: true, cancelable: true }));
      if (performance.now() < end) requestAnimationFrame(move);
      else { window.__watch = false; resolve(window.__frames.slice(5)); }
    };
    requestAnimationFrame(move);
  })`);
  });
  await view.close();
  return { frames, taskMs };
}

const WARM_UP_SECONDS = 20;
const TRACED_SECONDS = 6;

/** Events as they come from a host, 20 batches a second; every event changes the state of a subtask. */
async function stateChanges(
  host: WebviewHost,
  seconds: number,
): Promise<{ gapMs: number; taskMs: number; share: number; heapRatio: number; bytesPerChange: number }> {
  const graph = wideChain(12, 16);
  const view = await host.open();
  await view.show(graph);
  const script = new JournalScript(graph).begin().startAll();
  await view.play(script.done());
  const tasks = graph.vertices.flatMap(subtasksOf);
  const heaps: number[] = [];
  const change = (forSeconds: number, weighed: boolean): Promise<unknown> =>
    view.page.evaluate(`new Promise((resolve) => {
    const tasks = ${JSON.stringify(tasks)};
    window.__seq ??= ${script.events.length};
    let seq = window.__seq, attempt = (window.__attempt ??= 2), i = 0, sent = 0;
    const start = performance.now();
    const states = [["RUNNING", "CANCELING"], ["CANCELING", "CANCELED"], ["CREATED", "CREATED"], ["CREATED", "DEPLOYING"], ["DEPLOYING", "RUNNING"]];
    window.__heaps ??= [];
    let nextHeap = 0;
    const send = () => {
      const elapsed = performance.now() - start;
      const due = Math.floor(elapsed / 2);
      const events = [];
      while (sent < due) {
        const task = tasks[Math.floor(i / 5) % tasks.length];
        const [from, to] = states[i % 5];
        if (i % (5 * tasks.length) === 0) attempt++;
        events.push({ kind: "task.state", task, vertexKind: "stream", attempt: i % 5 < 2 ? attempt - 1 : attempt, from, to, seq: seq++, at: Date.now() });
        i++; sent++;
      }
      if (events.length > 0) window.postMessage({ kind: "events", run: "test-run", from: events[0].seq, events }, "*");
      if (${weighed} && elapsed > nextHeap) { globalThis.gc?.(); window.__heaps.push(performance.memory.usedJSHeapSize); nextHeap += ${(seconds * 1000) / 12}; }
      if (elapsed < ${forSeconds * 1000}) setTimeout(send, 50);
      else { window.__seq = seq; window.__attempt = attempt + 1; resolve(undefined); }
    };
    send();
  })`);
  // The code of the page gets its memory first: it is compiled again and again while it warms up.
  await change(WARM_UP_SECONDS, false);
  await view.page.evaluate(WATCH_GAPS);
  await change(seconds, false);
  const gapMs = await view.page.evaluate<number>("window.__watch = false; window.__longest[0]");
  // Once more, without those who watch: their timers and messages are on the same heap.
  await change(seconds, true);
  heaps.push(...(await view.page.evaluate<number[]>("window.__heaps")));
  // A minute of trace would be too much: a few seconds more of the same.
  const { processorMs: taskMs, totalMs } = await longestTask(
    view.page,
    async () => void (await change(TRACED_SECONDS, false)),
  );
  await view.close();
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const third = Math.max(1, Math.floor(heaps.length / 3));
  const [early, late] = [heaps.slice(1, 1 + third), heaps.slice(-third)].map(mean);
  const changesBetween = (heaps.length - 1 - third) * (seconds / 12) * 500;
  return {
    gapMs,
    taskMs,
    share: totalMs / (TRACED_SECONDS * 1000),
    heapRatio: late / early,
    bytesPerChange: (late - early) / changesBetween,
  };
}

/**
 * Opened as bytes, as it is read from disk: from the first piece until every event is folded and the frame after it is there. Then travelled
 * through. Once more with a trace, which takes time that the first should not have in it.
 */
async function journalFigures(
  host: WebviewHost,
  events: number,
): Promise<{ openMs: number; firstMs: number; openProcessorMs: number; frames: number[] }> {
  const graph = wideChain(4, 64);
  const bytes = Buffer.from(longJournal(graph, events));
  const opened = async (): Promise<OpenView> => {
    const fresh = await host.open();
    await fresh.show(graph);
    await hand(fresh, bytes);
    return fresh;
  };
  const traced = await opened();
  const { totalMs: openProcessorMs } = await longestTask(
    traced.page,
    async () => void (await traced.page.evaluate(OPEN_JOURNAL)),
  );
  await traced.close();
  const view = await opened();
  const { openMs, firstMs } = await view.page.evaluate<{ openMs: number; firstMs: number }>(OPEN_JOURNAL);
  const frames = await view.page.evaluate<number[]>(`new Promise((resolve) => {
    ${WATCH}
    const svg = document.querySelector(".timeline-svg");
    const box = svg.getBoundingClientRect();
    const end = performance.now() + 3000;
    let i = 0;
    const move = () => {
      i++;
      svg.dispatchEvent(new MouseEvent("click", { clientX: box.left + 200 + ((i * 7) % (box.width - 260)), clientY: box.top + 60, bubbles: true }));
      if (performance.now() < end) requestAnimationFrame(move);
      else { window.__watch = false; resolve(window.__frames.slice(5)); }
    };
    requestAnimationFrame(move);
  })`);
  await view.close();
  return { openMs, firstMs, openProcessorMs, frames };
}

/** Resolves with the times until the first lanes stand on the timeline and until all is read. */
const OPEN_JOURNAL = `new Promise((resolve) => {
  const start = performance.now();
  let firstMs = 0;
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => { firstMs = performance.now() - start; });
  }).observe(document.querySelector(".timeline-svg"), { childList: true, subtree: true });
  window.postMessage({ kind: "runStarted", run: { id: "long", job: "long", startedAt: 0, live: false } }, "*");
  const parts = window.__parts;
  parts.forEach((bytes, i) => window.postMessage({ kind: "journal", run: "long", bytes, last: i === parts.length - 1 }, "*"));
  const look = () => document.body.dataset.journal === "long" ? requestAnimationFrame(() => resolve({ openMs: performance.now() - start, firstMs })) : setTimeout(look, 5);
  look();
})`;

/** Into the page in pieces of 8 MiB, before the time is taken. */
async function hand(view: OpenView, bytes: Buffer): Promise<void> {
  await view.page.evaluate("window.__parts = []");
  const size = 8 * 2 ** 20;
  for (let at = 0; at < bytes.length; at += size)
    await give(view.page, bytes.subarray(at, at + size).toString("base64"));
}

async function give(page: Page, base64: string): Promise<void> {
  await page.evaluate((data) => {
    const text = atob(data);
    const piece = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) piece[i] = text.charCodeAt(i);
    (window as unknown as { __parts: Uint8Array[] }).__parts.push(piece);
  }, base64);
}

/**
 * A large run: 256 tasks, one failing every 200 ms and coming back, its failover, a checkpoint every ten failures, and small metrics for
 * three of ten events.
 */
function longJournal(graph: GraphDescription, count: number): string {
  const random = mulberry(3);
  const tasks = graph.vertices.flatMap(subtasksOf);
  const attempts = new Map<string, number>();
  const first = new JournalScript(graph).begin().startAll().done();
  const lines = first.map((event) => JSON.stringify(event));
  let at = first[first.length - 1]?.at ?? START;
  const cause = { code: "FL2005", message: "Process lost." };
  const write = (body: JournalEventBody): void => {
    if (lines.length < count) lines.push(JSON.stringify({ seq: lines.length, at, ...body }));
  };
  for (let id = 1; lines.length < count; id++) {
    const task = tasks[Math.floor(random() * tasks.length)] ?? "";
    const attempt = attempts.get(task) ?? 1;
    attempts.set(task, attempt + 1);
    const move = (to: ExecutionState, from: ExecutionState, of: number): void => {
      at += 15;
      write({ kind: "task.state", task, vertexKind: "stream", attempt: of, from, to, process: "taskmanager:0" });
    };
    move("FAILED", "RUNNING", attempt);
    write({ kind: "failure", id, task, attempt, cause } as JournalEventBody);
    const failover = {
      id,
      failures: [id],
      strategy: "region",
      regions: ["region-0"],
      tasks: [task],
      instances: [],
    } as const;
    write({ kind: "failover", ...failover, untouched: 255, delayMs: 50 });
    move("CREATED", "CREATED", attempt + 1);
    move("SCHEDULED", "CREATED", attempt + 1);
    move("DEPLOYING", "SCHEDULED", attempt + 1);
    move("INITIALIZING", "DEPLOYING", attempt + 1);
    move("RUNNING", "INITIALIZING", attempt + 1);
    write({ kind: "failover.finished", id });
    for (let k = 0; k < 4; k++) {
      at += 25;
      const name = tasks[Math.floor(random() * tasks.length)] ?? "";
      const counts = {
        recordsIn: 124,
        recordsOut: 124,
        bytesIn: 9920,
        bytesOut: 9920,
        busyMs: 60,
        backPressuredMs: 0,
        idleMs: 140,
      };
      const metrics = { attempt: attempts.get(name) ?? 1, ...counts, buffersInUse: 2 };
      write({ kind: "metrics", intervalMs: 200, process: "taskmanager:0", rssBytes: 1e8, tasks: { [name]: metrics } });
    }
    if (id % 10 === 0) write({ kind: "checkpoint.triggered", checkpoint: id / 10, tasks: 256, reason: "periodic" });
  }
  return `${lines.join("\n")}\n`;
}

async function median(times: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let i = 0; i < times; i++) values.push(await measure());
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

if (require.main === module) {
  benchWebview(Number(process.argv[2] ?? 60), process.argv[3]).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  });
}
