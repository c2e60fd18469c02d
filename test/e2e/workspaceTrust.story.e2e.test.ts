/** In a folder that nobody trusts yet: graphs are shown, nothing of the folder is run. And what a reload of the window leaves. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";

const JOB = "language-detection.faultline.json";
/** The graph is another editor of the same file: its tab is called as the text's. */
const GRAPH = JOB;

describe("a workspace that is not trusted", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
      workspaceTrust: true,
    });
    workbench = await Workbench.open(server, { ready: "faultline.openJobGraph" });
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    await server?.dispose();
  });

  it("shows the graph and offers no run", async () => {
    await workbench.openFile(JOB);
    await workbench.editorAction("Open Job Graph");
    const graph = new GraphPage(await workbench.webview(GRAPH));
    await graph.cell("langid", 1).waitFor();
    assert.equal(await graph.button("Run").getAttribute("disabled"), "");
    assert.equal(await workbench.hasCommand("faultline.runJob"), false, "a disabled command is not in the palette");
    await workbench.showViewContainer("Faultline");
    await workbench.page.getByText("Jobs run only in a trusted workspace.").waitFor();
  });

  it("runs nothing, and everything as soon as it is trusted", async () => {
    const before = server.processes().filter(({ command }) => command.some((part) => /coordinator\.js$/.test(part)));
    assert.deepEqual(before, []);
    await workbench.trustWorkspace();
    // The editor for Workspace Trust lies over the graph now, which is still the active tab below it.
    const graph = new GraphPage(await workbench.webview(GRAPH));
    await graph.frame.locator('vscode-button[aria-label="Run"]:not([disabled])').waitFor();
  });

  it("finds its graph again after the window was loaded anew", async () => {
    await workbench.reload();
    await workbench.tab(GRAPH, 1).click();
    const graph = new GraphPage(await workbench.webview(GRAPH));
    await graph.cell("langid", 1).waitFor();
  });
});
