/** The VSIX that the editor tests install: packed once from `dist/` as it was built before the tests. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { packageExtension } from "../../scripts/package";

export const REPOSITORY = join(__dirname, "..", "..");

let packed: Promise<string> | undefined;

export function extensionVsix(): Promise<string> {
  packed ??= pack();
  return packed;
}

async function pack(): Promise<string> {
  if (!existsSync(join(REPOSITORY, "dist", "extension.js")))
    throw new Error("dist/ is not there: npm run build makes it.");
  const folder = join(REPOSITORY, ".test-output");
  mkdirSync(folder, { recursive: true });
  // vsce tells people on the console what it packs; a test's output has no place for it.
  const { log, warn } = console;
  console.log = console.warn = () => undefined;
  try {
    return await packageExtension({ out: join(folder, "faultline.vsix"), build: false });
  } finally {
    Object.assign(console, { log, warn });
  }
}
