/** A build of the runtime of its own, so that chaos runs do not depend on `dist/`, and can be made wrong on purpose in one place. */
import { build } from "esbuild";
import type { Plugin } from "esbuild";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { LINK_RESET_HOOK } from "./linkReset";

const ROOT = join(__dirname, "..", "..");

/** One rule broken: a piece of one source file is replaced by another. */
export interface BrokenRule {
  readonly name: string;
  /** Below the root of the repository. */
  readonly file: string;
  /** Has to occur exactly once. */
  readonly original: string;
  readonly broken: string;
}

/**
 * Bundles what a run needs into `.test-output/runtimes/NAME`.
 * @returns path of its command line.
 * @throws Error when the piece of a rule to be broken is not where it is looked for: the test would then test nothing.
 */
export async function buildRuntime(name: string, rule?: BrokenRule): Promise<string> {
  const outdir = join(ROOT, ".test-output", "runtimes", name);
  await mkdir(outdir, { recursive: true });
  let broken = false;
  const plugin: Plugin = {
    name: "break-one-rule",
    setup: (context) => {
      context.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (rule === undefined || path !== join(ROOT, rule.file)) return undefined;
        const parts = (await readFile(path, "utf8")).split(rule.original);
        if (parts.length !== 2)
          throw new Error(`"${rule.original}" occurs ${parts.length - 1} times in ${rule.file}, not once`);
        broken = true;
        return { contents: parts.join(rule.broken), loader: "ts" };
      });
    },
  };
  await build({
    absWorkingDir: ROOT,
    entryPoints: {
      cli: "simulator/cli/main.ts",
      coordinator: "simulator/cluster/coordinatorMain.ts",
      taskManager: "simulator/cluster/taskManagerMain.ts",
      serviceInstance: "simulator/cluster/serviceInstanceMain.ts",
      modelThread: "simulator/inference/modelThread.ts",
    },
    outdir,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    mainFields: ["module", "main"],
    keepNames: true,
    banner: { js: LINK_RESET_HOOK },
    external: ["onnxruntime-node", "esbuild", "tsx"],
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    logLevel: "warning",
    plugins: [plugin],
  });
  if (rule !== undefined && !broken) throw new Error(`${rule.file} is not part of the runtime: nothing was broken`);
  await cp(join(ROOT, "simulator/proto"), join(outdir, "proto"), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts"),
  });
  return join(outdir, "cli.js");
}
