/** Where the commands appear. Groups follow VS Code's own: `navigation` and `inline` are icons, the others are sections. */
import { COMMANDS, type CommandContribution, type CommandId, GRAPH_IN_FRONT, JOB_FILE_OPEN } from "./commands";

export interface MenuItem {
  readonly command: CommandId;
  readonly when?: string;
  readonly group?: string;
}

const ON_RUNS_VIEW = "view == faultline.runs";
const ON_FLINK_VIEW = "view == faultline.flink";
/** Kinds of tree items, as `contextValue`: `run.live`, `run.past`, `task.live`, `instance.live`, `process.live`, … */
const item = (pattern: string): string => `${ON_RUNS_VIEW} && viewItem =~ /${pattern}/`;

export const MENUS: Readonly<Record<string, readonly MenuItem[]>> = {
  commandPalette: (Object.entries(COMMANDS) as [CommandId, CommandContribution][])
    .filter(([, { palette }]) => palette !== undefined)
    .map(([command, { palette }]) => ({ command, when: palette })),
  "editor/title": [
    {
      command: "faultline.openJobGraph",
      when: `${JOB_FILE_OPEN} && !(${GRAPH_IN_FRONT})`,
      group: "navigation@1",
    },
    { command: "faultline.openJobFile", when: GRAPH_IN_FRONT, group: "navigation@1" },
    { command: "faultline.openReport", when: `${JOB_FILE_OPEN} && faultline.hasRuns`, group: "faultline@1" },
    { command: "faultline.simulateAtScale", when: JOB_FILE_OPEN, group: "faultline@2" },
  ],
  "editor/title/run": [
    { command: "faultline.runJob", when: `${JOB_FILE_OPEN} && !isInDiffEditor`, group: "navigation@0" },
    { command: "faultline.debugJob", when: `${JOB_FILE_OPEN} && !isInDiffEditor`, group: "navigation@1" },
  ],
  "explorer/context": [
    { command: "faultline.openJobGraph", when: JOB_FILE_OPEN, group: "navigation@30" },
    { command: "faultline.runJob", when: JOB_FILE_OPEN, group: "navigation@31" },
    { command: "faultline.debugJob", when: JOB_FILE_OPEN, group: "navigation@32" },
    { command: "faultline.simulateAtScale", when: JOB_FILE_OPEN, group: "navigation@33" },
    { command: "faultline.openJournal", when: "resourceFilename == journal.ndjson", group: "navigation@30" },
  ],
  "view/title": [
    { command: "faultline.addFlinkCluster", when: ON_FLINK_VIEW, group: "navigation@1" },
    { command: "faultline.refreshFlink", when: ON_FLINK_VIEW, group: "navigation@2" },
    { command: "faultline.newJob", when: ON_RUNS_VIEW, group: "navigation@1" },
    { command: "faultline.runJob", when: ON_RUNS_VIEW, group: "navigation@2" },
    { command: "faultline.refreshRuns", when: ON_RUNS_VIEW, group: "navigation@9" },
    { command: "faultline.openRun", when: ON_RUNS_VIEW, group: "1_open@1" },
    { command: "faultline.openJournal", when: ON_RUNS_VIEW, group: "1_open@2" },
  ],
  "view/item/context": [
    { command: "faultline.watchFlinkJob", when: `${ON_FLINK_VIEW} && viewItem == flink.job`, group: "inline@1" },
    {
      command: "faultline.setFlinkHeader",
      when: `${ON_FLINK_VIEW} && viewItem == flink.cluster`,
      group: "1_cluster@1",
    },
    {
      command: "faultline.removeFlinkCluster",
      when: `${ON_FLINK_VIEW} && viewItem == flink.cluster`,
      group: "1_cluster@2",
    },
    {
      command: "faultline.injectFailure",
      when: item("^(run|service|task|instance|process)\\.live$"),
      group: "inline@1",
    },
    { command: "faultline.stopRun", when: item("^run\\.live$"), group: "inline@2" },
    { command: "faultline.healAll", when: item("^fault\\.active$"), group: "inline@1" },
    { command: "faultline.scaleService", when: item("^service\\.live$"), group: "inline@2" },
    { command: "faultline.showProcessLog", when: item("^(task|instance|process)\\."), group: "inline@2" },
    { command: "faultline.openReport", when: item("^run\\.past$"), group: "inline@1" },
    { command: "faultline.openJobGraph", when: item("^run\\."), group: "1_open@1" },
    { command: "faultline.openReport", when: item("^run\\."), group: "1_open@2" },
    { command: "faultline.openJobFile", when: item("^run\\."), group: "1_open@3" },
    { command: "faultline.openRunFolder", when: item("^run\\."), group: "1_open@4" },
    {
      command: "faultline.injectFailure",
      when: item("^(run|service|task|instance|process)\\.live$"),
      group: "2_break@1",
    },
    { command: "faultline.healAll", when: item("^run\\.live$"), group: "2_break@2" },
    { command: "faultline.scaleService", when: item("^service\\.live$"), group: "2_break@3" },
    { command: "faultline.showProcessLog", when: item("^(task|instance|process)\\."), group: "4_log@1" },
    { command: "faultline.triggerCheckpoint", when: item("^run\\.live$"), group: "3_end@-1" },
    { command: "faultline.takeSavepoint", when: item("^run\\.live$"), group: "3_end@0" },
    { command: "faultline.stopRun", when: item("^run\\.live$"), group: "3_end@1" },
    { command: "faultline.cancelRun", when: item("^run\\.live$"), group: "3_end@2" },
  ],
};
