/** From a thing in the picture to its place in the job file. */
import * as vscode from "vscode";
import { type ErrorLocation, FaultlineError } from "../../simulator/graph/errors";
import type { PictureElement } from "../../webview/protocol";
import { loadBundle } from "../bundles/loadBundle";
import { openJobDocument } from "./jobGraphSource";

/** @throws FaultlineError FL1010 when the file does not have it (any more) */
export async function openElement(uri: vscode.Uri | undefined, element: PictureElement): Promise<void> {
  if (uri === undefined) return;
  const document = await openJobDocument(uri);
  const places = loadBundle("extensionLanguage").locateElements(document.getText(), uri.fsPath);
  for (const path of elementPaths(document, element)) {
    const place = places.get(path);
    if (place !== undefined) return openLocation(uri, place);
  }
  throw FaultlineError.of("FL1010", "The job file does not have this element any more.", "Save and run the job again.");
}

/** Paths as `locateElements` names them, likeliest first: a vertex of chained operators stands at its head. */
function elementPaths(document: vscode.TextDocument, element: PictureElement): readonly string[] {
  switch (element.kind) {
    case "operator":
      return [`operators.${element.operator}`];
    case "subtask":
    case "vertex": {
      const { graph } = loadBundle("extensionLanguage").graphOfDocument(document);
      const vertex = graph?.vertices.find(({ id }) => id === element.vertex);
      const head = vertex?.operators[0]?.id;
      return [
        `services.${element.vertex}`,
        ...(head === undefined ? [] : [`operators.${head}`]),
        `operators.${element.vertex}`,
      ];
    }
    case "region": {
      const { graph } = loadBundle("extensionLanguage").graphOfDocument(document);
      const first = graph?.regions.find(({ id }) => id === element.region)?.vertices[0];
      return first === undefined ? [] : elementPaths(document, { kind: "vertex", vertex: first });
    }
    case "edge":
      return elementPaths(document, { kind: "vertex", vertex: element.target });
  }
}

/** Shows the job file beside the picture, with the place selected. */
export async function openLocation(uri: vscode.Uri | undefined, location: ErrorLocation | undefined): Promise<void> {
  if (uri === undefined) return;
  const document = await openJobDocument(uri);
  const start = document.positionAt(location?.offset ?? 0);
  const end = document.positionAt((location?.offset ?? 0) + (location?.length ?? 0));
  const visible = vscode.window.visibleTextEditors.find((editor) => editor.document === document);
  const editor = await vscode.window.showTextDocument(document, {
    viewColumn: visible?.viewColumn ?? vscode.ViewColumn.Beside,
    selection: new vscode.Range(start, start),
  });
  editor.revealRange(new vscode.Range(start, end), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
