import * as vscode from "vscode";

/** Codicon and theme colour of a state of a run or a task: shape and colour both tell, so that neither is needed alone. */
export function stateIcon(state: string): vscode.ThemeIcon {
  switch (state) {
    case "RUNNING":
      return new vscode.ThemeIcon("play-circle", new vscode.ThemeColor("testing.iconPassed"));
    case "FINISHED":
      return new vscode.ThemeIcon("pass", new vscode.ThemeColor("testing.iconPassed"));
    case "FAILED":
    case "FAILING":
    case "CRASHED":
    case "UNREACHABLE":
      return new vscode.ThemeIcon("error", new vscode.ThemeColor("testing.iconFailed"));
    case "RESTARTING":
    case "SCHEDULED":
    case "DEPLOYING":
    case "INITIALIZING":
    case "STARTING":
      return new vscode.ThemeIcon("sync", new vscode.ThemeColor("testing.iconQueued"));
    case "CANCELED":
    case "CANCELING":
    case "CANCELLING":
    case "SUSPENDED":
      return new vscode.ThemeIcon("circle-slash", new vscode.ThemeColor("testing.iconSkipped"));
    default:
      return new vscode.ThemeIcon("circle-outline", new vscode.ThemeColor("testing.iconUnset"));
  }
}
