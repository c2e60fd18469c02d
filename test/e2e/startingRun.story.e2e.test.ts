/** A run that takes long to start: a notification says how far it is, and calls it off. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, extensionVsix } from "./extensionVsix";
import { until } from "./harness/condition";
import { describeProcess, processInfo } from "./harness/processTree";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { eventsOf, newestJournal, pidsOf } from "./runJournal";

const JOB = "language-detection.faultline.json";
const STARTING = /^Starting language-detection/;

describe("starting a run that takes long", function () {
  this.timeout(180_000);
  let server: VscodeServer;
  let workbench: Workbench;
  let original: string;

  /** The model takes this much longer to load, and the texts last. */
  function writeJob(loadDelay: string): void {
    const text = original
      .replace('"format": "ndjson"', '"format": "ndjson", "repeat": 100')
      .replace('"model":', `"loadDelay": "${loadDelay}", "model":`);
    assert.ok(text.includes("loadDelay") && text.includes("repeat"));
    writeFileSync(join(server.workspace, JOB), text);
  }

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
    });
    original = readFileSync(join(server.workspace, JOB), "utf8");
    writeJob("10m");
    workbench = await Workbench.open(server, { ready: "faultline.openJobGraph" });
    await workbench.openFile(JOB);
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("says how far it is, and when it is called off nothing of the run stays", async () => {
    await workbench.runCommand("faultline.runJob");
    await workbench.notifications.waitFor(/^Starting language-detection: \d of \d+ subtasks run/, 60_000);
    await until("the instances to load their model", () => {
      const phases = eventsOf(newestJournal(server).events, "instance.phase");
      return phases.filter(({ phase }) => phase === "LOADING").length >= 2;
    });
    const pids = pidsOf(newestJournal(server));
    assert.ok(pids.length >= 5, pids.join(", "));
    await workbench.notifications.press(STARTING, "Cancel");
    await until("its processes to be gone", () => pids.every((pid) => processInfo(pid) === undefined), {
      limitMs: 60_000,
      onLimit: () => pids.filter((pid) => processInfo(pid) !== undefined).join(", "),
    });
    const { directory, events } = newestJournal(server);
    assert.deepEqual(
      eventsOf(events, "run.ended").map(({ state }) => state),
      ["CANCELED"],
    );
    const { socketDirectory } = JSON.parse(readFileSync(join(directory, "run.json"), "utf8")) as {
      readonly socketDirectory: string;
    };
    assert.ok(!existsSync(join(socketDirectory, "control.sock")), "nobody listens any more");
    const left = server.processes().filter(({ command }) => command.some((part) => part.includes(directory)));
    assert.deepEqual(left.map(describeProcess), []);
    await workbench.statusBarItem({ text: /language-detection/ }).waitFor({ state: "detached" });
    await until("the notification to go", async () => {
      const messages = await workbench.notifications.messages();
      return !messages.some((message) => STARTING.test(message));
    });
  });

  it("lets go by itself when the job runs", async () => {
    writeJob("10s");
    await workbench.notifications.hide();
    await workbench.tab(JOB).click();
    await workbench.page.locator(".view-lines", { hasText: '"10s"' }).first().waitFor();
    await workbench.runCommand("faultline.runJob");
    await workbench.notifications.waitFor(STARTING, 60_000);
    await workbench.statusBarItem({ text: /language-detection: running/ }).waitFor({ timeout: 60_000 });
    await until("the notification to go", async () => {
      const messages = await workbench.notifications.messages();
      return !messages.some((message) => STARTING.test(message));
    });
    await workbench.notifications.hide();
    await workbench.runCommand("faultline.cancelRun");
    await workbench.statusBarItem({ text: /language-detection/ }).waitFor({ state: "detached", timeout: 60_000 });
  });
});
