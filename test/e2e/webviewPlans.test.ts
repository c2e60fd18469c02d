/**
 * Real plans in the graph view: every form of plan that there is a sample of, and every captured one where those lie beside the repository.
 * Nothing overlaps, and no name is cut without a way to read it.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describeAnalyzed } from "../../simulator/graph/describeGraph";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { analyzePlan } from "../../simulator/graph/planGraph";
import { readGraphFile } from "../../simulator/graph/planImport";
import { WebviewHost, type OpenView } from "./webviewHarness/webviewHost";

const FOLDERS = [
  join(__dirname, "..", "fixtures", "plans"),
  join(__dirname, "..", "..", "..", "shared", "flink", "plans"),
].filter((folder) => existsSync(folder));

/** Undefined for what holds no plan: exceptions, lists of jobs. */
function graphOf(path: string): GraphDescription | undefined {
  const read = readGraphFile(readFileSync(path, "utf8"), path);
  return read.kind === "plan" ? describeAnalyzed(analyzePlan(read.plan)) : undefined;
}

interface Box {
  readonly name: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

interface Text {
  readonly words: string;
  /** What a pointer on it is told. */
  readonly whole: string;
  readonly left: number;
  readonly right: number;
  /** Of the card or the label that it stands in. */
  readonly within: readonly [left: number, right: number];
}

/** Cards, and labels of edges. */
function boxesOf(page: Page): Promise<readonly Box[]> {
  return page.locator("g.vertex rect.card, g.label .label-box").evaluateAll((all) =>
    all.map((one) => {
      const { left, right, top, bottom } = one.getBoundingClientRect();
      return { name: (one.closest("g.vertex, g.label")?.textContent ?? "").slice(0, 60), left, right, top, bottom };
    }),
  );
}

function textsOf(page: Page): Promise<readonly Text[]> {
  return page.locator("g.vertex text, g.label text").evaluateAll((all) =>
    all.map((one) => {
      const { left, right } = one.getBoundingClientRect();
      const holder =
        one.closest("g.vertex")?.querySelector("rect.card") ?? one.parentElement?.querySelector(".label-box") ?? one;
      const box = holder.getBoundingClientRect();
      const told = one.querySelector("title") ?? one.parentElement?.querySelector(":scope > title");
      const own = [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
      return {
        words: own.map((node) => node.textContent ?? "").join(""),
        whole: told?.textContent ?? "",
        left,
        right,
        within: [box.left, box.right] as const,
      };
    }),
  );
}

function overlaps(boxes: readonly Box[]): string[] {
  const slack = 0.5;
  return boxes.flatMap((a, i) =>
    boxes
      .slice(i + 1)
      .filter(
        (b) =>
          a.left < b.right - slack && b.left < a.right - slack && a.top < b.bottom - slack && b.top < a.bottom - slack,
      )
      .map((b) => `${a.name} lies on ${b.name}`),
  );
}

function unreadable(texts: readonly Text[]): string[] {
  return texts.flatMap(({ words, whole, left, right, within }) => {
    if (words === "") return [];
    if (left < within[0] - 1.5 || right > within[1] + 1.5) return [`"${words}" does not fit`];
    return words.includes("…") && whole === "" ? [`"${words}" is cut`] : [];
  });
}

describe("plans in the graph view", function () {
  this.timeout(60_000);
  let host: WebviewHost;
  let view: OpenView | undefined;

  before(async () => {
    host = await WebviewHost.start();
  });
  after(() => host.stop());
  afterEach(async () => {
    await view?.close();
    view = undefined;
  });

  for (const folder of FOLDERS) {
    for (const file of readdirSync(folder).sort()) {
      const graph = graphOf(join(folder, file));
      if (graph === undefined) continue;
      it(`shows ${file}`, async () => {
        view = await host.open();
        const { page, troubles } = view;
        for (const level of ["operator", "subtask"] as const) {
          if (level === "subtask") await page.keyboard.press("3");
          await view.show(graph);
          assert.equal(await page.locator("g.vertex").count(), graph.vertices.length);
          assert.deepEqual(overlaps(await boxesOf(page)), [], level);
          assert.deepEqual(unreadable(await textsOf(page)), [], level);
        }
        assert.deepEqual(troubles, []);
      });
    }
  }
});
