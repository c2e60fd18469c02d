/** `--set name=value`. */
import type { FaultDefinition } from "../faults/faultDefinition";
import type { ParameterValues } from "../faults/faultParameter";
import { parameterValues } from "../faults/faultParameter";
import { FaultlineError } from "../graph/errors";

/** `["latency=250ms", "probability=50%"]` → what was set, in the units of the fault. @throws FaultlineError FL1000, FL1024, FL1032 */
export function parseSettings(fault: FaultDefinition, settings: readonly string[]): ParameterValues {
  const given: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const setting of settings) {
    const [, name, text] = /^([A-Za-z][\w-]*)=(.*)$/s.exec(setting) ?? [];
    if (name === undefined || text === undefined) throw FaultlineError.of("FL1000", `"${setting}" is no setting.`, "Write --set name=value.");
    given[name] = text;
  }
  const values = parameterValues(fault, given);
  return Object.fromEntries(Object.entries(values).filter(([name]) => Object.hasOwn(given, name)));
}
