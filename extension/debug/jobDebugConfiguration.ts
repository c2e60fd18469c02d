/** Launch configurations of type `faultline`: those of launch.json, and those that F5 and the debug view make by themselves. */
import { isAbsolute, join } from "node:path";
import * as vscode from "vscode";
import { isJobFile } from "../jobFile/jobFileSelector";
import { type JobDebugConfiguration, jobDebugConfiguration } from "./launchConfiguration";

export class JobDebugConfigurationProvider implements vscode.DebugConfigurationProvider {
  /** @param ready asks and checks what has to be before a job can run; false leaves it. */
  constructor(private readonly ready: (job: vscode.Uri) => Promise<boolean>) {}

  async provideDebugConfigurations(folder: vscode.WorkspaceFolder | undefined): Promise<vscode.DebugConfiguration[]> {
    const within =
      folder === undefined ? "**/*.faultline.json" : new vscode.RelativePattern(folder, "**/*.faultline.json");
    const files = await vscode.workspace.findFiles(within, "**/node_modules/**", 50);
    return files.map((uri) =>
      jobDebugConfiguration(
        folder === undefined ? uri.fsPath : `\${workspaceFolder}/${vscode.workspace.asRelativePath(uri, false)}`,
      ),
    );
  }

  /** F5 on a job file, without a launch.json, comes with nothing. */
  resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration | undefined {
    if (configuration.job !== undefined) return configuration;
    const inFront = vscode.window.activeTextEditor?.document.uri;
    if (inFront === undefined || !isJobFile(inFront)) return configuration;
    return { ...configuration, ...jobDebugConfiguration(inFront.fsPath) };
  }

  async resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    const { job } = configuration as Partial<JobDebugConfiguration>;
    if (typeof job !== "string" || job === "") {
      await vscode.window.showErrorMessage('"job" of this launch configuration names no job file (*.faultline.json).', {
        modal: true,
      });
      return undefined;
    }
    if (configuration.run !== undefined) return configuration;
    const path = isAbsolute(job) || folder === undefined ? job : join(folder.uri.fsPath, job);
    return (await this.ready(vscode.Uri.file(path))) ? { ...configuration, job: path } : undefined;
  }
}
