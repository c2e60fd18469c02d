/** What a graph view shows. */
import * as vscode from "vscode";

export type JobGraphSource =
  /** A job file, with its newest run laid over it. */
  | { readonly kind: "jobFile"; readonly uri: vscode.Uri }
  /** One run, as its journal has it. */
  | { readonly kind: "run"; readonly runId: string };

export function sourceKey(source: JobGraphSource): string {
  return source.kind === "jobFile" ? source.uri.toString() : `run:${source.runId}`;
}

/** @throws vscode.FileSystemError when the file is gone */
export function openJobDocument(uri: vscode.Uri): Thenable<vscode.TextDocument> {
  return vscode.workspace.openTextDocument(uri);
}
