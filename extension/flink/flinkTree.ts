/**
 * The view `Flink Clusters`: clusters → jobs → vertices. While it can be seen, the clusters that are unfolded in it are asked again at their own
 * refresh interval; one that is lost says so and is looked for until it is found again.
 */
import * as vscode from "vscode";
import type { JobDetails, JobOverview } from "../../simulator/flink/restAnswers";
import { loadBundle } from "../bundles/loadBundle";
import { problemOf, problemText } from "../problem";
import { stateIcon } from "../runs/stateIcon";
import { CLUSTERS_SETTING, type FlinkClusters, PEM_SETTINGS } from "./flinkClusters";

export type FlinkNode =
  | { readonly kind: "cluster"; readonly url: string }
  | { readonly kind: "job"; readonly url: string; readonly job: JobOverview }
  | {
      readonly kind: "vertex";
      readonly url: string;
      readonly jobId: string;
      readonly vertex: JobDetails["vertices"][number];
    }
  | { readonly kind: "problem"; readonly url: string; readonly text: string }
  | { readonly kind: "nothing"; readonly url: string };

export function isFlinkNode(value: unknown): value is FlinkNode {
  return typeof value === "object" && value !== null && "kind" in value && "url" in value;
}

/** What a cluster said last. */
interface ClusterSeen {
  readonly version: string | undefined;
  readonly refreshMs: number;
  readonly jobs: readonly JobOverview[] | undefined;
  /** Why it cannot be asked at the moment. */
  readonly problem: string | undefined;
  /** Times in a row that it could not be asked. */
  readonly misses: number;
}

const UNSEEN: ClusterSeen = { version: undefined, refreshMs: 3_000, jobs: undefined, problem: undefined, misses: 0 };
const SHORTEST_MS = 1_000;
const LONGEST_MS = 10_000;

