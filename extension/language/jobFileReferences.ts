/** Where the ids of operators and services are defined and named: for definition, references, highlights and rename. */
import type { Node } from "jsonc-parser";
import { ID } from "../../simulator/graph/jsonSchema";
import { type TextSpan, innerSpan, members, readTree } from "./jobFileTree";

export type SymbolKind = "operator" | "service";

export interface SymbolOccurrence {
  readonly kind: SymbolKind;
  readonly id: string;
  readonly definition: boolean;
  /** The id itself, without its quotes. */
  readonly span: TextSpan;
}

export function symbolOccurrences(text: string): readonly SymbolOccurrence[] {
  const root = readTree(text);
  const file = members(root);
  const found: SymbolOccurrence[] = [];
  const add = (kind: SymbolKind, definition: boolean, node: Node | undefined): void => {
    if (node?.type === "string") found.push({ kind, id: String(node.value), definition, span: innerSpan(node) });
  };
  for (const { key, value } of members(file.get("operators")?.value).values()) {
    add("operator", true, key);
    add("service", false, members(value).get("service")?.value);
  }
  for (const { key, value } of members(file.get("services")?.value).values()) {
    add("service", true, key);
    for (const call of members(value).get("calls")?.value?.children ?? []) add("service", false, call);
  }
  for (const edge of file.get("edges")?.value?.children ?? []) {
    add("operator", false, members(edge).get("from")?.value);
    add("operator", false, members(edge).get("to")?.value);
  }
  return found;
}

export function occurrenceAt(text: string, offset: number): SymbolOccurrence | undefined {
  return symbolOccurrences(text).find(({ span }) => offset >= span.offset && offset <= span.offset + span.length);
}

/** Every place that names what the occurrence names, its definition included. */
export function occurrencesOf(text: string, { kind, id }: SymbolOccurrence): readonly SymbolOccurrence[] {
  return symbolOccurrences(text).filter((other) => other.kind === kind && other.id === id);
}

/** Why this id cannot be the new one; undefined when it can. */
export function renameProblem(text: string, occurrence: SymbolOccurrence, newId: string): string | undefined {
  if (newId === occurrence.id) return undefined;
  if (!new RegExp(ID.pattern ?? "").test(newId)) return ID.patternErrorMessage ?? "This is not an id.";
  const taken = symbolOccurrences(text).find(({ definition, id }) => definition && id === newId);
  return taken === undefined
    ? undefined
    : `"${newId}" is already the id of ${taken.kind === "operator" ? "an operator" : "a service"}.`;
}
