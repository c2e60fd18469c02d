/** The view `Flink Clusters`: clusters → jobs → vertices. It asks a cluster when it is opened or refreshed, and not in between. */
import * as vscode from "vscode";
import type { JobDetails, JobOverview } from "../../simulator/flink/restAnswers";
import { loadBundle } from "../bundles/loadBundle";
import { problemOf, problemText } from "../problem";
import { stateIcon } from "../runs/stateIcon";
import type { FlinkClusters } from "./flinkClusters";

export type FlinkNode =
  | { readonly kind: "cluster"; readonly url: string }
  | { readonly kind: "job"; readonly url: string; readonly job: JobOverview }
  | { readonly kind: "vertex"; readonly url: string; readonly vertex: JobDetails["vertices"][number] }
  | { readonly kind: "problem"; readonly url: string; readonly text: string }
  | { readonly kind: "nothing"; readonly url: string };

export function isFlinkNode(value: unknown): value is FlinkNode {
  return typeof value === "object" && value !== null && "kind" in value && "url" in value;
}

export class FlinkTree implements vscode.TreeDataProvider<FlinkNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<FlinkNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly settings = vscode.workspace.onDidChangeConfiguration((change) => {
    if (change.affectsConfiguration("faultline.flink")) this.refresh();
  });

  constructor(private readonly clusters: FlinkClusters) {}

  refresh(node?: FlinkNode): void {
    this.changed.fire(node);
  }

  dispose(): void {
    this.settings.dispose();
    this.changed.dispose();
  }

  getTreeItem(node: FlinkNode): vscode.TreeItem {
    const { Collapsed, None } = vscode.TreeItemCollapsibleState;
    switch (node.kind) {
      case "cluster":
        return item(node.url, Collapsed, "flink.cluster", new vscode.ThemeIcon("server-environment"), "");
      case "job": {
        const { id, name, state, tasks } = node.job;
        const made = item(
          name,
          Collapsed,
          "flink.job",
          stateIcon(state),
          `${state}, ${tasks.running} of ${tasks.total} tasks run`,
        );
        made.tooltip = `${name}\n${id}`;
        made.command = { command: "faultline.watchFlinkJob", title: "Open Live Graph", arguments: [node] };
        return made;
      }
      case "vertex": {
        const { id, name, parallelism, tasks } = node.vertex;
        const running = tasks.RUNNING ?? 0;
        const made = item(
          name,
          None,
          "flink.vertex",
          stateIcon(running === parallelism ? "RUNNING" : "RESTARTING"),
          `${running} of ${parallelism} subtasks run`,
        );
        made.tooltip = `${name}\n${id}`;
        return made;
      }
      case "problem":
        return item(node.text, None, "flink.problem", new vscode.ThemeIcon("warning"), "");
      case "nothing":
        return item("No jobs", None, "flink.nothing", new vscode.ThemeIcon("circle-outline"), "");
    }
  }

  async getChildren(node?: FlinkNode): Promise<FlinkNode[]> {
    if (node === undefined) return this.clusters.urls().map((url) => ({ kind: "cluster", url }));
    const { url } = node;
    try {
      if (node.kind === "cluster") {
        const jobs = await this.asking(url, (client) => client.jobs());
        return jobs.length === 0 ? [{ kind: "nothing", url }] : jobs.map((job) => ({ kind: "job", url, job }));
      }
      if (node.kind === "job") {
        const { vertices } = await this.asking(url, (client) => client.job(node.job.id));
        return vertices.map((vertex) => ({ kind: "vertex", url, vertex }));
      }
      return [];
    } catch (error) {
      return [{ kind: "problem", url, text: problemText(problemOf(error)) }];
    }
  }

  private async asking<T>(url: string, ask: (client: FlinkClient) => Promise<T>): Promise<T> {
    const client = await loadBundle("extensionRun").connectFlink(await this.clusters.address(url));
    try {
      return await ask(client);
    } finally {
      client.close();
    }
  }
}

type FlinkClient = Awaited<ReturnType<ReturnType<typeof loadBundle<"extensionRun">>["connectFlink"]>>;

function item(
  label: string,
  collapsible: vscode.TreeItemCollapsibleState,
  context: string,
  icon: vscode.ThemeIcon,
  description: string,
): vscode.TreeItem {
  const made = new vscode.TreeItem(label, collapsible);
  made.contextValue = context;
  made.iconPath = icon;
  made.description = description;
  return made;
}
