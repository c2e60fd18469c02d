/**
 * The main story, as a person lives it: a job file is opened, its graph is looked at, the job is run, one service instance is
 * killed from the picture, the picture shows that it alone restarts, and the report says what it cost.
 *
 * The tests of the first suite are its steps, in their order.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { until } from "./harness/condition";
import { type ProcessInfo, describeProcess, isRunning, processInfo } from "./harness/processTree";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { eventsOf, newestJournal, pidsOf } from "./runJournal";

const EXAMPLE = join(REPOSITORY, "examples", "language-detection");
const JOB = "language-detection.faultline.json";
/** The graph is another editor of the same file: its tab is called as the text's. */
const GRAPH = JOB;
const REPORT = "Report: language-detection";
/** `npm run pictures` sets it: the README's pictures are taken anew. */
const PICTURES = process.env["FAULTLINE_PICTURES"] === "1";
const MEGABYTE = 1024 * 1024;

/** A machine that is busy may draw the failure and the restart as one picture. */
function isDown(look: string): boolean {
  return /^(failing|restarting|starting)/.test(look);
}

async function startServer(): Promise<VscodeServer> {
  const server = await VscodeServer.start({
    workspace: { kind: "copy", from: EXAMPLE },
    vsix: [await extensionVsix()],
  });
  // The example's texts last for half a minute; a test stops its run itself, however slow the machine is.
  const job = join(server.workspace, JOB);
  writeFileSync(job, readFileSync(job, "utf8").replace('"format": "ndjson"', '"format": "ndjson", "repeat": 100'));
  return server;
}

function openWindow(server: VscodeServer): Promise<Workbench> {
  const viewport = { width: 1600, height: 960 };
  return Workbench.open(server, { ready: "faultline.openJobGraph", viewport, deviceScaleFactor: PICTURES ? 2 : 1 });
}

