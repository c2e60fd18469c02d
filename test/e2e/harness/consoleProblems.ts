/**
 * Errors that came to the browser's console, or were thrown in the page, and whose they are. VS Code itself has many, and
 * more on a slow machine; a test asks for those of extensions and their webviews.
 */
import type { Page } from "playwright-core";

export interface Problem {
  readonly kind: "console" | "exception";
  readonly origin: "webview" | "extension" | "workbench";
  readonly text: string;
  /** The script or document it comes from, where the browser says so. */
  readonly url: string;
}

/** Said in the name of the extension host by a VS Code whose native modules were not compiled, and by its own extensions. */
const NOT_OURS = [
  /Could not locate the bindings file/,
  /native-watchdog/,
  /[eE]xtension [`']vscode\.[\w-]+[`']/,
  /^[^\w]*\[vscode\.[\w-]+\]/,
] as const;

/** Collects from now on; the array grows. */
export function collectProblems(page: Page): readonly Problem[] {
  const problems: Problem[] = [];
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const [text, url] = [message.text(), message.location().url];
    problems.push({ kind: "console", origin: originOfMessage(text, url), text, url });
  });
  page.on("pageerror", (error) => {
    const text = error.stack ?? error.message;
    problems.push({ kind: "exception", origin: originOfException(text), text, url: page.url() });
  });
  return problems;
}

function originOfMessage(text: string, url: string): Problem["origin"] {
  // A webview's document is written into an empty frame: what its inline scripts say has no address.
  if (url === "" || url.includes("/webview/browser/pre/")) return "webview";
  if (NOT_OURS.some((known) => known.test(text))) return "workbench";
  // An extension's console, and with the extension's id: what it threw outside of a call, or has wrong in its manifest.
  const inItsName = /\[Extension Host\]|\[[\w-]+\.[\w-]+\]|Activating extension '[\w-]+\.[\w-]+' failed/;
  return inItsName.test(text) ? "extension" : "workbench";
}

function originOfException(stack: string): Problem["origin"] {
  return /\/workbench\/workbench\.js/.test(stack) && !stack.includes("/webview/browser/pre/") ? "workbench" : "webview";
}
