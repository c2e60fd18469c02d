/** Builds the fuzzer with one rule of `core` broken, as a bundle of its own. */
import { build } from "esbuild";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { fuzzCase, runFuzzCase } from "../../simulator/virtual/fuzzSeed";
import type { CoreMutation } from "./coreMutations";

const ROOT = join(__dirname, "..", "..");
const OUTPUT = join(ROOT, ".test-output", "mutants");

export interface MutantFuzzer {
  readonly fuzzCase: typeof fuzzCase;
  readonly runFuzzCase: typeof runFuzzCase;
}

/** @throws an Error when the text to change is not there exactly once. */
export async function buildMutant(mutation: CoreMutation | undefined, name: string): Promise<MutantFuzzer> {
  return buildBroken<MutantFuzzer>("simulator/virtual/fuzzSeed.ts", mutation, name);
}

/** A module of the repository with one rule of `core` broken in what it imports. */
export async function buildBroken<T>(module: string, mutation: CoreMutation | undefined, name: string): Promise<T> {
  mkdirSync(OUTPUT, { recursive: true });
  const outfile = join(OUTPUT, `${name}.cjs`);
  await build({
    entryPoints: [join(ROOT, module)],
    outfile,
    bundle: true,
    platform: "node",
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    format: "cjs",
    logLevel: "silent",
    plugins: [
      {
        name: "mutation",
        setup: (plugin) => {
          if (mutation === undefined) return;
          plugin.onLoad({ filter: new RegExp(`simulator/core/${mutation.file.replace(".", "\\.")}$`) }, ({ path }) => {
            const source = readFileSync(path, "utf8");
            const times = source.split(mutation.from).length - 1;
            if (times !== 1) throw new Error(`${mutation.file} holds the text of "${mutation.name}" ${times} times`);
            return { contents: source.replace(mutation.from, () => mutation.to), loader: "ts" };
          });
        },
      },
    ],
  });
  const load = createRequire(__filename);
  delete load.cache[load.resolve(outfile)];
  return load(outfile) as T;
}
