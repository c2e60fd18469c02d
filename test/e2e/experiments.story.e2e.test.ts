/** Experiments in the Test Explorer: found, run, judged at the hypothesis' own line, debugged, and canceled. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { until } from "./harness/condition";
import { processInfo } from "./harness/processTree";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { eventsOf, newestJournal, pidsOf } from "./runJournal";

const EXAMPLE = join(REPOSITORY, "examples", "language-detection");
const CRASH = { fault: "crash", target: "service:langid#1", after: "300ms" };
const EXPERIMENTS = {
  "holds.experiment.json": {
    job: "language-detection.faultline.json",
    load: { rate: 2000, limit: 4000 },
    faults: [CRASH],
    hypothesis: [
      { name: "no record is lost", probe: "recordsLost", equals: 0 },
      { name: "no stream task restarts", probe: "streamTasksRestarted", equals: 0 },
    ],
  },
  "fails.experiment.json": {
    job: "language-detection.faultline.json",
    load: { rate: 2000, limit: 4000 },
    faults: [CRASH],
    hypothesis: [
      { name: "no record is duplicated", probe: "recordsDuplicated", equals: 0 },
      { name: "five instances restart", probe: "instancesRestarted", equals: 5, inControl: false },
    ],
  },
  "debugged.experiment.json": {
    job: "language-detection.faultline.json",
    load: { rate: 2000, limit: 4000 },
    faults: [CRASH],
    hypothesis: [{ name: "nothing is lost meanwhile", probe: "recordsLost", equals: 0 }],
  },
  "long.experiment.json": {
    job: "language-detection.faultline.json",
    load: { rate: 50, limit: 10000 },
    faults: [CRASH],
    hypothesis: [{ name: "it never ends", probe: "recordsLost", equals: 0 }],
  },
};

describe("experiments in the Test Explorer", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;

  /** A row of the Test Explorer; its icon says how the test went. */
  function row(name: string, state?: "passed" | "failed" | "skipped"): Locator {
    const rows = workbench.page
      .locator(".test-explorer .monaco-list-row")
      .filter({ has: workbench.page.locator(".label", { hasText: new RegExp(`^\\s*${name}`) }) });
    const icon = workbench.page.locator(`.codicon-testing-${state ?? "none"}-icon`);
    return (state === undefined ? rows : rows.filter({ has: icon })).first();
  }

  before(async () => {
    const workspace = mkdtempSync(join(tmpdir(), "fl-experiments-"));
    try {
      cpSync(EXAMPLE, workspace, { recursive: true });
      rmSync(join(workspace, "experiments"), { recursive: true });
      for (const [name, experiment] of Object.entries(EXPERIMENTS)) {
        writeFileSync(join(workspace, name), JSON.stringify(experiment, undefined, 2));
      }
      server = await VscodeServer.start({
        workspace: { kind: "copy", from: workspace },
        vsix: [await extensionVsix()],
      });
    } finally {
      rmSync(workspace, { recursive: true, force: true });
    }
    workbench = await Workbench.open(server, {
      ready: "faultline.openJobGraph",
      viewport: { width: 1400, height: 900 },
    });
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("are found without a file being opened", async () => {
    await workbench.runCommand("workbench.view.testing.focus");
    for (const name of ["debugged", "fails", "holds", "long"]) await row(name).waitFor();
  });

  it("pass, with what was observed at the line of each hypothesis", async () => {
    await workbench.openFile("holds.experiment.json");
    await workbench.runCommand("testing.runCurrentFile");
    await row("holds", "passed").waitFor({ timeout: 90_000 });
    await workbench.page
      .getByText(/no stream task restarts: observed 0, expected = 0/)
      .first()
      .waitFor();
    await workbench.screenshot("experiment-holds");
  });

  it("fail where a hypothesis did not hold, and say what was observed", async () => {
    await workbench.openFile("fails.experiment.json");
    await workbench.runCommand("testing.runCurrentFile");
    await row("fails", "failed").waitFor({ timeout: 90_000 });
    await workbench.page
      .getByText(/five instances restart: not held\. observed 1, expected = 5/)
      .first()
      .waitFor();
    await workbench.screenshot("experiment-fails");
  });

  it("are debugged: a breakpoint in a function holds a record of each run, and the verdict comes after", async function () {
    this.timeout(300_000);
    const functions = join("functions", "messages.ts");
    const above = readFileSync(join(server.workspace, functions), "utf8").split("ngrams: hashedNgrams(")[0] ?? "";
    const line = above.split("\n").length;
    await workbench.openFile(functions);
    await workbench.goTo(line, 1);
    await workbench.runCommand("editor.debug.action.conditionalBreakpoint");
    await workbench.page.locator(".breakpoint-widget .monaco-editor.focused").waitFor();
    // Of each run one record, in one of its TaskManagers.
    await workbench.page.keyboard.insertText("message.id === 41");
    await workbench.page.keyboard.press("Enter");
    await workbench.page.locator(".codicon-debug-breakpoint-conditional").first().waitFor();

    await workbench.openFile("debugged.experiment.json");
    const before = newestJournal(server).directory;
    await workbench.runCommand("testing.debugCurrentFile");
    const standing = workbench.page.locator(".editor-group-container.active .debug-top-stack-frame-line");
    const runs = new Set([before]);
    for (const stage of ["control", "faults"]) {
      await until("the next run", () => !runs.has(newestJournal(server).directory), { limitMs: 90_000 });
      await standing.waitFor({ timeout: 90_000 });
      await workbench.activeTab("messages.ts");
      await workbench.statusBarItem({ text: `Ln ${line}, Col` }).waitFor();
      if (stage === "control") await workbench.screenshot("experiment-debugged");
      const { directory, events } = newestJournal(server);
      runs.add(directory);
      assert.equal(eventsOf(events, "run.ended").length, 0, "it waits as long as the record stands");
      // It is there only while something stands.
      await workbench.runCommand("workbench.action.debug.continue");
    }
    runs.delete(before);
    assert.equal(runs.size, 2, "both runs were held");
    // The debugger has brought its own view in front.
    await workbench.runCommand("workbench.view.testing.focus");
    await row("debugged", "passed").waitFor({ timeout: 90_000 });
    for (const directory of runs) {
      const lines = readFileSync(join(directory, "journal.ndjson"), "utf8").trimEnd().split("\n");
      assert.match(lines.at(-1) ?? "", /"kind":"run\.ended".*"FINISHED"/);
    }
  });

  it("are canceled, and leave nothing behind", async () => {
    await workbench.openFile("long.experiment.json");
    await workbench.runCommand("testing.runCurrentFile");
    await until("the run to begin", () => {
      const { events } = newestJournal(server);
      return (
        eventsOf(events, "job.state").some(({ to }) => to === "RUNNING") && eventsOf(events, "run.ended").length === 0
      );
    });
    const pids = pidsOf(newestJournal(server));
    assert.ok(pids.length >= 5);
    await workbench.runCommand("testing.cancelRun");
    await until("its processes to be gone", () => pids.every((pid) => processInfo(pid) === undefined));
    await row("long", "skipped").waitFor();
  });
});
