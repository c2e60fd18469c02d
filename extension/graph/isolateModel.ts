/** `Run as RPC Service` from the picture: what it would change, and the edit of the job file. */
import * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";
import type { VertexDescription } from "../../simulator/graph/graphDescription";
import type { HostMessageOf, PictureElement } from "../../webview/protocol";
import { loadBundle } from "../bundles/loadBundle";
import { openJobDocument } from "./jobGraphSource";

/**
 * With `apply` the file is edited (not saved), so that it can be undone like anything typed.
 * @returns the graph as it would be, or is then
 * @throws FaultlineError FL1010 or FL1015 when this element cannot be isolated
 */
export async function isolateModel(
  uri: vscode.Uri,
  element: PictureElement,
  apply: boolean,
): Promise<HostMessageOf<"isolated">> {
  const document = await openJobDocument(uri);
  const { graphOfDocument, isolateInJobFile, indentationOf, rangeOfSpan } = loadBundle("extensionLanguage");
  const { graph } = graphOfDocument(document);
  const vertex = "vertex" in element ? graph?.vertices.find(({ id }) => id === element.vertex) : undefined;
  if (vertex === undefined)
    throw FaultlineError.of("FL1010", "The job file does not have this element any more.", "Mend its errors first.");
  const operator = element.kind === "operator" ? element.operator : operatorOf(vertex);
  const isolated = isolateInJobFile(document.getText(), uri.fsPath, operator, indentationOf(document));
  if (apply) {
    const edit = new vscode.WorkspaceEdit();
    for (const one of isolated.edits) edit.replace(uri, rangeOfSpan(document, one), one.content);
    await vscode.workspace.applyEdit(edit);
  }
  return { kind: "isolated", element, after: isolated.after, changes: isolated.changes };
}

/** The one that calls a model, or the only one. */
function operatorOf(vertex: VertexDescription): string {
  const calling = vertex.operators.find(({ kind }) => kind === "rpc");
  if (calling !== undefined) return calling.id;
  if (vertex.operators.length === 1) return vertex.operators[0].id;
  throw FaultlineError.of(
    "FL1010",
    `"${vertex.name}" is a chain of ${vertex.operators.length} operators.`,
    "Choose one of them at the level of operators.",
  );
}
