/** Reads each version of a document once. */
import type * as vscode from "vscode";
import { type ParsedJobFile, parseJobFile } from "../../simulator/graph/parseJobFile";

const parsed = new WeakMap<vscode.TextDocument, { readonly version: number; readonly result: ParsedJobFile }>();

/** Job and problems of the document as it is in the editor, saved or not. */
export function parseJobDocument(document: vscode.TextDocument): ParsedJobFile {
  const known = parsed.get(document);
  if (known?.version === document.version) return known.result;
  const result = parseJobFile(document.getText(), document.uri.fsPath);
  parsed.set(document, { version: document.version, result });
  return result;
}
