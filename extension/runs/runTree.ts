/** The view `Runs`: runs → regions → tasks and service instances; processes; active faults. */
import * as vscode from "vscode";
import type { RunSummary } from "../../simulator/client/run";
import type { RegionDescription } from "../../simulator/graph/graphDescription";
import type { ProcessName, SubtaskName } from "../../simulator/observe/journalEvent";
import { DisposableList } from "../disposableList";
import { regionName } from "../regionName";
import type { RunSession } from "./runSession";
import type { RunStore } from "./runStore";
import { stateIcon } from "./stateIcon";
import {
  type ActiveFault,
  type RunView,
  type TaskView,
  describeTask,
  faultTargetOf,
  instancesOf,
  tasksOfRegion,
} from "./runView";

/** `runId` is what commands act on; `target` is what a failure acts on. */
export type RunTreeNode =
  | { readonly kind: "run"; readonly runId: string; readonly session: RunSession }
  | { readonly kind: "pastRun"; readonly runId: string; readonly summary: RunSummary }
  | {
      readonly kind: "region";
      readonly runId: string;
      readonly session: RunSession;
      readonly region: RegionDescription;
    }
  | {
      readonly kind: "task";
      readonly runId: string;
      readonly session: RunSession;
      readonly task: SubtaskName;
      readonly target: string;
    }
  | {
      readonly kind: "service";
      readonly runId: string;
      readonly session: RunSession;
      readonly service: string;
      readonly target: string;
    }
  | { readonly kind: "processes"; readonly runId: string; readonly session: RunSession }
  | {
      readonly kind: "process";
      readonly runId: string;
      readonly session: RunSession;
      readonly process: ProcessName;
      readonly target: string;
    }
  | { readonly kind: "fault"; readonly runId: string; readonly session: RunSession; readonly fault: ActiveFault };

export function isRunTreeNode(value: unknown): value is RunTreeNode {
  return typeof value === "object" && value !== null && "kind" in value && "runId" in value;
}

/** Changes of a run come in bursts (a failover changes every task): one refresh for all of them. */
const REFRESH_MS = 100;

export class RunTree implements vscode.TreeDataProvider<RunTreeNode>, vscode.Disposable {
  private readonly disposables = new DisposableList();
  private readonly changed = this.disposables.push(new vscode.EventEmitter<RunTreeNode | undefined>());
  readonly onDidChangeTreeData = this.changed.event;
  private readonly runNodes = new Map<string, RunTreeNode>();
  /**
   * Tasks and processes, which change all the time, each as one lasting node that is refreshed by itself: a node that is made anew
   * under the pointer loses the click.
   */
  private readonly leaves = new Map<string, RunTreeNode>();
  private readonly stale = new Set<RunTreeNode | undefined>();
  private refreshTimer: NodeJS.Timeout | undefined;

