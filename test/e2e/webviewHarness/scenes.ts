/** The main scenes of the graph view: what a person sees at the moments that matter. Nothing in them moves by itself. */
import type { GraphDescription } from "../../../simulator/graph/graphDescription";
import type { JournalEvent } from "../../../simulator/observe/journalEvent";
import { FAULTS } from "./sampleFaults";
import { batchJob, hostileNames, languageDetection, severalServices, wideChain } from "./sampleGraphs";
import { killedInstance, loadedRun, lostTaskManager, START } from "./sampleJournal";
import type { OpenOptions, OpenView } from "./webviewHost";

export interface Scene {
  readonly name: string;
  readonly options?: OpenOptions;
  readonly set: (view: OpenView) => Promise<void>;
}

const job = languageDetection();
const killed = killedInstance(job);
const until = (ms: number, events: readonly JournalEvent[]): JournalEvent[] =>
  events.filter((event) => event.at <= START + ms);
const cell = (vertex: string, index: number): string =>
  `g.vertex[data-vertex="${vertex}"] g.cell[data-index="${index}"]`;
const other = { id: "other", job: "test", startedAt: START, live: false } as const;

/** The same job with its model within the task. */
export function embedded(graph: GraphDescription): GraphDescription {
  const vertices = graph.vertices.filter(({ kind }) => kind === "stream");
  return { ...graph, vertices, regions: graph.regions.slice(0, 1), calls: [] };
}

async function withRun(view: OpenView, ms: number, events = killed): Promise<void> {
  await view.show(job);
  await view.play(until(ms, events), false);
  await view.page.waitForSelector("g.lane");
}

export const SCENES: readonly Scene[] = [
  { name: "empty", set: async ({ page }) => void (await page.waitForSelector(".status")) },
  {
    name: "problems",
    set: ({ post }) =>
      post({
        kind: "problems",
        title: "broken",
        problems: [
          {
            code: "FL1011",
            message: "The operators a and b are a cycle.",
            hint: "Remove the edge from b to a.",
            location: { line: 12, column: 7 },
          },
        ],
      }),
  },
  { name: "rest", set: ({ show }) => show(job) },
  { name: "failure", set: (view) => withRun(view, 6050) },
  { name: "restarting", set: (view) => withRun(view, 6400) },
  { name: "recovered", set: (view) => withRun(view, 1e9) },
  { name: "region-restarts", set: (view) => withRun(view, 7210, lostTaskManager(job)) },
  {
    name: "back-in-time",
    set: async (view) => {
      await withRun(view, 1e9);
      const box = await view.page.locator("g.fault").first().boundingBox();
      await view.page.mouse.click((box?.x ?? 0) + 8, (box?.y ?? 0) + 60);
      await view.page.waitForFunction(() =>
        /^Looking back/.test(document.querySelector(".status-right")?.textContent ?? ""),
      );
      await view.page.mouse.move(640, 90);
    },
  },
  {
    name: "scope",
    set: async (view) => {
      await view.show(job);
      await view.page.locator(cell("classify", 0)).click();
      await view.page.waitForSelector(".details h2");
    },
  },
  {
    name: "legend",
    set: async (view) => {
      await view.show(batchJob());
      await view.page.keyboard.press("l");
    },
  },
  {
    name: "compare",
    set: async (view) => {
      await withRun(view, 1e9);
      await view.post({ kind: "compared", run: other, events: lostTaskManager(job) });
      await view.page.waitForSelector(".compare-band:nth-of-type(2)");
    },
  },
  {
    name: "faults",
    set: async (view) => {
      await view.post({ kind: "faults", faults: FAULTS });
      await view.show(job);
      await view.page.keyboard.press("p");
      await view.play(until(3000, killed));
      await view.page.locator(`${cell("langid", 1)} > g.item`).focus();
      await view.page.keyboard.press("i");
      await view.page.keyboard.press("ArrowDown");
      await view.page.waitForSelector("dialog.fault-form[open]");
    },
  },
  {
    name: "isolate",
    set: async (view) => {
      await view.show(embedded(job));
      await view.page.locator('g.vertex[data-vertex="classify"] text.title').click({ button: "right" });
      await view.page.getByRole("menuitem", { name: "Run as RPC Service…" }).click();
      const element = { kind: "vertex", vertex: "classify" } as const;
      await view.post({ kind: "isolated", element, after: job, changes: ["The deployment becomes rpc-service."] });
      await view.page.waitForSelector(".isolate figure:nth-of-type(2) g.vertex.service");
    },
  },
  {
    name: "shortcuts",
    set: async (view) => {
      await view.show(job);
      await view.page.keyboard.press("?");
    },
  },
  {
    name: "menu",
    set: async (view) => {
      await view.show(severalServices());
      await view.page.getByRole("button", { name: "More" }).click();
      await view.page.getByRole("menu").waitFor();
    },
  },
  { name: "hostile-names", set: ({ show }) => show(hostileNames()) },
  { name: "128-x-20", options: { state: { level: "subtask" } }, set: ({ show }) => show(wideChain(20, 128)) },
  { name: "2000-x-4", options: { state: { level: "subtask" } }, set: ({ show }) => show(wideChain(4, 2000)) },
  {
    name: "load",
    options: { state: { level: "subtask", cells: "load", legend: true } },
    set: async (view) => {
      const graph = wideChain(4, 100);
      await view.show(graph);
      await view.play(loadedRun(graph));
    },
  },
  { name: "narrow", options: { width: 400, height: 700 }, set: (view) => withRun(view, 6050) },
  { name: "zoom-200", options: { width: 640, height: 400, zoom: 2 }, set: (view) => withRun(view, 6050) },
];
