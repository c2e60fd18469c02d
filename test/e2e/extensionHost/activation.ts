/**
 * Runs inside the extension host, beside the installed extension: what waking up loads, what it leaves running, and how long it took by the
 * host's own account (the table that `Developer: Startup Performance` shows).
 */
import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { runInThisContext } from "node:vm";
import * as vscode from "vscode";

const ID = "faultline.faultline";

/** Files of the extension that this process has loaded. */
function loadedFiles(folder: string): readonly string[] {
  return Object.keys(require.cache)
    .filter((file) => file.startsWith(folder))
    .map((file) => relative(folder, file));
}

/** What keeps a process awake or works in it, by the names that Node gives it. */
const RESOURCES = new Set([
  ...["Timeout", "Immediate", "FSEVENTWRAP", "STATWATCHER", "PROCESSWRAP", "PIPEWRAP", "TCPWRAP", "TCPSERVERWRAP"],
  ...["PIPESERVERWRAP", "WORKER", "MESSAGEPORT"],
]);

/** Does it and tells which resources code below the folder asked for meanwhile; other extensions of this host go on beside it. */
async function resourcesAskedFor(folder: string, act: () => PromiseLike<unknown>): Promise<readonly string[]> {
  const asked: string[] = [];
  const hook = createHook({
    init: (_id, type) => {
      if (!RESOURCES.has(type)) return;
      const frames = (new Error().stack ?? "").split("\n").slice(1);
      // Whose call it was: the first frame that is neither Node's own nor this hook's.
      const caller = frames.find((frame) => !/\(?node:|[\\/]tests-[^\\/]+[\\/]/.test(frame));
      if (caller?.includes(folder) === true) asked.push(`${type}${caller}`);
    },
  }).enable();
  try {
    await act();
  } finally {
    hook.disable();
  }
  return asked;
}

function children(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return parent === process.pid ? [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")] : [];
      } catch {
        return [];
      }
    });
}

/** The extension's line in the host's own table: milliseconds to load its code, to call `activate`, and until that had finished. */
async function ownAccount(): Promise<{ readonly load: number; readonly call: number; readonly finish: number }> {
  await vscode.commands.executeCommand("perfview.show");
  const row = (): RegExpExecArray | undefined => {
    const text = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === "perf")?.getText() ?? "";
    return /^\|?\s*faultline\.faultline\s*\|[^|]*\|\s*(\d+)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|/m.exec(text) ?? undefined;
  };
  for (;;) {
    const found = row();
    if (found !== undefined) return { load: Number(found[1]), call: Number(found[2]), finish: Number(found[3]) };
    await new Promise<void>((resolve) => {
      const look = (): void => {
        changed.dispose();
        opened.dispose();
        resolve();
      };
      const changed = vscode.workspace.onDidChangeTextDocument(look);
      const opened = vscode.workspace.onDidOpenTextDocument(look);
    });
  }
}

describe("waking up", () => {
  let extension: vscode.Extension<unknown>;

  before(() => {
    const found = vscode.extensions.getExtension(ID);
    assert.ok(found, "it is installed");
    extension = found;
  });

  it("has not happened in a window with nothing of ours in sight: nothing is loaded", () => {
    assert.equal(extension.isActive, false);
    assert.deepEqual(loadedFiles(extension.extensionPath), []);
  });

  it("loads one file, and starts no timer, no watcher and no process", async () => {
    const startedAt = performance.now();
    const asked = await resourcesAskedFor(extension.extensionPath, () => extension.activate());
    console.log(
      `activation: ${(performance.now() - startedAt).toFixed(0)} ms from the outside, messages to the window included`,
    );
    assert.deepEqual(loadedFiles(extension.extensionPath), ["dist/extension.js"]);
    assert.deepEqual(asked, []);
    assert.deepEqual(
      children().filter((command) => command.includes(extension.extensionPath)),
      [],
    );
  });

  it("asks for nothing later either, while nothing is asked of it", async () => {
    // A turn of the host's own: what an activation put off to the next one has happened.
    const asked = await resourcesAskedFor(extension.extensionPath, () => vscode.commands.getCommands(true));
    assert.deepEqual(asked, []);
  });

  it("would be noticed if it did", async () => {
    const asked = await resourcesAskedFor(extension.extensionPath, async () => {
      const source = "clearTimeout(setTimeout(() => undefined, 1e6));";
      // As if a file of the extension did it.
      runInThisContext(source, { filename: join(extension.extensionPath, "dist", "made-up.js") });
    });
    assert.equal(asked.length, 1, asked.join("\n"));
  });

  it("takes, by the host's own account, what this line says", async () => {
    const { load, call, finish } = await ownAccount();
    console.log(`activation: load ${load} ms, activate ${call} ms, finish ${finish} ms`);
    assert.ok(load >= 0 && call >= 0);
  });
});