  constructor(private readonly runs: RunStore) {
    for (const session of runs.all()) this.watch(session);
    this.disposables.push(
      runs.onDidChange((change) => {
        if (change.kind === "opened") this.watch(change.session);
        if (change.kind === "opened" || change.kind === "ended") this.refresh();
      }),
    );
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  getTreeItem(node: RunTreeNode): vscode.TreeItem {
    switch (node.kind) {
      case "run":
        return runItem(node.session);
      case "pastRun":
        return pastRunItem(node.summary);
      case "region":
        return regionItem(node.session, node.region);
      case "task":
        return taskItem(node.session, node.task);
      case "service":
        return serviceItem(node.session, node.service);
      case "processes":
        return groupItem(`${node.runId}/processes`, "Processes", "server-process");
      case "process":
        return processItem(node.session, node.process);
      case "fault":
        return faultItem(node.runId, node.fault);
    }
  }

  async getChildren(node?: RunTreeNode): Promise<RunTreeNode[]> {
    if (node === undefined) return this.roots();
    if (node.kind === "pastRun") {
      const session = await this.runs.open(node.runId);
      return runChildren(session);
    }
    if (node.kind === "run") return runChildren(node.session);
    if (node.kind === "region") {
      const { session, region, runId } = node;
      return tasksOfRegion(session.view, region).map((task) => this.taskLeaf(runId, session, task));
    }
    if (node.kind === "service") {
      const { session, service, runId } = node;
      return instancesOf(session.view, service).map((task) => this.taskLeaf(runId, session, task));
    }
    if (node.kind === "processes") {
      const { session, runId } = node;
      return [...session.view.processes.keys()].map((process) =>
        this.leaf({ kind: "process", runId, session, process, target: process }, `${runId}/process/${process}`),
      );
    }
    return [];
  }

  dispose(): void {
    clearTimeout(this.refreshTimer);
    this.disposables.dispose();
  }

  private async roots(): Promise<RunTreeNode[]> {
    const sessions = this.runs.all();
    const known = new Set(sessions.map(({ id }) => id));
    const summaries = await this.runs.list();
    const nodes: readonly RunTreeNode[] = [
      ...sessions.map((session): RunTreeNode => ({ kind: "run", runId: session.id, session })),
      ...summaries
        .filter(({ id }) => !known.has(id))
        .map((summary): RunTreeNode => ({ kind: "pastRun", runId: summary.id, summary })),
    ];
    this.runNodes.clear();
    for (const node of nodes) this.runNodes.set(node.runId, node);
    return [...nodes].sort((a, b) => startedAt(b) - startedAt(a));
  }

  private taskLeaf(runId: string, session: RunSession, task: TaskView): RunTreeNode {
    const node: RunTreeNode = { kind: "task", runId, session, task: task.name, target: faultTargetOf(task) };
    return this.leaf(node, `${runId}/task/${task.name}`);
  }

  private leaf(node: RunTreeNode, id: string): RunTreeNode {
    const known = this.leaves.get(id);
    if (known !== undefined) return known;
    this.leaves.set(id, node);
    return node;
  }

  private watch(session: RunSession): void {
    let shown = session.view;
    this.disposables.push(
      session.onDidChangeView((view) => {
        const before = shown;
        shown = view;
        // Rates, which change all the time, are not in the tree.
        const changed = hasSameNodes(before, view)
          ? this.changedLeaves(session.id, before, view)
          : [this.runNodes.get(session.id)];
        if (changed.length === 0) return;
        for (const node of changed) this.stale.add(node);
        this.refreshTimer ??= setTimeout(() => this.refreshStale(), REFRESH_MS);
      }),
    );
  }

  private changedLeaves(runId: string, before: RunView, after: RunView): readonly RunTreeNode[] {
    const tasks = changedKeys(before.tasks, after.tasks).map((name) => `${runId}/task/${name}`);
    const processes = changedKeys(before.processes, after.processes).map((name) => `${runId}/process/${name}`);
    return [...tasks, ...processes].map((id) => this.leaves.get(id)).filter((node) => node !== undefined);
  }

  private refreshStale(): void {
    this.refreshTimer = undefined;
    const nodes = [...this.stale];
    this.stale.clear();
    for (const node of nodes) this.changed.fire(node);
  }
}

/** Whether the same items are shown, whatever is said of each task and process. */
function hasSameNodes(a: RunView, b: RunView): boolean {
  const same =
    a.activeFaults === b.activeFaults && a.jobState === b.jobState && a.graph === b.graph && a.ended === b.ended;
  return same && a.tasks.size === b.tasks.size && a.processes.size === b.processes.size;
}

function changedKeys<V>(before: ReadonlyMap<string, V>, after: ReadonlyMap<string, V>): readonly string[] {
  return before === after ? [] : [...after.keys()].filter((key) => before.get(key) !== after.get(key));
}

function startedAt(node: RunTreeNode): number {
  return node.kind === "pastRun" ? node.summary.startedAt : node.kind === "run" ? node.session.startedAt : 0;
}

function runChildren(session: RunSession): RunTreeNode[] {
  const { view, id: runId } = session;
  const services = (view.graph?.vertices ?? []).filter(({ kind }) => kind === "service").map(({ id }) => id);
  const streamRegions = (view.graph?.regions ?? []).filter(
    ({ vertices }) => !vertices.every((id) => services.includes(id)),
  );
  return [
    ...[...view.activeFaults.values()].map((fault): RunTreeNode => ({ kind: "fault", runId, session, fault })),
    ...streamRegions.map((region): RunTreeNode => ({ kind: "region", runId, session, region })),
    ...services.map((service): RunTreeNode => ({
      kind: "service",
      runId,
      session,
      service,
      target: `service:${service}#*`,
    })),
    ...(view.processes.size > 0 ? [{ kind: "processes", runId, session } as const] : []),
  ];
}

function runItem(session: RunSession): vscode.TreeItem {
  const item = new vscode.TreeItem(
    session.job,
    session.active ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed,
  );
  const state = session.endedAs ?? session.view.jobState ?? "STARTING";
  item.id = session.id;
  item.description = `${state.toLowerCase()} · ${session.id}`;
  item.iconPath = stateIcon(state);
  item.contextValue = session.active ? "run.live" : "run.past";
  item.tooltip = `${session.job}, run ${session.id}: ${state}\n${session.directory}`;
  item.accessibilityInformation = { label: `Run of ${session.job}, ${state.toLowerCase()}` };
  return item;
}

function pastRunItem(summary: RunSummary): vscode.TreeItem {
  const item = new vscode.TreeItem(summary.job, vscode.TreeItemCollapsibleState.Collapsed);
  item.id = `past/${summary.id}`;
  item.description = `${summary.state.toLowerCase()} · ${new Date(summary.startedAt).toLocaleString()}`;
  item.iconPath = stateIcon(summary.state);
  item.contextValue = "run.past";
  item.tooltip = `${summary.job}, run ${summary.id}: ${summary.state}\n${summary.directory}`;
  return item;
}

function regionItem(session: RunSession, region: RegionDescription): vscode.TreeItem {
  const item = new vscode.TreeItem(
    capitalized(regionName(region.id)),
    session.active ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed,
  );
  item.id = `${session.id}/region/${region.id}`;
  item.description = `${region.subtasks.length} tasks restart together`;
  item.iconPath = new vscode.ThemeIcon("layers");
  item.tooltip = `A failure of one of these ${region.subtasks.length} subtasks restarts them all: ${region.vertices.join(", ")}`;
  return item;
}

function serviceItem(session: RunSession, service: string): vscode.TreeItem {
  const item = new vscode.TreeItem(
    service,
    session.active ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed,
  );
  const instances = instancesOf(session.view, service);
  const { service: details } = session.view.graph?.vertices.find(({ id }) => id === service) ?? {};
  item.id = `${session.id}/service/${service}`;
  item.description = `${instances.length} ${instances.length === 1 ? "instance" : "instances"}`;
  item.iconPath = new vscode.ThemeIcon("server");
  item.contextValue = `service.${session.active ? "live" : "past"}`;
  item.tooltip = `Service ${service}: ${details?.deployment ?? ""}\n${details?.model ?? ""}`;
  return item;
}

function taskItem(session: RunSession, name: SubtaskName): vscode.TreeItem {
  const item = new vscode.TreeItem(name);
  item.id = `${session.id}/task/${name}`;
  const task = session.view.tasks.get(name);
  if (task === undefined) return item;
  item.description = describeTask(task);
  item.iconPath = stateIcon(task.state);
  item.contextValue = `${task.vertexKind === "service" ? "instance" : "task"}.${session.active ? "live" : "past"}`;
  item.tooltip = `${task.vertexKind === "service" ? "Service instance" : "Stream task"} ${name}: ${describeTask(task)}`;
  return item;
}

function processItem(session: RunSession, name: ProcessName): vscode.TreeItem {
  const item = new vscode.TreeItem(name);
  const process = session.view.processes.get(name);
  const running = process?.running === true && session.active;
  item.id = `${session.id}/process/${name}`;
  item.description = running ? `process ${process.pid}` : "gone";
  item.iconPath = new vscode.ThemeIcon(running ? "vm-running" : "vm-outline");
  item.contextValue = `process.${running ? "live" : "past"}`;
  return item;
}

function faultItem(runId: string, fault: ActiveFault): vscode.TreeItem {
  const item = new vscode.TreeItem(`${fault.fault} on ${fault.target}`);
  item.id = `${runId}/fault/${fault.injection}`;
  item.iconPath = new vscode.ThemeIcon("zap", new vscode.ThemeColor("problemsWarningIcon.foreground"));
  item.contextValue = "fault.active";
  return item;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function groupItem(id: string, label: string, icon: string): vscode.TreeItem {
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Collapsed);
  item.id = id;
  item.iconPath = new vscode.ThemeIcon(icon);
  return item;
}
