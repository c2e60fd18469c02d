/**
 * Parts of the extension that are files of their own, because compiling them would be most of the time that activation takes.
 *
 * Each bundle has its own copy of what it shares with the others, classes included: across them an error is known by its code.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as extensionLanguage from "./extensionLanguage";
import type * as extensionRun from "./extensionRun";

interface Bundles {
  readonly extensionRun: typeof extensionRun;
  readonly extensionLanguage: typeof extensionLanguage;
}

const requireHere = createRequire(__filename);

/** Loads it the first time it is asked for. */
export function loadBundle<K extends keyof Bundles>(name: K): Bundles[K] {
  return requireHere(join(__dirname, `${name}.js`)) as Bundles[K];
}
