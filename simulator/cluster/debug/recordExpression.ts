/** Expressions of a person over the record that stands at a breakpoint: conditions, log messages, watches. JavaScript, in the TaskManager. */

/** What an expression sees. */
export interface RecordScope {
  readonly record: unknown;
  readonly key: unknown;
  /** Event time, ms since the epoch. */
  readonly timestamp: number | undefined;
}

export type RecordExpression = (scope: RecordScope) => unknown;

/** @throws SyntaxError for what is no expression */
export function compileExpression(text: string): RecordExpression {
  // It is the person's own code, in a process that runs the person's own code.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const compiled = new Function("record", "key", "timestamp", `"use strict"; return (${text}\n);`) as (
    record: unknown,
    key: unknown,
    timestamp: number | undefined,
  ) => unknown;
  return ({ record, key, timestamp }) => compiled(record, key, timestamp);
}

/** `saw {record.id}`: the text with what its expressions give. @throws SyntaxError */
export function compileLogMessage(message: string): (scope: RecordScope) => string {
  const parts = message.split(/\{([^{}]*)\}/).map((part, index) => (index % 2 === 0 ? part : compileExpression(part)));
  return (scope) =>
    parts
      .map((part) => {
        if (typeof part === "string") return part;
        const value = part(scope);
        return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
      })
      .join("");
}
