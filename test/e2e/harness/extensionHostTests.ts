/**
 * Mocha inside the real extension host, where `vscode` can be imported.
 *
 * The test files (TypeScript) are bundled to a folder of the server, with a runner that VS Code loads as its extension
 * tests. VS Code calls codeAutomationExit in the page when the runner is done. What each test did comes back through a
 * file, so that a run in which nothing ran, or whose host crashed, can never pass for a good one.
 *
 * Installed extensions are active as ever. In this mode VS Code refuses modal dialogs.
 */
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { type BrowserOptions, openBrowser } from "./browser";
import { within } from "./condition";
import type { VscodeServer } from "./vscodeServer";

const REPOSITORY = join(__dirname, "..", "..", "..");

export interface ExtensionHostTestOptions extends BrowserOptions {
  /** Mocha test files, TypeScript or JavaScript. Packages they import are taken from the repository's node_modules. */
  readonly files: readonly string[];
  /** The folder of an extension to load from its sources; without it, what is installed on the server is there. */
  readonly extensionDevelopmentPath?: string;
  /** Set in the extension host. FAULTLINE_REPOSITORY, the repository's root, is always set. */
  readonly env?: Readonly<Record<string, string>>;
  /** Mocha's limit for one test, in milliseconds. Default 20,000. */
  readonly testLimitMs?: number;
  /** Limit for the whole run, in milliseconds. Default 90,000. */
  readonly limitMs?: number;
}

export interface ExtensionHostTest {
  /** With the titles of the suites around it. */
  readonly title: string;
  readonly state: "passed" | "failed" | "pending";
  readonly durationMs: number;
  /** Message and stack, where it failed. */
  readonly error?: string;
}

export interface ExtensionHostTestResult {
  /** 0 when all passed. */
  readonly exitCode: number;
  readonly tests: readonly ExtensionHostTest[];
  /** What the workbench logged. */
  readonly log: readonly string[];
}

/**
 * Runs the files; a test that fails is in the result, see assertAllPassed.
 *
 * @throws Error when the run does not end within its limit, ended without a report, or ran no test.
 */
export async function runExtensionHostTests(
  server: VscodeServer,
  options: ExtensionHostTestOptions,
): Promise<ExtensionHostTestResult> {
  const folder = mkdtempSync(join(server.root, "tests-"));
  const report = join(folder, "report.json");
  const runner = await writeRunner(folder, report, options);
  const development = options.extensionDevelopmentPath ?? writeCarrier(folder);
  const env = { FAULTLINE_REPOSITORY: REPOSITORY, ...options.env };
  const address = server.windowUrl([
    ["extensionDevelopmentPath", server.remoteUri(development)],
    ["extensionTestsPath", server.remoteUri(runner)],
    ["extensionEnvironment", JSON.stringify(env)],
  ]);

  const browser = await openBrowser(server, options);
  const log: string[] = [];
  try {
    const exited = new Promise<number>((resolve, reject) => {
      const listen = async (): Promise<void> => {
        await browser.page.exposeFunction("codeAutomationLog", (type: string, args: unknown[]) => {
          log.push(`${type} ${args.map(String).join(" ")}`);
        });
        await browser.page.exposeFunction("codeAutomationExit", (code: number) => resolve(code));
        await browser.page.goto(address);
      };
      listen().catch(reject);
    });
    const exitCode = await within("Mocha in the extension host", options.limitMs ?? 90_000, exited).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${log.slice(-40).join("\n")}`, { cause: error });
      },
    );
    return { exitCode, tests: readReport(report, exitCode, log), log };
  } finally {
    await browser.close();
  }
}

/** @throws Error that names every test that failed, with its own error. */
export function assertAllPassed(result: ExtensionHostTestResult): void {
  const failed = result.tests.filter((test) => test.state === "failed");
  if (failed.length === 0 && result.exitCode === 0) return;
  const list = failed.map((test) => `${test.title}\n${test.error ?? ""}`).join("\n\n");
  throw new Error(`${failed.length} of ${result.tests.length} tests in the extension host failed.\n\n${list}`);
}

function readReport(path: string, exitCode: number, log: readonly string[]): readonly ExtensionHostTest[] {
  let tests: readonly ExtensionHostTest[];
  try {
    tests = JSON.parse(readFileSync(path, "utf8")) as readonly ExtensionHostTest[];
  } catch (error) {
    const last = log.slice(-40).join("\n");
    throw new Error(`The extension host ended with ${exitCode} and left no report.\n${last}`, { cause: error });
  }
  if (tests.length === 0) throw new Error("The files held no test that ran.");
  return tests;
}

/** Bundles the test files and writes the module that VS Code calls `run` of; returns its path. */
async function writeRunner(folder: string, report: string, options: ExtensionHostTestOptions): Promise<string> {
  symlinkSync(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  const entryPoints = options.files.map((path, index) => ({ in: path, out: `${index}-${basename(path)}` }));
  await build({
    entryPoints,
    outdir: folder,
    bundle: true,
    packages: "external",
    external: ["vscode"],
    platform: "node",
    format: "cjs",
    target: "node20",
    sourcemap: "inline",
    logLevel: "silent",
  });
  const files = entryPoints.map((entry) => join(folder, `${entry.out}.js`));
  const path = join(folder, "index.js");
  const settings = JSON.stringify({ files, report, timeout: options.testLimitMs ?? 20_000 });
  writeFileSync(path, `exports.run = (${runnerSource})(require("mocha"), require("node:fs"), ${settings});\n`);
  return path;
}

/** Plain JavaScript: it is written to a file and runs in the extension host. */
const runnerSource = `(Mocha, fs, { files, report, timeout }) => async () => {
  const mocha = new Mocha({ ui: "bdd", timeout, reporter: function () {} });
  for (const file of files) mocha.addFile(file);
  const tests = [];
  const add = (state) => (test, error) =>
    tests.push({ title: test.fullTitle(), state, durationMs: test.duration ?? 0, error: error && (error.stack ?? String(error)) });
  const failures = await new Promise((resolve) => {
    mocha.run(resolve).on("pass", add("passed")).on("fail", add("failed")).on("pending", add("pending"));
  });
  fs.writeFileSync(report, JSON.stringify(tests));
  if (failures > 0) throw new Error(failures + " tests failed");
}`;

/** VS Code runs extension tests only beside an extension in development: one that does nothing, to test installed ones. */
function writeCarrier(folder: string): string {
  const path = join(folder, "carrier");
  mkdirSync(path);
  const manifest = { name: "carrier", publisher: "faultline-test", version: "0.0.1", engines: { vscode: "^1.100.0" } };
  writeFileSync(join(path, "package.json"), JSON.stringify(manifest));
  return path;
}
