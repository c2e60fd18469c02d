/**
 * One launch of a real VS Code server on loopback: its own home, profile, extensions, workspace and temporary folder, all
 * under one new folder that goes when it is disposed, and one process group that ends with it.
 *
 * Nothing is left behind in three ways. dispose() ends the group by its id. If this process ends without it, also by
 * SIGKILL, a guard in the group sees its pipe close and ends the group. And every process started from here inherits a mark
 * in its environment, by which dispose() finds and names processes that left the group and outlived the editor.
 */
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ensureVscode, type VscodeInstall } from "../../../scripts/setupVscode";
import { holdsWithin, until } from "./condition";
import {
  type ProcessInfo,
  allProcesses,
  descendantsOf,
  describeProcess,
  isRunning,
  processesMarked,
} from "./processTree";

/** Set in every process that a server starts; its value is the server's own. */
export const MARK = "FAULTLINE_E2E_SERVER";

export type WorkspaceSource =
  /** A copy of this folder. */
  | { readonly kind: "copy"; readonly from: string }
  /** New files: path relative to the workspace (with /) → content. */
  | { readonly kind: "files"; readonly files: Readonly<Record<string, string | Uint8Array>> };

export interface VscodeServerOptions {
  /** Default: an empty folder. */
  readonly workspace?: WorkspaceSource;
  /** VSIX files, installed in this order before the server starts. */
  readonly vsix?: readonly string[];
  /** User settings on top of the quiet defaults, for example { "workbench.colorTheme": "Default Light Modern" }. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Environment variables of the server, its extension hosts and its terminals, on top of a small clean set. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * True: Workspace Trust is on and the workspace opens untrusted, in Restricted Mode. Default false. An extension that is
   * loaded from its sources runs there nevertheless: what Restricted Mode does to it is seen only on an installed one.
   */
  readonly workspaceTrust?: boolean;
  /** Hard limit for installing extensions and coming up, in milliseconds. Default 60,000. */
  readonly limitMs?: number;
}

export interface DisposalReport {
  /**
   * Processes started from the editor that still ran a while after the editor was gone; ended by then, with SIGKILL.
   * Empty when everything ended by itself.
   */
  readonly leftovers: readonly string[];
}

const QUIET_SETTINGS: Readonly<Record<string, unknown>> = {
  "workbench.startupEditor": "none",
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "telemetry.telemetryLevel": "off",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "update.mode": "none",
  "git.enabled": false,
};

/** Of the environment of whoever runs the tests only this much reaches the editor. */
const PASSED_ON = /^(PATH|LANG|LANGUAGE|LC_\w+|TZ|USER|LOGNAME|SHELL|LD_LIBRARY_PATH)$/;

/**
 * The server takes the shell's place, so that the group's first process is the server itself. The guard reads a pipe that
 * nobody writes to: it ends only when the process that holds the other side does.
 */
const GUARDED = '{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 & exec "$@" 3<&-';

export class VscodeServer {
  readonly pid: number;
  readonly origin: string;
  /** "127.0.0.1:PORT": the authority of vscode-remote:// addresses. */
  readonly authority: string;
  /** The folder that holds all the rest. */
  readonly root: string;
  readonly workspace: string;
  readonly home: string;
  /** TMPDIR of the editor and of all it starts. */
  readonly temporary: string;
  /** The value of MARK in everything it starts. */
  readonly mark: string;

  private readonly closers: (() => Promise<void>)[] = [];
  private disposal: Promise<DisposalReport> | undefined;

  private constructor(
    private readonly launched: Launched,
    folders: Folders,
    mark: string,
  ) {
    this.pid = launched.pid;
    this.authority = `127.0.0.1:${launched.port}`;
    this.origin = `http://${this.authority}`;
    this.root = folders.root;
    this.workspace = folders.workspace;
    this.home = folders.home;
    this.temporary = folders.temporary;
    this.mark = mark;
  }

