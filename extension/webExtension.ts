/**
 * The extension in a browser without a machine behind it: job files and their graphs, journals and their replay. It runs in a web worker and has
 * nothing of Node. What needs processes says so.
 */
import * as vscode from "vscode";
import { needsMachine } from "./bundles/loadBundleWeb";
import { type CommandHandlers, registerCommands } from "./commandRegistry";
import { JobGraphPanels } from "./graph/jobGraphPanels";
import { viewCommands } from "./graph/viewCommands";
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
    ...viewCommands({ extensionUri, commands, panels, reports, tree, log }),
    "faultline.openRun": () => commands.openJournal(undefined),
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