export class FlinkTree implements vscode.TreeDataProvider<FlinkNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<FlinkNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly disposables: vscode.Disposable[] = [
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(CLUSTERS_SETTING)) this.showListed();
      if (PEM_SETTINGS.some((id) => change.affectsConfiguration(id))) this.refresh();
    }),
    vscode.window.onDidChangeWindowState(() => this.schedule()),
  ];
  /** One node a cluster: the view knows its elements by identity. */
  private readonly nodes = new Map<string, FlinkNode & { readonly kind: "cluster" }>();
  private readonly seen = new Map<string, ClusterSeen>();
  private readonly unfolded = new Set<string>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly asking = new Set<string>();
  private view: vscode.TreeView<FlinkNode> | undefined;
  /** The addresses that the view shows, in their order. */
  private listed: readonly string[];

  constructor(private readonly clusters: FlinkClusters) {
    this.listed = clusters.urls();
  }

  /** The view that shows this tree. */
  show(view: vscode.TreeView<FlinkNode>): vscode.Disposable {
    this.view = view;
    this.disposables.push(
      view.onDidExpandElement(({ element }) => this.fold(element, true)),
      view.onDidCollapseElement(({ element }) => this.fold(element, false)),
      view.onDidChangeVisibility(() => this.schedule()),
    );
    return view;
  }

  /** Everything is asked for anew. */
  refresh(): void {
    this.seen.clear();
    this.changed.fire(undefined);
  }

  /**
   * Shows another list of clusters. The same list, written again, changes nothing: while the view's roots are made anew, the editor does not know
   * their elements, and a command of a context menu would come without its cluster.
   */
  private showListed(): void {
    const urls = this.clusters.urls();
    if (urls.join() === this.listed.join()) return;
    this.listed = urls;
    for (const known of [this.seen, this.nodes])
      for (const url of [...known.keys()]) if (!urls.includes(url)) known.delete(url);
    this.changed.fire(undefined);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const one of this.disposables) one.dispose();
    this.changed.dispose();
  }

  getTreeItem(node: FlinkNode): vscode.TreeItem {
    const { Collapsed, None } = vscode.TreeItemCollapsibleState;
    switch (node.kind) {
      case "cluster": {
        const { version, problem } = this.seen.get(node.url) ?? UNSEEN;
        const isLost = problem !== undefined;
        const icon = new vscode.ThemeIcon(isLost ? "debug-disconnect" : "server-environment");
        const said = isLost ? "cannot be reached" : version === undefined ? "" : `Flink ${version}`;
        const made = item(node.url, Collapsed, "flink.cluster", icon, said);
        made.id = node.url;
        made.tooltip = problem ?? node.url;
        return made;
      }
      case "job": {
        const { id, name, state, tasks } = node.job;
        const made = item(
          name,
          Collapsed,
          "flink.job",
          stateIcon(state),
          `${state}, ${tasks.running} of ${tasks.total} tasks run`,
        );
        made.id = `${node.url} ${id}`;
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
        made.id = `${node.url} ${node.jobId} ${id}`;
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
    if (node === undefined) return this.clusters.urls().map((url) => this.nodeOf(url));
    const { url } = node;
    if (node.kind === "cluster") {
      const seen = this.seen.get(url) ?? (await this.ask(url));
      this.schedule(url);
      const problems: FlinkNode[] = seen.problem === undefined ? [] : [{ kind: "problem", url, text: seen.problem }];
      const jobs: FlinkNode[] = (seen.jobs ?? []).map((job) => ({ kind: "job", url, job }));
      return problems.length + jobs.length === 0 ? [{ kind: "nothing", url }] : [...problems, ...jobs];
    }
    if (node.kind !== "job") return [];
    try {
      const { vertices } = await this.connected(url, (client) => client.job(node.job.id));
      return vertices.map((vertex) => ({ kind: "vertex", url, jobId: node.job.id, vertex }));
    } catch (error) {
      return [{ kind: "problem", url, text: problemText(problemOf(error)) }];
    }
  }

  private nodeOf(url: string): FlinkNode & { readonly kind: "cluster" } {
    const node = this.nodes.get(url) ?? { kind: "cluster", url };
    this.nodes.set(url, node);
    return node;
  }

  private fold(element: FlinkNode, isUnfolded: boolean): void {
    if (element.kind !== "cluster") return;
    if (isUnfolded) this.unfolded.add(element.url);
    else this.unfolded.delete(element.url);
    this.schedule(element.url);
  }

  /** Asks the unfolded clusters again when it is time, as long as somebody can see the answers. */
  private schedule(url?: string): void {
    for (const one of url === undefined ? this.unfolded : [url]) {
      clearTimeout(this.timers.get(one));
      this.timers.delete(one);
      if (!this.unfolded.has(one) || this.view?.visible !== true || !vscode.window.state.focused) continue;
      const { refreshMs, misses } = this.seen.get(one) ?? UNSEEN;
      const pauseMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, refreshMs) * 2 ** Math.min(misses, 4));
      this.timers.set(
        one,
        setTimeout(() => void this.again(one), pauseMs),
      );
    }
  }

  private async again(url: string): Promise<void> {
    if (this.asking.has(url) || !this.clusters.urls().includes(url)) return;
    this.asking.add(url);
    try {
      const before = this.seen.get(url);
      const after = await this.ask(url);
      if (JSON.stringify(shown(before)) !== JSON.stringify(shown(after))) this.changed.fire(this.nodeOf(url));
    } finally {
      this.asking.delete(url);
      this.schedule(url);
    }
  }

  private async ask(url: string): Promise<ClusterSeen> {
    const before = this.seen.get(url) ?? UNSEEN;
    let now: ClusterSeen;
    try {
      now = await this.connected(url, async (client) => ({
        version: client.version.text,
        refreshMs: client.config.refreshIntervalMs,
        jobs: await client.jobs(),
        problem: undefined,
        misses: 0,
      }));
    } catch (error) {
      now = { ...before, problem: problemText(problemOf(error)), misses: before.misses + 1 };
    }
    this.seen.set(url, now);
    // The first answer to a cluster that is being unfolded: its own line has to say it too.
    if (before.version !== now.version || before.problem !== now.problem) this.changed.fire(this.nodeOf(url));
    return now;
  }

  private async connected<T>(url: string, ask: (client: FlinkClient) => Promise<T>): Promise<T> {
    const client = await loadBundle("extensionRun").connectFlink(await this.clusters.address(url));
    try {
      return await ask(client);
    } finally {
      client.close();
    }
  }
}

type FlinkClient = Awaited<ReturnType<ReturnType<typeof loadBundle<"extensionRun">>["connectFlink"]>>;

/** What a person can see of it; durations go on by themselves. */
function shown(seen: ClusterSeen | undefined): unknown {
  return [seen?.version, seen?.problem, seen?.jobs?.map(({ id, name, state, tasks }) => [id, name, state, tasks])];
}

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
