/**
 * The part of JSON Schema (draft-07) that job files need, with small constructors.
 * One schema is used three times: the editor completes and checks with it, {@link checkAgainstSchema} validates with it,
 * and the documentation is written from it; so the three cannot disagree.
 */
import { DURATION_PATTERN } from "./durations";
import type { ErrorCode } from "./errors";
import { MEMORY_SIZE_PATTERN } from "./memorySize";

export type JsonType = "object" | "array" | "string" | "number" | "integer" | "boolean";

export interface JsonSchema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
  readonly description?: string;
  readonly markdownDescription?: string;
  readonly type?: JsonType;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly enumDescriptions?: readonly string[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  /** What to write instead, when `pattern` does not match. Shown by VS Code as well. */
  readonly patternErrorMessage?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  /** Branches are told apart by properties with `const`, or by the type of the value. */
  readonly oneOf?: readonly JsonSchema[];
  /** Ours: the code of a finding here; FL1003 when absent. */
  readonly errorCode?: ErrorCode;
  /** Ours: what holds when the field is absent, where that is no constant. */
  readonly defaultDescription?: string;
  /** Ours: Flink's configuration key or name for the same thing. */
  readonly flinkName?: string;
}

type Extra = Omit<JsonSchema, "description">;

export function text(description: string, extra: Extra = {}): JsonSchema {
  return { type: "string", description, minLength: 1, maxLength: 10_000, ...extra };
}

export function whole(description: string, minimum: number, extra: Extra = {}): JsonSchema {
  return { type: "integer", description, minimum, maximum: Number.MAX_SAFE_INTEGER, ...extra };
}

export function numeric(description: string, extra: Extra = {}): JsonSchema {
  return { type: "number", description, ...extra };
}

export function flag(description: string, fallback: boolean, extra: Extra = {}): JsonSchema {
  return { type: "boolean", description, default: fallback, ...extra };
}

export function choice(description: string, values: Readonly<Record<string, string>>, extra: Extra = {}): JsonSchema {
  return { type: "string", description, enum: Object.keys(values), enumDescriptions: Object.values(values), ...extra };
}

export function duration(description: string, fallback: string | undefined, extra: Extra = {}): JsonSchema {
  return {
    type: "string",
    description,
    pattern: DURATION_PATTERN,
    patternErrorMessage: 'Write a number and a unit (ms, s, m, h, d), such as "250ms", "10s" or "5m".',
    errorCode: "FL1024",
    ...(fallback === undefined ? {} : { default: fallback }),
    ...extra,
  };
}

export function memorySize(description: string, extra: Extra = {}): JsonSchema {
  return {
    type: "string",
    description,
    pattern: MEMORY_SIZE_PATTERN,
    patternErrorMessage: 'Write a number and a unit (b, kb, mb, gb, tb), such as "512mb" or "1.5gb".',
    errorCode: "FL1024",
    ...extra,
  };
}

/** Ids are used in targets such as `task:ID#0` and as keys; so they are plain words. */
export const ID: JsonSchema = {
  type: "string",
  pattern: "^(?!(__proto__|constructor|prototype)$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$",
  patternErrorMessage:
    'An id is at most 100 letters, digits, _, . and -, and does not start with . or -; the name shown to people goes into "name".',
};

/** A number, or the word `infinite`. */
export function wholeOrInfinite(description: string, minimum: number, extra: Extra = {}): JsonSchema {
  return {
    description,
    oneOf: [
      { type: "integer", minimum, maximum: Number.MAX_SAFE_INTEGER },
      { type: "string", const: "infinite" },
    ],
    ...extra,
  };
}

export function functionRef(description: string, extra: Extra = {}): JsonSchema {
  return text(description, {
    pattern: "^[^#]+#[A-Za-z_$][A-Za-z0-9_$]*$",
    patternErrorMessage: 'Write the module and the name that it exports: "functions/messages.ts#toFeatures".',
    ...extra,
  });
}

export function object(
  description: string,
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
  extra: Extra = {},
): JsonSchema {
  return {
    type: "object",
    description,
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
    ...extra,
  };
}

/** An object whose keys are names that people choose. */
export function dictionary(description: string, values: JsonSchema, extra: Extra = {}): JsonSchema {
  return { type: "object", description, additionalProperties: values, ...extra };
}
