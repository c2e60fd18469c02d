/** The harness proves itself on a throw-away extension, before any story relies on it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { createVSIX } from "@vscode/vsce";
import { browserProcesses } from "./harness/browser";
import { until } from "./harness/condition";
import type { Problem } from "./harness/consoleProblems";
import { assertAllPassed, runExtensionHostTests } from "./harness/extensionHostTests";
import { closeMenu, menuLabels } from "./harness/menu";
import { allProcesses, descendantsOf, isRunning } from "./harness/processTree";
import { SELF_TEST_EXTENSION } from "./harness/selfTestExtension";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";

const STATUS = { id: "faultline-selftest.harness-self.selftest.status" };

describe("the editor test harness", function () {
  this.timeout(120_000);

  let folder: string;
  let extension: string;
  let vsix: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "faultline-self-"));
    extension = join(folder, "extension");
    vsix = join(folder, "harness-self.vsix");
    writeFiles(extension, { ...SELF_TEST_EXTENSION, ".vscodeignore": "" });
    await quietly(() =>
      createVSIX({
        cwd: extension,
        packagePath: vsix,
        dependencies: false,
        allowMissingRepository: true,
        skipLicense: true,
      }),
    );
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  describe("a window on an extension's sources", () => {
    let server: VscodeServer;
    let workbench: Workbench;

    before(async () => {
      server = await VscodeServer.start({
        workspace: { kind: "files", files: { "one.selftest": "inside one", "deep/two.txt": "text" } },
        env: { SELFTEST_WORD: "passed on" },
        settings: { "workbench.colorTheme": "Default Dark Modern" },
      });
      workbench = await Workbench.open(server, { extensionDevelopmentPath: extension, ready: "selftest.hello" });
    });

    afterEach(async function () {
      if (this.currentTest?.state === "failed") await workbench.keepEvidence(this.currentTest.fullTitle());
    });

    after(async () => {
      await server?.dispose();
    });

    it("runs a command, sees its notification, and clicks inside its webview", async () => {
      await workbench.runCommand("Self Test: Say Hello");
      const panel = await workbench.webview("Self Panel");
      assert.equal(await panel.locator("#text").innerText(), "passed on");
      await panel.locator("#count").click();
      await panel.locator("#count").click();
      await panel.getByText("Counted 2").waitFor();
      await workbench.statusBarItem(STATUS).filter({ hasText: "Count 2" }).waitFor();
      await workbench.notifications.press("Hello from the self test", "Again");
      await workbench.notifications.waitFor(/^Hello again$/);
      await workbench.notifications.clear();
      assert.deepEqual(await workbench.notifications.messages(), []);
      await workbench.notifications.hide();
    });

    it("opens a file in its custom editor and uses the editor's action", async () => {
      await workbench.openFile("one.selftest");
      const editor = await workbench.webview("one.selftest");
      assert.equal(await editor.locator("#text").innerText(), "inside one");
      // The keys that follow start in the webview, which has the focus now.
      await editor.locator("#count").click();
      assert.equal(await workbench.hasCommand("selftest.ask"), true);
      await workbench.editorAction("Stamp File");
      await workbench.notifications.waitFor("Stamped one.selftest");
      await workbench.notifications.clear();
      assert.deepEqual(await workbench.tabs(), ["Self Panel", "one.selftest"]);
    });

    it("answers a quick pick, an input box and a dialog", async () => {
      await workbench.runCommand("selftest.ask");
      await workbench.quickInput.shown("Colour");
      assert.deepEqual(await workbench.quickInput.labels(), ["red", "green", "greenish"]);
      await workbench.quickInput.choose("green");
      await workbench.quickInput.shown("Name");
      await workbench.quickInput.type("Grass");
      await workbench.quickInput.shown("Days");
      await workbench.quickInput.tick("Monday", "Friday");
      await workbench.quickInput.accept();
      await workbench.notifications.waitFor("Grass is green on Monday and Friday");
      await workbench.runCommand("selftest.confirm");
      await workbench.answerDialog("Really?", "Do It");
      await workbench.notifications.waitFor("Answer Do It");
      await workbench.notifications.clear();
    });

    it("uses trees, their inline actions and context menus", async () => {
      await workbench.showViewContainer("Self Test Views");
      const things = await workbench.tree("Things");
      await things.expand("Fruit");
      await things.item("Pear").waitFor();
      assert.deepEqual(await things.labels(), ["Fruit", "Apple", "Pear", "Stone"]);
      assert.equal(await things.description("Pear"), "green");
      await things.inlineAction("Pear", "Poke Item");
      await workbench.notifications.waitFor("Poked Pear");
      await things.collapse("Fruit");
      assert.deepEqual(await things.labels(), ["Fruit", "Stone"]);

      const explorer = await workbench.explorer();
      await explorer.expand("deep");
      await explorer.item("two.txt").click({ button: "right" });
      assert.ok(!(await menuLabels(workbench.page)).includes("Stamp File"));
      await closeMenu(workbench.page);
      await explorer.contextMenu("one.selftest", "Stamp File");
      await workbench.notifications.waitFor("Stamped one.selftest");
      await workbench.notifications.clear();
    });

    it("takes pictures of the window and of a part of it", async () => {
      const whole = await workbench.screenshot("harness-self");
      const part = await workbench.screenshot("harness-self-status", { of: workbench.page.locator(".part.statusbar") });
      assert.deepEqual(pictureSize(whole), { width: 1280, height: 800 });
      assert.equal(pictureSize(part).width, 1280);
      assert.ok(pictureSize(part).height < 40);
      // One colour all over would be packed into a few hundred bytes.
      assert.ok(statSync(whole).size > 5_000, `${statSync(whole).size} bytes`);
    });

    it("unfolds a view and uses the menu of the editor group", async () => {
      await workbench.explorer();
      const outline = await workbench.view("Outline");
      await outline.locator(".pane-body").waitFor();
      await workbench.editorMenu("Close All");
      assert.deepEqual(await workbench.tabs(), []);
    });

    it("says where there is no such command or webview", async () => {
      assert.equal(await workbench.hasCommand("selftest.nothing"), false);
      assert.equal(await workbench.hasCommand("Self Test: Nothing"), false);
      await assert.rejects(workbench.webview("No Such Panel", 100), /in vain for one webview No Such Panel/);
    });

    it("met no error of the extension until it makes some, in its host and in a webview", async () => {
      assert.deepEqual(workbench.extensionProblems(), []);
      await workbench.runCommand("selftest.break");
      await workbench.openFile("one.selftest");
      await (await workbench.webview("one.selftest")).locator("#break").click();
      const expected = [
        ["extension", /logged in the extension/],
        ["extension", /\[faultline-selftest\.harness-self\]\s*thrown in the extension/],
        ["webview", /against-the-policy\.png' violates the following Content Security Policy/],
        ["webview", /thrown in the webview/],
      ] as const;
      for (const [origin, text] of expected) {
        const fits = (problem: Problem): boolean => problem.origin === origin && text.test(problem.text);
        await until(`the problem ${String(text)}`, () => workbench.extensionProblems().some(fits));
      }
    });

    it("leaves no process and no folder behind", async () => {
      const host = await server.extensionHostPid();
      const started = [...server.processes(), ...browserProcesses(server)];
      const kinds = ["--type=extensionHost", "--type=renderer", "--type=gpu-process"];
      for (const kind of kinds)
        assert.ok(
          started.some((info) => info.command.join(" ").includes(kind)),
          kind,
        );
      assert.ok(started.some((info) => info.pid === host));

      assert.deepEqual(await server.dispose(), { leftovers: [] });
      assert.deepEqual(started.filter(isRunning), []);
      assert.deepEqual([...server.processes(), ...browserProcesses(server)], []);
      assert.deepEqual(
        allProcesses().filter((info) => info.groupId === server.pid),
        [],
      );
      assert.deepEqual(
        descendantsOf(process.pid).filter((info) => /code-server|chrom/.test(info.command.join(" "))),
        [],
      );
      assert.equal(existsSync(server.root), false);
    });
  });

  describe("a window on an installed extension, in a workspace that is not trusted", () => {
    let server: VscodeServer;
    let workbench: Workbench;

    before(async () => {
      const workspace = join(folder, "workspace");
      writeFiles(workspace, { "one.selftest": "copied" });
      server = await VscodeServer.start({
        vsix: [vsix],
        workspace: { kind: "copy", from: workspace },
        workspaceTrust: true,
      });
      workbench = await Workbench.open(server);
    });

    after(async () => {
      await server?.dispose();
    });

    it("starts the extension once the workspace is trusted", async () => {
      await workbench.statusBarItem({ text: "Restricted Mode" }).waitFor();
      assert.equal(await workbench.statusBarItem(STATUS).count(), 0);
      await workbench.trustWorkspace();
      await workbench.statusBarItem(STATUS).waitFor();
    });

    it("has its editors again after a reload, on another extension host", async () => {
      await workbench.openFile("one.selftest");
      await (await workbench.webview("one.selftest")).getByText("copied").waitFor();
      const before = await server.extensionHostPid();
      await workbench.reload();
      await (await workbench.webview("one.selftest")).getByText("copied").waitFor();
      assert.notEqual(await server.extensionHostPid(), before);
      assert.deepEqual(workbench.extensionProblems(), []);
    });
  });

  describe("mocha in the extension host", () => {
    let server: VscodeServer;

    before(async () => {
      server = await VscodeServer.start({ workspace: { kind: "files", files: { "one.selftest": "inside one" } } });
    });

    after(async () => {
      await server?.dispose();
    });

    it("passes and fails as its tests do", async () => {
      const file = join(folder, "both.test.ts");
      writeFileSync(file, TESTS_IN_HOST);
      const result = await runExtensionHostTests(server, {
        files: [file],
        extensionDevelopmentPath: extension,
        env: { SELFTEST_ANSWER: "42" },
      });
      assert.deepEqual(
        result.tests.map((test) => [test.title, test.state]),
        [
          ["in the host sees the extension, the workspace and the environment", "passed"],
          ["in the host fails", "failed"],
        ],
      );
      assert.notEqual(result.exitCode, 0);
      assert.throws(
        () => assertAllPassed(result),
        /1 of 2 tests in the extension host failed\.\n\nin the host fails\nAssertionError.*made to fail/,
      );
    });

    it("names and ends a process that outlives the editor", async () => {
      const stray = server.processes().find((info) => info.command.join(" ") === STRAY);
      assert.ok(stray !== undefined && stray.parentPid !== server.pid);
      assert.deepEqual(await server.dispose(200), { leftovers: [`${stray.pid} ${STRAY}`] });
      assert.equal(isRunning(stray), false);
    });
  });

  it("ends the server when the test process is killed", async () => {
    const script = `
      const { VscodeServer } = require(${JSON.stringify(join(__dirname, "harness", "vscodeServer.ts"))});
      void VscodeServer.start().then(({ pid, root }) => console.log(JSON.stringify({ pid, root })));
    `;
    const child = spawn(process.execPath, ["--require", "tsx/cjs", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const { pid, root } = JSON.parse(line) as { pid: number; root: string };
    try {
      assert.ok(allProcesses().some((info) => info.groupId === pid));
      child.kill("SIGKILL");
      await until("the server to end", () => !allProcesses().some((info) => info.groupId === pid), { limitMs: 5_000 });
    } finally {
      // A process that is killed cannot remove its folder.
      rmSync(root, { recursive: true, force: true });
    }
  });
});

const STRAY = "sleep 611";

const TESTS_IN_HOST = `
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as vscode from "vscode";

describe("in the host", () => {
  it("sees the extension, the workspace and the environment", async () => {
    const extension = vscode.extensions.getExtension("faultline-selftest.harness-self");
    await extension?.activate();
    assert.ok((await vscode.commands.getCommands(true)).includes("selftest.hello"));
    assert.equal((await vscode.workspace.findFiles("*.selftest")).length, 1);
    assert.equal(process.env.SELFTEST_ANSWER, "42");
  });
  it("fails", () => {
    spawn("sleep", ["611"], { detached: true, stdio: "ignore" }).unref();
    assert.fail("made to fail");
  });
});
`;

function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** vsce tells the console what it packs. */
async function quietly(work: () => Promise<void>): Promise<void> {
  const { log, warn } = console;
  console.log = console.warn = (): void => undefined;
  try {
    await work();
  } finally {
    Object.assign(console, { log, warn });
  }
}

/** Of a PNG: width and height stand at fixed places in its first chunk. */
function pictureSize(path: string): { width: number; height: number } {
  const bytes = readFileSync(path);
  assert.equal(bytes.toString("latin1", 1, 4), "PNG");
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}
