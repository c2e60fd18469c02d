/** From a moment of the timeline to the event in the run's journal. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";

/** VS Code opens no larger text file with its language features; larger ones it does not open for extensions at all. */
const MOST_BYTES = 50 * 2 ** 20;

/**
 * Opens the journal beside the picture, at the first event that is not before the moment.
 * @param at ms since the epoch
 * @throws FaultlineError FL1004 when the journal is too large for the editor
 */
export async function openJournalAt(directory: string, at: number): Promise<void> {
  const path = join(directory, "journal.ndjson");
  const { size } = await stat(path);
  if (size > MOST_BYTES) {
    throw FaultlineError.of(
      "FL1004",
      `The journal has ${(size / 2 ** 20).toFixed(0)} MiB; the editor opens files up to ${MOST_BYTES / 2 ** 20} MiB.`,
      `Look into ${path} with another program.`,
    );
  }
  const line = await lineAt(path, at);
  const start = new vscode.Position(line, 0);
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
  const editor = await vscode.window.showTextDocument(document, {
    viewColumn: vscode.ViewColumn.Beside,
    selection: document.lineAt(Math.min(line, document.lineCount - 1)).range,
  });
  editor.revealRange(new vscode.Range(start, start), vscode.TextEditorRevealType.InCenter);
}

async function lineAt(path: string, at: number): Promise<number> {
  const input = createReadStream(path, "utf8");
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      const time = /"at":\s*([\d.]+)/.exec(text)?.[1];
      if (time !== undefined && Number(time) >= at) return line;
      line++;
    }
  } finally {
    input.destroy();
  }
  return Math.max(0, line - 1);
}
