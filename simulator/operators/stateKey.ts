/**
 * Keys as keys of a Map. Keys are compared by their JSON text; strings, numbers and booleans stand for themselves, which is the same and
 * costs no text for each element.
 */
import type { KeySelector } from "../graph/jobFile";
import { FaultlineError } from "../graph/errors";
import type { KeyFunction } from "./functions";
import { recordText } from "./recordText";
import type { LoadedFunction } from "./streamOperator";

export function stateKey(key: unknown): unknown {
  return typeof key === "object" && key !== null ? `\u0000${JSON.stringify(key)}` : key;
}

/** The function that reads the key of an element. It throws FL2004 for an element without one. */
export function keyReader(
  selector: KeySelector,
  target: string,
  load: (ref: Extract<KeySelector, { kind: "function" }>["function"]) => LoadedFunction<KeyFunction>,
): (value: unknown) => unknown {
  const checked = (key: unknown, value: unknown): unknown => {
    if (key === undefined || typeof key === "function" || typeof key === "symbol" || Number.isNaN(key)) {
      throw FaultlineError.of(
        "FL2004",
        selector.kind === "field"
          ? `A record for "${target}" has no field "${selector.field}" to be its key: ${recordText(value)}`
          : `The key function "${selector.function.exportName}" gave ${String(key)} for ${recordText(value)}`,
        "Every record on a HASH edge needs a key.",
        { element: `operators.${target}` },
      );
    }
    return key;
  };
  if (selector.kind === "field") {
    const { field } = selector;
    return (value) => checked((value as Record<string, unknown> | null | undefined)?.[field], value);
  }
  const loaded = load(selector.function);
  return (value) => {
    let key: unknown;
    try {
      key = loaded.call(value);
    } catch (error) {
      throw loaded.failed(error, value);
    }
    return checked(key, value);
  };
}
