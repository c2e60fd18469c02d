import * as vscode from "vscode";
import type { TextSpan } from "../language/jobFileTree";

export function rangeOfSpan(document: vscode.TextDocument, { offset, length }: TextSpan): vscode.Range {
  return new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
}
