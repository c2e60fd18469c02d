/** Every fault that can be injected. Command line help, pickers and documentation are made from it. */
import { FaultlineError } from "../graph/errors";
import { closestName } from "../graph/closestName";
import type { FaultDefinition } from "./faultDefinition";

export const FAULT_CATALOGUE: readonly FaultDefinition[] = [
  {
    name: "crash",
    title: "Crash",
    description: "Kills the process with SIGKILL, as an out-of-memory killer or a driver fault does. It gets no chance to say goodbye.",
    targets: ["service", "taskmanager", "coordinator"],
    parameters: [],
    evidence: "process-gone",
    inject: (context) => context.signal("SIGKILL"),
  },
  {
    name: "terminate",
    title: "Terminate",
    description: "Asks the process to end with SIGTERM, as a node that is being drained does.",
    targets: ["service", "taskmanager", "coordinator"],
    parameters: [],
    evidence: "process-gone",
    inject: (context) => context.signal("SIGTERM"),
  },
  {
    name: "hang",
    title: "Hang",
    description: "Stops the process with SIGSTOP: it holds its connections and answers nothing. Only a timeout notices. Healed with SIGCONT.",
    targets: ["service", "taskmanager", "coordinator"],
    parameters: [],
    evidence: "process-stopped",
    inject: (context) => context.signal("SIGSTOP"),
    heal: (context) => context.signal("SIGCONT"),
  },
];

/** @throws FaultlineError FL1030 */
export function findFault(name: string): FaultDefinition {
  const found = FAULT_CATALOGUE.find((fault) => fault.name === name);
  if (found !== undefined) return found;
  const names = FAULT_CATALOGUE.map((fault) => fault.name);
  const close = closestName(name, names);
  throw FaultlineError.of("FL1030", `There is no fault "${name}".`, close === undefined ? `Faults: ${names.join(", ")}.` : `Did you mean "${close}"?`);
}
