/** The page that the graph view lives in. */
import * as vscode from "vscode";
import { escapeHtml, newNonce } from "../webviewDocument";

/** Folder of the built view, relative to the extension. */
const BUNDLE = ["dist", "webview"] as const;

export function graphBundle(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, ...BUNDLE);
}

/**
 * Content security: nothing by default; scripts with the nonce alone; styles and fonts from the extension; pictures from the
 * view itself (`data:` and `blob:`, for the export); a worker from a blob for the layout. No network at all.
 */
export function jobGraphHtml(webview: vscode.Webview, extensionUri: vscode.Uri, title: string): string {
  const nonce = newNonce();
  const asset = (name: string): string =>
    escapeHtml(webview.asWebviewUri(vscode.Uri.joinPath(graphBundle(extensionUri), name)).toString());
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data: blob:`,
    "worker-src blob:",
    `connect-src ${webview.cspSource}`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1.0" />
    <link rel="stylesheet" href="${asset("graph.css")}" />
    <title>${escapeHtml(title)}</title>
  </head>
  <body>
    <div id="faultline"></div>
    <script nonce="${nonce}" src="${asset("graph.js")}"></script>
  </body>
</html>`;
}
