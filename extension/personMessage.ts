/** Telling the person that something did not work: one sentence, what to do, and the way to the place it is about. */
import * as vscode from "vscode";
import type { Problem } from "../simulator/graph/errors";
import { isFaultlineError, problemOf, problemText } from "./problem";

/** Shows the problem with a way to its place, and writes it (with the stack, where there is one) to the log. */
export async function showProblem(error: unknown, log: vscode.LogOutputChannel): Promise<void> {
  if (error instanceof vscode.CancellationError) return;
  const problem = problemOf(error);
  log.error(`${problem.code}: ${problemText(problem)}`);
  if (error instanceof Error && !isFaultlineError(error) && error.stack !== undefined) log.debug(error.stack);
  const { file } = problem.location ?? {};
  const actions = file === undefined ? ["Show Log"] : ["Go to Place", "Show Log"];
  const action = await vscode.window.showErrorMessage(`${problemText(problem)} (${problem.code})`, ...actions);
  if (action === "Show Log") log.show();
  if (action === "Go to Place" && file !== undefined) await openLocation(file, problem);
}

async function openLocation(file: string, { location }: Problem): Promise<void> {
  const line = Math.max(0, (location?.line ?? 1) - 1);
  const column = Math.max(0, (location?.column ?? 1) - 1);
  const selection = new vscode.Range(line, column, line, column + (location?.length ?? 0));
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection });
}
