/** The graph views that are open: one for each job file, and one for each run that was opened by itself. */
import * as vscode from "vscode";
import { DisposableList } from "../disposableList";
import { JOB_GRAPH_VIEW_TYPE } from "../manifest/manifest";
import { jobName } from "../runs/runStore";
import { JobGraphPanel, type JobGraphServices } from "./jobGraphPanel";
import { type JobGraphSource, sourceKey } from "./jobGraphSource";

/** What the view itself keeps over a reload of the window; put there by {@link JobGraphPanels}. */
interface KeptState {
  readonly source?:
    { readonly kind: "jobFile"; readonly uri: string } | { readonly kind: "run"; readonly runId: string };
}

const KEPT_SOURCES = "faultline.jobGraphSources";

export class JobGraphPanels implements vscode.Disposable, vscode.WebviewPanelSerializer<KeptState> {
  private readonly disposables = new DisposableList();
  private readonly panels = new Map<string, JobGraphPanel>();

  constructor(
    private readonly services: JobGraphServices,
    private readonly memory: vscode.Memento,
  ) {
    this.disposables.push(vscode.window.registerWebviewPanelSerializer(JOB_GRAPH_VIEW_TYPE, this));
  }

  /** Opens the view beside the editor, or shows the one that is open. */
  open(source: JobGraphSource, preserveFocus = false): JobGraphPanel {
    const known = this.panels.get(sourceKey(source));
    if (known !== undefined) {
      known.reveal(preserveFocus);
      return known;
    }
    const panel = JobGraphPanel.create(source, titleOf(source, this.services), this.services, preserveFocus);
    return this.keep(panel);
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

  /** After a reload of the window: the title tells which source it was. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    const kept = this.memory.get<Readonly<Record<string, KeptState["source"]>>>(KEPT_SOURCES, {})[panel.title];
    if (kept === undefined) {
      panel.dispose();
      return;
    }
    const source: JobGraphSource =
      kept.kind === "run" ? kept : { kind: "jobFile", uri: vscode.Uri.parse(kept.uri, true) };
    if (source.kind === "run") await this.services.runs.open(source.runId).catch(() => undefined);
    this.keep(new JobGraphPanel(panel, source, this.services));
  }

  dispose(): void {
    // The views themselves stay with the window, which gives them back after a reload.
    this.disposables.dispose();
  }

  private keep(panel: JobGraphPanel): JobGraphPanel {
    this.panels.set(panel.key, panel);
    panel.onDidClose(() => {
      this.panels.delete(panel.key);
      this.remember();
    });
    this.remember();
    return panel;
  }

  private remember(): void {
    const sources = [...this.panels.values()].map(({ source }) => [
      titleOf(source, this.services),
      source.kind === "run" ? source : { kind: "jobFile", uri: source.uri.toString() },
    ]);
    void this.memory.update(KEPT_SOURCES, Object.fromEntries(sources));
  }
}

function titleOf(source: JobGraphSource, { runs }: JobGraphServices): string {
  if (source.kind === "jobFile") return `Graph: ${jobName(source.uri.path)}`;
  return `Graph: ${runs.get(source.runId)?.job ?? "run"} (${source.runId})`;
}
