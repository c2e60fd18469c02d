/** Faults of whole processes. */
import type { FaultDefinition, MachineFacilities } from "./faultDefinition";
import { DURATION } from "./faultParameter";

const needsStopSignals = ({ stopSignals }: MachineFacilities): string | undefined => (stopSignals ? undefined : "This system cannot stop a process and let it go on (SIGSTOP, SIGCONT).");

export const PROCESS_FAULTS: readonly FaultDefinition[] = [
  {
    name: "crash",
    title: "Crash",
    group: "Process",
    description: "Kills the process with SIGKILL, as an out-of-memory killer or a driver fault does. It gets no chance to say goodbye.",
    injected: "SIGKILL.",
    healed: "By itself: whoever watches the process starts another.",
    targets: ["service", "taskmanager", "coordinator"],
    parameters: [],
    evidence: "process-gone",
    inject: (context) => context.signal("SIGKILL"),
  },
  {
    name: "terminate",
    title: "Terminate",
    group: "Process",
    description: "Asks the process to end with SIGTERM, as a node that is being drained does.",
    injected: "SIGTERM.",
    healed: "By itself: whoever watches the process starts another.",
    targets: ["service", "taskmanager", "coordinator"],
    parameters: [],
    evidence: "process-gone",
    inject: (context) => context.signal("SIGTERM"),
  },
  {
    name: "hang",
    title: "Hang",
    group: "Process",
    description: "Stops the process with SIGSTOP: it holds its connections and answers nothing. Only a timeout notices. Healed with SIGCONT.",
    injected: "SIGSTOP.",
    healed: "SIGCONT.",
    targets: ["service", "taskmanager", "coordinator"],
    parameters: [DURATION],
    evidence: "process-stopped",
    available: needsStopSignals,
    inject: (context) => context.signal("SIGSTOP"),
    heal: (context) => context.signal("SIGCONT"),
  },
];
