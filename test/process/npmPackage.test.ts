/** The npm package as it is installed elsewhere: what `npm pack` packs, in a `node_modules` with nothing else than the packages that it names. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { functionJobFiles } from "../../extension/newJob/functionJob";
import { ROOT } from "./faultlineCli";

/** Those that the bundles do not hold: native, or with programs of their own. */
const NOT_BUNDLED = ["onnxruntime-node", "onnxruntime-common", "esbuild", "@esbuild"];

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

describe("the npm package", function () {
  this.timeout(120_000);
  let folder: string;
  let packed: Packed;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "fl-npm-"));
    const out = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    [packed] = JSON.parse(out) as [Packed];
    const modules = join(folder, "node_modules");
    mkdirSync(modules);
    execFileSync("tar", ["-xzf", join(folder, packed.filename)], { cwd: folder });
    renameSync(join(folder, "package"), join(modules, "faultline"));
    for (const name of NOT_BUNDLED) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it("holds the command line with all that it starts, and nothing of the workshop", () => {
    const files = packed.files.map(({ path }) => path);
    for (const wanted of [
      "cli.js",
      "coordinator.js",
      "taskManager.js",
      "serviceInstance.js",
      "modelThread.js",
      "deviceProbe.js",
    ])
      assert.ok(files.includes(`dist/${wanted}`), wanted);
    assert.deepEqual(
      files.filter((path) => /^(simulator|extension|webview|test|scripts|docs|\.)/.test(path) || path.endsWith(".map")),
      [],
    );
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    for (const name of NOT_BUNDLED.filter((one) => one === "esbuild" || one === "onnxruntime-node"))
      assert.ok(name in dependencies, name);
  });

  it("shows a graph and runs a job from where it was installed", () => {
    const job = join(folder, "readings.faultline.json");
    for (const [path, content] of Object.entries(functionJobFiles("readings"))) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content.replace('"limit": 30000', '"limit": 300'));
    }
    const faultline = (...args: readonly string[]): string =>
      execFileSync(process.execPath, [join(folder, "node_modules", "faultline", "dist", "cli.js"), ...args], {
        cwd: folder,
        encoding: "utf8",
        env: { PATH: process.env["PATH"], HOME: folder, XDG_STATE_HOME: join(folder, "state") },
        stdio: ["ignore", "pipe", "inherit"],
      });
    const graph = JSON.parse(faultline("graph", job, "--format", "json")) as { readonly regions: readonly unknown[] };
    assert.ok(graph.regions.length > 0);
    const { run, records } = JSON.parse(faultline("run", job, "--format", "json")) as {
      readonly run: { readonly state: string; readonly directory: string };
      readonly records: { readonly lost: number; readonly duplicated: number; readonly expected: number };
    };
    assert.equal(run.state, "FINISHED");
    assert.ok(existsSync(run.directory) && run.directory.startsWith(folder));
    assert.deepEqual([records.lost, records.duplicated], [0, 0]);
  });
});
