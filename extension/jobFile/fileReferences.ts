/** Files that a job file names: modules with their exports, models, data. Completed and found from the job file's folder. */
import * as vscode from "vscode";
import type { FileReferencePlace } from "../language/jobFileCompletion";
import { moduleExports } from "../language/moduleExports";
import { rangeOfSpan } from "./textSpans";

const MOST_FILES = 500;
const PATTERNS = {
  function: "**/*.{ts,mts,cts,js,mjs,cjs}",
  model: "**/*.onnx",
  data: "**/*.{ndjson,jsonl,csv,txt}",
} as const;

export async function completeFileReference(
  document: vscode.TextDocument,
  { kind, written, span }: FileReferencePlace,
): Promise<vscode.CompletionItem[]> {
  const range = rangeOfSpan(document, span);
  const [path, name] = splitReference(written);
  if (kind === "function" && name !== undefined) {
    const module = await readModule(document, path);
    return moduleExports(module?.getText() ?? "").map((found) => {
      const item = new vscode.CompletionItem(found.name, vscode.CompletionItemKind.Function);
      item.range = range;
      item.filterText = `${path}#${found.name}`;
      item.insertText = `${path}#${found.name}`;
      item.detail = path;
      return item;
    });
  }
  const folder = vscode.Uri.joinPath(document.uri, "..");
  const pattern = new vscode.RelativePattern(folder, PATTERNS[kind]);
  const files = await vscode.workspace.findFiles(pattern, "**/{node_modules,dist,out}/**", MOST_FILES);
  return files
    .map((file) => relativePath(folder, file))
    .filter((file) => !file.endsWith(".d.ts"))
    .sort()
    .map((file) => {
      const item = new vscode.CompletionItem(file, vscode.CompletionItemKind.File);
      item.range = range;
      item.insertText = kind === "function" ? `${file}#` : file;
      // A module alone is half of it: its exports are asked for at once.
      if (kind === "function") item.command = { title: "Exports", command: "editor.action.triggerSuggest" };
      return item;
    });
}

export async function defineFileReference(
  document: vscode.TextDocument,
  { kind, written, span }: FileReferencePlace,
): Promise<vscode.LocationLink[] | undefined> {
  const [path, name] = splitReference(written);
  const targetUri = resolvePath(document, path);
  const originSelectionRange = rangeOfSpan(document, span);
  const start = new vscode.Range(0, 0, 0, 0);
  if (kind !== "function") {
    const exists = await vscode.workspace.fs.stat(targetUri).then(
      () => true,
      () => false,
    );
    return exists ? [{ originSelectionRange, targetUri, targetRange: start }] : undefined;
  }
  const module = await readModule(document, path);
  if (module === undefined) return undefined;
  const found = moduleExports(module.getText()).find((one) => one.name === name);
  const targetRange =
    found === undefined ? start : rangeOfSpan(module, { offset: found.offset, length: found.name.length });
  return [{ originSelectionRange, targetUri, targetRange }];
}

/** `functions/messages.ts#toFeatures` → path and name. */
function splitReference(written: string): readonly [path: string, name: string | undefined] {
  const at = written.indexOf("#");
  return at < 0 ? [written, undefined] : [written.slice(0, at), written.slice(at + 1)];
}

async function readModule(document: vscode.TextDocument, path: string): Promise<vscode.TextDocument | undefined> {
  try {
    return await vscode.workspace.openTextDocument(resolvePath(document, path));
  } catch {
    // It is not there (yet): there is nothing to complete or to go to.
    return undefined;
  }
}

function resolvePath(document: vscode.TextDocument, path: string): vscode.Uri {
  return path.startsWith("/") ? document.uri.with({ path }) : vscode.Uri.joinPath(document.uri, "..", path);
}

function relativePath(folder: vscode.Uri, file: vscode.Uri): string {
  const prefix = folder.path.endsWith("/") ? folder.path : `${folder.path}/`;
  return file.path.startsWith(prefix) ? file.path.slice(prefix.length) : file.path;
}
