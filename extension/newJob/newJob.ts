/** `New Job…`: asks what kind and which name, writes a job that runs as it is, and opens it with its graph. */
import * as vscode from "vscode";
import { ID } from "../../simulator/graph/jsonSchema";
import { FaultlineError } from "../../simulator/graph/errors";
import { inputOf, pickOf } from "../personInput";
import { functionJobFiles } from "./functionJob";

interface Template extends vscode.QuickPickItem {
  readonly name: string;
  readonly write: (folder: vscode.Uri, name: string) => Promise<void>;
}

/** @returns the new job file; undefined when the person turned away. */
export async function newJob(extensionUri: vscode.Uri): Promise<vscode.Uri | undefined> {
  const parent = await parentFolder();
  if (parent === undefined) return undefined;
  const template = await pickOf(templates(extensionUri), {
    title: "New Job",
    placeHolder: "What the job begins with",
    matchOnDetail: true,
  });
  if (template === undefined) return undefined;
  const name = await inputOf({
    title: `New Job: ${template.label}`,
    prompt: "Name of the job, and of the new folder that it lies in",
    value: template.name,
    validateInput: (text) => (new RegExp(ID.pattern ?? "").test(text) ? undefined : ID.patternErrorMessage),
  });
  if (name === undefined) return undefined;
  const folder = vscode.Uri.joinPath(parent, name);
  if (await exists(folder)) {
    throw FaultlineError.of("FL4001", `There is already something called "${name}" here.`, "Choose another name.");
  }
  await template.write(folder, name);
  return vscode.Uri.joinPath(folder, `${name}.faultline.json`);
}

function templates(extensionUri: vscode.Uri): readonly Template[] {
  return [
    {
      label: "$(rocket) Language detection",
      description: "example",
      detail:
        "Real texts go through a real model, which runs as a service of two instances. Made for killing one of them.",
      name: "language-detection",
      write: (folder, name) =>
        copyExample(vscode.Uri.joinPath(extensionUri, "examples", "language-detection"), folder, name),
    },
    {
      label: "$(symbol-function) Records through functions",
      detail: "Made by a TypeScript function, changed by another, counted by key over a window. No model yet.",
      name: "sensor-readings",
      write: async (folder, name) => {
        for (const [path, content] of Object.entries(functionJobFiles(name))) {
          await vscode.workspace.fs.writeFile(vscode.Uri.joinPath(folder, path), new TextEncoder().encode(content));
        }
      },
    },
  ];
}

async function copyExample(example: vscode.Uri, folder: vscode.Uri, name: string): Promise<void> {
  await vscode.workspace.fs.copy(example, folder);
  const original = vscode.Uri.joinPath(folder, "language-detection.faultline.json");
  const job = vscode.Uri.joinPath(folder, `${name}.faultline.json`);
  if (original.path !== job.path) await vscode.workspace.fs.rename(original, job);
}

async function parentFolder(): Promise<vscode.Uri | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length === 1) return folders[0]?.uri;
  if (folders.length > 1) return (await vscode.window.showWorkspaceFolderPick())?.uri;
  const chosen = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: "Create Job Here",
    title: "Folder for the New Job",
  });
  return chosen?.[0];
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
