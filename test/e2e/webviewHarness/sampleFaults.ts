/** Two faults as the host offers them: one without parameters, one with. */
import type { FaultChoice } from "../../../webview/protocol";

export const FAULTS: readonly FaultChoice[] = [
  {
    fault: "crash",
    label: "Crash",
    description: "The process ends at once.",
    group: "Process",
    actsOn: ["service", "taskmanager"],
    parameters: [],
  },
  {
    fault: "latency",
    label: "Latency",
    description: "Everything on the connection comes later.",
    group: "Link",
    actsOn: ["link"],
    parameters: [
      {
        name: "delay",
        label: "Delay",
        description: "How much later.",
        type: "duration",
        default: "100ms",
        required: true,
      },
      {
        name: "direction",
        label: "Direction",
        description: "Which way.",
        type: "choice",
        choices: ["both", "request", "response"],
        default: "both",
        required: false,
      },
    ],
  },
];
