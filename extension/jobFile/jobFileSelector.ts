import type * as vscode from "vscode";

/** Documents of any language whose name says that they hold a job. */
export const JOB_FILE_SELECTOR: vscode.DocumentSelector = { pattern: "**/*.faultline.json" };

export function isJobFile(uri: vscode.Uri): boolean {
  return uri.path.endsWith(".faultline.json");
}
