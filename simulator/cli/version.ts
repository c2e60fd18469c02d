import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Of the package that this program came in. */
export function programVersion(): string {
  for (const folder of ["..", "../.."]) {
    try {
      const found = JSON.parse(readFileSync(join(__dirname, folder, "package.json"), "utf8")) as { name?: string; version?: string };
      if (found.name === "faultline" && found.version !== undefined) return found.version;
    } catch {
      // Built and source differ in depth: look in the next.
    }
  }
  return "0.0.0";
}
