/** The outline of a job file: runtime, services, operators, edges. */
import type { Node } from "jsonc-parser";
import { type TextSpan, members, readTree, spanOf } from "./jobFileTree";

export interface OutlineEntry {
  readonly name: string;
  readonly detail: string;
  readonly kind: "section" | "service" | "operator" | "edge";
  /** Key and value. */
  readonly span: TextSpan;
  /** What is selected when the entry is chosen. */
  readonly nameSpan: TextSpan;
  readonly children: readonly OutlineEntry[];
}

export function outline(text: string): readonly OutlineEntry[] {
  const file = members(readTree(text));
  const entries: OutlineEntry[] = [];
  for (const [name, { key, value }] of file) {
    if (value === undefined || value.type === "string") continue;
    entries.push({
      name,
      detail:
        value.type === "array" || name === "operators" || name === "services"
          ? String(value.children?.length ?? 0)
          : "",
      kind: "section",
      span: memberSpan(key, value),
      nameSpan: spanOf(key),
      children: childrenOf(name, value),
    });
  }
  return entries;
}

function childrenOf(section: string, value: Node): readonly OutlineEntry[] {
  if (section === "operators" || section === "services") {
    return [...members(value)].map(([name, { key, value: body }]) => ({
      name,
      detail: section === "operators" ? operatorDetail(body) : serviceDetail(body),
      kind: section === "operators" ? "operator" : "service",
      span: memberSpan(key, body),
      nameSpan: spanOf(key),
      children: [],
    }));
  }
  if (section !== "edges") return [];
  return (value.children ?? []).map((edge) => {
    const fields = members(edge);
    const field = (name: string): string => String(fields.get(name)?.value?.value ?? "?");
    return {
      name: `${field("from")} → ${field("to")}`,
      detail: fields.has("ship") ? field("ship") : fields.has("key") ? "HASH" : "",
      kind: "edge",
      span: spanOf(edge),
      nameSpan: spanOf(edge),
      children: [],
    };
  });
}

function operatorDetail(body: Node | undefined): string {
  const fields = members(body);
  return ["type", "connector", "service"]
    .map((name) => fields.get(name)?.value?.value as unknown)
    .filter((value) => typeof value === "string")
    .join(" ");
}

function serviceDetail(body: Node | undefined): string {
  const fields = members(body);
  const parallelism: unknown = fields.get("parallelism")?.value?.value ?? 1;
  const deployment: unknown = fields.get("deployment")?.value?.value ?? "rpc-service";
  return `${String(deployment)}, ${String(parallelism)} ${parallelism === 1 ? "instance" : "instances"}`;
}

function memberSpan(key: Node, value: Node | undefined): TextSpan {
  const end = value === undefined ? key.offset + key.length : value.offset + value.length;
  return { offset: key.offset, length: end - key.offset };
}
