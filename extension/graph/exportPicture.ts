import * as vscode from "vscode";

const NAMES = { svg: "SVG picture", png: "PNG picture", html: "Page with the whole run", json: "Trace" } as const;

/** Asks where, and writes the file there. Nothing happens when the person turns away. */
export async function saveExport(
  name: string,
  format: keyof typeof NAMES,
  content: Uint8Array,
  near: vscode.Uri | undefined,
): Promise<void> {
  const file = `${name.replace(/[^\w.-]+/g, "-")}.${format}`;
  const folder = near === undefined ? vscode.workspace.workspaceFolders?.[0]?.uri : vscode.Uri.joinPath(near, "..");
  const target = await vscode.window.showSaveDialog({
    defaultUri: folder === undefined ? undefined : vscode.Uri.joinPath(folder, file),
    filters: { [NAMES[format]]: [format] },
  });
  if (target !== undefined) await vscode.workspace.fs.writeFile(target, content);
}
