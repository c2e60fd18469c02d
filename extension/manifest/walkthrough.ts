/** The five steps of the walkthrough. Each is done when its command was run, wherever it was run from. */
import type { CommandId } from "./commands";

interface WalkthroughStep {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly media: { readonly markdown: string };
  readonly completionEvents: readonly `onCommand:${CommandId}`[];
}

export const WALKTHROUGH_STEPS: readonly WalkthroughStep[] = [
  {
    id: "newJob",
    title: "Make a job",
    description:
      "Start with the example: real texts, and a real model that names their language.\n[New Job…](command:faultline.newJob)",
    media: { markdown: "extension/walkthrough/newJob.md" },
    completionEvents: ["onCommand:faultline.newJob"],
  },
  {
    id: "graph",
    title: "Look at its regions",
    description:
      "The graph shows what restarts together: a pipelined region is a frame, and each instance of the model's service is one of its own.\n[Open Job Graph](command:faultline.openJobGraph)",
    media: { markdown: "extension/walkthrough/graph.md" },
    completionEvents: ["onCommand:faultline.openJobGraph", "onCommand:faultline.newJob"],
  },
  {
    id: "run",
    title: "Run it",
    description:
      "Real processes on this machine: a coordinator, two TaskManagers, two service instances.\n[Run Job](command:faultline.runJob)",
    media: { markdown: "extension/walkthrough/run.md" },
    completionEvents: ["onCommand:faultline.runJob"],
  },
  {
    id: "kill",
    title: "Kill a service instance",
    description:
      "While the job runs, right-click an instance in the graph and choose Inject Failure…, or do it from here.\n[Kill Service Instance…](command:faultline.killServiceInstance)",
    media: { markdown: "extension/walkthrough/kill.md" },
    completionEvents: ["onCommand:faultline.killServiceInstance", "onCommand:faultline.injectFailure"],
  },
  {
    id: "report",
    title: "Read what it cost",
    description:
      "What restarted, what did not, how long it took, and whether a record was lost.\n[Open Recovery Report](command:faultline.openReport)",
    media: { markdown: "extension/walkthrough/report.md" },
    completionEvents: ["onCommand:faultline.openReport"],
  },
];
