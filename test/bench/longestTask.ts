/**
 * The longest task of a page's interface thread in processor time, from Chromium's own trace. On a machine that does other work too, what
 * passes by the clock is mostly that work; what the thread itself computed is the page's own.
 */
import type { Page } from "playwright-core";

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  /** Processor time of the thread, microseconds. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

export interface LongestTask {
  /** Milliseconds of processor time. */
  readonly processorMs: number;
  readonly clockMs: number;
  /** Processor time of all tasks, milliseconds. */
  readonly totalMs: number;
}

/** Of the renderer that worked most while `work` ran. */
export async function longestTask(page: Page, work: () => Promise<void>): Promise<LongestTask> {
  const browser = page.context().browser();
  if (browser === null) throw new Error("The page has no browser of its own to trace.");
  await browser.startTracing(page, { categories: ["toplevel", "-*"], screenshots: false });
  await work();
  const trace = JSON.parse((await browser.stopTracing()).toString("utf8")) as { traceEvents: readonly TraceEvent[] };
  const threads = new Set(
    trace.traceEvents
      .filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const busy = new Map<string, { total: number; processorMs: number; clockMs: number }>();
  for (const { ph, pid, tid, dur = 0, tdur = 0 } of trace.traceEvents) {
    const thread = `${pid} ${tid}`;
    if (ph !== "X" || !threads.has(thread)) continue;
    const known = busy.get(thread) ?? { total: 0, processorMs: 0, clockMs: 0 };
    known.total += tdur;
    known.processorMs = Math.max(known.processorMs, tdur / 1000);
    known.clockMs = Math.max(known.clockMs, dur / 1000);
    busy.set(thread, known);
  }
  const most = [...busy.values()].sort((a, b) => b.total - a.total)[0];
  if (most === undefined) throw new Error("The trace has no task of a page.");
  return { processorMs: most.processorMs, clockMs: most.clockMs, totalMs: most.total / 1000 };
}
