/**
 * The extension's part of package.json, made from the tables beside this file. `scripts/writeManifest.ts` writes it, and a
 * test holds that what is written is what is here.
 */
import { COMMANDS, COMMAND_CATEGORY, type CommandContribution, type CommandId } from "./commands";
import { DEBUGGERS } from "./debuggers";
import { KEYBINDINGS } from "./keybindings";
import { LANGUAGE_MODEL_TOOLS } from "./languageModelTools";
import { MENUS } from "./menus";
import { SETTINGS } from "./settings";
import {
  DEBUG_TYPE,
  FLINK_VIEW,
  JOB_GRAPH_EDITOR,
  JOB_GRAPH_VIEW_TYPE,
  RUNS_VIEW,
  SIMULATE_VIEW_TYPE,
} from "./viewTypes";
import { WALKTHROUGH_STEPS } from "./walkthrough";

/** The language of job files: JSON with comments, with a name of its own so that the extension wakes up for nothing else. */
export const JOB_FILE_LANGUAGE = "faultline-job";

export const MANIFEST = {
  icon: "extension/icon.png",
  galleryBanner: { color: "#1b1f27", theme: "dark" },
  categories: ["Visualization", "Debuggers", "Testing", "Data Science", "Machine Learning"],
  keywords: ["flink", "stream processing", "inference", "fault injection", "chaos"],
  activationEvents: [
    `onLanguage:${JOB_FILE_LANGUAGE}`,
    `onWebviewPanel:${JOB_GRAPH_VIEW_TYPE}`,
    `onWebviewPanel:${SIMULATE_VIEW_TYPE}`,
    // So that the Test Explorer shows what there is.
    "workspaceContains:**/*.experiment.json",
    `onDebugResolve:${DEBUG_TYPE}`,
    `onDebugInitialConfigurations:${DEBUG_TYPE}`,
    `onDebugDynamicConfigurations:${DEBUG_TYPE}`,
  ],
  capabilities: {
    untrustedWorkspaces: {
      supported: "limited",
      description:
        "Job graphs and the reports of past runs are shown. Jobs are not run, because a job runs the code and the models of its folder.",
      restrictedConfigurations: ["faultline.run.node"],
    },
    virtualWorkspaces: {
      supported: "limited",
      description: "Job graphs are shown. Jobs run only from files on a disk.",
    },
  },
  contributes: {
    languages: [
      {
        id: JOB_FILE_LANGUAGE,
        aliases: ["Faultline Job"],
        filenamePatterns: ["*.faultline.json"],
        configuration: "./extension/language-configuration.json",
        icon: { light: "./extension/icons/job-file-light.svg", dark: "./extension/icons/job-file-dark.svg" },
      },
      { id: "jsonc", filenamePatterns: ["*.experiment.json"] },
    ],
    grammars: [
      {
        language: JOB_FILE_LANGUAGE,
        scopeName: "source.json.comments.faultline-job",
        path: "./extension/faultline-job.tmLanguage.json",
      },
    ],
    snippets: [{ language: JOB_FILE_LANGUAGE, path: "./extension/faultline-job.snippets.json" }],
    customEditors: [
      {
        viewType: JOB_GRAPH_EDITOR,
        displayName: "Job Graph",
        selector: [{ filenamePattern: "*.faultline.json" }],
        // The text stays what a click on the file opens.
        priority: "option",
      },
    ],
    jsonValidation: [
      { fileMatch: "*.faultline.json", url: "./dist/schemas/job-file.schema.json" },
      { fileMatch: "*.experiment.json", url: "./dist/schemas/experiment.schema.json" },
    ],
    commands: (Object.entries(COMMANDS) as [CommandId, CommandContribution][]).map(
      ([command, { title, shortTitle, icon, enablement }]) => ({
        command,
        title,
        ...(shortTitle === undefined ? {} : { shortTitle }),
        category: COMMAND_CATEGORY,
        ...(icon === undefined ? {} : { icon }),
        ...(enablement === undefined ? {} : { enablement }),
      }),
    ),
    keybindings: KEYBINDINGS,
    menus: MENUS,
    viewsContainers: {
      activitybar: [{ id: "faultline", title: "Faultline", icon: "extension/icons/activity-bar.svg" }],
    },
    views: {
      faultline: [
        { id: RUNS_VIEW, name: "Runs", icon: "extension/icons/activity-bar.svg", contextualTitle: "Faultline" },
        {
          id: FLINK_VIEW,
          name: "Flink Clusters",
          icon: "extension/icons/activity-bar.svg",
          contextualTitle: "Faultline",
          visibility: "collapsed",
        },
      ],
    },
    viewsWelcome: [
      {
        view: FLINK_VIEW,
        contents:
          "Watch the jobs of a real Flink cluster in the same graph as runs of this machine.\n[Add Flink Cluster](command:faultline.addFlinkCluster)",
      },
      {
        view: RUNS_VIEW,
        contents:
          "No job has been run yet. Open a job file (*.faultline.json) and run it.\n[Run Job](command:faultline.runJob)",
        when: "isWorkspaceTrusted",
      },
      {
        view: RUNS_VIEW,
        contents:
          "Jobs run only in a trusted workspace. Job graphs and past runs are shown.\n[Manage Workspace Trust](command:workbench.trust.manage)",
        when: "!isWorkspaceTrusted",
      },
    ],
    walkthroughs: [
      {
        id: "firstFailure",
        title: "Kill an Instance, and See That the Job Did Not Notice",
        description: "From nothing to a recovery report, in five steps.",
        steps: WALKTHROUGH_STEPS,
      },
    ],
    languageModelTools: LANGUAGE_MODEL_TOOLS,
    taskDefinitions: [
      {
        type: "faultline",
        required: ["job"],
        properties: {
          job: { type: "string", description: "Job file (*.faultline.json), from the workspace folder." },
          deployment: {
            type: "string",
            enum: ["embedded", "sidecar", "rpc-service", "external"],
            description: "How the models of the job are run, whatever the job file says.",
          },
          fault: { type: "string", description: "Fault to inject once, for example crash." },
          target: { type: "string", description: "Where to inject it, for example service:langid#1." },
          after: { type: "string", description: "How long after the job is running, for example 10s.", default: "5s" },
        },
        when: "isWorkspaceTrusted",
      },
    ],
    debuggers: DEBUGGERS,
    // In a job file a breakpoint holds the record that comes to an operator or goes over an edge.
    breakpoints: [{ language: JOB_FILE_LANGUAGE }],
    problemMatchers: [
      {
        name: "faultline",
        label: "Faultline",
        owner: "faultline-task",
        source: "faultline",
        fileLocation: ["autodetect", "${workspaceFolder}"],
        pattern: {
          regexp: "^(.+):(\\d+):(\\d+): (FL\\d{4}): (.+)$",
          file: 1,
          line: 2,
          column: 3,
          code: 4,
          message: 5,
        },
      },
    ],
    configuration: { title: "Faultline", properties: SETTINGS },
  },
} as const;