  /** @throws Error when VS Code cannot be installed or does not come up in time; nothing is left behind then. */
  static async start(options: VscodeServerOptions = {}): Promise<VscodeServer> {
    const install = await ensureVscode();
    const end = Date.now() + (options.limitMs ?? 60_000);
    const folders = makeFolders(options);
    const mark = randomUUID();
    const env = serverEnvironment(folders, mark, options.env);
    try {
      for (const file of options.vsix ?? []) await installExtension(install, folders, env, file, end - Date.now());
      const launched = await launch(install, folders, env, options.workspaceTrust ?? false, end);
      return new VscodeServer(launched, folders, mark);
    } catch (error) {
      await removeFolder(folders.root);
      throw error;
    }
  }

  /** The address of a window on the workspace; `payload` as VS Code's web workbench takes it. */
  windowUrl(payload: readonly (readonly [string, string])[] = []): string {
    const query = payload.length === 0 ? "" : `&payload=${encodeURIComponent(JSON.stringify(payload))}`;
    return `${this.origin}/?folder=${encodeURIComponent(this.workspace)}${query}`;
  }

  /** The address by which the workbench names a file on this machine. */
  remoteUri(path: string): string {
    return `vscode-remote://${this.authority}${path}`;
  }

  /** Everything that runs because of this server, detached processes included; without the server itself. */
  processes(): ProcessInfo[] {
    return processesMarked(MARK, this.mark).filter((info) => info.pid !== this.pid);
  }

  /** One for each window that is open; a window that is reloaded gets a new one. */
  extensionHosts(): ProcessInfo[] {
    return descendantsOf(this.pid).filter((info) => info.command.includes("--type=extensionHost"));
  }

  /** Waits for the extension host of the only window. @throws Error when there is none, or more than one. */
  async extensionHostPid(): Promise<number> {
    return until("one extension host", () => {
      const hosts = this.extensionHosts();
      return hosts.length === 1 && hosts[0]?.pid;
    });
  }

  /** What the server wrote, its last 100,000 characters. */
  log(): string {
    return this.launched.output();
  }

  /** Runs before the server ends: windows on it are closed this way. It must not fail. */
  onDispose(close: () => Promise<void>): void {
    this.closers.push(close);
  }

  /**
   * Closes the windows, ends the server and everything in its process group, and removes its folder. Processes that left
   * the group get `graceMs` (default 5,000) to see that the editor is gone; those that do not end by then are named in the
   * report and killed. Every further call gives the same report.
   */
  dispose(graceMs = 5_000): Promise<DisposalReport> {
    this.disposal ??= this.end(graceMs);
    return this.disposal;
  }

  private async end(graceMs: number): Promise<DisposalReport> {
    for (const close of this.closers) await close();
    const known = this.processes();
    killGroup(this.pid, "SIGTERM");
    if (!(await holdsWithin(3_000, () => !groupRuns(this.pid)))) killGroup(this.pid, "SIGKILL");
    await this.launched.exited;
    const remaining = (): ProcessInfo[] => {
      const byPid = new Map([...known, ...this.processes()].map((info) => [info.pid, info]));
      return [...byPid.values()].filter(isRunning);
    };
    await holdsWithin(graceMs, () => remaining().length === 0);
    const leftovers = remaining();
    for (const info of leftovers) kill(info.pid, "SIGKILL");
    await until("the killed processes to be gone", () => remaining().length === 0, { limitMs: 5_000 });
    process.removeListener("exit", this.launched.killOnExit);
    await removeFolder(this.root);
    return { leftovers: leftovers.map(describeProcess) };
  }
}

interface Folders {
  readonly root: string;
  readonly home: string;
  readonly user: string;
  readonly extensions: string;
  readonly workspace: string;
  readonly temporary: string;
}

