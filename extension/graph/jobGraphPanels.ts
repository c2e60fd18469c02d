/** The graph views that are open: of a job file an editor beside its text, and one for each run that was opened by itself. */
import * as vscode from "vscode";
import type { PictureElement } from "../../webview/protocol";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { JOB_GRAPH_EDITOR, JOB_GRAPH_VIEW_TYPE } from "../manifest/viewTypes";
import { jobName } from "../runs/runSummary";
import type { JobGraphPanel, JobGraphServices } from "./jobGraphPanel";
import { type JobGraphSource, sourceKey } from "./jobGraphSource";

/** Runs whose graphs are open, by the titles of their tabs: VS Code gives them back after a reload of the window. */
const KEPT_RUNS = "faultline.jobGraphRuns";

export class JobGraphPanels
  implements vscode.Disposable, vscode.WebviewPanelSerializer, vscode.CustomTextEditorProvider
{
  private readonly disposables = new DisposableList();
  private readonly panels = new Map<string, JobGraphPanel>();
  /** What an editor that is being opened is to select. */
  private readonly wanted = new Map<string, PictureElement>();

  constructor(
    private readonly services: JobGraphServices,
    private readonly memory: vscode.Memento,
  ) {
    this.disposables.push(vscode.window.registerWebviewPanelSerializer(JOB_GRAPH_VIEW_TYPE, this));
    this.disposables.push(
      vscode.window.registerCustomEditorProvider(JOB_GRAPH_EDITOR, this, { supportsMultipleEditorsPerDocument: false }),
    );
  }

  /** Opens the view beside the editor, or shows the one that is open. */
  async open(source: JobGraphSource, preserveFocus = false): Promise<void> {
    const known = this.panels.get(sourceKey(source));
    if (known !== undefined) {
      known.reveal(preserveFocus);
    } else if (source.kind === "jobFile") {
      const options = { viewColumn: vscode.ViewColumn.Beside, preserveFocus, preview: false };
      await vscode.commands.executeCommand("vscode.openWith", source.uri, JOB_GRAPH_EDITOR, options);
    } else {
      const { JobGraphPanel } = loadBundle("extensionActions");
      this.keep(JobGraphPanel.create(source, titleOf(source, this.services), this.services, preserveFocus));
    }
  }

  /** As {@link open}, with this element selected as soon as it is drawn. */
  async show(source: JobGraphSource, element: PictureElement): Promise<void> {
    const key = sourceKey(source);
    this.wanted.set(key, element);
    await this.open(source);
    // One that was open already has not taken it.
    const panel = this.panels.get(key);
    if (panel !== undefined && this.wanted.delete(key)) panel.show(element);
  }

  /** The view that has the focus. */
  get active(): JobGraphPanel | undefined {
    return [...this.panels.values()].find((panel) => panel.active);
  }

  /** Whether a view of the run can be seen. */
  shows(runId: string): boolean {
    return [...this.panels.values()].some(
      ({ source, visible }) => visible && source.kind === "run" && source.runId === runId,
    );
  }

  /** The graph as an editor of the file: opened by us, by `Reopen Editor With…`, or by VS Code after a reload of the window. */
  resolveCustomTextEditor(document: vscode.TextDocument, panel: vscode.WebviewPanel): void {
    const source: JobGraphSource = { kind: "jobFile", uri: document.uri };
    this.keep(new (loadBundle("extensionActions").JobGraphPanel)(panel, source, this.services));
  }

  /** After a reload of the window: the title tells which run it was. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    const runId = this.memory.get<Readonly<Record<string, string>>>(KEPT_RUNS, {})[panel.title];
    const session = runId === undefined ? undefined : await this.services.runs.open(runId).catch(() => undefined);
    if (session === undefined) {
      panel.dispose();
      return;
    }
    const source: JobGraphSource = { kind: "run", runId: session.id };
    this.keep(new (loadBundle("extensionActions").JobGraphPanel)(panel, source, this.services));
  }

  dispose(): void {
    // The views themselves stay with the window, which gives them back after a reload.
    this.disposables.dispose();
  }

  private keep(panel: JobGraphPanel): void {
    const { key } = panel;
    this.panels.set(key, panel);
    panel.onDidClose(() => {
      if (this.panels.get(key) === panel) this.panels.delete(key);
      this.remember();
    });
    this.remember();
    const element = this.wanted.get(key);
    this.wanted.delete(key);
    if (element !== undefined) panel.show(element);
  }

  private remember(): void {
    const runs = [...this.panels.values()].flatMap(({ source }) =>
      source.kind === "run" ? [[titleOf(source, this.services), source.runId] as const] : [],
    );
    void this.memory.update(KEPT_RUNS, Object.fromEntries(runs));
  }
}

function titleOf(source: JobGraphSource, { runs }: JobGraphServices): string {
  if (source.kind === "jobFile") return `Graph: ${jobName(source.uri.path)}`;
  return `Graph: ${runs.get(source.runId)?.job ?? "run"} (${source.runId})`;
}
