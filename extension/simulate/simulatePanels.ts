/** `Simulate at Scale…`: one view for each job file. What it asks for runs in a process of its own (see simulationProcess.ts). */
import { join } from "node:path";
import * as vscode from "vscode";
import { formatProblem, type Problem } from "../../simulator/graph/errors";
import { FaultlineError } from "../../simulator/graph/errors";
import type {
  SimulateHostMessage,
  SimulateViewMessage,
  SimulateViewState,
  SimulationSettings,
} from "../../webview/simulate/protocol";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { openJobDocument } from "../graph/jobGraphSource";
import type { JobGraphPanels } from "../graph/jobGraphPanels";
import { SIMULATE_VIEW_TYPE } from "../manifest/viewTypes";
import { problemOf } from "../problem";
import type { RunStore } from "../runs/runStore";
import { jobName } from "../runs/runSummary";
import { readSetting } from "../setting";
import { viewBundle, viewPage } from "../viewPage";
import { simulationArguments } from "./simulationArguments";
import { SimulationProcess } from "./simulationProcess";

export interface SimulateServices {
  readonly extensionUri: vscode.Uri;
  readonly extensionPath: string;
  readonly runs: RunStore;
  readonly graphs: JobGraphPanels;
  readonly log: vscode.LogOutputChannel;
}

export class SimulatePanels implements vscode.Disposable, vscode.WebviewPanelSerializer<SimulateViewState> {
  private readonly disposables = new DisposableList();
  private readonly panels = new Map<string, SimulatePanel>();

  constructor(private readonly services: SimulateServices) {
    this.disposables.push(vscode.window.registerWebviewPanelSerializer(SIMULATE_VIEW_TYPE, this));
  }

  /** @throws FaultlineError FL4001 where the job file lies on no disk */
  open(uri: vscode.Uri): void {
    if (uri.scheme !== "file") {
      throw FaultlineError.of("FL4001", "Jobs are simulated only from files on a disk.", "Save the job file to one.");
    }
    const known = this.panels.get(uri.fsPath);
    if (known !== undefined) {
      known.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(
      SIMULATE_VIEW_TYPE,
      `Simulate: ${jobName(uri.path)}`,
      vscode.ViewColumn.Active,
      { enableScripts: true, localResourceRoots: [viewBundle(this.services.extensionUri)], enableFindWidget: true },
    );
    this.keep(panel, uri);
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: SimulateViewState | undefined): Promise<void> {
    if (typeof state?.jobFile === "string") this.keep(panel, vscode.Uri.file(state.jobFile));
    else panel.dispose();
    return Promise.resolve();
  }

  dispose(): void {
    this.disposables.dispose();
    for (const panel of this.panels.values()) panel.cancel();
  }

  private keep(panel: vscode.WebviewPanel, uri: vscode.Uri): void {
    this.panels.set(uri.fsPath, new SimulatePanel(panel, uri, this.services));
    panel.onDidDispose(() => this.panels.delete(uri.fsPath));
  }
}

class SimulatePanel {
  private ready = false;
  private running: SimulationProcess | undefined;
  /** What was said last of a simulation: said again to a view that was hidden or loaded anew. */
  private last: SimulateHostMessage | undefined;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private readonly uri: vscode.Uri,
    private readonly services: SimulateServices,
  ) {
    const { extensionUri } = services;
    panel.iconPath = {
      light: vscode.Uri.joinPath(extensionUri, "extension", "icons", "job-file-light.svg"),
      dark: vscode.Uri.joinPath(extensionUri, "extension", "icons", "job-file-dark.svg"),
    };
    panel.webview.options = { enableScripts: true, localResourceRoots: [viewBundle(extensionUri)] };
    panel.webview.onDidReceiveMessage((message: SimulateViewMessage) => void this.answer(message));
    panel.onDidChangeViewState(() => (this.ready &&= panel.visible));
    panel.onDidDispose(() => this.cancel());
    panel.webview.html = viewPage(panel.webview, extensionUri, { title: panel.title, view: "simulate", allowed: [] });
  }

  reveal(): void {
    this.panel.reveal();
  }

  cancel(): void {
    this.running?.cancel();
  }

  private send(message: SimulateHostMessage): void {
    if (message.kind !== "job") this.last = message;
    if (this.ready) void this.panel.webview.postMessage(message);
  }

  private async answer(message: SimulateViewMessage): Promise<void> {
    try {
      await this.do(message);
    } catch (error) {
      const problem = problemOf(error);
      this.services.log.error(`Simulation, ${message.kind}: ${formatProblem(problem)}`);
      this.send({ kind: "failed", problem });
    }
  }

  private async do(message: SimulateViewMessage): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.ready = true;
        await this.sendJob();
        if (this.last !== undefined) this.send(this.last);
        return;
      case "simulate":
        return this.simulate(message.settings);
      case "cancel":
        this.cancel();
        return;
      case "openJournal":
        await this.services.runs.open(message.run);
        await this.services.graphs.open({ kind: "run", runId: message.run });
        return;
      case "openReport":
        await vscode.commands.executeCommand("faultline.openReport", message.run);
        return;
      case "viewError":
        this.services.log.error(`Simulate at Scale: ${message.message}`);
        return;
      default:
        return;
    }
  }

  private async sendJob(): Promise<void> {
    const document = await openJobDocument(this.uri);
    const { job, problems } = loadBundle("extensionLanguage").parseJobDocument(document);
    if (job === undefined) {
      const [first] = problems;
      const text = "The job file has problems; they are listed in the Problems view.";
      throw first === undefined ? FaultlineError.of("FL4001", text) : new FaultlineError(first);
    }
    const runs = (await this.services.runs.list()).filter(
      ({ jobFile, id }) => jobFile === this.uri.fsPath && !id.endsWith("-simulated"),
    );
    this.send({
      kind: "job",
      job: job.name,
      jobFile: this.uri.fsPath,
      parallelism: job.runtime.parallelism,
      instances: Math.max(1, ...job.services.map(({ parallelism }) => parallelism)),
      hasServices: job.services.length > 0,
      runs: runs.slice(0, 20).map(({ id, startedAt }) => ({ id, startedAt })),
    });
  }

  private async simulate(settings: SimulationSettings): Promise<void> {
    if (this.running !== undefined) return;
    const document = await openJobDocument(this.uri);
    if (document.isDirty) await document.save();
    const node = readSetting("faultline.run.node");
    const startedAt = Date.now();
    this.send({ kind: "progress", share: 0, what: "" });
    this.running = new SimulationProcess({
      node: node === "" ? process.execPath : node,
      cli: join(this.services.extensionPath, "dist", "cli.js"),
      arguments: simulationArguments(this.uri.fsPath, settings),
      onProgress: (share, what) => this.send({ kind: "progress", share, what }),
    });
    const outcome = await this.running.ended.finally(() => (this.running = undefined));
    const seconds = (Date.now() - startedAt) / 1000;
    if (outcome === undefined) this.send({ kind: "cancelled" });
    else if ("code" in outcome) this.send({ kind: "failed", problem: outcome satisfies Problem });
    else if (outcome.sweep !== undefined) this.send({ kind: "sweep", ...outcome.sweep, seconds });
    else this.send({ kind: "results", results: outcome.results ?? [], journals: outcome.journals, seconds });
  }
}
