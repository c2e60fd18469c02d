/** Ties every command of the manifest to its handler: a missing or a superfluous one does not compile. */
import * as vscode from "vscode";
import type { InjectRequest } from "./runs/injectFailure";
import type { CommandId } from "./manifest/commands";
import { showProblem } from "./personMessage";
import type { FlinkNode } from "./flink/flinkTree";
import type { RunTreeNode } from "./runs/runTree";

/** What was clicked: a job file in the explorer or an editor's title, an item of the runs, or nothing (palette, key). */
export type Clicked = vscode.Uri | RunTreeNode | undefined;

export interface CommandArguments {
  "faultline.openJobGraph": [clicked?: Clicked];
  "faultline.runJob": [clicked?: Clicked];
  "faultline.debugJob": [clicked?: Clicked];
  "faultline.stopRun": [clicked?: RunTreeNode | string];
  "faultline.cancelRun": [clicked?: RunTreeNode | string];
  "faultline.injectFailure": [request?: RunTreeNode | InjectRequest];
  "faultline.repeatLastFailure": [];
  "faultline.killServiceInstance": [];
  "faultline.exhaustGpuMemory": [];
  "faultline.partition": [];
  "faultline.triggerCheckpoint": [clicked?: RunTreeNode | string];
  "faultline.takeSavepoint": [clicked?: RunTreeNode | string];
  "faultline.healAll": [clicked?: RunTreeNode | string];
  "faultline.scaleService": [clicked?: RunTreeNode];
  "faultline.showProcessLog": [clicked?: RunTreeNode];
  "faultline.newJob": [];
  "faultline.simulateAtScale": [clicked?: Clicked];
  "faultline.openReport": [clicked?: Clicked | string];
  "faultline.revealInGraph": [place?: { readonly uri: vscode.Uri; readonly vertex: string }];
  "faultline.openJobFile": [clicked?: Clicked];
  "faultline.openRunFolder": [clicked?: RunTreeNode];
  "faultline.openRun": [];
  "faultline.openJournal": [clicked?: Clicked];
  "faultline.refreshRuns": [];
  "faultline.showRunActions": [];
  "faultline.addFlinkCluster": [];
  "faultline.removeFlinkCluster": [clicked?: FlinkNode];
  "faultline.setFlinkHeader": [clicked?: FlinkNode];
  "faultline.refreshFlink": [];
  "faultline.watchFlinkJob": [clicked?: FlinkNode];
  "faultline.showLog": [];
}

export type CommandHandlers = { readonly [K in CommandId]: (...args: CommandArguments[K]) => unknown };

/** A handler that fails tells the person, in one place and in one way. */
export function registerCommands(handlers: CommandHandlers, log: vscode.LogOutputChannel): vscode.Disposable {
  const own = (Object.entries(handlers) as [CommandId, (...args: unknown[]) => unknown][]).map(([id, handler]) =>
    vscode.commands.registerCommand(id, async (...args: unknown[]) => {
      try {
        return await handler(...args);
      } catch (error) {
        await showProblem(error, log);
        return undefined;
      }
    }),
  );
  return vscode.Disposable.from(...own);
}
