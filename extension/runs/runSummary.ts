/** Runs as they are listed. */
import type { RunSummary } from "../../simulator/client/run";

const OVER = new Set(["FINISHED", "FAILED", "CANCELED", "SUSPENDED", "CRASHED"]);

export function isLive(summary: RunSummary): boolean {
  return !OVER.has(summary.state);
}

/** `language-detection` of `…/language-detection.faultline.json`. */
export function jobName(jobFile: string): string {
  return (jobFile.split(/[\\/]/).at(-1) ?? jobFile).replace(/\.faultline\.json$/, "");
}
