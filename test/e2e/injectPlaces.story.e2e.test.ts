/** Every place from which a failure can be injected, one after the other, into one run. What took effect is counted in its journal. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { until } from "./harness/condition";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { eventsOf, newestJournal } from "./runJournal";

const JOB = "language-detection.faultline.json";

describe("injecting a failure", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;
  let graph: GraphPage;

  /** Of slowness, which restarts nothing: what took effect so far. */
  function effects(): number {
    return eventsOf(newestJournal(server).events, "fault.effective").length;
  }

  /** Does it and waits until one failure more took effect. */
  async function injects(act: () => Promise<void>): Promise<void> {
    const before = effects();
    await act();
    await until("the failure to take effect", () => effects() > before);
  }

  /** The pickers after the target is known. */
  async function chooseSlowness(): Promise<void> {
    await workbench.quickInput.choose("Slow Inference");
    await workbench.quickInput.shown("Inject Failure: Slow Inference");
    await workbench.quickInput.accept();
  }

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
    });
    const job = join(server.workspace, JOB);
    writeFileSync(job, readFileSync(job, "utf8").replace('"format": "ndjson"', '"format": "ndjson", "repeat": 100'));
    workbench = await Workbench.open(server, {
      ready: "faultline.openJobGraph",
      viewport: { width: 1600, height: 900 },
    });
    await workbench.openFile(JOB);
    await workbench.editorAction("Run Job");
    graph = new GraphPage(await workbench.webview(JOB));
    await graph.allLook("running");
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("from the lens over the job file", () =>
    injects(async () => {
      await workbench.tab(JOB, 0).click();
      await workbench.page.locator(".codelens-decoration a", { hasText: "Inject Failure…" }).first().click();
      await workbench.quickInput.choose("service:langid#0");
      await chooseSlowness();
    }));

  it("from the palette, which offers the last one first", () =>
    injects(async () => {
      await workbench.runCommand("faultline.injectFailure");
      await workbench.quickInput.shown("Inject Failure: What Shall Fail?");
      await workbench.quickInput.choose("service:langid#1");
      await workbench.quickInput.shown("Inject Failure: service:langid#1");
      await workbench.quickInput.rows.first().waitFor();
      assert.equal((await workbench.quickInput.labels())[0], "Slow Inference");
      await chooseSlowness();
    }));

  it("by a key", () =>
    injects(async () => {
      await workbench.tab(JOB, 0).click();
      await workbench.goTo(1, 1);
      await workbench.page.keyboard.press("Control+Alt+f");
      await workbench.page.keyboard.press("i");
      await workbench.quickInput.shown("Inject Failure: What Shall Fail?");
      await workbench.quickInput.choose("service:langid#0");
      await chooseSlowness();
    }));

  it("once more, without a question", () => injects(() => workbench.runCommand("faultline.repeatLastFailure")));

  it("from the status bar", () =>
    injects(async () => {
      await workbench.statusBarItem({ text: /language-detection: running/ }).click();
      await workbench.quickInput.choose("Inject Failure…");
      await workbench.quickInput.shown("Inject Failure: What Shall Fail?");
      await workbench.quickInput.choose("service:langid#1");
      await chooseSlowness();
    }));

  it("from the tree, by its icon and by its menu", async () => {
    await workbench.showViewContainer("Faultline");
    const tree = await workbench.tree("Runs");
    await tree.item("langid#1").waitFor();
    await injects(async () => {
      await tree.inlineAction("langid#1", "Inject Failure…");
      await chooseSlowness();
    });
    await injects(async () => {
      await tree.contextMenu("langid#0", "Inject Failure…");
      await chooseSlowness();
    });
  });

  it("from the picture", () =>
    injects(async () => {
      await graph.cell("langid", 1).click({ button: "right" });
      await graph.choose("Inject Failure…");
      await graph.inject("Slow Inference");
    }));

  it("between two processes, and heals everything at once", async () => {
    await workbench.runCommand("faultline.healAll");
    await injects(async () => {
      await workbench.runCommand("faultline.partition");
      await workbench.quickInput.shown("Partition: Which Process?");
      await workbench.quickInput.choose("taskmanager:0");
      await workbench.quickInput.shown("Partition: taskmanager:0 From Which Other?");
      await workbench.quickInput.choose("service:langid#0");
      await workbench.quickInput.shown("Inject Failure: Black Hole");
      await workbench.quickInput.accept();
    });
    await workbench.runCommand("faultline.healAll");
    const injected = (): number => eventsOf(newestJournal(server).events, "fault.injected").length;
    const healed = (): number => eventsOf(newestJournal(server).events, "fault.healed").length;
    await until("everything to be healed", () => healed() === injected(), {
      onLimit: () => `${healed()} of ${injected()}`,
    });
  });

  it("asks once more when a webview takes the focus back before the question was seen", async () => {
    // What the editor itself does, now and then, a moment after the palette has closed over a webview that had the focus.
    await workbench.page.evaluate((title) => {
      const seen = Object.assign(window, { timesAsked: 0 });
      let asked = false;
      const look = (): void => {
        const widget = document.querySelector<HTMLElement>(".quick-input-widget");
        const shown =
          widget?.contains(document.activeElement) === true && widget.querySelector(".quick-input-title")?.textContent === title;
        if (shown && !asked && ++seen.timesAsked === 1) document.querySelector<HTMLElement>("iframe.webview")?.focus();
        asked = shown;
        if (seen.timesAsked < 2) setTimeout(look, 1);
      };
      look();
    }, "Partition: Which Process?");
    await workbench.runCommand("faultline.partition");
    const timesAsked = () => workbench.page.evaluate(() => (window as unknown as { readonly timesAsked: number }).timesAsked);
    await until("the question to be asked again", async () => (await timesAsked()) === 2);
    await workbench.quickInput.shown("Partition: Which Process?");
    await workbench.quickInput.cancel();
  });

  it("takes a checkpoint when it is told to", async () => {
    const manual = (): number =>
      eventsOf(newestJournal(server).events, "checkpoint.triggered").filter(({ reason }) => reason === "manual").length;
    await workbench.runCommand("faultline.triggerCheckpoint");
    await until("a checkpoint by hand", () => manual() === 1);
  });

  it("kills the memory of a device", () =>
    injects(async () => {
      await workbench.runCommand("faultline.exhaustGpuMemory");
      await workbench.quickInput.shown("Exhaust the Memory of Which Service Instance's Device?");
      await workbench.quickInput.choose("service:langid#0");
      await workbench.quickInput.shown("Inject Failure: Device Out of Memory");
      await workbench.quickInput.accept();
    }));
});
