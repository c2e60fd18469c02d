/**
 * Finds the browser the editor tests drive, and on a Debian machine installs it.
 *
 * Looked for, in this order: the executable that FAULTLINE_CHROMIUM names, then Debian's and other distributions' usual
 * places. Only where none is found, or the font that pictures need is missing, and only as root with apt-get at hand, are
 * Debian's packages installed. libvulkan1 comes along because WebGPU on a machine without a GPU needs it.
 */
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"] as const;
const DEBIAN_PACKAGES = ["chromium", "fonts-dejavu-core", "libvulkan1"] as const;
const FONT_FOLDER = "/usr/share/fonts/truetype/dejavu";
const INSTALL_LIMIT_MS = 10 * 60_000;

/**
 * The path of a Chromium that can be started.
 *
 * @throws Error with one sentence that says what is missing and how to get it.
 */
export async function ensureChromium(): Promise<string> {
  const named = process.env["FAULTLINE_CHROMIUM"];
  if (named !== undefined && named !== "") {
    if (!isExecutable(named)) {
      throw new Error(`FAULTLINE_CHROMIUM names ${named}, which is not an executable file.`);
    }
    return named;
  }
  const found = findChromium();
  if (found !== undefined && (existsSync(FONT_FOLDER) || !canInstall())) return found;
  if (found === undefined && !canInstall()) {
    throw new Error(
      "No Chromium was found: install one (on Debian, as root: apt-get install " +
        `${DEBIAN_PACKAGES.join(" ")}) or let FAULTLINE_CHROMIUM name its executable.`,
    );
  }
  try {
    await installDebianPackages();
  } catch (error) {
    if (found === undefined) throw error;
    process.stderr.write(`Pictures will lack their font: ${(error as Error).message}\n`);
    return found;
  }
  const installed = findChromium();
  if (installed === undefined) {
    throw new Error(
      "apt-get installed the package chromium, but no chromium is on the PATH: let FAULTLINE_CHROMIUM name it.",
    );
  }
  return installed;
}

function findChromium(): string | undefined {
  const folders = new Set([
    "/usr/bin",
    ...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""),
  ]);
  for (const name of NAMES) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && isExecutable("/usr/bin/apt-get");
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function installDebianPackages(): Promise<void> {
  process.stderr.write(`Installing ${DEBIAN_PACKAGES.join(", ")} with apt-get ...\n`);
  await aptGet("update");
  await aptGet("install", "-y", "--no-install-recommends", ...DEBIAN_PACKAGES);
}

async function aptGet(...args: string[]): Promise<void> {
  try {
    await run("/usr/bin/apt-get", args, {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeout: INSTALL_LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(
      `apt-get ${args[0]} did not succeed (${lastLine(error)}): install ${DEBIAN_PACKAGES.join(", ")} yourself, or let ` +
        "FAULTLINE_CHROMIUM name a Chromium.",
      { cause: error },
    );
  }
}

/** The last line a failed command wrote: apt-get puts its reason there. */
function lastLine(error: unknown): string {
  const stderr = (error as { stderr?: unknown }).stderr;
  const text = typeof stderr === "string" && stderr.trim() !== "" ? stderr : String(error);
  return text.trim().split("\n").at(-1) ?? "no reason given";
}
