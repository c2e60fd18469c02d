/**
 * The extension in the web worker's extension host, where nothing of Node is: the graph of a job file, edits of it, and the replay of a
 * journal. What needs a machine says so.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { until } from "./harness/condition";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { languageDetection } from "./webviewHarness/sampleGraphs";
import { killedInstance } from "./webviewHarness/sampleJournal";

const JOB = "language-detection.faultline.json";

describe("the extension in a browser alone", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;

  before(async () => {
    const job = readFileSync(join(REPOSITORY, "examples", "language-detection", JOB), "utf8");
    const journal = killedInstance(languageDetection()).map((event) => `${JSON.stringify(event)}\n`);
    server = await VscodeServer.start({
      workspace: { kind: "files", files: { [JOB]: job, "copied/journal.ndjson": journal.join("") } },
      vsix: [await extensionVsix()],
      settings: { "remote.extensionKind": { "faultline.faultline": ["web"] }, "extensions.webWorker": true },
    });
    workbench = await Workbench.open(server, {
      ready: "faultline.openJobGraph",
      viewport: { width: 1600, height: 900 },
    });
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("draws the graph of a job file, offers no run, and follows its text", async () => {
    await workbench.openFile(JOB);
    await workbench.editorAction("Open Job Graph");
    const graph = new GraphPage(await workbench.webview(JOB));
    await graph.cell("langid", 1).waitFor();
    assert.equal((await graph.names()).length, 8);
    assert.equal(await graph.button("Run").getAttribute("disabled"), "");
    await graph.vertex("langid").click({ button: "right" });
    await graph.choose("Edit…");
    await workbench.quickInput.choose("Set Instances…");
    await workbench.quickInput.type("3");
    await graph.cell("langid", 2).waitFor();
  });

  it("replays a journal that lies in the folder, and shows its report", async () => {
    const explorer = await workbench.explorer();
    await explorer.expand("copied");
    await explorer.contextMenu("journal.ndjson", "Open Journal…");
    const graph = new GraphPage(await workbench.webview(/^Graph: .*20251009/));
    await graph.cell("langid", 1).waitFor();
    assert.ok(
      (await graph.names()).some((name) => /restarted once/.test(name)),
      "the instance that was killed",
    );
    await workbench.runCommand("faultline.openReport");
    await workbench.webviewShowing(/^Report: /, /langid#1/);
    await workbench.screenshot("web-extension");
  });

  it("says of what needs a machine that there is none", async () => {
    await workbench.openFile(JOB);
    await workbench.runCommand("faultline.runJob");
    await workbench.notifications.waitFor("there is no machine behind this window");
  });

  it("logs no error of its own", () => {
    assert.deepEqual(
      workbench.extensionProblems().filter(({ text }) => /faultline/i.test(text)),
      [],
    );
  });

  it("runs in a worker of the page, not in a process", async () => {
    await workbench.runCommand("workbench.action.showRuntimeExtensions");
    // The slowest to wake up come first, and only rows in sight are there.
    const list = workbench.page.locator(".runtime-extensions-editor .monaco-list").first();
    await list.locator(".extension").first().waitFor();
    const row = list.locator(".extension", { hasText: "Faultline" }).first();
    await until("Faultline among the running extensions", async () => {
      if ((await row.count()) > 0) return true;
      await list.hover();
      await workbench.page.mouse.wheel(0, 200);
      return false;
    });
    assert.match((await row.textContent()) ?? "", /Web Worker/i);
  });
});
