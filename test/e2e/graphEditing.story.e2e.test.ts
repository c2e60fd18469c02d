/** The graph as an editor of the job file beside its text: what is done in one is at once in the other, and can be undone from both. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { until } from "./harness/condition";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";

const JOB = "language-detection.faultline.json";
const EXAMPLE = readFileSync(join(REPOSITORY, "examples", "language-detection", JOB), "utf8");

describe("graph and text, in step", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;
  let graph: GraphPage;

  /** What is on the disk: VS Code in a browser saves by itself. */
  async function textBecomes(wanted: string): Promise<void> {
    const read = (): string => readFileSync(join(server.workspace, JOB), "utf8");
    await until("the job file to be as wanted", () => read() === wanted, { onLimit: read });
  }

  async function editService(id: string, choice: string): Promise<void> {
    await graph.vertex(id).click({ button: "right" });
    await graph.choose("Edit…");
    await workbench.quickInput.choose(choice);
  }

  /** An operator as the card of its chain lists it; one that is alone is its card. */
  function operator(id: string): Locator {
    return graph.frame.locator(`.operator[data-operator="${id}"], .vertex[data-vertex="${id}"]`).last();
  }

  async function editOperator(id: string, ...choices: readonly string[]): Promise<void> {
    await operator(id).click({ button: "right" });
    await graph.choose("Edit…");
    await workbench.quickInput.shown(`Edit ${id}`);
    for (const choice of choices) await workbench.quickInput.choose(choice);
  }

  async function pressInGraph(key: string): Promise<void> {
    await graph.status.click();
    await workbench.page.keyboard.press(key);
  }

  async function pressInText(key: string): Promise<void> {
    await workbench.tab(JOB, 0).click();
    await workbench.page.locator(".editor-group-container.active .monaco-editor.focused").waitFor();
    await workbench.page.keyboard.press(key);
  }

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
    });
    workbench = await Workbench.open(server, {
      ready: "faultline.openJobGraph",
      viewport: { width: 1600, height: 900 },
    });
    await workbench.openFile(JOB);
    await workbench.editorAction("Open Job Graph");
    graph = new GraphPage(await workbench.webview(JOB));
    await graph.cell("langid", 1).waitFor();
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("changes a number in the text when it is set in the picture, and nothing else of the file", async () => {
    await editService("langid", "Set Instances…");
    await workbench.quickInput.shown("Set Instances of langid");
    await workbench.quickInput.type("3");
    await graph.cell("langid", 2).waitFor();
    const [before, behind] = EXAMPLE.split('"parallelism": 2,\n      //');
    await textBecomes(`${before}"parallelism": 3,\n      //${behind}`);
    await workbench.screenshot("graph-editing");
  });

  it("takes it back with the editor's own undo, from the graph and from the text", async () => {
    await pressInGraph("Control+z");
    await graph.cell("langid", 2).waitFor({ state: "detached" });
    await textBecomes(EXAMPLE);
    await pressInGraph("Control+y");
    await graph.cell("langid", 2).waitFor();
    await pressInText("Control+z");
    await graph.cell("langid", 2).waitFor({ state: "detached" });
    await textBecomes(EXAMPLE);
  });

  it("adds an operator behind another, and takes it away again; comments stay", async () => {
    await editOperator("features", "Add Operator Behind…", "sink");
    await workbench.quickInput.shown("Id of the New sink");
    await workbench.quickInput.type("copies");
    await operator("copies").waitFor();
    const added = EXAMPLE.replace(
      '#toFeatures" },\n',
      '#toFeatures" },\n    "copies": { "type": "sink", "connector": "file", "path": "copies" },\n',
    ).replace('"to": "messages" }\n', '"to": "messages" },\n    { "from": "features", "to": "copies" }\n');
    await textBecomes(added);
    await editOperator("copies", "Remove Operator");
    await operator("copies").waitFor({ state: "detached" });
    await textBecomes(EXAMPLE);
  });

  it("renames an operator wherever the text names it", async () => {
    await editOperator("perLanguage", "Rename…");
    await workbench.quickInput.shown("Rename perLanguage");
    await workbench.quickInput.type("byLanguage");
    await textBecomes(EXAMPLE.replaceAll('"perLanguage"', '"byLanguage"'));
    await operator("byLanguage").waitFor();
  });

  it("follows what is typed into the text", async () => {
    await pressInText("Control+z");
    await textBecomes(EXAMPLE);
    await workbench.goTo(16, 7);
    const { keyboard } = workbench.page;
    await keyboard.press("End");
    await keyboard.press("Backspace");
    await keyboard.press("Backspace");
    await keyboard.type("4,");
    await graph.cell("langid", 3).waitFor();
  });
});
