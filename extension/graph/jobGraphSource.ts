/** What a graph view shows, and the graph of it. */
import * as vscode from "vscode";
import type { Problem } from "../../simulator/graph/errors";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { parseJobDocument } from "../jobFile/jobFileParser";
import { problemOf } from "../personMessage";

export type JobGraphSource =
  /** A job file, with its newest run laid over it. */
  | { readonly kind: "jobFile"; readonly uri: vscode.Uri }
  /** One run, as its journal has it. */
  | { readonly kind: "run"; readonly runId: string };

export function sourceKey(source: JobGraphSource): string {
  return source.kind === "jobFile" ? source.uri.toString() : `run:${source.runId}`;
}

export interface JobFileGraph {
  /** Undefined while the file has errors. */
  readonly graph: GraphDescription | undefined;
  readonly problems: readonly Problem[];
}

/** The job graph of the document's text as it is now, saved or not. Never throws: what is wrong is among the problems. */
export async function graphOfDocument(document: vscode.TextDocument): Promise<JobFileGraph> {
  const [{ job, problems }, { analyzeJob, describeAnalyzed }] = await Promise.all([
    parseJobDocument(document),
    import("../../simulator/graph/describeGraph"),
  ]);
  if (job === undefined) return { graph: undefined, problems };
  try {
    return { graph: describeAnalyzed(analyzeJob(job)), problems };
  } catch (error) {
    return { graph: undefined, problems: [...problems, problemOf(error)] };
  }
}

/** @throws vscode.FileSystemError when the file is gone */
export function openJobDocument(uri: vscode.Uri): Thenable<vscode.TextDocument> {
  return vscode.workspace.openTextDocument(uri);
}
