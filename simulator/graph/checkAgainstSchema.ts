/**
 * Walks a JSON parse tree along a {@link JsonSchema}: reports every finding with its place, and returns the value with
 * constant defaults filled in. Structure only; what fields mean together is checked by the caller.
 */
import type { Node } from "jsonc-parser";
import { bare, closestName, didYouMean } from "./closestName";
import type { ErrorCode, Problem } from "./errors";
import { locate, type TextPositions } from "./jsonText";
import type { JsonSchema } from "./jsonSchema";

/** Most findings that are reported for one file. */
export const MAX_PROBLEMS = 100;

/** Findings about one text. After {@link MAX_PROBLEMS} the rest is only counted, so that a hopeless file costs little. */
export class ProblemCollector {
  readonly problems: Problem[] = [];
  private dropped = 0;

  constructor(
    readonly file: string,
    readonly positions: TextPositions,
  ) {}

  /** Callers skip costly suggestions when nothing more will be shown. */
  get full(): boolean {
    return this.problems.length >= MAX_PROBLEMS;
  }

  get hasErrors(): boolean {
    return this.dropped > 0 || this.problems.some((problem) => problem.severity !== "warning");
  }

  add(
    code: ErrorCode,
    node: Node | undefined,
    element: string,
    message: string,
    hint?: string,
    severity: "error" | "warning" = "error",
  ): void {
    if (this.full) {
      if (severity === "error") this.dropped++;
      return;
    }
    const location =
      node === undefined
        ? { file: this.file, ...(element === "" ? {} : { element }) }
        : locate(this.file, this.positions, node.offset, node.length, element === "" ? undefined : element);
    this.problems.push({ code, message, location, hint, severity });
  }

  /** All findings by place, errors that were too many to show counted in a last one. */
  finish(): readonly Problem[] {
    const sorted = this.problems.toSorted((a, b) => (a.location?.offset ?? 0) - (b.location?.offset ?? 0));
    if (this.dropped > 0) {
      sorted.push({
        code: "FL1004",
        message: `${this.dropped} more findings are not shown.`,
        hint: "Correct the first ones and look again.",
        location: { file: this.file },
        severity: "error",
      });
    }
    return sorted;
  }
}

/** What {@link checkAgainstSchema} returns for a value that does not fit. */
export const INVALID: unique symbol = Symbol("invalid");

/** Path of a field for people: `operators.classify.window.size`, `edges[3].from`. */
export function fieldPath(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  return parent === "" ? key : `${parent}.${key}`;
}

/** A name out of the input, short enough for a message and without control characters. */
export function quote(name: unknown): string {
  const written = typeof name === "string" ? name : (JSON.stringify(name) ?? "nothing");
  const plain = written.replace(/[\u0000-\u001f\u007f\u2028\u2029]/g, "�");
  return `"${plain.length > 80 ? `${plain.slice(0, 77)}…` : plain}"`;
}

/** Property nodes of an object by key, the first of each; duplicates are reported as FL1012. */
export function membersOf(node: Node, path: string, found?: ProblemCollector): Map<string, Node> {
  const members = new Map<string, Node>();
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    if (members.has(name)) {
      found?.add(
        "FL1012",
        key,
        fieldPath(path, name),
        `${quote(name)} stands here twice.`,
        "Remove or rename one of the two.",
      );
    } else {
      members.set(name, value);
    }
  }
  return members;
}

/**
 * The value of `node` as plain data with constant defaults filled in, or {@link INVALID} when it, or a part that it cannot do
 * without, does not fit `schema`. Every misfit is added to `found`. Objects have own properties only, `__proto__` included.
 */
export function checkAgainstSchema(node: Node, schema: JsonSchema, path: string, found: ProblemCollector): unknown {
  if (schema.oneOf !== undefined) {
    const branch = chooseBranch(node, schema.oneOf, schema, path, found);
    return branch === undefined ? INVALID : checkAgainstSchema(node, branch, path, found);
  }
  if (schema.type !== undefined && !hasType(node, schema.type)) {
    found.add(
      codeOf(schema),
      node,
      path,
      `${label(path)} must be ${TYPE_NAMES[schema.type]}, not ${shown(node)}.`,
      wanted(schema),
    );
    return INVALID;
  }
  switch (node.type) {
    case "object":
      return checkObject(node, schema, path, found);
    case "array": {
      const items = node.children ?? [];
      if (schema.maxItems !== undefined && items.length > schema.maxItems) {
        found.add(
          "FL1004",
          node,
          path,
          `${label(path)} holds ${items.length} entries; the limit is ${schema.maxItems}.`,
        );
        return INVALID;
      }
      const values = items.map((item, i) => checkAgainstSchema(item, schema.items ?? {}, fieldPath(path, i), found));
      return values.includes(INVALID) ? INVALID : values;
    }
    case "string":
      return checkString(node, schema, path, found);
    case "number":
      return checkNumber(node, schema, path, found);
    default:
      return node.value as unknown;
  }
}

