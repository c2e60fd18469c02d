/** The debug type `faultline`: its launch configurations, their schema and their snippets. */
import { DEBUG_TYPE } from "./viewTypes";

const LAUNCH_PROPERTIES = {
  job: {
    type: "string",
    markdownDescription: "Job file (`*.faultline.json`), absolute or from the workspace folder.",
    default: "${file}",
  },
  deployment: {
    type: "string",
    enum: ["embedded", "sidecar", "rpc-service", "external"],
    markdownDescription: "How the models of the job are run, whatever the job file says.",
  },
  skipFiles: {
    type: "array",
    items: { type: "string" },
    default: [],
    markdownDescription:
      "Globs of files that stepping passes over, on top of Node's own code and Faultline's. For example `**/node_modules/**`.",
  },
} as const;

export const DEBUGGERS = [
  {
    type: DEBUG_TYPE,
    label: "Faultline Job",
    languages: ["faultline-job"],
    configurationAttributes: { launch: { required: ["job"], properties: LAUNCH_PROPERTIES } },
    initialConfigurations: [{ type: DEBUG_TYPE, request: "launch", name: "Debug Job", job: "${file}" }],
    configurationSnippets: [
      {
        label: "Faultline: Debug Job",
        description: "Run a job and stop at breakpoints in its functions, in every TaskManager",
        body: {
          type: DEBUG_TYPE,
          request: "launch",
          name: "Debug ${1:job}",
          job: '^"\\${workspaceFolder}/${1:job}.faultline.json"',
        },
      },
      {
        label: "Faultline: Debug Job with an Embedded Model",
        description: "As Debug Job, with every model inside the tasks that call it",
        body: {
          type: DEBUG_TYPE,
          request: "launch",
          name: "Debug ${1:job}, embedded",
          job: '^"\\${workspaceFolder}/${1:job}.faultline.json"',
          deployment: "embedded",
        },
      },
    ],
  },
] as const;
