import { strict as assert } from "node:assert";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { reportOf } from "../../simulator/observe/recoveryReport";
import { reportHtml } from "../../simulator/observe/reportHtml";
import type { OutputVerification } from "../../simulator/observe/runReport";
import { RunFacts } from "../../simulator/observe/runFacts";
import { timelineLanes } from "../../simulator/observe/timelineLanes";
import { axisTicks, momentText } from "../../simulator/observe/timelineAxis";
import { SampleRun } from "./observeSampleRun";

const verification: OutputVerification = {
  in: 9800,
  out: 9800,
  expected: 9800,
  lost: 0,
  duplicated: 0,
  sinks: [{ sink: "every-message", method: "identity", expected: 9800, committed: 9800, lost: 0, duplicated: 0 }],
};

function killed(): JournalEvent[] {
  const run = new SampleRun().start();
  run.killInstance(10_000, "langid#1");
  return run.checkpoints(1000, 20_000, 1000).metrics(600, 20_000).end(20_000).events();
}
const pageOf = (events: readonly JournalEvent[]): string =>
  reportHtml(events, reportOf(events, { verification }), { nonce: "test-nonce" });

/** Every text that comes from outside, hostile. */
function hostile(): JournalEvent[] {
  const evil = `</title></style></script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">"'\`&\u0000\u202e`;
  const run = new SampleRun({ name: evil + "x".repeat(10_000) }).start();
  run.inject(2000, `crash${evil}`, `service:langid#1${evil}`, evil);
  run.killInstance(3000, "langid#0", false);
  run.at(4000, { kind: "fault.injected", injection: 9, fault: evil, target: evil, parameters: {}, by: "command" });
  run.at(4001, { kind: "fault.failed", injection: 9, cause: { code: "FL1033", message: evil } });
  const events = run.metrics(600, 6000).end(6000, "FAILED").events();
  return events.map((event) => {
    const text = JSON.stringify(event);
    if (event.kind === "run.ended")
      return { ...event, cause: { code: "FL2003", message: evil + "y".repeat(10_000), hint: evil, detail: evil } };
    return JSON.parse(
      text
        .replaceAll("langid#0", "مرحبا🙂<b>#0")
        .replaceAll("region-1", "<i>region")
        .replaceAll('"classify', '"<u>classify'),
    ) as JournalEvent;
  });
}

