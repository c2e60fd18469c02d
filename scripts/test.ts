/**
 * `npm test`: type check, lint, walls and cycles, unit and process tests, and the end-to-end tests in a real VS Code. Sets up what it needs.
 * Nothing is skipped: what cannot be set up is named in one sentence, and the command fails. What failed is said once more at the end, where it is found
 * however long the output was. The last line is `N passed, N failed`.
 *
 * `npm test -- e2e` runs one stage; `npm test -- e2e --times 10` runs it ten times in a row and says of each time how many passed.
 */
import { spawn } from "node:child_process";
import { readFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureChromium } from "./setupChromium";
import { ensureVscode } from "./setupVscode";

const ROOT = join(__dirname, "..");
const OUTPUT = join(ROOT, ".test-output");

interface Stage {
  readonly name: string;
  readonly command: readonly string[];
  /** Counts its own tests with mocha; others count as one. */
  readonly mocha?: boolean;
}

const mocha = (name: string, ...patterns: string[]): Stage => ({
  name,
  mocha: true,
  command: [
    "node_modules/mocha/bin/mocha.js",
    ...["--forbid-only", "--forbid-pending"],
    ...["--reporter", join(ROOT, "test/mochaReporter.cjs"), "--reporter-option", `output=${join(OUTPUT, `${name}.json`)}`],
    ...patterns,
  ],
});

const STAGES: readonly Stage[] = [
  { name: "types", command: ["node_modules/typescript/bin/tsc", "-b"] },
  { name: "lint", command: ["node_modules/eslint/bin/eslint.js", ".", "--max-warnings", "0"] },
  {
    name: "walls",
    command: ["node_modules/dependency-cruiser/bin/dependency-cruise.mjs", "--config", ".dependency-cruiser.cjs", "simulator", "extension", "webview"],
  },
  { name: "build", command: ["node_modules/tsx/dist/cli.mjs", "scripts/build.ts"] },
  mocha("unit", "test/unit/**/*.test.ts", "test/property/**/*.test.ts", "test/conformance/**/*.test.ts"),
  mocha("process", "test/process/**/*.test.ts"),
  // In a real VS Code.
  mocha("e2e", "test/e2e/**/*.e2e.test.ts"),
  // In a browser alone.
  mocha("webview", "test/e2e/*.test.ts", "--ignore", "test/e2e/*.e2e.test.ts"),
];

async function main(): Promise<void> {
  // Tests that load ONNX Runtime by themselves must not report to its maker either.
  process.env.ORT_DISABLE_TELEMETRY = "1";
  mkdirSync(OUTPUT, { recursive: true });
  const { positionals: only, values } = parseArgs({ allowPositionals: true, options: { times: { type: "string", default: "1" } } });
  const times = Number(values.times);
  const unknown = only.find((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown !== undefined) throw new Error(`There is no stage "${unknown}": ${STAGES.map(({ name }) => name).join(", ")}.`);
  if (!Number.isInteger(times) || times < 1) throw new Error(`--times is a whole number from 1 on, not "${values.times}".`);
  // What is tested as built is built before.
  const mochaNames = new Set(STAGES.filter((stage) => stage.mocha === true).map(({ name }) => name));
  if (only.some((name) => mochaNames.has(name))) only.push("build");
  const stages = STAGES.filter((stage) => only.length === 0 || only.includes(stage.name));
  let passed = 0;
  let failed = 0;
  if (stages.some(({ name }) => name === "unit" || name === "e2e" || name === "webview")) await ensureChromium();
  if (stages.some(({ name }) => name === "e2e")) await ensureVscode();
  const everyTime: string[] = [];
  const failures: string[] = [];
  for (let time = 1; time <= times; time++) {
    const counts = await runStages(stages);
    passed += counts.passed;
    failed += counts.failed;
    failures.push(...counts.failures);
    if (times > 1) everyTime.push(`time ${time}: ${counts.passed} passed, ${counts.failed} failed`);
  }
  if (times > 1) process.stdout.write(`\n${everyTime.join("\n")}\n`);
  if (failures.length > 0) process.stdout.write(`\n== failed\n${failures.join("\n")}\n`);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

async function runStages(stages: readonly Stage[]): Promise<{ readonly passed: number; readonly failed: number; readonly failures: readonly string[] }> {
  let passed = 0;
  let failed = 0;
  const failures: string[] = [];
  for (const stage of stages) {
    const startedAt = Date.now();
    process.stdout.write(`\n== ${stage.name}\n`);
    const code = await run(stage.command);
    const counts = stage.mocha === true ? mochaCounts(stage.name) : undefined;
    passed += counts?.passed ?? (code === 0 ? 1 : 0);
    // A runner that died says nothing of its tests: that is a failure too.
    failed += counts === undefined ? (code === 0 ? 0 : 1) : Math.max(counts.failed, code === 0 ? 0 : 1);
    for (const { title, reason } of counts?.failures ?? []) failures.push(`${stage.name}: ${title}\n${indented(reason)}`);
    if (code !== 0 && (counts?.failures ?? []).length === 0) failures.push(`${stage.name}: exit ${code}`);
    process.stdout.write(`-- ${stage.name}: ${code === 0 ? "ok" : "FAILED"} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
  }
  return { passed, failed, failures };
}

/** The first lines of a reason: what was expected, and where. */
function indented(reason: string): string {
  return reason
    .split("\n")
    .slice(0, 30)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join("\n");
}

function run(command: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...command], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
    child.once("exit", (code) => resolve(code ?? 1));
    child.once("error", () => resolve(1));
  });
}

interface MochaCounts {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly { readonly title: string; readonly reason: string }[];
}

function mochaCounts(name: string): MochaCounts | undefined {
  try {
    return JSON.parse(readFileSync(join(OUTPUT, `${name}.json`), "utf8")) as MochaCounts;
  } catch {
    return undefined;
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write("\n0 passed, 1 failed\n");
  process.exitCode = 1;
});
