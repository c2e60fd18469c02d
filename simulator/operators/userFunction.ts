/** What is said when a person's function failed on a record. */
import { FaultlineError } from "../graph/errors";
import type { FunctionRef } from "../graph/jobFile";
import { errorText, formatPosition, positionInSource } from "./functionModule";
import type { FunctionModules } from "./functionModule";
import { recordText } from "./recordText";

/** FL2004 with the operator, the record and the position in the person's own source. A FaultlineError stays what it is. */
export function userFunctionFailed(
  error: unknown,
  value: unknown,
  ref: FunctionRef,
  operator: string,
  modules: FunctionModules,
): FaultlineError {
  if (error instanceof FaultlineError) {
    return error;
  }
  const position = positionInSource(error, modules);
  const at = position === undefined ? "" : ` at ${formatPosition(position)}`;
  return FaultlineError.of(
    "FL2004",
    `The function "${ref.exportName}" of "${operator}" failed${at} on the record ${recordText(value)}: ${errorText(error)}`,
    undefined,
    {
      file: position?.file ?? ref.module,
      line: position?.line,
      column: position?.column,
      element: `operators.${operator}`,
    },
    error,
  );
}