function checkObject(node: Node, schema: JsonSchema, path: string, found: ProblemCollector): unknown {
  const known = new Map(Object.entries(schema.properties ?? {}));
  const members = membersOf(node, path, found);
  const { maxProperties, minProperties } = schema;
  if (maxProperties !== undefined && members.size > maxProperties) {
    found.add("FL1004", node, path, `${label(path)} holds ${members.size} entries; the limit is ${maxProperties}.`);
    return INVALID;
  }
  if (minProperties !== undefined && members.size < minProperties) {
    found.add("FL1003", node, path, `${label(path)} is empty.`, `Give it at least ${minProperties} entry.`);
    return INVALID;
  }
  const entries: [string, unknown][] = [];
  let valid = true;
  for (const [name, value] of members) {
    const inner = fieldPath(path, name);
    const key = value.parent?.children?.[0] ?? value;
    if (schema.propertyNames?.pattern !== undefined && !new RegExp(schema.propertyNames.pattern, "u").test(name)) {
      found.add("FL1003", key, inner, `${quote(name)} cannot be an id.`, schema.propertyNames.patternErrorMessage);
      valid = false;
      continue;
    }
    const field =
      known.get(name) ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
    if (field === undefined) {
      if (schema.additionalProperties === false) {
        found.add(
          "FL1003",
          key,
          inner,
          `Unknown field ${quote(name)}${path === "" ? "" : ` in ${path}`}.`,
          found.full ? undefined : suggestField(name, known),
        );
        valid = false;
      }
      continue;
    }
    const checked = checkAgainstSchema(value, field, inner, found);
    if (checked === INVALID) valid = false;
    else entries.push([name, checked]);
  }
  for (const name of schema.required ?? []) {
    if (members.has(name)) continue;
    const field = known.get(name);
    found.add(
      "FL1003",
      node,
      path,
      `${label(path)} has no ${quote(name)}.`,
      field === undefined
        ? undefined
        : `Add it: ${field.description ?? ""}${field.enum ? ` One of ${field.enum.join(", ")}.` : ""}`,
    );
    valid = false;
  }
  if (!valid) return INVALID;
  for (const [name, field] of known) {
    if (field.default !== undefined && !members.has(name)) entries.push([name, field.default]);
  }
  // fromEntries defines own properties, so a key "__proto__" stays a key.
  return Object.fromEntries(entries);
}

function checkString(node: Node, schema: JsonSchema, path: string, found: ProblemCollector): unknown {
  const value = String(node.value);
  if (schema.const !== undefined && value !== schema.const) {
    found.add(codeOf(schema), node, path, `${label(path)} must be "${schema.const}", not ${quote(value)}.`);
    return INVALID;
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    found.add(
      codeOf(schema),
      node,
      path,
      `${label(path)} cannot be ${quote(value)}.`,
      found.full ? undefined : didYouMean(value, schema.enum),
    );
    return INVALID;
  }
  if (schema.maxLength !== undefined && value.length > schema.maxLength) {
    found.add(
      "FL1004",
      node,
      path,
      `${label(path)} is ${value.length} characters long; the limit is ${schema.maxLength}.`,
    );
    return INVALID;
  }
  if (schema.minLength !== undefined && value.length < schema.minLength) {
    found.add(codeOf(schema), node, path, `${label(path)} is empty.`, schema.patternErrorMessage);
    return INVALID;
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value)) {
    found.add(codeOf(schema), node, path, `${label(path)} cannot be ${quote(value)}.`, schema.patternErrorMessage);
    return INVALID;
  }
  return value;
}

function checkNumber(node: Node, schema: JsonSchema, path: string, found: ProblemCollector): unknown {
  const value = Number(node.value);
  const { minimum, maximum, exclusiveMinimum } = schema;
  const fits =
    Number.isFinite(value) &&
    (minimum === undefined || value >= minimum) &&
    (exclusiveMinimum === undefined || value > exclusiveMinimum) &&
    (maximum === undefined || value <= maximum);
  if (fits) return value;
  found.add(codeOf(schema), node, path, `${label(path)} is out of range: ${value}.`, range(schema));
  return INVALID;
}

