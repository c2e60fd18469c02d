/** Asks before commands of the person are run against a Flink cluster that is there. */
import * as vscode from "vscode";

/** @param text every command, with what it is for */
export async function confirmCommands(text: string): Promise<boolean> {
  const yes = "Run Commands";
  const answer = await vscode.window.showWarningMessage(
    "Run the commands of this experiment?",
    { modal: true, detail: text },
    yes,
  );
  return answer === yes;
}
