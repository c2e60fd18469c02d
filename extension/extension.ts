/** The extension's entry: everything that is registered, on one page. What is behind it is loaded when it is needed. */
import * as vscode from "vscode";
import { loadBundle } from "./bundles/loadBundle";
import { registerCommands } from "./commandRegistry";
import { registerDebug } from "./debug/registerDebug";
import { FlinkClusters } from "./flink/flinkClusters";
import { FlinkCommands } from "./flink/flinkCommands";
import { FlinkTree } from "./flink/flinkTree";
import { ExperimentTests } from "./experiments/experimentTests";
import { JobGraphPanels } from "./graph/jobGraphPanels";
import { viewCommands } from "./graph/viewCommands";
import { JobFileDiagnostics } from "./jobFile/jobFileDiagnostics";
import { registerJobFileLanguage } from "./jobFile/registerJobFileLanguage";
import { FLINK_VIEW, RUNS_VIEW } from "./manifest/viewTypes";
import { registerLanguageModelTools } from "./languageModel/registerLanguageModelTools";
import { RecoveryReports } from "./report/recoveryReport";
import type { FailureInjector } from "./runs/injectFailure";
import { JobTaskProvider, TASK_TYPE } from "./runs/jobTask";
import { ProcessLogs } from "./runs/processLogs";
import { RunCommands } from "./runs/runCommands";
import { RunStatusItem } from "./runs/runStatusItem";
import { RunStore } from "./runs/runStore";
import { RunTree, isRunTreeNode } from "./runs/runTree";
import { readSetting } from "./setting";
import { SimulatePanels } from "./simulate/simulatePanels";

let runs: RunStore | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const { extensionUri, workspaceState } = context;
  const log = vscode.window.createOutputChannel("Faultline", { log: true });
  const store = (runs = new RunStore(log, workspaceState));
  const panels = new JobGraphPanels({ extensionUri, runs: store, log }, workspaceState);
  let failures: FailureInjector | undefined;
  const injector = (): FailureInjector =>
    (failures ??= new (loadBundle("extensionActions").FailureInjector)(store, workspaceState, log));
  const reports = new RecoveryReports(store);
  const tree = new RunTree(store);
  const logs = new ProcessLogs();
  const clusters = new FlinkClusters(context.secrets);
  const flinkTree = new FlinkTree(clusters);
  const flink = new FlinkCommands(clusters, flinkTree, store, panels);
  const commands = new RunCommands(store, panels, logs);
  const simulations = new SimulatePanels({
    extensionUri,
    extensionPath: context.extensionPath,
    runs: store,
    graphs: panels,
    log,
  });

  context.subscriptions.push(
    log,
    store,
    panels,
    reports,
    simulations,
    logs,
    tree,
    new RunStatusItem(store),
    new JobFileDiagnostics(),
    registerJobFileLanguage(store),
    registerLanguageModelTools(store),
    new ExperimentTests(store, log),
    registerDebug(store, context.extensionPath, (uri) => commands.ready(uri)),
    vscode.tasks.registerTaskProvider(TASK_TYPE, new JobTaskProvider(context.extensionPath)),
    vscode.window.registerTreeDataProvider(RUNS_VIEW, tree),
    flinkTree,
    flink,
    flinkTree.show(vscode.window.createTreeView(FLINK_VIEW, { treeDataProvider: flinkTree })),
    store.onDidChange((change) => {
      if (change.kind !== "ended" || !change.session.live || !readSetting("faultline.report.openWhenRunEnds")) return;
      void vscode.commands.executeCommand("faultline.openReport", change.session.id);
    }),
    registerCommands(
      {
        ...viewCommands({ extensionUri, commands, panels, reports, tree, log }),
        "faultline.runJob": (clicked) => commands.run(clicked),
        "faultline.debugJob": (clicked) => commands.debug(clicked),
        "faultline.stopRun": (clicked) => commands.stop(clicked, "drain"),
        "faultline.cancelRun": (clicked) => commands.stop(clicked, "cancel"),
        "faultline.injectFailure": (request) =>
          injector().inject(
            isRunTreeNode(request)
              ? { runId: request.runId, target: "target" in request ? request.target : undefined }
              : (request ?? { runId: panels.active?.runId }),
          ),
        "faultline.repeatLastFailure": () => injector().repeatLast(),
        "faultline.killServiceInstance": () => injector().killServiceInstance(),
        "faultline.exhaustGpuMemory": () => injector().exhaustGpuMemory(),
        "faultline.partition": () => injector().partition(),
        "faultline.triggerCheckpoint": (clicked) => commands.triggerCheckpoint(clicked),
        "faultline.takeSavepoint": (clicked) => commands.takeSavepoint(clicked),
        "faultline.healAll": (clicked) => injector().healAll(typeof clicked === "string" ? clicked : clicked?.runId),
        "faultline.scaleService": (clicked) => commands.scale(clicked),
        "faultline.showProcessLog": (clicked) => commands.showProcessLog(clicked),
        "faultline.simulateAtScale": async (clicked) => {
          const uri = await commands.jobFileOf(clicked, "Simulate Which Job?");
          if (uri !== undefined) simulations.open(uri);
        },
        "faultline.openRunFolder": (clicked) => commands.openRunFolder(clicked),
        "faultline.openRun": () => commands.openRun(),
        "faultline.showRunActions": () => commands.showActions(),
        "faultline.addFlinkCluster": () => flink.add(),
        "faultline.removeFlinkCluster": (clicked) => flink.remove(clicked),
        "faultline.setFlinkHeader": (clicked) => flink.setHeader(clicked),
        "faultline.refreshFlink": () => flinkTree.refresh(),
        "faultline.watchFlinkJob": (clicked) => flink.watch(clicked),
      },
      log,
    ),
  );
}

/** Runs go on where the window is loaded again. */
export async function deactivate(): Promise<void> {
  await runs?.handOver();
}
