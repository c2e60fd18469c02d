/**
 * What the extension asks of a person: VS Code's pick and its input box, asked once more where nobody can have seen them.
 *
 * A question that comes from the command palette, or after another one, may be gone before it was seen: when the one before closes, the editor gives
 * the focus back to where it was, and to a webview it does so later than to its own parts (microsoft/vscode#75209). A question that was shown meanwhile loses
 * the focus by that, and closes. Nobody turns away that fast: it is asked once more, and by then the focus has come to rest.
 */
import * as vscode from "vscode";

/** Sooner than a person can have read a question and turned away from it. */
const UNSEEN_MS = 400;

export function pickOf<T extends vscode.QuickPickItem | string>(items: readonly T[], options: vscode.QuickPickOptions): Promise<T | undefined> {
  const show = vscode.window.showQuickPick as (items: readonly T[], options: vscode.QuickPickOptions) => Thenable<T | undefined>;
  return untilSeen(() => show(items, options));
}

export function inputOf(options: vscode.InputBoxOptions): Promise<string | undefined> {
  return untilSeen(() => vscode.window.showInputBox(options));
}

async function untilSeen<T>(ask: () => Thenable<T | undefined>): Promise<T | undefined> {
  const askedAt = performance.now();
  const answer = await ask();
  return answer === undefined && performance.now() - askedAt < UNSEEN_MS ? ask() : answer;
}