describe("report as a page", () => {
  it("says the verdict, the key figures and the story", () => {
    const html = pageOf(killed());
    assert.match(
      html,
      /<h1>1 fault: 1 service instance restarted, no stream task did; no record was lost or duplicated\.<\/h1>/,
    );
    assert.match(
      html,
      /<span class="name">Tasks restarted<\/span><span class="figure">0<\/span><span class="more">of 6 stream tasks</,
    );
    assert.match(
      html,
      /<span class="name">Serving again after<\/span><span class="figure">251 ms<\/span><span class="more">cold start 233 ms</,
    );
    assert.match(html, /id="failure-1"/);
    assert.match(html, />model loading begins</);
    assert.equal(html.match(/<path class="checkpoint" d/g)?.length, 19 + 1);
  });

  it("reaches for nothing outside itself", () => {
    const html = pageOf(killed());
    assert.doesNotMatch(html.replaceAll("http://www.w3.org/2000/svg", ""), /https?:|\bsrc=|<link|@import|url\((?!#)/);
    assert.match(html, /default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-test-nonce'/);
    const twice = [1, 2].map(() => reportHtml(killed(), reportOf(killed())));
    assert.notEqual(twice[0], twice[1], "the nonce must be new each time when none is given");
  });

  it("does not let a nonce out of its place", () => {
    const html = reportHtml(killed(), reportOf(killed()), { nonce: `"><script>alert(1)</script>` });
    assert.match(html, /script-src 'nonce-scriptalert1\/script'/);
  });

  it("is made of facts that were folded before, too, and of a run that only began", () => {
    const facts = RunFacts.of(killed());
    assert.equal(reportHtml(facts, reportOf(killed(), { verification }), { nonce: "test-nonce" }), pageOf(killed()));
    assert.match(pageOf(new SampleRun().events()), /<h1>The run is initializing; so far: nothing failed/);
    assert.match(pageOf([]), /<h1>/);
  });

  describe("timeline", () => {
    const lane = (events: readonly JournalEvent[], name: string) =>
      timelineLanes(RunFacts.of(events))
        .flatMap((group) => group.lanes)
        .find((one) => one.name === name);

    it("has a lane for each instance and task, by region", () => {
      const groups = timelineLanes(RunFacts.of(killed()));
      assert.deepEqual(
        groups.map((group) => [group.title, group.lanes.length]),
        [
          ["Service instances", 2],
          ["Stream tasks of region-1", 6],
        ],
      );
    });

    it("shows the phases of the instance that failed, and one bar for what did not notice", () => {
      const events = killed();
      const failed = lane(events, "langid#1");
      assert.deepEqual(
        failed?.segments
          .filter((segment) => segment.from >= 200 && segment.to <= 20_000)
          .map((segment) => segment.activity),
        ["warming", "running", "down", "starting", "loading", "warming", "running"],
      );
      assert.equal(failed?.restarts, 1);
      const untouched = lane(events, "classify#0");
      assert.deepEqual(
        untouched?.segments.filter((segment) => segment.from > 300).map((segment) => segment.activity),
        [],
      );
      assert.equal(untouched?.segments.at(-1)?.activity, "running");
      assert.equal(untouched?.restarts, 0);
    });

    it("takes the end of the run for no failure, and a task that stays down for one", () => {
      for (const group of timelineLanes(RunFacts.of(killed()))) {
        for (const { segments } of group.lanes) assert.equal(segments.at(-1)?.activity, "running");
      }
      const run = new SampleRun().start();
      run.state(3000, "langid#1", "RUNNING", "FAILED");
      assert.deepEqual(
        lane(run.end(9000).events(), "langid#1")
          ?.segments.slice(-2)
          .map(({ activity, from, to }) => [activity, from, to]),
        [
          ["running", 239, 3000],
          ["down", 3000, 8990],
        ],
      );
    });

    it("collapses many stream tasks to one lane for each vertex, where the worst shows", () => {
      const run = new SampleRun({ parallelism: 64 }).start();
      run.killTaskManager(5_000, "taskmanager:1");
      const groups = timelineLanes(RunFacts.of(run.end(9000).events()));
      assert.deepEqual(
        groups.at(-1)?.lanes.map((one) => [one.name, one.members, one.restarts]),
        [
          ["messages", 64, 64],
          ["classify", 64, 64],
          ["per-language", 64, 64],
        ],
      );
      assert.ok(
        groups
          .at(-1)
          ?.lanes.every((one) =>
            one.segments.some((segment) => segment.activity === "down" && segment.detail === "64 of 64"),
          ),
      );
    });

    it("marks the axis at round times", () => {
      assert.deepEqual(
        axisTicks(0, 20_000, 1000)
          .map((tick) => tick.label)
          .slice(0, 3),
        ["0 s", "2 s", "4 s"],
      );
      assert.deepEqual(
        axisTicks(9_900, 10_400, 1000)
          .map((tick) => tick.label)
          .slice(0, 2),
        ["9.90 s", "9.95 s"],
      );
      assert.deepEqual(
        axisTicks(0, 4 * 3_600_000, 1000)
          .map((tick) => tick.label)
          .slice(0, 4),
        ["0 s", "30:00", "1:00:00", "1:30:00"],
      );
      assert.ok(axisTicks(0, 1e12, 1000).length < 20);
      assert.deepEqual([momentText(12_345), momentText(3_723_500)], ["12.345 s", "1:02:03.500"]);
    });
  });

  describe("in a browser", function () {
    this.timeout(60_000);
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    let browser: Browser;
    let folder: string;
    before(async () => {
      assert.ok(
        existsSync(executablePath),
        `These tests need Chromium at ${executablePath}; set CHROMIUM to where it is.`,
      );
      folder = mkdtempSync(join(tmpdir(), "faultline-report-"));
      browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
    });
    after(async () => {
      await browser?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    async function open(
      html: string,
      options: Parameters<Browser["newPage"]>[0] = {},
    ): Promise<{ page: Page; complaints: string[] }> {
      const file = join(folder, "report.html");
      writeFileSync(file, html);
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => {
        if (request.url() !== pathToFileURL(file).href) complaints.push(`request: ${request.url()}`);
      });
      await page.goto(pathToFileURL(file).href);
      return { page, complaints };
    }

    it("zooms to a failure and back, and tells what is under the pointer", async () => {
      const { page, complaints } = await open(pageOf(killed()));
      const loading = page.locator("#timeline .bar.loading").nth(2);
      const width = async (): Promise<number> => (await loading.boundingBox())?.width ?? 0;
      const before = await width();
      await page.click("[data-zoom]");
      assert.ok((await width()) > 20 * before, `${before} to ${await width()}`);
      await loading.hover();
      assert.match(await page.locator("#tip").innerText(), /langid#1: loading the model \(on cpu, attempt 2\), 45 ms/);
      await page.click("#whole");
      assert.ok(Math.abs((await width()) - before) < 0.5);
      const plot = await page.locator("#timeline").boundingBox();
      assert.ok(plot !== null);
      await page.mouse.move(plot.x + plot.width * 0.5, plot.y + plot.height - 60);
      await page.mouse.down();
      await page.mouse.move(plot.x + plot.width * 0.7, plot.y + plot.height - 60, { steps: 4 });
      await page.mouse.up();
      assert.ok((await width()) > 2 * before, "dragging over a stretch zooms to it");
      await page.locator("#timeline").dblclick({ position: { x: plot.width / 2, y: plot.height - 60 } });
      assert.ok(Math.abs((await width()) - before) < 0.5);
      assert.deepEqual(complaints, []);
      await page.close();
    });

    it("draws with the script what stands there without it", async () => {
      const geometry = (page: Page): Promise<number[]> =>
        page.evaluate(() =>
          [...document.querySelectorAll("#timeline .bar")].map((bar) => Number(bar.getAttribute("x"))),
        );
      // At this width the timeline has the size that it was drawn for.
      const size = { viewport: { width: 1160 + 40 + 26, height: 900 } };
      const still = await open(pageOf(killed()), { ...size, javaScriptEnabled: true });
      const drawn = await geometry(still.page);
      const html = pageOf(killed()).replace(/<script[\s\S]*<\/script>/, "");
      const plain = await open(html, size);
      const stands = await geometry(plain.page);
      assert.equal(drawn.length, stands.length);
      drawn.forEach((x, index) => assert.ok(Math.abs(x - (stands[index] ?? 0)) < 0.02, `${x} ${stands[index]}`));
      await still.page.close();
      await plain.page.close();
    });

    it("shows hostile names as text, and its policy stops a script that got in", async () => {
      const html = pageOf(hostile());
      const { page } = await open(html);
      assert.equal(await page.evaluate(() => (window as { pwned?: number }).pwned), undefined);
      assert.equal(await page.locator("script").count(), 1);
      assert.equal(await page.locator("img, b, i:not(.lapse i), u").count(), 0);
      assert.match(await page.locator("h1").innerText(), /<script>window\.pwned=1<\/script>/);
      assert.ok((await page.locator("text.lane", { hasText: "مرحبا🙂<b>#0" }).count()) === 1);
      assert.ok(
        await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
        "nothing sticks out",
      );
      await page.close();

      const injected = html.replace(
        "<main>",
        `<main><script>window.pwned = 1</script><img src="x" onerror="window.pwned = 1">`,
      );
      const second = await open(injected);
      assert.equal(await second.page.evaluate(() => (window as { pwned?: number }).pwned), undefined);
      assert.ok(second.complaints.some((text) => text.includes("Content Security Policy")));
      await second.page.close();
    });

    it("fits 800 pixels", async () => {
      const { page } = await open(pageOf(killed()), { viewport: { width: 800, height: 900 } });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
      const size = await page.evaluate(() => {
        const label = document.querySelector("#timeline text.lane") as SVGTextElement;
        return label.getBoundingClientRect().height;
      });
      assert.ok(size >= 11, `labels of the timeline are ${size} px high`);
      await page.close();
    });

    it("gives axe nothing to find, in light and in dark", async () => {
      const axe = readFileSync(createRequire(__filename).resolve("axe-core/axe.min.js"), "utf8");
      for (const colorScheme of ["light", "dark"] as const) {
        const { page } = await open(pageOf(killed()), { colorScheme });
        await page.evaluate(axe);
        const found = await page.evaluate(async () => {
          const { axe } = window as unknown as {
            axe: {
              run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>;
            };
          };
          return (await axe.run()).violations.map(
            ({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`,
          );
        });
        assert.deepEqual(found, [], colorScheme);
        await page.close();
      }
    });
  });
});
