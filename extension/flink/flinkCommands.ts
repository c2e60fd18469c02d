/** What the commands about Flink clusters do. A job that is watched is a run of this machine, and its live graph is that of any run. */
import * as vscode from "vscode";
import type { FlinkWatch } from "../../simulator/client/watchFlink";
import { loadBundle } from "../bundles/loadBundle";
import type { JobGraphPanels } from "../graph/jobGraphPanels";
import { pickOf } from "../personInput";
import type { RunStore } from "../runs/runStore";
import type { FlinkClusters } from "./flinkClusters";
import { type FlinkNode, type FlinkTree, isFlinkNode } from "./flinkTree";

export class FlinkCommands implements vscode.Disposable {
  /** By cluster and job. */
  private readonly watches = new Map<string, FlinkWatch>();

  constructor(
    private readonly clusters: FlinkClusters,
    private readonly tree: FlinkTree,
    private readonly runs: RunStore,
    private readonly panels: JobGraphPanels,
  ) {}

  async add(): Promise<void> {
    await this.clusters.add();
  }

  async remove(node: FlinkNode | undefined): Promise<void> {
    const url = await this.urlOf(node, "Remove Which Cluster?");
    if (url !== undefined) await this.clusters.remove(url);
  }

  async setHeader(node: FlinkNode | undefined): Promise<void> {
    const url = await this.urlOf(node, "A Header for Which Cluster?");
    if (url === undefined) return;
    await this.clusters.setHeader(url);
    this.tree.refresh();
  }

  /** Follows the job into a run of its own, or shows the graph of the run that follows it already. */
  async watch(node: FlinkNode | undefined): Promise<void> {
    const job = isFlinkNode(node) && node.kind === "job" ? { url: node.url, id: node.job.id } : await this.pickJob();
    if (job === undefined) return;
    const key = `${job.url} ${job.id}`;
    let watch = this.watches.get(key);
    if (watch === undefined) {
      const run: { id?: string } = {};
      const started = await loadBundle("extensionRun").watchFlink({
        address: await this.clusters.address(job.url),
        job: job.id,
        visible: () => vscode.window.state.focused && (run.id === undefined || this.panels.shows(run.id)),
      });
      run.id = started.id;
      watch = started;
      this.watches.set(key, started);
      void started.ended.finally(() => this.watches.delete(key));
    }
    const session = await this.runs.open(watch.id);
    await this.panels.open({ kind: "run", runId: session.id });
  }

  dispose(): void {
    for (const watch of this.watches.values()) watch.stop();
  }

  private async urlOf(node: FlinkNode | undefined, title: string): Promise<string | undefined> {
    if (isFlinkNode(node)) return node.url;
    const urls = this.clusters.urls();
    if (urls.length <= 1) return urls[0] ?? (await this.clusters.add());
    return pickOf([...urls], { title });
  }

  private async pickJob(): Promise<{ readonly url: string; readonly id: string } | undefined> {
    const url = await this.urlOf(undefined, "Watch a Job of Which Cluster?");
    if (url === undefined) return undefined;
    const client = await loadBundle("extensionRun").connectFlink(await this.clusters.address(url));
    try {
      const jobs = await client.jobs();
      const picked = await pickOf(
        jobs.map(({ id, name, state }) => ({ label: name, description: state, detail: id, id })),
        { title: "Watch Which Job?", placeHolder: jobs.length === 0 ? "The cluster has no jobs" : "A job" },
      );
      return picked === undefined ? undefined : { url, id: picked.id };
    } finally {
      client.close();
    }
  }
}
