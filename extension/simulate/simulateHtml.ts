/** The page of the view `Simulate at Scale`: scripts with the nonce alone, styles of the extension, nothing from elsewhere. */
import * as vscode from "vscode";
import { graphBundle } from "../graph/jobGraphHtml";
import { escapeHtml, newNonce } from "../webviewDocument";

export function simulateHtml(webview: vscode.Webview, extensionUri: vscode.Uri, title: string): string {
  const nonce = newNonce();
  const asset = (name: string): string =>
    escapeHtml(webview.asWebviewUri(vscode.Uri.joinPath(graphBundle(extensionUri), name)).toString());
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1.0" />
    <link rel="stylesheet" href="${asset("simulate.css")}" />
    <title>${escapeHtml(title)}</title>
  </head>
  <body>
    <div id="faultline"></div>
    <script nonce="${nonce}" src="${asset("simulate.js")}"></script>
  </body>
</html>`;
}
