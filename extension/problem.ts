/** What any failure is to the person. */
import type { FaultlineError, Problem } from "../simulator/graph/errors";

/** Errors that are not ours are bugs: their text is shown, their stack goes to the log. */
export function problemOf(error: unknown): Problem {
  if (isFaultlineError(error)) {
    return { code: error.code, message: error.message, location: error.location, hint: error.hint };
  }
  return { code: "FL4001", message: error instanceof Error ? error.message : String(error) };
}

/** By name, not by class: it may come from another bundle. */
export function isFaultlineError(error: unknown): error is FaultlineError {
  return error instanceof Error && error.name === "FaultlineError" && "code" in error;
}

/** Message and hint, without the code: for buttons, lists and status lines. */
export function problemText(problem: Problem): string {
  return problem.hint === undefined ? problem.message : `${problem.message} ${problem.hint}`;
}
