/** Values of records and state, cut to what a person can look at. */
import type { DebugValue } from "../../observe/debuggerMessage";

const MAX_DEPTH = 5;
const MAX_CHILDREN = 100;
const MAX_TEXT = 1_000;

export function debugValue(name: string, value: unknown, depth = 0): DebugValue {
  if (typeof value === "string") return { name, text: cut(JSON.stringify(value)), type: "string" };
  if (typeof value === "bigint") return { name, text: `${value}n`, type: "bigint" };
  if (typeof value !== "object" || value === null) return { name, text: cut(String(value)), type: typeof value };
  const entries = entriesOf(value);
  const text = preview(value, entries);
  if (depth >= MAX_DEPTH || entries.length === 0) return { name, text };
  const shown = entries.slice(0, MAX_CHILDREN).map(([key, child]) => debugValue(key, child, depth + 1));
  const rest = entries.length - shown.length;
  return { name, text, children: rest > 0 ? [...shown, { name: "…", text: `${rest} more` }] : shown };
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  if (value instanceof Date) return [];
  if (value instanceof Map) return [...value].map(([key, child]) => [String(key), child]);
  if (value instanceof Set) return [...value].map((child, index) => [String(index), child]);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>, (child, index) => [String(index), child]);
  }
  return Object.entries(value);
}

function preview(value: object, entries: readonly (readonly [string, unknown])[]): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value))
    return `(${value.length}) [${entries
      .slice(0, 5)
      .map(([, child]) => short(child))
      .join(", ")}${entries.length > 5 ? ", …" : ""}]`;
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  const name = prototype?.constructor?.name ?? "";
  if (ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set) return `${name}(${entries.length})`;
  const fields = entries.slice(0, 5).map(([key, child]) => `${key}: ${short(child)}`);
  return cut(`${name === "Object" ? "" : `${name} `}{${fields.join(", ")}${entries.length > 5 ? ", …" : ""}}`);
}

function short(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return `(${value.length}) […]`;
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
