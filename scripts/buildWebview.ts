/**
 * Bundles what runs inside the webviews: for each one script, its style sheet, and, inside the script as text, the workers that it starts.
 */
import { join } from "node:path";
import { build } from "esbuild";

const FOLDER = join(__dirname, "..", "webview");
const TARGET = ["chrome120"];

export interface WebviewBuild {
  /** Folder that gets `graph.js` and `graph.css`, `simulate.js` and `simulate.css`. */
  readonly outdir: string;
  readonly minify: boolean;
}

/** @throws what esbuild throws when the source does not compile. */
export async function buildWebview({ outdir, minify }: WebviewBuild): Promise<void> {
  const layoutWorker = await bundledText(join(FOLDER, "layout", "layoutWorker.ts"), minify);
  await build({
    entryPoints: { graph: join(FOLDER, "main.ts"), simulate: join(FOLDER, "simulate", "main.ts") },
    outdir,
    bundle: true,
    minify,
    sourcemap: minify ? false : "inline",
    format: "iife",
    platform: "browser",
    target: TARGET,
    legalComments: "none",
    define: { LAYOUT_WORKER_SOURCE: JSON.stringify(layoutWorker) },
    logLevel: "warning",
  });
  await build({
    entryPoints: { graph: join(FOLDER, "graph.css"), simulate: join(FOLDER, "simulate", "simulate.css") },
    outdir,
    bundle: true,
    minify,
    target: TARGET,
    logLevel: "warning",
  });
}

/** A worker as text: a webview cannot load one by address, but it can start one from a blob. */
async function bundledText(entry: string, minify: boolean): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify,
    format: "iife",
    platform: "browser",
    target: TARGET,
    legalComments: "none",
  });
  return result.outputFiles[0].text;
}

if (require.main === module) {
  const outdir = join(__dirname, "..", "dist", "webview");
  buildWebview({ outdir, minify: process.argv.includes("--minify") }).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  });
}
