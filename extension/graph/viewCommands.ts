/** Commands that only show: the same on a machine and in a browser alone. */
import * as vscode from "vscode";
import { loadBundle } from "../bundles/loadBundle";
import type { CommandHandlers } from "../commandRegistry";
import type { RecoveryReports } from "../report/recoveryReport";
import type { RunCommands } from "../runs/runCommands";
import type { RunTree } from "../runs/runTree";
import type { JobGraphPanels } from "./jobGraphPanels";

export interface ViewCommandServices {
  readonly extensionUri: vscode.Uri;
  readonly commands: RunCommands;
  readonly panels: JobGraphPanels;
  readonly reports: RecoveryReports;
  readonly tree: RunTree;
  readonly log: vscode.LogOutputChannel;
}

export function viewCommands({ extensionUri, commands, panels, reports, tree, log }: ViewCommandServices) {
  return {
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
    "faultline.refreshRuns": () => tree.refresh(),
    "faultline.showLog": () => log.show(),
  } satisfies Partial<CommandHandlers>;
}
