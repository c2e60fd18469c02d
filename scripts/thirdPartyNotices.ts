/** The notices of every package whose code is in `dist/`, bundled or beside it: name, version, licence, and the licence's text. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A bundle that is not minified names, in a comment, each file that went into it. */
const BUNDLED = /\/\/ node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//g;

/**
 * `root` holds `dist/`, built without minifying; `also` are packages that are copied whole.
 * @throws Error when a package has neither a licence file nor names a licence
 */
export function thirdPartyNotices(
  root: string,
  also: readonly string[],
  folderOf = (name: string): string => join(root, "node_modules", name),
): string {
  const names = [...new Set([...bundledPackages(join(root, "dist")), ...also])].sort();
  const sections = names.map((name) => notice(folderOf(name), name));
  const head = "Faultline contains code of the packages below, each under its own licence.\n";
  return [head, ...sections].join(`\n${"-".repeat(80)}\n\n`);
}

export function bundledPackages(dist: string): readonly string[] {
  const found = new Set<string>();
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
  for (const file of files) {
    const text = readFileSync(join(dist, file), "utf8");
    for (const [, name] of text.matchAll(BUNDLED)) if (name !== undefined) found.add(name);
  }
  return [...found];
}

function notice(folder: string, name: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly version?: string;
    readonly license?: string;
    readonly homepage?: string;
  };
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)([.-]|$)/i.test(file));
  const texts = files
    .filter((file) => existsSync(join(folder, file)))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (texts.length === 0 && manifest.license === undefined) throw new Error(`The package ${name} names no licence.`);
  const head = `${name} ${manifest.version ?? ""} (${manifest.license ?? "see below"})`;
  const source = manifest.homepage === undefined ? [] : [manifest.homepage];
  return [head, ...source, "", ...texts].join("\n");
}
