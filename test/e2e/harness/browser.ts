/**
 * Chromium with one new profile, on one server: profile, temporary files and home lie in the server's folder, and closing
 * the server closes the browser first. Every browser process carries a mark of its own, so that a test can see that none
 * is left.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { type BrowserContext, type Page, chromium } from "playwright-core";
import { ensureChromium } from "../../../scripts/setupChromium";
import { within } from "./condition";
import { type ProcessInfo, processesMarked } from "./processTree";
import type { VscodeServer } from "./vscodeServer";

/** Set in every browser process on a server; its value is the server's mark. */
const BROWSER_MARK = "FAULTLINE_E2E_BROWSER";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface BrowserOptions {
  /** CSS pixels. Default 1280 × 800. */
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Device pixels per CSS pixel: 2 gives sharp pictures. Default 1. */
  readonly deviceScaleFactor?: number;
  /** Limit of every single wait of playwright's own, in milliseconds. Default 20,000. */
  readonly timeoutMs?: number;
}

export interface Browser {
  readonly context: BrowserContext;
  readonly page: Page;
  close(): Promise<void>;
}

/** @throws Error when there is no Chromium and none can be installed. */
export async function openBrowser(server: VscodeServer, options: BrowserOptions = {}): Promise<Browser> {
  const executablePath = await ensureChromium();
  const context = await chromium.launchPersistentContext(mkdtempSync(join(server.root, "browser-")), {
    executablePath,
    args: [...ARGUMENTS],
    viewport: options.viewport ?? { width: 1280, height: 800 },
    deviceScaleFactor: options.deviceScaleFactor ?? 1,
    locale: "en-US",
    permissions: ["clipboard-read", "clipboard-write"],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: server.home,
      TMPDIR: server.temporary,
      XDG_RUNTIME_DIR: server.temporary,
      LANG: "C.UTF-8",
      [BROWSER_MARK]: server.mark,
    },
  });
  // Functions that a test evaluates in the page come through esbuild, which wraps those inside them in a call of __name.
  await context.addInitScript("globalThis.__name ??= (target) => target;");
  context.setDefaultTimeout(options.timeoutMs ?? 20_000);
  const page = context.pages()[0] ?? (await context.newPage());
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= context.close());
  server.onDispose(async () => {
    try {
      await within("Closing the browser", 10_000, close());
    } catch {
      for (const info of browserProcesses(server)) process.kill(info.pid, "SIGKILL");
    }
  });
  return { context, page, close };
}

/** The processes of all browsers that were opened on the server. */
export function browserProcesses(server: VscodeServer): ProcessInfo[] {
  return processesMarked(BROWSER_MARK, server.mark);
}