describe("isolated recovery, from opening the job file to its report", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;
  let graph: GraphPage;

  async function picture(name: string): Promise<void> {
    const path = await workbench.screenshot(name);
    if (!PICTURES) return;
    const folder = join(REPOSITORY, "docs", "pictures");
    mkdirSync(folder, { recursive: true });
    copyFileSync(path, join(folder, basename(path)));
  }

  before(async () => {
    server = await startServer();
    workbench = await openWindow(server);
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], [], "nothing that the editor started outlives it");
  });

  it("comes in a VSIX for this platform of at most 40 MB", async () => {
    const { size } = statSync(await extensionVsix());
    process.stdout.write(`      VSIX: ${(size / MEGABYTE).toFixed(1)} MB\n`);
    assert.ok(size < 40 * MEGABYTE);
  });

  it("shows the graph beside the job file, with its pipelined regions", async () => {
    await workbench.openFile(JOB);
    await workbench.editorAction("Open Job Graph");
    graph = new GraphPage(await workbench.webview(GRAPH));
    await graph.vertex("langid").waitFor();
    assert.deepEqual(await workbench.tabs(), [JOB, GRAPH]);
    const names = await graph.names();
    assert.equal(names.length, 8, "six stream tasks and two service instances");
    assert.equal(names.filter((name) => /Region 0\b/.test(name)).length, 6, "the stream tasks are one region");
    const regions = new Set(names.map((name) => /Region \d+/.exec(name)?.[0]));
    assert.equal(regions.size, 3, "each instance is a region of its own");
    await picture("graph");
  });

  it("follows what is typed into the job file", async () => {
    await workbench.tab(JOB).click();
    await workbench.goTo(16, 7);
    const { keyboard } = workbench.page;
    await keyboard.press("End");
    const replaceEnd = async (by: string): Promise<void> => {
      await keyboard.press("Backspace");
      await keyboard.press("Backspace");
      await keyboard.type(by);
    };
    await replaceEnd("3,");
    await graph.cell("langid", 2).waitFor();
    await replaceEnd("2,");
    await graph.cell("langid", 2).waitFor({ state: "detached" });
  });

  it("runs the job, and every node comes to life", async () => {
    await graph.button("Run").click();
    await graph.allLook("running");
    await workbench.statusBarItem({ text: /language-detection: running/ }).waitFor();
    await until("records to flow", async () =>
      /[1-9][\d.]*k? rec\/s/.test((await graph.vertex("texts").textContent()) ?? ""),
    );
    await picture("running");
  });

  it("kills one service instance from the picture, and it alone fails and comes back", async () => {
    await graph.startRecord();
    await graph.cell("langid", 1).click({ button: "right" });
    await graph.choose("Inject Failure…");
    await graph.inject("Crash");
    await until(
      "langid#1 to be down in the picture",
      async () => (await graph.record())["langid#1"]?.some((entry) => isDown(entry)),
      { onLimit: async () => JSON.stringify(await graph.record()) },
    );
    await picture("failing");
    await until(
      "langid#1 to run again",
      async () => (await graph.record())["langid#1"]?.at(-1)?.startsWith("running, restarted once"),
      {
        limitMs: 30_000,
        onLimit: async () => JSON.stringify(await graph.record()),
      },
    );
    await picture("recovered");

    const record = await graph.record();
    assert.equal(Object.keys(record).length, 8);
    for (const [name, looks] of Object.entries(record)) {
      if (name !== "langid#1") assert.deepEqual(looks, ["running"], `${name} keeps running, with its first attempt`);
    }
    const looks = record["langid#1"]?.map((entry) => entry.split(",")[0]) ?? [];
    assert.equal(looks[0], "running");
    assert.ok(looks.some(isDown) && looks.at(-1) === "running", looks.join(" → "));
    process.stdout.write(`      langid#1: ${looks.join(" → ")}\n`);

    const { events } = newestJournal(server);
    const failovers = eventsOf(events, "failover");
    assert.deepEqual(
      failovers.map(({ tasks, instances }) => ({ tasks, instances })),
      [{ tasks: [], instances: ["langid#1"] }],
    );
    assert.equal(eventsOf(events, "fault.effective").length, 1, "the fault really happened");
  });

  it("shows the run in the tree, with the attempt that the instance is in", async () => {
    await workbench.showViewContainer("Faultline");
    const tree = await workbench.tree("Runs");
    await tree.item("langid#1").waitFor();
    await until("the tree to say which attempt it is in", async () =>
      /attempt 2/.test(await tree.description("langid#1")),
    );
    assert.doesNotMatch(await tree.description("langid#0"), /attempt/);
    await picture("runs");
  });

  it("opens the report of the run when it has ended", async () => {
    await workbench.runCommand("faultline.stopRun");
    await graph.status.filter({ hasText: /finished|ended|stopped/i }).waitFor({ timeout: 60_000 });
    await workbench.tab(GRAPH, 1).click();
    await workbench.runCommand("faultline.openReport");
    const report = await workbench.webviewShowing(REPORT, /langid#1/);
    const page = report.locator("body");
    await page.evaluate((body) => body.setAttribute("data-seen", "yes"));
    await picture("report");
    const { events } = newestJournal(server);
    const pids = eventsOf(events, "process.started").map(({ pid }) => pid);
    await until("every process of the run to be gone", () => pids.every((pid) => processInfo(pid) === undefined));
    // Asked for again, a report of a run that is over is not drawn again: whoever reads it would be thrown back to its top.
    await workbench.runCommand("faultline.openReport");
    assert.equal(await page.getAttribute("data-seen"), "yes");
    assert.deepEqual(
      workbench.problems.filter(({ url }) => url.includes("faultline")),
      [],
    );
  });
});

describe("when the extension host is killed", function () {
  this.timeout(180_000);

  it("leaves no process of the run behind, after three seconds", async () => {
    const server = await startServer();
    try {
      const workbench = await openWindow(server);
      await workbench.openFile(JOB);
      await workbench.runCommand("faultline.runJob");
      const graph = new GraphPage(await workbench.webview(GRAPH));
      await graph.allLook("running");
      const journal = newestJournal(server);
      const { directory } = journal;
      const pids = new Set(pidsOf(journal));
      const processes = server
        .processes()
        .filter(({ pid, command }) => pids.has(pid) || command.some((part) => part.includes(directory)));
      assert.ok(
        processes.length >= 6,
        `the run's keeper, coordinator, two TaskManagers, two instances:\n${processes.map(describeProcess).join("\n")}`,
      );
      const killedAt = Date.now();
      process.kill(await server.extensionHostPid(), "SIGKILL");
      const left = (): readonly ProcessInfo[] => processes.filter(isRunning);
      await until("the run's processes to end", () => left().length === 0, {
        limitMs: 3_000,
        onLimit: () => left().map(describeProcess).join("\n"),
      });
      process.stdout.write(`      gone after ${Date.now() - killedAt} ms\n`);
      const sockets = readdirSync(server.temporary).filter((name) => name.startsWith("fl-"));
      assert.deepEqual(sockets, [], "no socket folder is left");
    } finally {
      await server.dispose();
    }
  });
});