/** The branch that a value belongs to: by its constants, else by its JSON type. */
function chooseBranch(
  node: Node,
  branches: readonly JsonSchema[],
  schema: JsonSchema,
  path: string,
  found: ProblemCollector,
): JsonSchema | undefined {
  const objects = branches.filter((branch) => branch.type === "object");
  if (node.type !== "object" || objects.length === 0) {
    const fitting = branches.filter((branch) => branch.type === undefined || hasType(node, branch.type));
    const exact = fitting.find((branch) => branch.const === undefined || branch.const === node.value);
    if (exact !== undefined) return exact;
    found.add(codeOf(schema), node, path, `${label(path)} cannot be ${shown(node)}.`, wantedOneOf(branches));
    return undefined;
  }
  const members = membersOf(node, path);
  let candidates = objects;
  while (candidates.length > 1) {
    const discriminator = discriminatorOf(candidates);
    if (discriminator === undefined) return chooseByRequired(members, candidates, node, path, found);
    const allowed = [...new Set(candidates.map((branch) => branch.properties?.[discriminator]?.const ?? ""))];
    const written = members.get(discriminator);
    if (written === undefined) {
      found.add("FL1003", node, path, `${label(path)} has no "${discriminator}".`, `One of ${allowed.join(", ")}.`);
      return undefined;
    }
    const matching = candidates.filter((branch) => branch.properties?.[discriminator]?.const === written.value);
    if (matching.length === 0) {
      const hint =
        typeof written.value === "string" && !found.full
          ? nearestOf(written.value, allowed)
          : `One of ${allowed.join(", ")}.`;
      found.add(
        "FL1003",
        written,
        fieldPath(path, discriminator),
        `${label(fieldPath(path, discriminator))} cannot be ${shown(written)}.`,
        hint,
      );
      return undefined;
    }
    if (matching.length === candidates.length) return chooseByRequired(members, candidates, node, path, found);
    candidates = matching;
  }
  return candidates[0];
}

function nearestOf(written: string, allowed: readonly string[]): string {
  const closest = closestName(written, allowed);
  return `${closest === undefined ? "" : `Did you mean "${closest}"? `}One of ${allowed.join(", ")}.`;
}

/** A property that is a constant in every branch, and not the same one in all. */
function discriminatorOf(branches: readonly JsonSchema[]): string | undefined {
  const [first] = branches;
  return Object.keys(first?.properties ?? {}).find((name) => {
    const constants = branches.map((branch) => branch.properties?.[name]?.const);
    return !constants.includes(undefined) && new Set(constants).size > 1;
  });
}

/** Branches without constants are told apart by the fields that they require. */
function chooseByRequired(
  members: ReadonlyMap<string, Node>,
  branches: readonly JsonSchema[],
  node: Node,
  path: string,
  found: ProblemCollector,
): JsonSchema | undefined {
  const matching = branches.filter((branch) => (branch.required ?? []).every((name) => members.has(name)));
  if (matching.length === 1) return matching[0];
  const ways = branches.map((branch) => `"${(branch.required ?? []).join('", "')}"`).join(" or ");
  found.add("FL1003", node, path, `${label(path)} needs ${ways}${matching.length > 1 ? ", not both" : ""}.`);
  return undefined;
}

function suggestField(name: string, known: ReadonlyMap<string, JsonSchema>): string | undefined {
  const wanted = bare(name);
  for (const [field, schema] of known) {
    const flinkName = schema.flinkName;
    if (flinkName !== undefined && (bare(flinkName) === wanted || bare(flinkName.split(".").at(-1) ?? "") === wanted)) {
      return `Did you mean "${field}"? That is Flink's ${flinkName}.`;
    }
  }
  return didYouMean(name, [...known.keys()]);
}

function hasType(node: Node, type: NonNullable<JsonSchema["type"]>): boolean {
  if (type === "integer") return node.type === "number" && Number.isInteger(node.value);
  return node.type === type;
}

const TYPE_NAMES = {
  object: "an object { … }",
  array: "a list [ … ]",
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
} as const;

function shown(node: Node): string {
  if (node.type === "object") return "an object";
  if (node.type === "array") return "a list";
  if (node.type === "string") return quote(node.value);
  return String(node.value);
}

function label(path: string): string {
  return path === "" ? "The file" : path.length > 120 ? `…${path.slice(-120)}` : path;
}

function codeOf(schema: JsonSchema): ErrorCode {
  return schema.errorCode ?? "FL1003";
}

function wanted(schema: JsonSchema): string | undefined {
  if (schema.enum !== undefined) return `One of ${schema.enum.join(", ")}.`;
  if (schema.patternErrorMessage !== undefined) return schema.patternErrorMessage;
  return schema.type === "integer" || schema.type === "number" ? range(schema) : schema.description;
}

function wantedOneOf(branches: readonly JsonSchema[]): string {
  const ways = branches.map((branch) =>
    branch.const !== undefined ? `"${branch.const}"` : TYPE_NAMES[branch.type ?? "object"],
  );
  const ranged = branches.map((branch) => range(branch)).find((sentence) => sentence !== undefined);
  return `Write ${[...new Set(ways)].join(" or ")}.${ranged === undefined ? "" : ` ${ranged}`}`;
}

function range(schema: JsonSchema): string | undefined {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const least = schema.exclusiveMinimum === undefined ? `at least ${low}` : `more than ${low}`;
  const most =
    schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER ? `at most ${schema.maximum}` : undefined;
  const parts = [low === undefined || low === Number.MIN_SAFE_INTEGER ? undefined : least, most].filter(
    (part) => part !== undefined,
  );
  return parts.length === 0 ? undefined : `Write a number that is ${parts.join(" and ")}.`;
}
