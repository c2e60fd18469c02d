/** What is said about the field or value under the pointer: description, default, choices, and Flink's name for it. */
import { type JSONPath, findNodeAtOffset, getNodePath } from "jsonc-parser";
import type { JsonSchema } from "../../simulator/graph/jsonSchema";
import { type TextSpan, fieldSchemas, readTree, spanOf } from "./jobFileTree";

export interface JobFileHover {
  readonly markdown: string;
  readonly span: TextSpan;
  readonly path: JSONPath;
}

export function hoverAt(text: string, offset: number): JobFileHover | undefined {
  const root = readTree(text);
  const node = root === undefined ? undefined : findNodeAtOffset(root, offset);
  if (root === undefined || node === undefined || node.type === "object" || node.type === "array") return undefined;
  const path = getNodePath(node);
  const name = path.at(-1);
  const schemas = fieldSchemas(root, path).filter(({ description }) => description !== undefined);
  if (name === undefined || schemas.length === 0) return undefined;
  const value =
    node.parent?.type === "property" && node.parent.children?.[0] === node ? undefined : (node.value as unknown);
  const paragraphs = [...new Set(schemas.map((schema) => describeField(String(name), schema, value)))];
  return { markdown: paragraphs.join("\n\n---\n\n"), span: spanOf(node), path };
}

/** Markdown about one field; of its choices, the one that is written comes first. */
export function describeField(name: string, schema: JsonSchema, value?: unknown): string {
  const lines = [`**${name}**: ${schema.description ?? ""}`];
  const chosen = schema.enum?.indexOf(String(value)) ?? -1;
  if (chosen >= 0 && schema.enumDescriptions?.[chosen] !== undefined) {
    lines.push(`\`${String(value)}\`: ${schema.enumDescriptions[chosen]}`);
  } else if (schema.enum !== undefined) {
    lines.push(schema.enum.map((one, i) => `- \`${one}\`: ${schema.enumDescriptions?.[i] ?? ""}`).join("\n"));
  }
  const fallback = defaultText(schema);
  if (fallback !== undefined) lines.push(`Default: ${fallback}`);
  if (schema.flinkName !== undefined) lines.push(`In Flink: \`${schema.flinkName}\``);
  return lines.join("\n\n");
}

function defaultText(schema: JsonSchema): string | undefined {
  if (schema.defaultDescription !== undefined) return schema.defaultDescription;
  return schema.default === undefined ? undefined : `\`${JSON.stringify(schema.default).replace(/^"|"$/g, "")}\``;
}
