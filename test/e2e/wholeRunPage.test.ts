/** A run saved as one page, opened from disk in a browser that knows nothing of Faultline. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser } from "playwright-core";
import { wholeRunPage } from "../../extension/graph/wholeRunPage";
import { buildWebview } from "../../scripts/buildWebview";
import { ensureChromium } from "../../scripts/setupChromium";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { hostileNames, languageDetection } from "./webviewHarness/sampleGraphs";
import { killedInstance } from "./webviewHarness/sampleJournal";

describe("a run saved as a page", function () {
  this.timeout(60_000);
  let folder: string;
  let browser: Browser;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "faultline-page-"));
    await buildWebview({ outdir: folder, minify: true });
    browser = await chromium.launch({
      executablePath: await ensureChromium(),
      args: ["--no-sandbox", "--disable-gpu"],
    });
  });
  after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const save = async (graph: GraphDescription): Promise<string> => {
    const events = killedInstance(graph);
    const journal = join(folder, "journal.ndjson");
    writeFileSync(journal, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    const startedAt = events[0]?.at ?? 0;
    const page = await wholeRunPage(
      { id: "run-1", job: graph.name, startedAt, state: "FINISHED", graph, journal },
      folder,
    );
    const file = join(folder, "run.html");
    writeFileSync(file, page);
    return pathToFileURL(file).toString();
  };

  for (const colorScheme of ["light", "dark"] as const) {
    it(`goes to any moment of the run, without a network, ${colorScheme}`, async () => {
      const url = await save(languageDetection());
      const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 800 } });
      const page = await context.newPage();
      const troubles: string[] = [];
      const asked: string[] = [];
      page.on("pageerror", (error) => troubles.push(String(error)));
      page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
      page.on("request", (request) => /^(file|blob|data):/.test(request.url()) || asked.push(request.url()));
      await page.goto(url);
      const cell = 'g.vertex[data-vertex="langid"] g.cell[data-index="1"]';
      await page.waitForSelector(`${cell}[data-look="running"]`);
      assert.ok((await page.locator("g.lane").count()) >= 6);
      const x = (await page.locator("g.fault").first().boundingBox())?.x ?? 0;
      const y = ((await page.locator(".timeline").boundingBox())?.y ?? 0) + 60;
      await page.mouse.click(x + 8, y);
      await page.waitForSelector(`${cell}[data-look="failing"], ${cell}[data-look="restarting"]`);
      await page.keyboard.press("n");
      await page.waitForSelector(`${cell}[data-look="running"]`);
      assert.ok(
        await page.locator("body").evaluate((body, scheme) => body.classList.contains(`vscode-${scheme}`), colorScheme),
      );
      assert.deepEqual(troubles, []);
      assert.deepEqual(asked, []);
      await context.close();
    });
  }

  it("shows hostile names as text", async () => {
    const page = await browser.newPage();
    await page.goto(await save({ ...hostileNames(), name: "</script><script>window.__injected = 1</script>" }));
    await page.waitForSelector("g.vertex");
    assert.equal(await page.evaluate("window.__injected"), undefined);
    assert.equal(await page.locator("#faultline img, #faultline script").count(), 0);
    await page.close();
  });
});
