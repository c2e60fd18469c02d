/**
 * Every fault that can be injected. Command line help, `faultline faults`, the editor's pickers, the JSON Schema of experiments and
 * docs/faults.md are made from it.
 */
import { closestName } from "../graph/closestName";
import { FaultlineError } from "../graph/errors";
import type { FaultDefinition, MachineFacilities } from "./faultDefinition";
import { PROCESS_FAULTS } from "./processFaults";
import { LINK_FAULTS } from "./linkFaults";
import { RECORD_AND_CHECKPOINT_FAULTS } from "./recordAndCheckpointFaults";
import { SERVICE_FAULTS } from "./serviceFaults";

export const FAULT_CATALOGUE: readonly FaultDefinition[] = [...PROCESS_FAULTS, ...SERVICE_FAULTS, ...LINK_FAULTS, ...RECORD_AND_CHECKPOINT_FAULTS];

/** @throws FaultlineError FL1030 */
export function findFault(name: string): FaultDefinition {
  const found = FAULT_CATALOGUE.find((fault) => fault.name === name);
  if (found !== undefined) return found;
  const names = FAULT_CATALOGUE.map((fault) => fault.name);
  const close = closestName(name, names);
  throw FaultlineError.of("FL1030", `There is no fault "${name}".`, close === undefined ? `Faults: ${names.join(", ")}.` : `Did you mean "${close}"?`);
}

/** @throws FaultlineError FL1033 when the fault cannot act on this machine. */
export function checkAvailable(fault: FaultDefinition, machine: MachineFacilities): void {
  const reason = fault.available?.(machine);
  if (reason !== undefined) throw FaultlineError.of("FL1033", `"${fault.name}" cannot act here. ${reason}`, "`faultline faults` shows what can act on this machine.");
}
