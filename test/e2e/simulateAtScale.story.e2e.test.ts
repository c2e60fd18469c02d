/**
 * `Simulate at Scale…`, as a person lives it: the command on a job file, a slider moved, progress, a table with figures for each deployment, the
 * graph and the report of a simulated run, a cluster that cannot be, and a panel that takes its simulation along when it is closed.
 *
 * The tests are its steps, in their order.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { until } from "./harness/condition";
import { type ProcessInfo, isRunning } from "./harness/processTree";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { eventsOf, journals } from "./runJournal";

const JOB = "language-detection.faultline.json";
const SIMULATE = "Simulate: language-detection";
const DEPLOYMENTS = ["embedded", "rpc-service"];

describe("a simulation at scale, from the command to its report", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;
  let view: FrameLocator;

  const press = (label: string): Promise<void> =>
    view.locator(`vscode-button[aria-label=${JSON.stringify(label)}]`).click();
  const status = (): Locator => view.locator("main [role=status]");
  const ready = (what: string): Promise<void> => view.locator(`body[data-ready=${what}]`).waitFor({ timeout: 60_000 });
  /** Moves a slider with the keyboard, and sees what it says then. */
  const slide = async (id: string, keys: readonly string[], says: string): Promise<void> => {
    await view.locator(`#${id}`).focus();
    for (const key of keys) await workbench.page.keyboard.press(key);
    assert.equal(await view.locator(`output[for="${id}"]`).innerText(), says);
  };
  const simulations = (): readonly ProcessInfo[] =>
    server
      .processes()
      .filter(({ command }) => command.includes("simulate") && command.some((part) => part.endsWith(JOB)));
  /** What each column of the table says, by the name of the row. */
  const table = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const rows = await view
      .locator("table tr")
      .evaluateAll((lines) => lines.map((line) => [...line.children].map((cell) => cell.textContent ?? "")));
    return new Map(rows.map(([name = "", ...cells]) => [name, cells]));
  };

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
    });
    const viewport = { width: 1600, height: 960 };
    workbench = await Workbench.open(server, { ready: "faultline.simulateAtScale", viewport });
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], [], "nothing that the editor started outlives it");
  });

  it("opens a view for the job file, with what can be set", async () => {
    await workbench.openFile(JOB);
    await workbench.runCommand("faultline.simulateAtScale");
    view = await workbench.webview(SIMULATE);
    await ready("job");
    assert.equal(await view.locator("h1").innerText(), "Simulate language-detection at scale");
    assert.match(
      await view.locator(".results").innerText(),
      /^What would this job do .*\n?.* no code of the folder runs/s,
    );
    await workbench.screenshot("simulate-before");
  });

  it("simulates what was set in a process of its own, and says how far it is", async () => {
    await slide("parallelism", ["ArrowRight", "ArrowRight", "ArrowRight"], "4");
    await slide("instances", ["ArrowRight", "ArrowRight", "ArrowRight"], "4");
    await slide("duration", ["Home", "ArrowRight"], "5m");
    await slide("mtbf-model", ["End"], "every 1m each");
    await view.locator("body").evaluate(() => {
      const said: string[] = [];
      const element = document.querySelector("main [role=status]");
      new MutationObserver(() => said.push(element?.textContent ?? "")).observe(element!, {
        childList: true,
        characterData: true,
        subtree: true,
      });
      (globalThis as unknown as { said: string[] }).said = said;
    });
    await press("Simulate");
    const [simulation] = await until("the simulation's process", () => simulations().length > 0 && simulations());
    assert.ok(simulation !== undefined && simulation.pid !== (await server.extensionHostPid()));
    await workbench.screenshot("simulate-progress");
    await ready("results");
    const said = await view.locator("body").evaluate(() => (globalThis as unknown as { said: string[] }).said);
    for (const deployment of DEPLOYMENTS) {
      assert.ok(
        said.some((text) => /^\d+ %: /.test(text) && text.includes(deployment)),
        `it is said how far ${deployment} is: ${said.join(" | ")}`,
      );
    }
    assert.match(await status().innerText(), /^2 combinations in \d+\.\d s\.$/);
    assert.equal(await view.locator("progress").isVisible(), false);
    await until("the process to be gone", () => !isRunning(simulation));
  });

  it("shows charts, and a table with figures for each deployment", async () => {
    assert.equal(await view.locator("figure").count(), 5);
    assert.match(
      await view.locator(".verdict").innerText(),
      /^Least downtime with rpc-service: down 0\.00 % .* records\/s\. Most with embedded: down [1-9]/,
    );
    const rows = await table();
    assert.deepEqual(rows.get(""), DEPLOYMENTS);
    for (const name of ["throughput, records/s", "goodput (results not repeated)", "calls p99", "downtime", "faults"]) {
      const cells = rows.get(name) ?? [];
      assert.equal(cells.length, 2, name);
      for (const cell of cells) assert.match(cell, /^\d/, name);
    }
    const [embedded = NaN, service = NaN] = (rows.get("stream tasks restarted") ?? []).map((cell) =>
      Number.parseFloat(cell),
    );
    assert.ok(
      embedded > 0 && service === 0,
      `an embedded model that fails restarts tasks, one behind a service none: ${embedded} and ${service}`,
    );
    await workbench.screenshot("simulate-results");
  });

  it("opens the graph and the report of a simulated run", async () => {
    // Each deployment has its own.
    const simulated = journals(server).findLast(
      ({ events: [started] }) => started?.kind === "run.started" && started.run.deployment === "rpc-service",
    );
    assert.ok(simulated !== undefined);
    const { directory, events } = simulated;
    const id = directory.slice(directory.lastIndexOf("/") + 1);
    assert.ok(eventsOf(events, "failover").length > 0);
    const journal = view.locator(".journals li", { hasText: "rpc-service" });
    await journal.scrollIntoViewIfNeeded();
    await journal.locator('vscode-button[aria-label="Graph"]').click();
    const graph = new GraphPage(await workbench.webview(id));
    await graph.cell("langid", 3).waitFor();
    const restarts = eventsOf(events, "failover").flatMap(({ instances }) => instances);
    await until(
      "the graph to show the end of the run",
      async () => (await graph.names()).some((name) => /restarted/.test(name)),
      {
        onLimit: async () => `${restarts.length} restarts; ${(await graph.names()).join("\n")}`,
      },
    );
    await workbench.screenshot("simulate-graph");
    await workbench.tab(SIMULATE).click();
    view = await workbench.webview(SIMULATE);
    await ready("results");
    await view
      .locator(".journals li", { hasText: "rpc-service" })
      .locator('vscode-button[aria-label="Report"]')
      .click();
    await workbench.webviewShowing(/^Report: language-detection/, /langid#\d/);
    await workbench.screenshot("simulate-report");
  });

  it("says with a code what cannot be, and what to change", async () => {
    await workbench.tab(SIMULATE).click();
    view = await workbench.webview(SIMULATE);
    await ready("results");
    await slide("gpus", ["Home", "ArrowRight"], "1");
    await press("Simulate");
    const alert = view.locator("[role=alert]");
    await alert.waitFor();
    const text = await alert.innerText();
    assert.match(text, /embedded: a node has to hold 1 copy of the model and has room for 0\..*\(FL1051\)/s);
    assert.equal(await status().innerText(), "");
    // The graph beside it has made the panel narrow: what comes of it lies below what is set.
    await until("the problem to be in sight", () =>
      alert.evaluate((element) => element.getBoundingClientRect().bottom <= window.innerHeight),
    );
    await workbench.screenshot("simulate-impossible");
  });

  it("takes its simulation along when the panel is closed", async () => {
    await slide("gpus", ["Home"], "one for each copy");
    await slide("duration", ["End"], "7d");
    await slide("seeds", ["End"], "20");
    await press("Simulate");
    const running = await until("the simulation's process", () => simulations().length > 0 && simulations());
    await status().filter({ hasText: /%/ }).waitFor();
    await workbench.runCommand("workbench.action.closeActiveEditor");
    await until("the panel to be closed", async () => !(await workbench.tabs()).includes(SIMULATE));
    await until("its process to be gone", () => running.every((process) => !isRunning(process)), { limitMs: 5_000 });
    assert.deepEqual(simulations(), []);
    assert.deepEqual(
      workbench.problems.filter(({ url }) => url.includes("faultline")),
      [],
    );
  });
});
