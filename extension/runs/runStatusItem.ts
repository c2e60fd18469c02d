/** The status bar item: the job that runs, its state, and how many failures it went through. Hidden while nothing runs. */
import * as vscode from "vscode";
import { DisposableList } from "../disposableList";
import type { RunSession } from "./runSession";
import type { RunStore } from "./runStore";
import { jobName } from "./runSummary";

export class RunStatusItem implements vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly item = this.disposables.push(
    vscode.window.createStatusBarItem("faultline.run", vscode.StatusBarAlignment.Left, 50),
  );
  private starting: string | undefined;

  constructor(private readonly runs: RunStore) {
    this.item.name = "Faultline Run";
    this.item.command = "faultline.showRunActions";
    this.disposables.push(
      runs.onDidChange((change) => {
        if (change.kind === "starting") this.starting = change.jobFile;
        else this.starting = undefined;
        if (change.kind === "opened") this.disposables.push(change.session.onDidChangeView(() => this.update()));
        this.update();
      }),
    );
  }

  dispose(): void {
    this.disposables.dispose();
  }

  private update(): void {
    const session = this.runs.active()[0];
    if (session !== undefined) {
      this.show(session);
    } else if (this.starting !== undefined) {
      this.item.text = `$(loading~spin) ${jobName(this.starting)}: starting`;
      this.item.tooltip = `The processes of ${jobName(this.starting)} are being started.`;
      this.item.backgroundColor = undefined;
      this.item.show();
    } else {
      this.item.hide();
    }
  }

  private show({ job, id, view }: RunSession): void {
    const state = view.jobState ?? "STARTING";
    const failing = state === "FAILING" || state === "FAILED";
    const failures = view.failures === 0 ? "" : ` · ${count(view.failures, "failure")}`;
    this.item.text = `${state === "RUNNING" ? "$(pulse)" : "$(sync)"} ${job}: ${state.toLowerCase()}${failures}`;
    this.item.tooltip = new vscode.MarkdownString(
      [
        `**${escape(job)}**, run \`${id}\`: ${state.toLowerCase()}`,
        count(view.failures, "failure"),
        `${count(view.restartedTasks, "stream task")} and ${count(view.restartedInstances, "service instance")} restarted`,
      ].join("  \n"),
    );
    this.item.accessibilityInformation = {
      label: `Faultline: ${job} is ${state.toLowerCase()}${failures}`,
      role: "button",
    };
    this.item.backgroundColor = failing ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    this.item.show();
  }
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function escape(text: string): string {
  return text.replace(/[\\`*_{}[\]<>()#+\-.!|]/g, "\\$&");
}
