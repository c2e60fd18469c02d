/** Tools that a language model in the editor may call. What starts or breaks anything asks the person first. */

const RUN = {
  type: "string",
  description: "Id of the run, or `latest`. Default: latest.",
} as const;
const JOB_FILE = {
  type: "string",
  description:
    "Path of the job file (*.faultline.json), absolute or from the workspace folder. Not needed when there is only one.",
} as const;

interface ToolContribution {
  readonly name: `faultline_${string}`;
  readonly toolReferenceName: string;
  readonly displayName: string;
  readonly modelDescription: string;
  readonly userDescription: string;
  readonly canBeReferencedInPrompt: true;
  readonly icon: string;
  readonly tags: readonly string[];
  readonly inputSchema: object;
}

export const LANGUAGE_MODEL_TOOLS = [
  {
    name: "faultline_get_job_graph",
    toolReferenceName: "jobGraph",
    displayName: "Get Job Graph",
    modelDescription:
      "The graph of a Faultline stream-processing job as JSON: vertices (chained operators, and services), edges with ship strategy and partition type, calls from operators to services, and the pipelined regions. All subtasks of a region restart together when one of them fails.",
    userDescription: "Graph and pipelined regions of a job",
    canBeReferencedInPrompt: true,
    icon: "$(type-hierarchy-sub)",
    tags: ["faultline", "flink"],
    inputSchema: { type: "object", properties: { jobFile: JOB_FILE } },
  },
  {
    name: "faultline_run_job",
    toolReferenceName: "runJob",
    displayName: "Run Job",
    modelDescription:
      "Starts a Faultline job on this machine as real processes and returns the run's id as soon as it is started. The run goes on until its sources end or it is stopped.",
    userDescription: "Run a job on this machine",
    canBeReferencedInPrompt: true,
    icon: "$(play)",
    tags: ["faultline", "flink"],
    inputSchema: { type: "object", properties: { jobFile: JOB_FILE } },
  },
  {
    name: "faultline_inject_failure",
    toolReferenceName: "injectFailure",
    displayName: "Inject Failure",
    modelDescription:
      "Injects a failure into a Faultline run that goes on, for example crash (SIGKILL), terminate (SIGTERM) or hang (SIGSTOP). Targets: service:ID#INDEX, taskmanager:INDEX, coordinator; * stands for any.",
    userDescription: "Break something in a run, on purpose",
    canBeReferencedInPrompt: true,
    icon: "$(zap)",
    tags: ["faultline", "flink"],
    inputSchema: {
      type: "object",
      properties: {
        run: RUN,
        fault: { type: "string", description: "Name of the fault, for example crash." },
        target: { type: "string", description: "What it acts on, for example service:langid#1." },
      },
      required: ["fault", "target"],
    },
  },
  {
    name: "faultline_explain_recovery",
    toolReferenceName: "explainRecovery",
    displayName: "Explain Recovery",
    modelDescription:
      "The recovery report of a Faultline run as JSON: for each failure what was hit, when it was noticed, which tasks and service instances restarted, which did not, how long until it ran again, records replayed, lost and duplicated, and the dip of the throughput.",
    userDescription: "What failed in a run, what restarted, and what it cost",
    canBeReferencedInPrompt: true,
    icon: "$(graph-line)",
    tags: ["faultline", "flink"],
    inputSchema: { type: "object", properties: { run: RUN } },
  },
] as const satisfies readonly ToolContribution[];

export type LanguageModelToolName = (typeof LANGUAGE_MODEL_TOOLS)[number]["name"];
