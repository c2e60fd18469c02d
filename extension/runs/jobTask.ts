/** Tasks of type `faultline`: a job run in a terminal by the command line that comes with the extension. */
import { join } from "node:path";
import * as vscode from "vscode";
import { readSetting } from "../setting";
import { jobName } from "./runSummary";

export const TASK_TYPE = "faultline";

/** As in tasks.json; the manifest's `taskDefinitions` say the same. */
export interface JobTaskDefinition extends vscode.TaskDefinition {
  /** Job file, from the workspace folder. */
  readonly job: string;
  readonly deployment?: string;
  /** Fault to inject, with `target` and `after`. */
  readonly fault?: string;
  readonly target?: string;
  readonly after?: string;
}

export class JobTaskProvider implements vscode.TaskProvider {
  constructor(private readonly extensionPath: string) {}

  async provideTasks(): Promise<vscode.Task[]> {
    const files = await vscode.workspace.findFiles("**/*.faultline.json", "**/node_modules/**", 200);
    return files.flatMap((uri) => {
      const folder = vscode.workspace.getWorkspaceFolder(uri);
      if (folder === undefined) return [];
      const definition: JobTaskDefinition = { type: TASK_TYPE, job: vscode.workspace.asRelativePath(uri, false) };
      return [this.task(definition, folder)];
    });
  }

  resolveTask(task: vscode.Task): vscode.Task | undefined {
    const definition = task.definition as JobTaskDefinition;
    if (typeof definition.job !== "string" || typeof task.scope !== "object") return undefined;
    // The definition must stay the very object that VS Code looked for.
    return this.task(definition, task.scope);
  }

  private task(definition: JobTaskDefinition, folder: vscode.WorkspaceFolder): vscode.Task {
    const node = readSetting("faultline.run.node");
    const execution = new vscode.ProcessExecution(
      node === "" ? process.execPath : node,
      [join(this.extensionPath, "dist", "cli.js"), "run", definition.job, ...options(definition)],
      { cwd: folder.uri.fsPath, env: { ELECTRON_RUN_AS_NODE: "1" } },
    );
    const name = `run ${jobName(definition.job)}`;
    const task = new vscode.Task(definition, folder, name, "faultline", execution, ["$faultline"]);
    task.detail = `Runs ${definition.job} on this machine`;
    task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated };
    return task;
  }
}

function options({ deployment, fault, target, after }: JobTaskDefinition): readonly string[] {
  const pairs = { deployment, fault, target, after };
  return Object.entries(pairs).flatMap(([name, value]) => (typeof value === "string" ? [`--${name}`, value] : []));
}
