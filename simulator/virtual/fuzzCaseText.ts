/** A case of the fuzzer as text, so that it can be kept as a regression test and played again. */
import type { FuzzCase } from "./fuzzSeed";

const INFINITY = "Infinity";

export function formatFuzzCase(fuzzCase: FuzzCase): string {
  return `${JSON.stringify(fuzzCase, (_key, value: unknown) => (value === Infinity ? INFINITY : value), 1)}\n`;
}

export function parseFuzzCase(text: string): FuzzCase {
  return JSON.parse(text, (_key, value: unknown) => (value === INFINITY ? Infinity : value)) as FuzzCase;
}
