/**
 * Every command of the extension, once: what the manifest says of it and what its handler is called with.
 *
 * The manifest's `contributes.commands` is written from here (`scripts/writeManifest.ts`), and `registerCommands` takes a
 * handler for each, so that a command without a handler, or a handler without a command, does not compile.
 */
import { JOB_GRAPH_EDITOR, RUN_ACTIVE } from "./viewTypes";

export interface CommandContribution {
  readonly title: string;
  /** A codicon, `$(name)`. */
  readonly icon?: string;
  /** When it can be used; shown disabled otherwise. */
  readonly enablement?: string;
  /** When the palette lists it; absent is always, `false` is never (a command that needs what was clicked). */
  readonly palette?: string;
  /** Shorter title where the surroundings say the rest. */
  readonly shortTitle?: string;
}

/** A graph is the editor in front. */
export const GRAPH_IN_FRONT = `activeCustomEditorId == ${JOB_GRAPH_EDITOR}`;
export const JOB_FILE_OPEN = "resourceFilename =~ /\\.faultline\\.json$/";
/** A trusted workspace, and a machine behind the window: a browser alone has none. */
const TRUSTED = "isWorkspaceTrusted && (!isWeb || remoteName)";

export const COMMANDS = {
  "faultline.openJobGraph": {
    title: "Open Job Graph",
    shortTitle: "Graph",
    icon: "$(type-hierarchy-sub)",
  },
  "faultline.runJob": {
    title: "Run Job",
    shortTitle: "Run",
    icon: "$(play)",
    enablement: TRUSTED,
  },
  "faultline.debugJob": {
    title: "Debug Job",
    shortTitle: "Debug",
    icon: "$(debug-alt)",
    enablement: TRUSTED,
  },
  "faultline.stopRun": {
    title: "Stop Run",
    shortTitle: "Stop",
    icon: "$(debug-stop)",
    palette: RUN_ACTIVE,
  },
  "faultline.cancelRun": {
    title: "Cancel Run Without Draining",
    icon: "$(close-all)",
    palette: RUN_ACTIVE,
  },
  "faultline.injectFailure": {
    title: "Inject Failure…",
    icon: "$(zap)",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.repeatLastFailure": {
    title: "Repeat Last Failure",
    icon: "$(debug-restart)",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.killServiceInstance": {
    title: "Kill Service Instance…",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.exhaustGpuMemory": {
    title: "Exhaust GPU Memory…",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.partition": {
    title: "Partition…",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.triggerCheckpoint": {
    title: "Trigger Checkpoint",
    icon: "$(record)",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.takeSavepoint": {
    title: "Take Savepoint",
    icon: "$(save)",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.healAll": {
    title: "Heal All Failures",
    icon: "$(pulse)",
    palette: RUN_ACTIVE,
  },
  "faultline.scaleService": {
    title: "Scale Service…",
    icon: "$(layers)",
    enablement: TRUSTED,
    palette: RUN_ACTIVE,
  },
  "faultline.showProcessLog": {
    title: "Show Process Log",
    icon: "$(output)",
    palette: "false",
  },
  "faultline.newJob": {
    title: "New Job…",
    icon: "$(add)",
  },
  "faultline.simulateAtScale": {
    title: "Simulate at Scale…",
    shortTitle: "Simulate…",
    icon: "$(graph-scatter)",
  },
  "faultline.openReport": {
    title: "Open Recovery Report",
    shortTitle: "Report",
    icon: "$(graph-line)",
  },
  "faultline.revealInGraph": {
    title: "Show in Job Graph",
    palette: "false",
  },
  "faultline.openJobFile": {
    title: "Open Job File",
    icon: "$(go-to-file)",
    palette: "false",
  },
  "faultline.openRunFolder": {
    title: "Reveal Run Folder",
    icon: "$(folder-opened)",
    palette: "false",
  },
  "faultline.openRun": {
    title: "Open Run…",
  },
  "faultline.openJournal": {
    title: "Open Journal…",
    icon: "$(history)",
  },
  "faultline.refreshRuns": {
    title: "Refresh Runs",
    icon: "$(refresh)",
    palette: "false",
  },
  "faultline.showRunActions": {
    title: "Show Run Actions",
    palette: RUN_ACTIVE,
  },
  "faultline.addFlinkCluster": {
    title: "Add Flink Cluster…",
    icon: "$(add)",
  },
  "faultline.removeFlinkCluster": {
    title: "Remove Flink Cluster…",
    icon: "$(trash)",
  },
  "faultline.setFlinkHeader": {
    title: "Set Header for Flink Cluster…",
    icon: "$(key)",
  },
  "faultline.refreshFlink": {
    title: "Refresh Flink Clusters",
    icon: "$(refresh)",
    palette: "false",
  },
  "faultline.watchFlinkJob": {
    title: "Watch Flink Job…",
    shortTitle: "Live Graph",
    icon: "$(eye)",
  },
  "faultline.showLog": {
    title: "Show Log",
    icon: "$(output)",
  },
} as const satisfies Readonly<Record<`faultline.${string}`, CommandContribution>>;

export type CommandId = keyof typeof COMMANDS;

export const COMMAND_IDS = Object.keys(COMMANDS) as readonly CommandId[];

/** Category of all commands, in front of their titles in the palette. */
export const COMMAND_CATEGORY = "Faultline";
