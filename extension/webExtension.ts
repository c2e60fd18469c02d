/**
 * The extension in a browser without a machine behind it: job files and their graphs, journals and their replay. It runs in a web worker and has
 * nothing of Node. What needs processes says so.
 */
import * as vscode from "vscode";
import { needsMachine } from "./bundles/loadBundleWeb";
import { loadBundle } from "./bundles/loadBundle";
import { type CommandHandlers, registerCommands } from "./commandRegistry";
import { JobGraphPanels } from "./graph/jobGraphPanels";
import { JobFileDiagnostics } from "./jobFile/jobFileDiagnostics";
import { registerJobFileLanguage } from "./jobFile/registerJobFileLanguage";
import { COMMAND_IDS } from "./manifest/commands";
import { RUNS_VIEW } from "./manifest/viewTypes";
import { RecoveryReports } from "./report/recoveryReport";
import { RunCommands } from "./runs/runCommands";
import { RunStore } from "./runs/runStore";
import { RunTree } from "./runs/runTree";

export function activate(context: vscode.ExtensionContext): void {
  const { extensionUri, workspaceState } = context;
  const log = vscode.window.createOutputChannel("Faultline", { log: true });
  const store = new RunStore(log, workspaceState);
  const panels = new JobGraphPanels({ extensionUri, runs: store, log }, workspaceState);
  const reports = new RecoveryReports(store);
  const tree = new RunTree(store);
  const noMachine = (): never => {
    throw needsMachine();
  };
  const commands = new RunCommands(store, panels, { show: noMachine });
  const here: Partial<CommandHandlers> = {
    "faultline.openJobGraph": (clicked) => commands.openGraph(clicked),
    "faultline.newJob": async () => {
      const uri = await loadBundle("extensionLanguage").newJob(extensionUri);
      if (uri === undefined) return;
      await vscode.window.showTextDocument(uri);
      await panels.open({ kind: "jobFile", uri }, true);
    },
    "faultline.openReport": async (clicked) => {
      const runId = await commands.reportRunId(clicked);
      if (runId !== undefined) await reports.open(runId);
    },
    "faultline.revealInGraph": async (place) => {
      if (place === undefined) return;
      await panels.show({ kind: "jobFile", uri: place.uri }, { kind: "vertex", vertex: place.vertex });
    },
    "faultline.openJobFile": (clicked) => commands.openJobFile(clicked),
    "faultline.openJournal": (clicked) => commands.openJournal(clicked),
    "faultline.openRun": () => commands.openJournal(undefined),
    "faultline.refreshRuns": () => tree.refresh(),
    "faultline.showLog": () => log.show(),
  };
  const elsewhere = Object.fromEntries(COMMAND_IDS.map((id) => [id, noMachine])) as unknown as CommandHandlers;
  context.subscriptions.push(
    log,
    store,
    panels,
    reports,
    tree,
    new JobFileDiagnostics(),
    registerJobFileLanguage(store),
    vscode.window.registerTreeDataProvider(RUNS_VIEW, tree),
    registerCommands({ ...elsewhere, ...here }, log),
  );
}
