/**
 * The one catalogue of errors. A code never changes its meaning; scripts may depend on it.
 *
 * `FL1xxx` input (job files, plans, arguments), `FL2xxx` a run, `FL3xxx` an inference service, `FL4xxx` the editor,
 * `FL5xxx` a real Flink.
 */
export const ERROR_CATALOGUE = {
  FL1000: "Bad usage of the command line",
  FL1001: "File not found or not readable",
  FL1002: "Not valid JSON",
  FL1003: "Not of the expected form",
  FL1004: "Over a size limit",
  FL1005: "Not a job file and not a plan that is known",
  FL1010: "Unknown operator, service or vertex",
  FL1011: "The graph has a cycle",
  FL1012: "Duplicate id",
  FL1013: "Parallelism out of range",
  FL1014: "Unknown exchange or partition type",
  FL1015: "Operators that may not be connected like this",
  FL1016: "Strictly co-located tasks in two regions",
  FL1017: "Unknown task",
  FL1020: "Function not found",
  FL1021: "Function failed to load",
  FL1022: "Source has no records",
  FL1023: "Not enough slots",
  FL1024: "A duration, size or rate that cannot be read",
  FL1030: "Unknown fault",
  FL1031: "Unknown fault target",
  FL1032: "Fault parameter out of range",
  FL1033: "This fault cannot act on this target or machine",
  FL1040: "Unknown run",
  FL1041: "Not a savepoint, or a damaged one",
  FL1042: "A savepoint that does not fit the job",
  FL1050: "A setting of a simulation is out of range",
  FL1051: "A model does not fit on the simulated devices",
  FL1052: "A simulation would need too much memory",
  FL2001: "The run's folder cannot be written",
  FL2002: "A process of the run did not start",
  FL2003: "The job failed",
  FL2004: "A user function failed on a record",
  FL2005: "A process of the run was lost",
  FL2006: "A checkpoint failed",
  FL2007: "A checkpoint cannot be read",
  FL2008: "The run cannot be reached",
  FL2009: "A sink cannot write",
  FL2010: "A source cannot read",
  FL2011: "The journal is damaged",
  FL2012: "Restart is not allowed any more by the restart strategy",
  FL2013: "A savepoint could not be taken",
  FL3001: "Model not found",
  FL3002: "Not an ONNX model",
  FL3003: "No such device, or it does not work",
  FL3004: "The model does not fit what it is called with",
  FL3005: "Port in use",
  FL3006: "Out of memory on the device",
  FL3007: "The service is overloaded",
  FL3008: "The service is not available",
  FL3009: "A request took too long",
  FL3010: "The model failed",
  FL3011: "The device was lost",
  FL4001: "The editor cannot do this here",
  FL5001: "No Flink at this address",
  FL5002: "An answer of Flink that is not understood",
  FL5003: "A Flink that is too old",
  FL5004: "Flink refused the authentication",
  FL5005: "An answer of Flink that is cut off",
  FL5006: "Flink does not know this job",
  FL5007: "Flink did not answer in time",
  FL5008: "The connection to Flink cannot be trusted",
  FL5009: "Flink refused or failed the request",
  FL5010: "No Flink distribution",
  FL5011: "A process of Flink did not start",
  FL5012: "The job could not be submitted to Flink",
  FL5013: "A failover of Flink was not the predicted one",
  FL5014: "A task of Flink failed",
  FL5015: "A checkpoint of Flink failed",
  FL5016: "The cluster cannot be reached for the moment",
  FL5017: "The commands of an experiment were not confirmed",
  FL5020: "The job has parts that cannot be exported",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** Where an error is. `line` and `column` count from 1; `offset` from 0 in UTF-16 units; `element` is a path such as `operators.classify`. */
export interface ErrorLocation {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly offset?: number;
  readonly length?: number;
  readonly element?: string;
}

/** One finding about an input: what a validator reports, and what {@link FaultlineError} carries. */
export interface Problem {
  readonly code: ErrorCode;
  /** A sentence for the person. */
  readonly message: string;
  readonly location?: ErrorLocation;
  /** What to do, or what to write instead. */
  readonly hint?: string;
  readonly severity?: "error" | "warning";
}

/** An error for the person: a stable code, a sentence, a place and what to do. Never shown with its stack. */
export class FaultlineError extends Error {
  readonly code: ErrorCode;
  readonly location: ErrorLocation | undefined;
  readonly hint: string | undefined;
  /** All findings, when there are several; the first is the one in `message`. */
  readonly problems: readonly Problem[];

  constructor(problem: Problem, more: readonly Problem[] = [], cause?: unknown) {
    super(problem.message, cause === undefined ? undefined : { cause });
    this.name = "FaultlineError";
    this.code = problem.code;
    this.location = problem.location;
    this.hint = problem.hint;
    this.problems = [problem, ...more];
  }

  static of(
    code: ErrorCode,
    message: string,
    hint?: string,
    location?: ErrorLocation,
    cause?: unknown,
  ): FaultlineError {
    return new FaultlineError({ code, message, hint, location }, [], cause);
  }
}

/** `file:line:column: FL1002: message. Hint.` on one line; the form that the command line prints. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, element } = problem.location ?? {};
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  const where = [place, place === "" ? element : undefined].filter(Boolean).join("");
  return `${where ? `${where}: ` : ""}${problem.code}: ${problem.message}${problem.hint ? ` ${problem.hint}` : ""}`;
}
