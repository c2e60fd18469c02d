/** A window that is loaded again during a run: the run goes on, is found again, and belongs to the window as before. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { GraphPage } from "./graphPage";
import { until } from "./harness/condition";
import { processInfo } from "./harness/processTree";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { eventsOf, newestJournal, pidsOf } from "./runJournal";

const JOB = "language-detection.faultline.json";
/** The graph is another editor of the same file: its tab is called as the text's. */
const GRAPH = JOB;

describe("a window that is loaded again during a run", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;
  let pids: readonly number[];

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
    });
    const job = join(server.workspace, JOB);
    writeFileSync(job, readFileSync(job, "utf8").replace('"format": "ndjson"', '"format": "ndjson", "repeat": 100'));
    workbench = await Workbench.open(server, { ready: "faultline.openJobGraph" });
    await workbench.openFile(JOB);
    await workbench.runCommand("faultline.runJob");
    await new GraphPage(await workbench.webview(GRAPH)).allLook("running");
    pids = pidsOf(newestJournal(server));
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("finds the run again, which went on with the same processes", async () => {
    const host = await server.extensionHostPid();
    await workbench.reload();
    await workbench.statusBarItem({ text: /language-detection: running/ }).waitFor({ timeout: 60_000 });
    await until("the old extension host to be gone", () => processInfo(host) === undefined, { limitMs: 30_000 });
    const journal = newestJournal(server);
    assert.deepEqual(pidsOf(journal), pids, "no process was started anew");
    assert.equal(eventsOf(journal.events, "failover").length, 0, "nothing restarted");
    for (const pid of pids) assert.ok(processInfo(pid) !== undefined, `process ${pid} is there`);
    await new GraphPage(await workbench.webview(GRAPH)).allLook("running");
  });

  it("injects into it from the new window", async () => {
    await workbench.runCommand("faultline.killServiceInstance");
    await workbench.quickInput.shown("Kill Which Service Instance?");
    await workbench.quickInput.choose("service:langid#0");
    await until("the instance to be restarted", () => {
      const { events } = newestJournal(server);
      return eventsOf(events, "failover").some(({ instances }) => instances.includes("langid#0"));
    });
  });

  it("belongs to the new window: when its extension host is killed, nothing stays", async () => {
    const all = pidsOf(newestJournal(server));
    process.kill(await server.extensionHostPid(), "SIGKILL");
    const left = (): readonly number[] => all.filter((pid) => processInfo(pid) !== undefined);
    await until("the run's processes to end", () => left().length === 0, {
      limitMs: 3_000,
      onLimit: () => left().join(", "),
    });
  });
});