function makeFolders(options: VscodeServerOptions): Folders {
  const root = mkdtempSync(join(tmpdir(), "faultline-e2e-"));
  const folders: Folders = {
    root,
    home: join(root, "home"),
    user: join(root, "user"),
    extensions: join(root, "ext"),
    workspace: join(root, "ws"),
    // Sockets are made in here and their paths may have 107 characters: short names.
    temporary: join(root, "tmp"),
  };
  for (const folder of Object.values(folders) as string[]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFile(
    join(folders.user, "User", "settings.json"),
    JSON.stringify({ ...QUIET_SETTINGS, ...options.settings }, null, 2),
  );
  const source = options.workspace ?? { kind: "files", files: {} };
  if (source.kind === "copy") cpSync(source.from, folders.workspace, { recursive: true });
  else for (const [path, content] of Object.entries(source.files)) writeFile(join(folders.workspace, path), content);
  return folders;
}

function writeFile(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function serverEnvironment(
  folders: Folders,
  mark: string,
  more: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  return {
    ...Object.fromEntries(passed),
    HOME: folders.home,
    TMPDIR: folders.temporary,
    XDG_RUNTIME_DIR: folders.temporary,
    // Keeps it off the network: no extension gallery.
    EXTENSIONS_GALLERY: "{}",
    ...more,
    [MARK]: mark,
  };
}

async function installExtension(
  install: VscodeInstall,
  folders: Folders,
  env: NodeJS.ProcessEnv,
  file: string,
  limitMs: number,
): Promise<void> {
  const args = ["--user-data-dir", folders.user, "--extensions-dir", folders.extensions, "--install-extension", file];
  try {
    await promisify(execFile)(install.node, [install.entry, ...args], {
      env,
      timeout: Math.max(1, limitMs),
      killSignal: "SIGKILL",
    });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`VS Code did not install ${file}: ${`${stdout}\n${stderr}`.trim()}`, { cause: error });
  }
}

interface Launched {
  readonly pid: number;
  readonly port: number;
  readonly exited: Promise<void>;
  readonly output: () => string;
  /** Listens to the end of this process. */
  readonly killOnExit: () => void;
}

async function launch(
  install: VscodeInstall,
  folders: Folders,
  env: NodeJS.ProcessEnv,
  workspaceTrust: boolean,
  end: number,
): Promise<Launched> {
  const args = [
    ...["--bind-addr", "127.0.0.1:0", "--auth", "none"],
    ...["--user-data-dir", folders.user, "--extensions-dir", folders.extensions],
    ...["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"],
    ...(workspaceTrust ? [] : ["--disable-workspace-trust"]),
    ...["--reconnection-grace-time", "5", "--vscode-option", "enable-smoke-test-driver"],
    folders.workspace,
  ];
  const child = spawn("/bin/sh", ["-c", GUARDED, "sh", install.node, install.entry, ...args], {
    env,
    cwd: folders.home,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-100_000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true;
      resolve();
    };
    child.once("exit", end);
    child.once("error", end);
  });
  const killOnExit = (): void => {
    killGroup(child.pid, "SIGKILL");
    rmSync(folders.root, { recursive: true, force: true });
  };
  process.once("exit", killOnExit);
  try {
    const port = await until(
      "VS Code to say where it listens",
      () => {
        const port = /HTTP server listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
        return port === undefined ? ended && -1 : Number(port);
      },
      { limitMs: end - Date.now(), onLimit: () => output },
    );
    if (port === -1) throw new Error(`VS Code ended before it listened:\n${output}`);
    const health = `http://127.0.0.1:${port}/healthz`;
    await until("VS Code to answer", async () => (await fetch(health, { signal: AbortSignal.timeout(2_000) })).ok, {
      limitMs: end - Date.now(),
      onLimit: () => output,
    });
    return { pid: child.pid as number, port, exited, output: () => output, killOnExit };
  } catch (error) {
    process.removeListener("exit", killOnExit);
    killGroup(child.pid, "SIGKILL");
    await exited;
    throw error;
  }
}

function groupRuns(groupId: number): boolean {
  return allProcesses().some((info) => info.groupId === groupId);
}

function killGroup(groupId: number | undefined, signal: NodeJS.Signals): void {
  if (groupId !== undefined) kill(-groupId, signal);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

/** With retries: a process that is just ending may still write into it. */
async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
