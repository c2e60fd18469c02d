/** Quick fixes in the editor: one set for each finding that has any. */
import * as vscode from "vscode";
import { quickFixes } from "../language/jobFileFixes";
import { parseJobDocument } from "./jobFileParser";
import { rangeOfSpan } from "./textSpans";

export const fixProvider: vscode.CodeActionProvider = {
  provideCodeActions(document, _range, { diagnostics }) {
    const { problems } = parseJobDocument(document);
    const indentation = indentationOf(document);
    const actions: vscode.CodeAction[] = [];
    for (const diagnostic of diagnostics.filter(({ source }) => source === "faultline")) {
      const start = document.offsetAt(diagnostic.range.start);
      const found = problems.find(
        ({ code, location, message }) =>
          code === diagnostic.code && location?.offset === start && diagnostic.message.startsWith(message),
      );
      if (found === undefined) continue;
      for (const fix of quickFixes(document.getText(), found, indentation)) {
        const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
        action.diagnostics = [diagnostic];
        action.isPreferred = fix.preferred;
        action.edit = new vscode.WorkspaceEdit();
        for (const edit of fix.edits) action.edit.replace(document.uri, rangeOfSpan(document, edit), edit.content);
        actions.push(action);
      }
    }
    return actions;
  },
};

export function indentationOf(document: vscode.TextDocument): {
  readonly tabSize: number;
  readonly insertSpaces: boolean;
} {
  const editor = vscode.window.visibleTextEditors.find((one) => one.document === document);
  const { tabSize, insertSpaces } = editor?.options ?? {};
  return { tabSize: typeof tabSize === "number" ? tabSize : 2, insertSpaces: insertSpaces !== false };
}
