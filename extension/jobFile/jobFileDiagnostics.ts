/** What is wrong in the job files that are open, as one types; the same findings that the command line prints. */
import * as vscode from "vscode";
import type { Problem } from "../../simulator/graph/errors";
import { DisposableList } from "../disposableList";
import { loadBundle } from "../bundles/loadBundle";
import { isJobFile } from "./jobFileSelector";

/** Typing goes on within this time; then the file is read. */
const QUIET_MS = 200;

export class JobFileDiagnostics implements vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly collection = this.disposables.push(vscode.languages.createDiagnosticCollection("faultline"));
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor() {
    this.disposables.push(vscode.workspace.onDidOpenTextDocument((document) => this.look(document, 0)));
    this.disposables.push(vscode.workspace.onDidChangeTextDocument(({ document }) => this.look(document, QUIET_MS)));
    this.disposables.push(vscode.workspace.onDidCloseTextDocument((document) => this.forget(document)));
    for (const document of vscode.workspace.textDocuments) this.look(document, 0);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.disposables.dispose();
  }

  private look(document: vscode.TextDocument, afterMs: number): void {
    if (!isJobFile(document.uri)) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.set(
      key,
      setTimeout(() => {
        this.timers.delete(key);
        this.check(document);
      }, afterMs),
    );
  }

  private check(document: vscode.TextDocument): void {
    if (document.isClosed) return;
    const { problems } = loadBundle("extensionLanguage").parseJobDocument(document);
    this.collection.set(
      document.uri,
      problems.map((problem) => diagnosticOf(problem, document)),
    );
  }

  private forget(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    this.collection.delete(document.uri);
  }
}

/** Code, sentence and hint, at the place that the parser found. */
export function diagnosticOf(problem: Problem, document: vscode.TextDocument): vscode.Diagnostic {
  const message = problem.hint === undefined ? problem.message : `${problem.message}\n${problem.hint}`;
  const severity = problem.severity === "warning" ? vscode.DiagnosticSeverity.Warning : vscode.DiagnosticSeverity.Error;
  const diagnostic = new vscode.Diagnostic(rangeOf(problem, document), message, severity);
  diagnostic.code = problem.code;
  diagnostic.source = "faultline";
  return diagnostic;
}

function rangeOf({ location }: Problem, document: vscode.TextDocument): vscode.Range {
  if (location?.offset !== undefined) {
    const start = document.positionAt(location.offset);
    return new vscode.Range(start, document.positionAt(location.offset + (location.length ?? 1)));
  }
  const line = document.lineAt(Math.min(Math.max(0, (location?.line ?? 1) - 1), document.lineCount - 1));
  return line.range;
}
