/** Telling the person that something did not work: one sentence, what to do, and the way to the place it is about. */
import * as vscode from "vscode";
import { FaultlineError, type Problem } from "../simulator/graph/errors";

/** What any failure is to the person. Errors that are not ours are bugs: their text is shown, their stack goes to the log. */
export function problemOf(error: unknown): Problem {
  if (error instanceof FaultlineError) {
    return { code: error.code, message: error.message, location: error.location, hint: error.hint };
  }
  return { code: "FL4001", message: error instanceof Error ? error.message : String(error) };
}

/** Message and hint, without the code: for buttons, lists and status lines. */
export function problemText(problem: Problem): string {
  return problem.hint === undefined ? problem.message : `${problem.message} ${problem.hint}`;
}

/** Shows the problem with a way to its place, and writes it (with the stack, where there is one) to the log. */
export async function showProblem(error: unknown, log: vscode.LogOutputChannel): Promise<void> {
  if (error instanceof vscode.CancellationError) return;
  const problem = problemOf(error);
  log.error(`${problem.code}: ${problemText(problem)}`);
  if (error instanceof Error && !(error instanceof FaultlineError) && error.stack !== undefined) log.debug(error.stack);
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
