/** Loads the job file's parser when the first job file is looked at, and reads each version of a document once. */
import type * as vscode from "vscode";
import type { ParsedJobFile } from "../../simulator/graph/parseJobFile";

/** Documents of any language whose name says that they hold a job. */
export const JOB_FILE_SELECTOR: vscode.DocumentSelector = { pattern: "**/*.faultline.json" };

export function isJobFile(uri: vscode.Uri): boolean {
  return uri.path.endsWith(".faultline.json");
}

const parsed = new WeakMap<vscode.TextDocument, { readonly version: number; readonly result: ParsedJobFile }>();

/** Job and problems of the document as it is in the editor, saved or not. */
export async function parseJobDocument(document: vscode.TextDocument): Promise<ParsedJobFile> {
  const { parseJobFile } = await import("../../simulator/graph/parseJobFile");
  const known = parsed.get(document);
  if (known?.version === document.version) return known.result;
  const result = parseJobFile(document.getText(), document.uri.fsPath);
  parsed.set(document, { version: document.version, result });
  return result;
}
