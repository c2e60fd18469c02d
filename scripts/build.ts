/** Builds everything that ships into `dist/`: `npm run build`. */
import { build, type BuildOptions, type Plugin } from "esbuild";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { transpileDeclaration } from "typescript";
import { EXPERIMENT_SCHEMA } from "../simulator/faults/experimentSchema";
import { JOB_FILE_SCHEMA } from "../simulator/graph/jobFileSchema";
import { buildWebview } from "./buildWebview";

const ROOT = join(__dirname, "..");
const DIST = join(ROOT, "dist");

/** Entry → where it comes from. Each is one file, so that a process of a run starts quickly. */
const NODE_ENTRIES: Readonly<Record<string, string>> = {
  cli: "simulator/cli/main.ts",
  runKeeper: "simulator/client/runKeeperMain.ts",
  coordinator: "simulator/cluster/coordinatorMain.ts",
  taskManager: "simulator/cluster/taskManagerMain.ts",
  serviceInstance: "simulator/cluster/serviceInstanceMain.ts",
  deviceProbe: "simulator/inference/deviceProbeMain.ts",
  modelThread: "simulator/inference/modelThread.ts",
  rpcTaskThread: "simulator/operators/rpcTaskThread.ts",
  simulationThread: "simulator/client/simulationThread.ts",
  extension: "extension/extension.ts",
  extensionActions: "extension/bundles/extensionActions.ts",
  extensionDebug: "extension/bundles/extensionDebug.ts",
  extensionLanguage: "extension/bundles/extensionLanguage.ts",
  extensionRun: "extension/bundles/extensionRun.ts",
};

/** The web extension is one file: its bundles are parts of it. */
const WEB_BUNDLES: Plugin = {
  name: "web-bundles",
  setup: (bundler) => {
    bundler.onResolve({ filter: /\/loadBundle$/ }, () => ({ path: join(ROOT, "extension/bundles/loadBundleWeb.ts") }));
  },
};

/** How what runs in Node is built; benchmarks that measure what ships are built so too. */
export const NODE_BUILD = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  // jsonc-parser's "main" is UMD, which no bundler can follow.
  mainFields: ["module", "main"],
  legalComments: "none",
  // Native code and what finds its own binaries stay packages.
  external: ["vscode", "onnxruntime-node", "esbuild", "tsx"],
  // Its `main` is UMD, whose inner requires no bundler can see.
  alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
  logLevel: "warning",
} as const satisfies BuildOptions;

export async function buildAll({ minify }: { minify: boolean }): Promise<void> {
  await mkdir(join(DIST, "schemas"), { recursive: true });
  const entries = Object.entries(NODE_ENTRIES).filter(([, source]) => existsSync(join(ROOT, source)));
  await Promise.all([
    build({
      ...NODE_BUILD,
      absWorkingDir: ROOT,
      entryPoints: Object.fromEntries(entries),
      outdir: DIST,
      // Names stay as they are, for stack traces: to give each function its name once more while it runs (`keepNames`) costs a large simulation a tenth to a fifth.
      minifyWhitespace: minify,
      minifySyntax: minify,
      sourcemap: minify ? false : "linked",
    }),
    build({
      absWorkingDir: ROOT,
      entryPoints: { extension: "extension/webExtension.ts" },
      outdir: join(DIST, "web"),
      bundle: true,
      // A module of Node's in it does not build.
      platform: "browser",
      target: "es2022",
      format: "cjs",
      mainFields: ["module", "main"],
      minify,
      keepNames: true,
      sourcemap: minify ? false : "linked",
      legalComments: "none",
      external: ["vscode"],
      alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
      plugins: [WEB_BUNDLES],
      logLevel: "warning",
    }),
    buildWebview({ outdir: join(DIST, "webview"), minify }),
    cp(join(ROOT, "simulator/proto"), join(DIST, "proto"), { recursive: true, filter: (path) => !path.endsWith(".ts") }),
    writeFunctionTypes(),
    writeFile(join(DIST, "schemas", "job-file.schema.json"), `${JSON.stringify(JOB_FILE_SCHEMA, undefined, 2)}\n`),
    writeFile(join(DIST, "schemas", "experiment.schema.json"), `${JSON.stringify(EXPERIMENT_SCHEMA, undefined, 2)}\n`),
  ]);
}

/** The types of a person's own functions: `import type { MapFunction } from "faultline"`. */
async function writeFunctionTypes(): Promise<void> {
  for (const module of ["operators/functions", "core/tensor"]) {
    const source = await readFile(join(ROOT, "simulator", `${module}.ts`), "utf8");
    const target = join(DIST, "types", `${module}.d.ts`);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, transpileDeclaration(source, {}).outputText);
  }
}

if (require.main === module) {
  const startedAt = Date.now();
  buildAll({ minify: process.argv.includes("--minify") }).then(
    () => process.stdout.write(`Built dist/ in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    },
  );
}
