/**
 * Stands in for VS Code around the graph view, and the one that simulates: a loopback server with the page that the extension would give, the content security policy
 * included, and a Chromium that opens it. What the view sends is recorded; what the host would send is posted.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { buildWebview } from "../../../scripts/buildWebview";
import { ensureChromium } from "../../../scripts/setupChromium";
import type { GraphDescription } from "../../../simulator/graph/graphDescription";
import type { JournalEvent } from "../../../simulator/observe/journalEvent";
import type { HostMessage, ViewMessage, ViewState } from "../../../webview/protocol";
import type { SimulateHostMessage, SimulateViewState } from "../../../webview/simulate/protocol";
import { THEMES, type ThemeName } from "./themes";

export interface OpenOptions {
  /** Which view; the graph by default. */
  readonly view?: "graph" | "simulate";
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  /** What `getState` answers. */
  readonly state?: ViewState | SimulateViewState;
  readonly reducedMotion?: boolean;
  readonly forcedColors?: boolean;
  readonly zoom?: number;
}

export interface OpenView {
  readonly page: Page;
  /** Everything that went wrong in the page: errors, and what the policy blocked. */
  readonly troubles: string[];
  readonly post: (message: HostMessage | SimulateHostMessage) => Promise<void>;
  readonly sent: () => Promise<readonly ViewMessage[]>;
  /** Shows a graph and waits until it is drawn. */
  readonly show: (graph: GraphDescription, more?: Partial<HostMessage & { kind: "graph" }>) => Promise<void>;
  /** The journal from its first event on, as if it came live. */
  readonly play: (events: readonly JournalEvent[], live?: boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class WebviewHost {
  private constructor(
    private readonly browser: Browser,
    private readonly server: Server,
    private readonly folder: string,
  ) {}

  static async start(
    options: { readonly minify?: boolean; readonly arguments?: readonly string[] } = {},
  ): Promise<WebviewHost> {
    const folder = mkdtempSync(join(tmpdir(), "faultline-webview-"));
    await buildWebview({ outdir: folder, minify: options.minify ?? false });
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://127.0.0.1");
      if (/^\/(graph|simulate)\.(js|css)$/.test(url.pathname)) {
        response.setHeader("content-type", url.pathname.endsWith("js") ? "text/javascript" : "text/css");
        response.end(readFileSync(join(folder, url.pathname.slice(1))));
      } else if (url.pathname === "/") {
        response.setHeader("content-type", "text/html; charset=utf-8");
        response.end(pageText(url, (server.address() as AddressInfo).port));
      } else {
        response.statusCode = 404;
        response.end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const browser = await chromium.launch({
      executablePath: await ensureChromium(),
      args: [...ARGUMENTS, ...(options.arguments ?? [])],
    });
    return new WebviewHost(browser, server, folder);
  }

  async open(options: OpenOptions = {}): Promise<OpenView> {
    const context = await this.browser.newContext({
      viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
      reducedMotion: options.reducedMotion === true ? "reduce" : "no-preference",
      forcedColors: options.forcedColors === true ? "active" : "none",
      ...(options.zoom === undefined ? {} : { deviceScaleFactor: options.zoom }),
    });
    const page = await context.newPage();
    const troubles: string[] = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("favicon")) troubles.push(message.text());
    });
    const query = new URLSearchParams({
      theme: options.theme ?? "dark",
      view: options.view ?? "graph",
      state: JSON.stringify(options.state ?? null),
    });
    await page.goto(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/?${query.toString()}`);
    await page.waitForFunction(() => window.__sent.some((message) => message.kind === "ready"));
    const post = (message: HostMessage | SimulateHostMessage): Promise<void> =>
      page.evaluate((data) => window.postMessage(data, "*"), message);
    return {
      page,
      troubles,
      post,
      sent: () => page.evaluate(() => window.__sent),
      async show(graph, more = {}) {
        const before = await page.evaluate(() => Number(document.body.dataset["ready"] ?? 0));
        await post({
          kind: "graph",
          graph,
          title: graph.name,
          openable: true,
          runnable: true,
          editable: true,
          ...more,
        });
        await page.waitForFunction((count) => Number(document.body.dataset["ready"] ?? 0) > count, before);
      },
      async play(events, live = true) {
        await post({ kind: "runStarted", run: { id: "test-run", job: "test", startedAt: events[0]?.at ?? 0, live } });
        await post({ kind: "events", run: "test-run", from: events[0]?.seq ?? 0, events });
        await page.evaluate(
          () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
        );
      },
      close: () => context.close(),
    };
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await new Promise((resolve) => this.server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

declare global {
  interface Window {
    __sent: ViewMessage[];
    __injected?: unknown;
  }
}

/** The page as the extension makes it, with VS Code's part (its API, its colours) in a script of its own. */
function pageText(url: URL, port: number): string {
  const nonce = randomBytes(16).toString("hex");
  const theme = THEMES[(url.searchParams.get("theme") ?? "dark") as ThemeName];
  const source = `http://127.0.0.1:${port}`;
  const view = url.searchParams.get("view") === "simulate" ? "simulate" : "graph";
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${source} 'nonce-${nonce}'; font-src ${source}; img-src ${source} blob: data:; worker-src blob:`;
  const vscode = `
    window.__sent = [];
    for (const [name, value] of Object.entries(${script(theme.variables)})) document.documentElement.style.setProperty("--vscode-" + name, value);
    let state = ${script(JSON.parse(url.searchParams.get("state") ?? "null"))};
    window.acquireVsCodeApi = () => ({
      postMessage: (message) => { window.__sent.push(message); },
      getState: () => state ?? undefined,
      setState: (next) => { state = next; },
    });
    addEventListener("securitypolicyviolation", (event) => console.error("policy blocked " + event.violatedDirective + " " + event.blockedURI + " " + event.sample));`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${source}/${view}.css">
<title>Job graph</title>
</head>
<body class="${theme.bodyClass}" data-vscode-theme-kind="${theme.kind}" data-vscode-context='{"preventDefaultContextMenuItems": true}'>
<div id="faultline"></div>
<script nonce="${nonce}">${vscode}</script>
<script nonce="${nonce}" src="${source}/${view}.js"></script>
</body>
</html>`;
}

function script(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
