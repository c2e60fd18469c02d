/** The job graph of a job file that is open in the editor. */
import type * as vscode from "vscode";
import { analyzeJob, describeAnalyzed } from "../../simulator/graph/describeGraph";
import type { Problem } from "../../simulator/graph/errors";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { problemOf } from "../problem";
import { parseJobDocument } from "./jobFileParser";

export interface JobFileGraph {
  /** Undefined while the file has errors. */
  readonly graph: GraphDescription | undefined;
  readonly problems: readonly Problem[];
}

const drawn = new WeakMap<vscode.TextDocument, { readonly version: number; readonly result: JobFileGraph }>();

/** Of the document's text as it is now, saved or not. Never throws: what is wrong is among the problems. */
export function graphOfDocument(document: vscode.TextDocument): JobFileGraph {
  const known = drawn.get(document);
  if (known?.version === document.version) return known.result;
  const result = draw(document);
  drawn.set(document, { version: document.version, result });
  return result;
}

function draw(document: vscode.TextDocument): JobFileGraph {
  const { job, problems } = parseJobDocument(document);
  if (job === undefined) return { graph: undefined, problems };
  try {
    return { graph: describeAnalyzed(analyzeJob(job)), problems };
  } catch (error) {
    return { graph: undefined, problems: [...problems, problemOf(error)] };
  }
}
