/** From an empty folder to a killed instance: what somebody does who has just installed the extension. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { until } from "./harness/condition";
import { menuLabels, closeMenu } from "./harness/menu";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";

const JOB = "langdetect.faultline.json";

describe("the first run, from an empty folder", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;
  let graph: GraphPage;

  before(async () => {
    server = await VscodeServer.start({ vsix: [await extensionVsix()] });
    workbench = await Workbench.open(server, { ready: "faultline.newJob", viewport: { width: 1600, height: 900 } });
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("says in the view what to do first", async () => {
    await workbench.showViewContainer("Faultline");
    await workbench.page.getByText("No job has been run yet.").waitFor();
    await workbench.screenshot("first-run-welcome");
  });

  it("makes a job that runs from the walkthrough's first step, and shows it with its graph", async () => {
    await workbench.runCommand("welcome.showAllWalkthroughs");
    await workbench.quickInput.choose("Kill an Instance, and See That the Job Did Not Notice");
    await workbench.page
      .locator(".gettingStartedContainer .getting-started-step[aria-expanded=true] .monaco-button", {
        hasText: "New Job…",
      })
      .click();
    await workbench.quickInput.shown("New Job");
    await workbench.quickInput.choose("Language detection");
    await workbench.quickInput.shown("Name of the job");
    await workbench.quickInput.type("langdetect");
    graph = new GraphPage(await workbench.webview(JOB));
    await graph.cell("langid", 1).waitFor();
    assert.deepEqual((await workbench.tabs()).slice(-2), [JOB, JOB]);
    assert.ok(existsSync(join(server.workspace, "langdetect", "data", "SOURCES.md")));
    // The example's texts last for half a minute; the test stops its run itself.
    const job = join(server.workspace, "langdetect", JOB);
    writeFileSync(job, readFileSync(job, "utf8").replace('"format": "ndjson"', '"format": "ndjson", "repeat": 100'));
  });

  it("is run from the file's title, and its lens and tree say that it runs", async () => {
    await workbench.tab(JOB).click();
    await workbench.page.locator(".view-lines", { hasText: "repeat" }).first().waitFor();
    await workbench.editorAction("Run Job");
    await graph.allLook("running");
    await workbench.page.locator(".codelens-decoration", { hasText: "Inject Failure…" }).first().waitFor();
    const tree = await workbench.tree("Runs");
    await tree.item("langid#1").waitFor();
    assert.deepEqual((await tree.labels()).slice(0, 2), ["langdetect", "Region 0"]);
  });

  it("kills an instance with one command", async () => {
    await graph.startRecord();
    await workbench.runCommand("faultline.killServiceInstance");
    await workbench.quickInput.shown("Kill Which Service Instance?");
    const offered = (await workbench.quickInput.labels()).filter((label) => label.includes(":"));
    assert.deepEqual(offered, ["service:langid#0", "service:langid#1"], "instances alone");
    await workbench.quickInput.choose("service:langid#0");
    await until(
      "langid#0 to run again",
      async () => (await graph.record())["langid#0"]?.at(-1)?.startsWith("running, restarted once"),
      { limitMs: 60_000, onLimit: async () => JSON.stringify(await graph.record()) },
    );
  });

  it("hangs an instance from the tree, shows the fault, and heals it there", async () => {
    const tree = await workbench.tree("Runs");
    await tree.inlineAction("langid#1", "Inject Failure…");
    await workbench.quickInput.shown("Inject Failure: service:langid#1");
    await workbench.quickInput.choose("Hang");
    // Its parameters have defaults: Inject comes first.
    await workbench.quickInput.shown("Inject Failure: Hang");
    await workbench.quickInput.accept();
    await tree.item("hang on service:langid#1").waitFor();
    await workbench.screenshot("first-run-hang");
    await tree.inlineAction("hang on service:langid#1", "Heal All Failures");
    await tree.item("hang on service:langid#1").waitFor({ state: "detached" });
  });

  it("offers on a run what can be done with it", async () => {
    const tree = await workbench.tree("Runs");
    await tree.item("langdetect").click({ button: "right" });
    const labels = await menuLabels(workbench.page);
    for (const label of [
      "Open Job Graph",
      "Open Recovery Report",
      "Inject Failure…",
      "Heal All Failures",
      "Stop Run",
    ]) {
      assert.ok(labels.includes(label), `${label} in ${labels.join(", ")}`);
    }
    await closeMenu(workbench.page);
  });

  it("shows the log of a process", async () => {
    const tree = await workbench.tree("Runs");
    await tree.contextMenu("langid#0", "Show Process Log");
    await workbench.page.locator(".panel .monaco-select-box, .panel select").first().waitFor();
    await workbench.page
      .getByText(/langdetect service:langid#0/)
      .first()
      .waitFor({ state: "attached" });
  });

  it("is stopped from the status bar", async () => {
    await workbench.statusBarItem({ text: /langdetect: running/ }).click();
    await workbench.quickInput.choose("Stop Run");
    await graph.status.filter({ hasText: /finished|ended|stopped/i }).waitFor({ timeout: 60_000 });
    await workbench.statusBarItem({ text: /langdetect/ }).waitFor({ state: "detached" });
  });
});
