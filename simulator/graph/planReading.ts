/** Reading the fields of a plan: values of any shape in, findings with the path of the field out. */
import { didYouMean } from "./closestName";
import { MAX_PROBLEMS, quote } from "./checkAgainstSchema";
import type { ErrorCode, Problem } from "./errors";
import type { DistributionPattern, PartitionType } from "./jobFile";
import { MAX_PARALLELISM } from "./operatorSchema";
import { PARTITION_TYPES, SHIP_PATTERNS, isPartitionType, isShipStrategy } from "./partitionType";

export type JsonObject = Readonly<Record<string, unknown>>;
/** Where in the document: keys and positions from the root. */
export type JsonPath = readonly (string | number)[];

/** Longest id of a vertex or operator, in characters. */
export const MAX_ID_LENGTH = 128;

/** A finding, and the path of the value it is about; the place in the text is looked up once all are known. */
export interface PlanProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly path: JsonPath;
}

export class PlanProblems {
  readonly problems: PlanProblem[] = [];

  add(code: ErrorCode, path: JsonPath, message: string, hint?: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ code, message, hint, path });
  }

  get any(): boolean {
    return this.problems.length > 0;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own field; nothing is taken from a prototype. */
export function field(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function textField(object: JsonObject, name: string): string {
  const value = field(object, name);
  return typeof value === "string" ? value : "";
}

/** Entries of a list that may be absent or null; `undefined`, with a finding, when it is something else. */
export function listField(
  object: JsonObject,
  name: string,
  path: JsonPath,
  found: PlanProblems,
): readonly unknown[] | undefined {
  const value = field(object, name);
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value as readonly unknown[];
  found.add("FL1003", [...path, name], `"${name}" must be a list.`);
  return undefined;
}

/** An id as text: Flink writes vertex ids as text and operator ids as numbers. */
export function idField(object: JsonObject, name: string, path: JsonPath, found: PlanProblems): string | undefined {
  const value = field(object, name);
  if (typeof value === "number" && Number.isInteger(value)) return String(value);
  if (typeof value === "string" && value.length > MAX_ID_LENGTH) {
    found.add("FL1004", [...path, name], `The id is ${value.length} characters long; the limit is ${MAX_ID_LENGTH}.`);
    return undefined;
  }
  if (typeof value === "string" && value !== "") return value;
  found.add(
    "FL1003",
    value === undefined ? path : [...path, name],
    `A node or input has no "${name}".`,
    "A plan names every node by its id.",
  );
  return undefined;
}

/** Parallelism from 1 to 32768, or −1 for one that is not decided yet. */
export function parallelismField(object: JsonObject, path: JsonPath, found: PlanProblems): number | undefined {
  const value = field(object, "parallelism");
  if (value === -1) return -1;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_PARALLELISM) return value;
  found.add(
    "FL1013",
    value === undefined ? path : [...path, "parallelism"],
    value === undefined ? "A node has no parallelism." : `The parallelism ${shown(value)} is out of range.`,
    `It is a whole number from 1 to ${MAX_PARALLELISM} (Flink's upper bound), or -1 while it is not decided.`,
  );
  return undefined;
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : quote(value);
}

export interface ShipReading {
  readonly ship: string;
  readonly pattern: DistributionPattern;
  /** The ship strategy is not one of Flink's own, or is not given. */
  readonly derived: boolean;
}

/**
 * Pattern of a ship strategy as a plan prints it: Flink's names in any case, with `[keys]` behind, and the long names of old batch plans
 * (`Hash Partition`). Anything else is a partitioner of the user, which is ALL_TO_ALL as every partitioner but FORWARD and RESCALE.
 */
export function readShip(written: unknown): ShipReading {
  if (typeof written !== "string" || written.trim() === "")
    return { ship: "UNKNOWN", pattern: "ALL_TO_ALL", derived: true };
  const name = (/^[A-Za-z]+/.exec(written.trim())?.[0] ?? "").toUpperCase();
  if (isShipStrategy(name)) return { ship: written.trim(), pattern: SHIP_PATTERNS[name], derived: false };
  return { ship: written.trim(), pattern: "ALL_TO_ALL", derived: true };
}

/** A partition type in any case, or `undefined` with a finding FL1014. */
export function readPartitionType(written: string, path: JsonPath, found: PlanProblems): PartitionType | undefined {
  const name = written.toUpperCase();
  if (isPartitionType(name)) return name;
  const known = Object.keys(PARTITION_TYPES).map((type) => type.toLowerCase());
  found.add("FL1014", path, `The exchange ${quote(written)} is not known.`, didYouMean(written, known));
  return undefined;
}

/** `nodes[3].inputs[0].exchange`. */
export function pathText(path: JsonPath): string {
  return path.reduce<string>(
    (text, segment) =>
      typeof segment === "number" ? `${text}[${segment}]` : text === "" ? segment : `${text}.${segment}`,
    "",
  );
}

/** A finding for people. */
export function toProblem(problem: PlanProblem, file: string, place: Problem["location"]): Problem {
  const { code, message, hint, path } = problem;
  const element = path.length === 0 ? {} : { element: pathText(path) };
  return { code, message, hint, location: { file, ...element, ...place }, severity: "error" };
}
