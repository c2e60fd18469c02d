/** Parameters of faults: a number with a unit, or a word out of several; read from what people write, with limits. */
import { closestName } from "../graph/closestName";
import { formatDuration, parseDuration } from "../graph/durations";
import type { Problem } from "../graph/errors";
import { FaultlineError } from "../graph/errors";

export type ParameterUnit = "ms" | "bytes" | "bytes/s" | "ratio" | "count" | "text";
export type ParameterValue = number | string;
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

export interface FaultParameter {
  readonly name: string;
  readonly description: string;
  /** `ratio`: from 0 to 1, also written as `50%`. `text`: one of `values`. */
  readonly unit: ParameterUnit;
  readonly default: ParameterValue;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly values?: readonly string[];
}

/** A fault, as far as its parameters go. */
interface WithParameters {
  readonly name: string;
  readonly parameters: readonly FaultParameter[];
}

/** Of every fault that lasts. */
export const DURATION: FaultParameter = {
  name: "duration",
  description: "Healed by itself after this time; 0 for when it is healed by hand.",
  unit: "ms",
  default: 0,
  minimum: 0,
  maximum: 86_400_000,
};

/** Of every fault that does not hit each time. */
export const PROBABILITY: FaultParameter = {
  name: "probability",
  description: "How likely each one is hit.",
  unit: "ratio",
  default: 1,
  minimum: 0,
  maximum: 1,
};

const SIZES: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4 };
const HOW_TO_WRITE: Readonly<Record<ParameterUnit, string>> = {
  ms: "Write a duration: 250ms, 10s, 5m.",
  bytes: "Write a size: 512, 64KiB, 16MiB.",
  "bytes/s": "Write a rate: 64KiB/s, 1MiB/s.",
  ratio: "Write a number from 0 to 1, or a percentage: 0.5, 50%.",
  count: "Write a whole number.",
  text: "Write one of its values.",
};

/** The value, or what is wrong with it: FL1024 when it cannot be read, FL1032 when it is out of range. */
export function readParameter(parameter: FaultParameter, given: unknown): ParameterValue | Problem {
  const { name, unit, minimum = -Infinity, maximum = Infinity } = parameter;
  const shown = `"${String(given)}"`;
  if (unit === "text") {
    const values = parameter.values ?? [];
    if (typeof given === "string" && values.includes(given)) return given;
    return { code: "FL1032", message: `"${name}" cannot be ${shown}.`, hint: `Values: ${values.join(", ")}.` };
  }
  const value = typeof given === "number" ? given : typeof given === "string" ? readNumber(unit, given) : undefined;
  if (value === undefined || !Number.isFinite(value)) return { code: "FL1024", message: `"${name}" cannot be ${shown}.`, hint: HOW_TO_WRITE[unit] };
  if (unit === "count" && !Number.isInteger(value)) return { code: "FL1024", message: `"${name}" has to be a whole number, not ${shown}.` };
  if (value >= minimum && value <= maximum) return value;
  return { code: "FL1032", message: `"${name}" is out of range: ${String(given)}.`, hint: `${rangeText(parameter)}.` };
}

function readNumber(unit: ParameterUnit, text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > 64) return undefined;
  if (unit === "ms") return parseDuration(trimmed) ?? (trimmed === "0" ? 0 : undefined);
  if (unit === "count") return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined;
  if (unit === "ratio") return /^\d+(\.\d+)?%$/.test(trimmed) ? Number(trimmed.slice(0, -1)) / 100 : Number(trimmed);
  const [, number, size] = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?$/i.exec(unit === "bytes/s" ? trimmed.replace(/\/s$/, "") : trimmed) ?? [];
  if (number === undefined) return undefined;
  const factor = SIZES[(size ?? "b").toLowerCase()];
  return factor === undefined ? undefined : Number(number) * factor;
}

/** As people write it: `250ms`, `64KiB`, `1MiB/s`, `0.5`. */
export function formatParameter(unit: ParameterUnit, value: ParameterValue): string {
  if (typeof value === "string") return value;
  if (unit === "ms") return formatDuration(value);
  if (unit !== "bytes" && unit !== "bytes/s") return String(value);
  const per = unit === "bytes/s" ? "/s" : "";
  for (const [size, name] of [[1024 ** 3, "GiB"], [1024 ** 2, "MiB"], [1024, "KiB"]] as const) {
    if (value >= size && value % size === 0) return `${value / size}${name}${per}`;
  }
  return `${value}${per === "" ? "" : "B/s"}`;
}

/** `from 0 to 1`, `10ms or more`, or the values. */
export function rangeText({ unit, minimum, maximum, values }: FaultParameter): string {
  if (values !== undefined) return values.join(", ");
  if (minimum !== undefined && maximum !== undefined) return `From ${formatParameter(unit, minimum)} to ${formatParameter(unit, maximum)}`;
  return minimum === undefined ? "" : `${formatParameter(unit, minimum)} or more`;
}

/** Findings about parameters, each with the name that it is about. */
export function checkParameters(fault: WithParameters, given: Readonly<Record<string, unknown>>): readonly { readonly name: string; readonly problem: Problem }[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const parameter = fault.parameters.find((candidate) => candidate.name === name);
    const read = parameter === undefined ? unknownParameter(fault, name) : readParameter(parameter, value);
    return typeof read === "object" ? [{ name, problem: read }] : [];
  });
}

/** Every parameter with its value; those not given have their default. @throws FaultlineError FL1024, FL1032 */
export function parameterValues(fault: WithParameters, given: Readonly<Record<string, unknown>>): ParameterValues {
  const [first, ...more] = checkParameters(fault, given).map(({ problem }) => problem);
  if (first !== undefined) throw new FaultlineError(first, more);
  const values = fault.parameters.map((parameter) => {
    const { name } = parameter;
    return [name, Object.hasOwn(given, name) ? (readParameter(parameter, given[name]) as ParameterValue) : parameter.default] as const;
  });
  return Object.fromEntries(values);
}

function unknownParameter(fault: WithParameters, name: string): Problem {
  const names = fault.parameters.map((parameter) => parameter.name);
  const close = closestName(name, names);
  const known = names.length === 0 ? "It takes none." : `Parameters: ${names.join(", ")}.`;
  return { code: "FL1032", message: `"${fault.name}" has no parameter "${name}".`, hint: close === undefined ? known : `Did you mean "${close}"?` };
}
