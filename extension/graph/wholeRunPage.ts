/**
 * A whole run as one HTML page: the graph view itself with the journal inside, so that whoever gets the file can go to any moment of the
 * run, look at every subtask and zoom, without Faultline and without a network.
 */
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { createGzip } from "node:zlib";
import { FaultlineError } from "../../simulator/graph/errors";
import type { JobState } from "../../simulator/graph/executionState";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { HostMessage } from "../../webview/protocol";
import { escapeHtml, newNonce } from "../webviewDocument";

export interface WholeRun {
  readonly id: string;
  readonly job: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly state: JobState;
  readonly graph: GraphDescription;
  readonly journal: string;
}

const MOST_JOURNAL_BYTES = 1024 ** 3;

/**
 * @param bundle folder with the view's `graph.js` and `graph.css`.
 * @throws FaultlineError FL1004 for a journal above 1 GiB; what the file system throws.
 */
export async function wholeRunPage(run: WholeRun, bundle: string): Promise<string> {
  const { size } = await stat(run.journal);
  if (size > MOST_JOURNAL_BYTES) {
    throw FaultlineError.of(
      "FL1004",
      `The journal has ${size} bytes; a page holds at most ${MOST_JOURNAL_BYTES}.`,
      "Save the run as a trace, or open its report.",
      { file: run.journal },
    );
  }
  const [script, style, journal] = await Promise.all([
    readFile(join(bundle, "graph.js"), "utf8"),
    readFile(join(bundle, "graph.css"), "utf8"),
    buffer(createReadStream(run.journal).pipe(createGzip())),
  ]);
  const { id, job, startedAt, state, graph } = run;
  const first: readonly HostMessage[] = [
    {
      kind: "graph",
      graph,
      title: job,
      openable: false,
      runnable: false,
      runBlocked: `This is run ${id}, saved as a page.`,
      editable: false,
    },
    { kind: "runStarted", run: { id, job, startedAt, live: false } },
  ];
  const last: HostMessage = { kind: "runEnded", run: id, state, report: false };
  const nonce = newNonce();
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data: blob:; worker-src blob:`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(`${job}, ${id}`)}</title>
<style nonce="${nonce}">${COLOURS}
${style.replaceAll("</style", "<\\/style")}</style>
</head>
<body>
<div id="faultline"></div>
<script nonce="${nonce}" type="application/octet-stream" id="journal">${journal.toString("base64")}</script>
<script nonce="${nonce}">${hostScript({ id, first, last })}</script>
<script nonce="${nonce}">${script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--")}</script>
</body>
</html>
`;
}

/** Stands in for the editor: gives the view what it asks for, and saves its pictures as downloads. */
function hostScript(data: {
  readonly id: string;
  readonly first: readonly HostMessage[];
  readonly last: HostMessage;
}): string {
  return `(() => {
const data = ${JSON.stringify(data).replaceAll("<", "\\u003c")};
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => { document.body.classList.toggle("vscode-dark", dark.matches); document.body.classList.toggle("vscode-light", !dark.matches); };
colour();
dark.addEventListener("change", colour);
const tell = (message) => window.postMessage(message, "*");
async function start() {
  data.first.forEach(tell);
  const packed = Uint8Array.from(atob(document.getElementById("journal").textContent), (letter) => letter.charCodeAt(0));
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    tell({ kind: "journal", run: data.id, bytes: value ?? new Uint8Array(0), last: done });
    if (done) break;
  }
  tell(data.last);
}
function save(name, parts, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
let state;
window.acquireVsCodeApi = () => ({
  getState: () => state,
  setState: (next) => { state = next; },
  postMessage(message) {
    if (message.kind === "ready") start();
    else if (message.kind === "exportSvg") save(message.name + ".svg", [message.data], "image/svg+xml");
    else if (message.kind === "exportPng") save(message.name + ".png", [Uint8Array.from(atob(message.data), (letter) => letter.charCodeAt(0))], "image/png");
    else if (message.kind === "copy") navigator.clipboard?.writeText(message.text);
    else if (["openEvent", "openElement", "exportRun", "listRuns", "openReport"].includes(message.kind)) tell({ kind: "notice", severity: "info", text: "This is a saved page: open the run in Faultline for that." });
  },
});
})();`;
}

/** What the editor gives its views, for a page on its own. */
const COLOURS = `:root { color-scheme: light dark; --vscode-font-family: system-ui, sans-serif; --vscode-font-size: 13px;
  --vscode-editor-background: light-dark(#ffffff, #1f1f1f); --vscode-editor-foreground: light-dark(#3b3b3b, #cccccc);
  --vscode-foreground: light-dark(#3b3b3b, #cccccc); --vscode-icon-foreground: light-dark(#3b3b3b, #cccccc);
  --vscode-errorForeground: light-dark(#b01011, #f85149); --vscode-descriptionForeground: light-dark(#5a5a5a, #a0a0a0);
  --vscode-focusBorder: light-dark(#005fb8, #0078d4); --vscode-textLink-foreground: light-dark(#005fb8, #4daafc);
  --vscode-widget-border: light-dark(#d6d6d6, #3c3c3c); --vscode-editorWidget-background: light-dark(#f8f8f8, #202020);
  --vscode-editorWidget-foreground: light-dark(#3b3b3b, #cccccc); --vscode-editorWidget-border: light-dark(#c8c8c8, #454545);
  --vscode-editorWarning-foreground: light-dark(#9a6700, #cca700);
  --vscode-button-background: light-dark(#005fb8, #0078d4); --vscode-button-foreground: #ffffff; --vscode-button-hoverBackground: light-dark(#0258a8, #026ec1);
  --vscode-button-secondaryBackground: light-dark(#e5e5e5, #313131); --vscode-button-secondaryForeground: light-dark(#3b3b3b, #cccccc);
  --vscode-button-secondaryHoverBackground: light-dark(#cccccc, #3c3c3c);
  --vscode-input-background: light-dark(#ffffff, #313131); --vscode-input-foreground: light-dark(#3b3b3b, #cccccc);
  --vscode-input-border: light-dark(#cecece, #3c3c3c); --vscode-input-placeholderForeground: light-dark(#767676, #989898);
  --vscode-inputOption-activeBackground: light-dark(#bed6ed, #1f5486); --vscode-inputOption-activeForeground: light-dark(#000000, #ffffff);
  --vscode-menu-background: light-dark(#ffffff, #1f1f1f); --vscode-menu-foreground: light-dark(#3b3b3b, #cccccc);
  --vscode-menu-border: light-dark(#cecece, #454545); --vscode-menu-selectionBackground: light-dark(#005fb8, #0078d4);
  --vscode-menu-selectionForeground: #ffffff; --vscode-menu-separatorBackground: light-dark(#e5e5e5, #454545);
  --vscode-list-hoverBackground: light-dark(#f2f2f2, #2a2d2e); --vscode-toolbar-hoverBackground: light-dark(#e8e8e8, #3a3d41); }`;
