/** What a window makes of its elements: a count, or a person's aggregate function. */
import { FaultlineError } from "../graph/errors";
import type { FunctionRef } from "../graph/jobFile";
import type { AggregateFunction } from "./functions";
import type { OperatorContext } from "./streamOperator";

export interface WindowBounds {
  readonly key: unknown;
  readonly startMs: number;
  readonly endMs: number;
}

export interface WindowAggregate {
  create(): unknown;
  add(accumulator: unknown, value: unknown): unknown;
  merge(a: unknown, b: unknown): unknown;
  result(accumulator: unknown, window: WindowBounds): unknown;
}

/** `{key, count, start, end}`, and the key once more under the name of the field it was read from. */
function countAggregate(keyField: string | undefined): WindowAggregate {
  return {
    create: () => 0,
    add: (count) => (count as number) + 1,
    merge: (a, b) => (a as number) + (b as number),
    result: (count, { key, startMs, endMs }) =>
      keyField === undefined
        ? { key, count, start: startMs, end: endMs }
        : { [keyField]: key, key, count, start: startMs, end: endMs },
  };
}

/** @param merges the window needs `merge` (sessions) */
export function windowAggregate(
  aggregate: "count" | FunctionRef,
  context: OperatorContext,
  merges: boolean,
): WindowAggregate {
  if (aggregate === "count") {
    return countAggregate(context.keyField);
  }
  const loaded = context.loadFunction<AggregateFunction>(aggregate);
  const person = loaded.call;
  for (const method of ["createAccumulator", "add", "getResult", ...(merges ? ["merge"] : [])]) {
    if (typeof (person as unknown as Record<string, unknown> | undefined)?.[method] !== "function") {
      throw FaultlineError.of(
        "FL1021",
        `"${aggregate.exportName}", the aggregate function of "${context.operator.id}", has no method ${method}.`,
        `Export an object with createAccumulator, add and getResult${merges ? ", and merge for session windows" : ""}.`,
        { element: `operators.${context.operator.id}` },
      );
    }
  }
  const guarded = <T>(value: unknown, call: () => T): T => {
    try {
      return call();
    } catch (error) {
      throw loaded.failed(error, value);
    }
  };
  return {
    create: () => guarded(undefined, () => person.createAccumulator()),
    add: (accumulator, value) => guarded(value, () => person.add(accumulator, value)),
    merge: (a, b) => guarded(a, () => person.merge!(a, b)),
    result: (accumulator, window) => guarded(window, () => person.getResult(accumulator, window)),
  };
}
