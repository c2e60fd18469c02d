/** What faults can do on this machine, known before a run is started. */
import { machineFacilities } from "../cluster/machineFacilities";
import { checkAvailable, findFault } from "../faults/catalogue";
import { parameterValues } from "../faults/faultParameter";
import { isTargetPattern } from "../faults/faultTarget";
import { FaultlineError } from "../graph/errors";

export { machineFacilities } from "../cluster/machineFacilities";

/** @throws FaultlineError FL1030 unknown fault, FL1031 no target, FL1024 and FL1032 parameters, FL1033 cannot act on this machine. */
export function checkFaultRequest(fault: string, target: string, parameters: Readonly<Record<string, unknown>>): void {
  const definition = findFault(fault);
  if (!isTargetPattern(target)) {
    throw FaultlineError.of("FL1031", `"${target}" is no target.`, "Write service:langid#1, taskmanager:0, coordinator, task:VERTEX#0 or link:taskmanager:0->service:langid#1.");
  }
  parameterValues(definition, parameters);
  checkAvailable(definition, machineFacilities());
}
