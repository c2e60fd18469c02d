/** `Open Recovery Report`: the run's report page in an editor tab. The same page that the command line writes. */
import * as vscode from "vscode";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { REPORT_VIEW_TYPE } from "../manifest/viewTypes";
import type { RunSession } from "../runs/runSession";
import type { RunStore } from "../runs/runStore";

export class RecoveryReports implements vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly panels = new Map<string, vscode.WebviewPanel>();
  /** Panels with the report of a run that is over: it changes no more, and drawn again it would jump to its top. */
  private readonly whole = new WeakSet<vscode.WebviewPanel>();

  constructor(private readonly runs: RunStore) {
    this.disposables.push(
      runs.onDidChange((change) => {
        // The report of a run that was looked at while it went on is made anew when it is over.
        if (change.kind === "ended" && this.panels.has(change.session.id)) void this.draw(change.session);
      }),
    );
  }

  async open(runId: string, preserveFocus = false): Promise<void> {
    const session = await this.runs.open(runId);
    const known = this.panels.get(session.id);
    if (known !== undefined) {
      known.reveal(undefined, preserveFocus);
    } else {
      const panel = vscode.window.createWebviewPanel(
        REPORT_VIEW_TYPE,
        `Report: ${session.job}`,
        { viewColumn: vscode.ViewColumn.Active, preserveFocus },
        { enableScripts: true, localResourceRoots: [], enableFindWidget: true },
      );
      this.panels.set(session.id, panel);
      panel.onDidDispose(() => this.panels.delete(session.id));
    }
    await this.draw(session);
  }

  dispose(): void {
    this.disposables.dispose();
    for (const panel of this.panels.values()) panel.dispose();
  }

  private async draw(session: RunSession): Promise<void> {
    // Of a run whose last word is read the end is a moment away.
    if (!session.live || session.view.ended) await session.ended;
    const panel = this.panels.get(session.id);
    if (panel === undefined || this.whole.has(panel)) return;
    const over = !session.active;
    if (over) this.whole.add(panel);
    try {
      const html = await loadBundle("extensionRun").renderReport(session);
      if ((over || !this.whole.has(panel)) && this.panels.get(session.id) === panel) panel.webview.html = html;
    } catch (error) {
      if (over) this.whole.delete(panel);
      throw error;
    }
  }
}
