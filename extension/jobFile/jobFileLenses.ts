/** CodeLens: what can be done with the job on its first line; on each operator and service its region and, while it runs, its life. */
import * as vscode from "vscode";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import type { SymbolOccurrence } from "../language/jobFileReferences";
import type { CommandId } from "../manifest/commands";
import { regionName } from "../regionName";
import type { RunSession } from "../runs/runSession";
import type { RunStore } from "../runs/runStore";
import { vertexActivity } from "../runs/runView";
import { rangeOfSpan } from "./textSpans";

/** The numbers of a run change all the time; the lenses follow at this pace, and only while a run goes on. */
const REFRESH_MS = 1000;

export class JobFileLenses implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly changed = this.disposables.push(new vscode.EventEmitter<void>());
  readonly onDidChangeCodeLenses = this.changed.event;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly runs: RunStore) {
    this.disposables.push(
      runs.onDidChange((change) => {
        if (change.kind === "opened") {
          this.disposables.push(
            change.session.onDidChangeView(() => (this.timer ??= setTimeout(() => this.refresh(), REFRESH_MS))),
          );
        }
        this.changed.fire();
      }),
    );
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const { graphOfDocument, symbolOccurrences } = loadBundle("extensionLanguage");
    const session = this.runs.latestOf(document.uri.fsPath);
    const { graph } = graphOfDocument(document);
    const definitions = symbolOccurrences(document.getText()).filter(({ definition }) => definition);
    const lenses = this.jobLenses(document, session);
    for (const definition of definitions) {
      const vertex = graph?.vertices.find((one) =>
        definition.kind === "service"
          ? one.kind === "service" && one.id === definition.id
          : one.operators.some((operator) => operator.id === definition.id),
      );
      if (graph === undefined || vertex === undefined) continue;
      const regions = graph.regions.filter(({ vertices }) => vertices.includes(vertex.id));
      const parts = [
        regions.length === 1 ? regionName(regions[0]?.id ?? "") : `${regions.length} regions`,
        ...(session?.active === true ? vertexActivity(session.view, vertex.id) : []),
      ];
      lenses.push(this.elementLens(document, definition, vertex.id, parts.join(" · ")));
    }
    return lenses;
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.disposables.dispose();
  }

  private refresh(): void {
    this.timer = undefined;
    this.changed.fire();
  }

  private jobLenses(document: vscode.TextDocument, session: RunSession | undefined): vscode.CodeLens[] {
    const first = new vscode.Range(0, 0, 0, 0);
    const lens = (title: string, command: CommandId, ...args: readonly unknown[]): vscode.CodeLens =>
      new vscode.CodeLens(first, { title, command, arguments: [...args] });
    const graph = lens("$(type-hierarchy-sub) Graph", "faultline.openJobGraph", document.uri);
    if (session?.active === true) {
      return [
        lens("$(debug-stop) Stop", "faultline.stopRun", session.id),
        graph,
        lens("$(zap) Inject Failure…", "faultline.injectFailure", { runId: session.id }),
        lens("$(graph-line) Report", "faultline.openReport", session.id),
      ];
    }
    const trusted = vscode.workspace.isTrusted && document.uri.scheme === "file";
    return [
      ...(trusted
        ? [
            lens("$(play) Run", "faultline.runJob", document.uri),
            lens("$(debug-alt) Debug", "faultline.debugJob", document.uri),
          ]
        : []),
      graph,
      ...(session === undefined ? [] : [lens("$(graph-line) Report", "faultline.openReport", session.id)]),
    ];
  }

  private elementLens(
    document: vscode.TextDocument,
    { span }: SymbolOccurrence,
    vertex: string,
    title: string,
  ): vscode.CodeLens {
    const command: CommandId = "faultline.revealInGraph";
    const argument = { uri: document.uri, vertex };
    return new vscode.CodeLens(rangeOfSpan(document, span), {
      title,
      command,
      arguments: [argument],
      tooltip: "Show in the job graph",
    });
  }
}
