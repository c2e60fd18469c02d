/** The page that the graph view lives in. */
import type * as vscode from "vscode";
import { viewPage } from "../viewPage";

/** Pictures come from the view itself (`data:` and `blob:`, for the export), and the layout runs in a worker from a blob. */
export function jobGraphHtml(webview: vscode.Webview, extensionUri: vscode.Uri, title: string): string {
  const own = webview.cspSource;
  return viewPage(webview, extensionUri, {
    title,
    view: "graph",
    allowed: [`img-src ${own} data: blob:`, "worker-src blob:", `connect-src ${own}`],
  });
}
