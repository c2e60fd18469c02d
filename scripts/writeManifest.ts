/**
 * Writes the extension's part of package.json from `extension/manifest/`, and leaves the rest as it is.
 *
 *   npx tsx scripts/writeManifest.ts           writes
 *   npx tsx scripts/writeManifest.ts --check   exits 1 where package.json says something else
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MANIFEST } from "../extension/manifest/manifest";

const FILE = join(__dirname, "..", "package.json");

/** package.json as it is, with the extension's part in its place; a key that is new goes to the end. */
export function manifestText(current: string): string {
  const manifest: Record<string, unknown> = { ...(JSON.parse(current) as Record<string, unknown>), ...MANIFEST };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function main(args: readonly string[]): void {
  const current = readFileSync(FILE, "utf8");
  const wanted = manifestText(current);
  if (current === wanted) return;
  if (args.includes("--check")) {
    process.stderr.write("package.json is not what extension/manifest/ says: npx tsx scripts/writeManifest.ts\n");
    process.exitCode = 1;
    return;
  }
  writeFileSync(FILE, wanted);
}

if (require.main === module) main(process.argv.slice(2));
