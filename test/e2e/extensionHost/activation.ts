/**
 * Runs inside the extension host, beside the installed extension: what waking up loads, what it leaves running, and how long it took by the
 * host's own account (the table that `Developer: Startup Performance` shows).
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { relative } from "node:path";
import * as vscode from "vscode";

const ID = "faultline.faultline";

/** Files of the extension that this process has loaded. */
function loadedFiles(folder: string): readonly string[] {
  return Object.keys(require.cache)
    .filter((file) => file.startsWith(folder))
    .map((file) => relative(folder, file));
}

/** What keeps a process awake or works in it: timers, watchers, sockets, children; by kind. */
function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
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
    const [resources, processes] = [activeResources(), children()];
    const startedAt = performance.now();
    await extension.activate();
    console.log(
      `activation: ${(performance.now() - startedAt).toFixed(0)} ms from the outside, messages to the window included`,
    );
    assert.deepEqual(loadedFiles(extension.extensionPath), ["dist/extension.js"]);
    for (const kind of ["FSEventWrap", "StatWatcher", "ProcessWrap", "PipeWrap", "TCPSocketWrap", "TCPServerWrap"]) {
      assert.equal(activeResources().get(kind) ?? 0, resources.get(kind) ?? 0, kind);
    }
    assert.deepEqual(
      children().filter((command) => !processes.includes(command)),
      [],
    );
  });

  it("takes, by the host's own account, what this line says", async () => {
    const { load, call, finish } = await ownAccount();
    console.log(`activation: load ${load} ms, activate ${call} ms, finish ${finish} ms`);
    assert.ok(load >= 0 && call >= 0);
  });
});
