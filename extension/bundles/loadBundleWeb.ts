/**
 * Stands in for `loadBundle.ts` in the web extension, which is one file: nothing can be loaded later there. What starts processes or reads
 * this machine's runs is not in it.
 */
import { FaultlineError } from "../../simulator/graph/errors";
import * as extensionActions from "./extensionActions";
import * as extensionLanguage from "./extensionLanguage";
import * as extensionRun from "./extensionRunWeb";

const BUNDLES: Readonly<Record<string, object>> = { extensionActions, extensionLanguage, extensionRun };

/** @throws FaultlineError FL4001 for what needs a machine */
export function loadBundle(name: string): object {
  const bundle = BUNDLES[name];
  if (bundle === undefined) throw needsMachine();
  return bundle;
}

export function needsMachine(): FaultlineError {
  return FaultlineError.of(
    "FL4001",
    "Jobs run as processes, and there is no machine behind this window.",
    "Open the folder in VS Code on a computer, or over a remote connection.",
  );
}
