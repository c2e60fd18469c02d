/** From a moment of the timeline to the event in the run's journal. */
import * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";

/** VS Code opens no larger text file with its language features; larger ones it does not open for extensions at all. */
const MOST_BYTES = 50 * 2 ** 20;

/**
 * Opens the journal beside the picture, at the first event that is not before the moment.
 * @param at ms since the epoch
 * @throws FaultlineError FL1004 when the journal is too large for the editor
 */
export async function openJournalAt(journal: vscode.Uri, at: number): Promise<void> {
  const { size } = await vscode.workspace.fs.stat(journal);
  if (size > MOST_BYTES) {
    throw FaultlineError.of(
      "FL1004",
      `The journal has ${(size / 2 ** 20).toFixed(0)} MiB; the editor opens files up to ${MOST_BYTES / 2 ** 20} MiB.`,
      `Look into ${journal.fsPath} with another program.`,
    );
  }
  const document = await vscode.workspace.openTextDocument(journal);
  const line = lineAt(document.getText(), at);
  const start = new vscode.Position(line, 0);
  const editor = await vscode.window.showTextDocument(document, {
    viewColumn: vscode.ViewColumn.Beside,
    selection: document.lineAt(Math.min(line, document.lineCount - 1)).range,
  });
  editor.revealRange(new vscode.Range(start, start), vscode.TextEditorRevealType.InCenter);
}

/** Number of the first line, from 0, whose event is not before the moment; the last one where all are. */
function lineAt(text: string, at: number): number {
  let line = 0;
  for (const one of text.split("\n")) {
    const time = /"at":\s*([\d.]+)/.exec(one)?.[1];
    if (time !== undefined && Number(time) >= at) return line;
    if (one !== "") line++;
  }
  return Math.max(0, line - 1);
}
