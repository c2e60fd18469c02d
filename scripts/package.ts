/**
 * `npm run package [-- --target linux-arm64] [--out FILE]`: the VSIX for one platform, with only that platform's native files; `--target all`
 * makes one for each. What another platform needs and is not installed here is fetched from the registry, as package-lock.json pins it.
 *
 * It is packed from a folder that is laid out for it, so that nothing gets in that is not named here.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createVSIX } from "@vscode/vsce";
import { buildAll } from "./build";
import { thirdPartyNotices } from "./thirdPartyNotices";

const ROOT = join(__dirname, "..");
const LIMIT_BYTES = 40 * 1024 * 1024;

/** VS Code's name of a platform → Node's platform and architecture. */
const TARGETS = {
  "linux-x64": ["linux", "x64"],
  "linux-arm64": ["linux", "arm64"],
  "darwin-arm64": ["darwin", "arm64"],
  "win32-x64": ["win32", "x64"],
} as const;
export type PackageTarget = keyof typeof TARGETS;

/** What the extension's folder holds beside `dist/`. */
const FILES = ["README.md", "CHANGELOG.md", "LICENSE", "NOTICE", "extension/icon.png", ".vscodeignore"] as const;

/** Of the example, what `New Job…` copies; not what it was made with. */
const EXAMPLE = [
  "README.md",
  "language-detection.faultline.json",
  "functions",
  "model",
  "data/texts.ndjson",
  "data/SOURCES.md",
  "data/licenses",
] as const;

export interface PackageOptions {
  readonly target?: PackageTarget;
  /** Default: `faultline-TARGET.vsix` in the repository. */
  readonly out?: string;
  /** Default true: build first. False takes `dist/` as it is, for tests, and leaves the notices out. */
  readonly build?: boolean;
}

/**
 * Makes the VSIX and returns its path.
 * @throws Error with one sentence when a native file of that platform is not installed, or the VSIX is too large.
 */
export async function packageExtension(options: PackageOptions = {}): Promise<string> {
  const target = options.target ?? currentTarget();
  const out = options.out ?? join(ROOT, `faultline-${target}.vsix`);
  const stage = join(ROOT, "out", `package-${target}`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  if (options.build !== false) {
    // Only in a build that is not minified can it be read which packages went into it.
    await buildAll({ minify: false });
    const notices = thirdPartyNotices(ROOT, nativePackages(target), packageFolder);
    await buildAll({ minify: true });
    writeFileSync(join(stage, "ThirdPartyNotices.txt"), notices);
  }
  layOut(stage, target);
  await createVSIX({
    cwd: stage,
    packagePath: out,
    target,
    dependencies: false,
    allowMissingRepository: true,
    skipLicense: true,
    rewriteRelativeLinks: false,
  });
  const { size } = statSync(out);
  if (size > LIMIT_BYTES) {
    throw new Error(`${basename(out)} has ${megabytes(size)} MB and may have ${megabytes(LIMIT_BYTES)} MB.`);
  }
  return out;
}

export function currentTarget(): PackageTarget {
  const name = `${process.platform}-${process.arch}`;
  if (name in TARGETS) return name as PackageTarget;
  throw new Error(`There is no package for ${name}; there is one for ${Object.keys(TARGETS).join(", ")}.`);
}

/** Packages with native files, which the bundles leave out and load from `dist/node_modules`. */
function nativePackages(target: PackageTarget): readonly string[] {
  return ["onnxruntime-node", "onnxruntime-common", "esbuild", `@esbuild/${target}`];
}

function layOut(stage: string, target: PackageTarget): void {
  for (const file of FILES) copy(ROOT, stage, file);
  for (const name of readdirSync(join(ROOT, "extension"))) {
    if (name !== "tsconfig.json" && name.endsWith(".json")) copy(ROOT, stage, `extension/${name}`);
  }
  for (const folder of ["extension/icons", "extension/walkthrough", "dist"]) copy(ROOT, stage, folder);
  for (const part of EXAMPLE) copy(ROOT, stage, `examples/language-detection/${part}`);
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(packagedManifest(), null, 2)}\n`);

  const [platform, arch] = TARGETS[target];
  const modules = join(ROOT, "node_modules");
  const native = join(stage, "dist", "node_modules");
  const runtime = "onnxruntime-node";
  const binaries = `${runtime}/bin/napi-v6/${platform}/${arch}`;
  if (!existsSync(join(modules, binaries))) {
    throw new Error(`node_modules/${binaries} is not installed: npm ci brings it.`);
  }
  for (const part of [
    `${runtime}/package.json`,
    `${runtime}/dist`,
    binaries,
    "onnxruntime-common/package.json",
    "onnxruntime-common/dist/cjs",
  ]) {
    copy(modules, native, part);
  }
  // The same library under the name with all of its version; the one that is loaded is libonnxruntime.1.dylib.
  rmSync(join(native, binaries, `libonnxruntime.${versionOf(runtime)}.dylib`), { force: true });
  for (const part of ["esbuild/package.json", "esbuild/lib/main.js"]) copy(modules, native, part);
  const esbuild = `@esbuild/${target}`;
  copyFile(packageFolder(esbuild), join(native, esbuild));
}

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")) as { version: string })
    .version;
}

/**
 * The folder of a package that only its own platform installs.
 * @throws Error when the registry gives something else than package-lock.json says
 */
function packageFolder(name: string): string {
  const installed = join(ROOT, "node_modules", name);
  if (existsSync(installed)) return installed;
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
  };
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json does not name ${name}.`);
  const folder = join(ROOT, "out", "platform-packages", `${name.replace("/", "-")}-${version}`);
  if (existsSync(join(folder, "package"))) return join(folder, "package");
  mkdirSync(folder, { recursive: true });
  const run = (command: string, args: readonly string[]): string =>
    execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [archive] = (
    JSON.parse(run("npm", ["pack", `${name}@${version}`, "--json"])) as { readonly filename: string }[]
  ).map(({ filename }) => filename.replace("@", "").replace("/", "-"));
  if (archive === undefined) throw new Error(`The registry gave no package ${name}@${version}.`);
  const digest = createHash("sha512")
    .update(readFileSync(join(folder, archive)))
    .digest("base64");
  if (integrity !== `sha512-${digest}`) throw new Error(`${name}@${version} is not what package-lock.json names.`);
  run("tar", ["-xzf", archive]);
  return join(folder, "package");
}

/** Without what only a checkout needs; the dependencies are in the bundles or in `dist/node_modules`. */
function packagedManifest(): Record<string, unknown> {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, unknown>;
  for (const key of ["scripts", "dependencies", "devDependencies", "bin", "private", "files", "optionalDependencies"])
    delete manifest[key];
  return manifest;
}

function copy(from: string, to: string, path: string): void {
  if (existsSync(join(from, path))) copyFile(join(from, path), join(to, path));
}

function copyFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true, filter: (path) => !/\.(map|d\.ts|d\.mts)$/.test(path) });
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

async function main(args: readonly string[]): Promise<void> {
  const option = (name: string): string | undefined => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args[at + 1];
  };
  const target = option("--target");
  const targets = target === "all" ? (Object.keys(TARGETS) as PackageTarget[]) : [target ?? currentTarget()];
  for (const one of targets) {
    if (!(one in TARGETS)) {
      throw new Error(`--target is one of ${Object.keys(TARGETS).join(", ")} and all, not ${one}.`);
    }
    const out = await packageExtension({ target: one as PackageTarget, out: option("--out") });
    process.stdout.write(`${out} (${megabytes(statSync(out).size)} MB)\n`);
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
