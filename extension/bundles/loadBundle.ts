/**
 * Parts of the extension that are files of their own, because compiling them would be most of the time that activation takes.
 *
 * Each bundle has its own copy of what it shares with the others, classes included: across them an error is known by its code.
 */
import { createRequire } from "node:module";
import { join } from "node:path";

/** Which there are says `bundleTypes.ts`: parts of a bundle load others, and their types must not import each other in a circle. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Bundles {}

const requireHere = createRequire(__filename);

/** Loads it the first time it is asked for. */
export function loadBundle<K extends keyof Bundles>(name: K): Bundles[K] {
  return requireHere(join(__dirname, `${name}.js`)) as Bundles[K];
}
