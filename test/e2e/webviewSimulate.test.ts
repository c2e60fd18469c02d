/**
 * The view `Simulate at Scale` in a real browser, with what a real simulation gave: it asks for what was set, shows how far it is, and draws the
 * command line's charts and table; axe finds nothing, and its policy blocks nothing. `FAULTLINE_SCENES=1` takes its pictures.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { planFor } from "../../simulator/client/simulateJob";
import { runSimulation } from "../../simulator/client/simulationThreads";
import { loadJobFile } from "../../simulator/client/jobFileLoading";
import type { SimulationResult, SweepRow } from "../../simulator/observe/simulationResult";
import type { SimulateHostMessage, SimulateViewMessage } from "../../webview/simulate/protocol";
import { THEMES, type ThemeName } from "./webviewHarness/themes";
import { type OpenView, WebviewHost } from "./webviewHarness/webviewHost";

const ROOT = join(__dirname, "..", "..");
const JOB = join(ROOT, "examples/language-detection/language-detection.faultline.json");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const OUTPUT = join(ROOT, ".test-output", "pictures");

const JOB_MESSAGE: SimulateHostMessage = {
  kind: "job",
  job: "language-detection",
  jobFile: JOB,
  parallelism: 2,
  instances: 2,
  hasServices: true,
  runs: [{ id: "20261101-101500-ab12", startedAt: 1_793_500_000_000 }],
};

async function simulated(parallelism: number): Promise<readonly SimulationResult[]> {
  const plan = planFor(await loadJobFile(JOB), {
    seed: 1,
    seeds: 2,
    durationMs: 60_000,
    deployments: ["embedded", "rpc-service"],
    strategies: ["region"],
    parallelism,
    instances: parallelism,
    ratePerSecond: 100,
    loadTimeMs: 2_000,
    faultEveryMs: 10_000,
    repairMs: 2_000,
  });
  return runSimulation(plan);
}

describe("the view that simulates at scale", function () {
  this.timeout(60_000);
  let host: WebviewHost;
  let view: OpenView;
  let results: readonly SimulationResult[];
  let points: readonly SweepRow[];

  const sent = async (): Promise<readonly SimulateViewMessage[]> =>
    (await view.sent()) as readonly unknown[] as readonly SimulateViewMessage[];
  const ready = (name: string): Promise<unknown> =>
    view.page.waitForFunction((wanted) => document.body.dataset["ready"] === wanted, name);
  const axe = async (): Promise<readonly string[]> => {
    await view.page.evaluate(AXE);
    return view.page.evaluate(async () => {
      const { axe: checker } = window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await checker.run()).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" ")}`,
      );
    });
  };

  before(async () => {
    host = await WebviewHost.start();
    results = await simulated(4);
    points = [
      { value: "2", results: await simulated(2) },
      { value: "4", results },
    ];
  });
  after(() => host.stop());
  afterEach(() => view.close());

  for (const theme of Object.keys(THEMES) as ThemeName[]) {
    it(`results and sweep, ${theme}`, async () => {
      view = await host.open({ view: "simulate", theme, height: 1000 });
      const { page } = view;
      await view.post(JOB_MESSAGE);
      await ready("job");
      await view.post({
        kind: "results",
        results,
        seconds: 1.2,
        journals: [{ run: "r1", deployment: "embedded", failoverStrategy: "region" }],
      });
      await ready("results");
      assert.equal(await page.locator("figure").count(), 5);
      const rows = await page.locator("tbody tr").allInnerTexts();
      for (const name of ["throughput", "calls p95", "goodput", "downtime", "device hours wasted"])
        assert.ok(
          rows.some((row) => row.startsWith(name)),
          name,
        );
      assert.ok(
        rows.some((row) => row.includes("±")),
        "the table has intervals",
      );
      assert.deepEqual(await axe(), []);
      if (process.env["FAULTLINE_SCENES"] === "1") {
        mkdirSync(OUTPUT, { recursive: true });
        await page.screenshot({ path: join(OUTPUT, `simulate.${theme}.png`), fullPage: true });
      }
      await view.post({ kind: "sweep", parameter: "parallelism", points, seconds: 2 });
      await ready("sweep");
      assert.equal((await page.locator(".panels circle").count()) > 10, true);
      assert.deepEqual(await axe(), []);
      assert.deepEqual(view.troubles, [], "errors in the page, or something that its policy blocked");
    });
  }

  it("asks for what was set, with the keyboard alone, and can be cancelled", async () => {
    view = await host.open({ view: "simulate" });
    const { page } = view;
    await view.post(JOB_MESSAGE);
    await ready("job");
    await page.locator("#parallelism").focus();
    for (let press = 0; press < 3; press++) await page.keyboard.press("ArrowRight");
    assert.equal(await page.locator("output[for=parallelism]").innerText(), "4");
    await page.locator("#mtbf-device").focus();
    await page.keyboard.press("End");
    await page.selectOption("#sweep", "parallelism");
    await page.keyboard.press("Control+Enter");
    const asked = (await sent()).find((message) => message.kind === "simulate");
    assert.equal(asked?.settings.parallelism, 4);
    assert.deepEqual(asked.settings.mtbf, { device: "1m", model: "10m" });
    assert.equal(asked.settings.sweep, "parallelism");
    await view.post({ kind: "progress", share: 0.42, what: "rpc-service, region" });
    await page.waitForFunction(
      () => document.querySelector("[role=status]")?.textContent === "42 %: rpc-service, region",
    );
    await page.keyboard.press("Escape");
    assert.ok((await sent()).some((message) => message.kind === "cancel"));
    await view.post({ kind: "cancelled" });
    await page.waitForFunction(() => document.querySelector("progress")?.hidden === true);
  });

  it("keeps what was set over a reload, shows problems, and opens journals", async () => {
    view = await host.open({ view: "simulate" });
    const { page } = view;
    await view.post(JOB_MESSAGE);
    await ready("job");
    await page.locator("#seeds").focus();
    await page.keyboard.press("Home");
    assert.equal(await page.locator("output[for=seeds]").innerText(), "1");
    await view.post({
      kind: "failed",
      problem: { code: "FL1051", message: "8 copies do not fit.", hint: "More --gpus." },
    });
    assert.equal(await page.locator("[role=alert]").innerText(), "8 copies do not fit. More --gpus. (FL1051)");
    await view.post({
      kind: "results",
      results,
      seconds: 1,
      journals: [{ run: "r1", deployment: "embedded", failoverStrategy: "region" }],
    });
    await page.locator(".journals vscode-button").first().click();
    assert.deepEqual((await sent()).at(-1), { kind: "openJournal", run: "r1" });
    for (const box of await page.locator("input[type=checkbox]").all()) await box.uncheck();
    await page.keyboard.press("Control+Enter");
    assert.ok(
      !(await sent()).some((message) => message.kind === "simulate"),
      "nothing is asked for without a deployment",
    );
  });
});
