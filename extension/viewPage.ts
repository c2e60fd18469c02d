/** The page of each view that is built from `webview/`. */
import * as vscode from "vscode";
import { escapeHtml, newNonce } from "./webviewDocument";

/** Folder of the built views, which is all that a webview may read. */
export function viewBundle(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, "dist", "webview");
}

export interface ViewPage {
  readonly title: string;
  /** Name of its script and its style sheet in {@link viewBundle}. */
  readonly view: "graph" | "simulate";
  /** What it may do beside showing itself, as directives of a content security policy. */
  readonly allowed: readonly string[];
}

/** The page of a view: nothing by default, scripts with the nonce alone, styles and fonts from the extension. No network at all. */
export function viewPage(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  { title, view, allowed }: ViewPage,
): string {
  const nonce = newNonce();
  const asset = (name: string): string =>
    escapeHtml(webview.asWebviewUri(vscode.Uri.joinPath(viewBundle(extensionUri), name)).toString());
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
    ...allowed,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1.0" />
    <link rel="stylesheet" href="${asset(`${view}.css`)}" />
    <title>${escapeHtml(title)}</title>
  </head>
  <body>
    <div id="faultline"></div>
    <script nonce="${nonce}" src="${asset(`${view}.js`)}"></script>
  </body>
</html>`;
}
