/** What can be written at a place in a job file: fields, values, ids of operators and services, and templates of whole operators. */
import { type JSONPath, type Node, findNodeAtOffset, getLocation } from "jsonc-parser";
import { OPERATOR } from "../../simulator/graph/operatorSchema";
import type { JsonSchema } from "../../simulator/graph/jsonSchema";
import { describeField } from "./jobFileHover";
import { type TextSpan, members, nodeAtPath, readTree, schemasAt, textAt } from "./jobFileTree";

export interface CompletionProposal {
  readonly label: string;
  readonly kind: "field" | "value" | "operator" | "service" | "template";
  /** A snippet in the editor's syntax: `$1`, `${1:name}`. */
  readonly snippet: string;
  readonly replace: TextSpan;
  /** One line beside the label. */
  readonly detail?: string;
  readonly markdown?: string;
  /** Required fields come first. */
  readonly preferred?: boolean;
}

/** A text that names a file: completed from the folder of the job file by whoever can look into it. */
export interface FileReferencePlace {
  readonly kind: "function" | "model" | "data";
  readonly written: string;
  /** The text without its quotes. */
  readonly span: TextSpan;
}

export function completionsAt(text: string, offset: number): readonly CompletionProposal[] {
  const location = getLocation(text, offset);
  const root = readTree(text);
  if (insideComment(text, offset)) return [];
  if (location.isAtPropertyKey)
    return keyCompletions(text, offset, root, location.path.slice(0, -1), location.previousNode);
  return valueCompletions(text, offset, root, location.path, location.previousNode);
}

/** The file reference that is being written here, if it is one. */
export function fileReferenceAt(text: string, offset: number): FileReferencePlace | undefined {
  const { path, previousNode, isAtPropertyKey } = getLocation(text, offset);
  if (isAtPropertyKey || previousNode?.type !== "string" || !isWithin(previousNode, offset)) return undefined;
  const span = { offset: previousNode.offset + 1, length: Math.max(0, previousNode.length - 2) };
  const kind = fileReferenceKind(path);
  return kind === undefined ? undefined : { kind, written: String(previousNode.value), span };
}

const FUNCTION_FIELDS = new Set(["function", "request", "response", "aggregate"]);

export function fileReferenceKind(path: JSONPath): FileReferencePlace["kind"] | undefined {
  const [section, , field] = path;
  if (section === "services" && path.length === 3 && field === "model") return "model";
  if (section === "services" && path.length === 3 && field === "function") return "function";
  if (section === "operators" && path.length === 3 && FUNCTION_FIELDS.has(String(field))) return "function";
  if (section === "operators" && path.length === 3 && field === "path") return "data";
  if (section === "edges" && path.length === 3 && field === "partitioner") return "function";
  return undefined;
}

function keyCompletions(
  text: string,
  offset: number,
  root: Node | undefined,
  parent: JSONPath,
  previous: Node | undefined,
): readonly CompletionProposal[] {
  const written = new Set(members(nodeAtPath(root, parent)).keys());
  const replaced = previous !== undefined && isWithin(previous, offset) ? previous : undefined;
  if (replaced !== undefined) written.delete(String(replaced.value));
  const replace =
    replaced === undefined ? wordBefore(text, offset) : { offset: replaced.offset, length: replaced.length };
  const hasValue = /^\s*:/.test(text.slice(replace.offset + replace.length));
  const comma = !hasValue && needsComma(text, replace.offset + replace.length) ? "," : "";
  const proposals = new Map<string, CompletionProposal>();
  for (const schema of schemasAt(root, parent)) {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if (written.has(name) || name === "$schema" || proposals.has(name)) continue;
      proposals.set(name, {
        label: name,
        kind: "field",
        snippet: hasValue ? JSON.stringify(name) : `${JSON.stringify(name)}: ${valueSnippet(field)}${comma}`,
        replace,
        detail: schema.required?.includes(name) === true ? "required" : undefined,
        markdown: describeField(name, field),
        preferred: schema.required?.includes(name) === true,
      });
    }
  }
  if (parent.length === 1 && parent[0] === "operators" && !hasValue) return operatorTemplates(replace, comma);
  if (parent.length === 1 && parent[0] === "services" && !hasValue) return [serviceTemplate(replace, comma)];
  return [...proposals.values()];
}

function valueCompletions(
  text: string,
  offset: number,
  root: Node | undefined,
  path: JSONPath,
  previous: Node | undefined,
): readonly CompletionProposal[] {
  const inside = previous !== undefined && isWithin(previous, offset) ? previous : undefined;
  const replace = inside === undefined ? wordBefore(text, offset) : { offset: inside.offset, length: inside.length };
  const proposals = new Map<string, CompletionProposal>();
  const offer = (value: unknown, more: Omit<CompletionProposal, "label" | "snippet" | "replace">): void => {
    const label = typeof value === "string" ? value : JSON.stringify(value);
    if (proposals.has(label)) return;
    proposals.set(label, { label, snippet: escapeSnippet(JSON.stringify(value)), replace, ...more });
  };
  for (const { id, kind, detail } of referencesFor(root, path)) offer(id, { kind, detail });
  if (isEdgeItem(path) && inside === undefined) {
    return [
      {
        label: "edge",
        kind: "template",
        snippet: '{ "from": "$1", "to": "$2" }',
        replace,
        detail: "from one operator to another",
        preferred: true,
      },
    ];
  }
  for (const schema of schemasAt(root, path)) {
    schema.enum?.forEach((one, i) =>
      offer(one, { kind: "value", markdown: schema.enumDescriptions?.[i], preferred: one === schema.default }),
    );
    if (schema.const !== undefined) offer(schema.const, { kind: "value", markdown: schema.description });
    if (schema.type === "boolean")
      for (const one of [true, false]) offer(one, { kind: "value", preferred: one === schema.default });
    if (schema.default !== undefined && schema.type !== "array")
      offer(schema.default, { kind: "value", detail: "default", preferred: true });
    for (const example of schema.examples ?? []) offer(example, { kind: "value" });
  }
  // `type` of an operator: the description of each branch says what it does.
  if (path[0] === "operators" && path.length === 3 && path[2] === "type") {
    for (const branch of OPERATOR.oneOf ?? []) {
      const type = branch.properties?.["type"]?.const;
      if (type !== undefined) offer(type, { kind: "value", detail: branch.description });
    }
  }
  return [...proposals.values()];
}

function referencesFor(
  root: Node | undefined,
  path: JSONPath,
): readonly { readonly id: string; readonly kind: "operator" | "service"; readonly detail?: string }[] {
  const ids = (section: "operators" | "services"): readonly string[] => [
    ...members(nodeAtPath(root, [section])).keys(),
  ];
  const typeOf = (id: string): string | undefined => textAt(root, ["operators", id, "type"]);
  const [section, owner, field] = path;
  if (section === "edges" && path.length === 3 && (field === "from" || field === "to")) {
    const never = field === "from" ? "sink" : "source";
    return ids("operators")
      .filter((id) => typeOf(id) !== never)
      .map((id) => ({ id, kind: "operator", detail: typeOf(id) }));
  }
  if (section === "operators" && path.length === 3 && field === "service")
    return ids("services").map((id) => ({ id, kind: "service" }));
  if (section === "services" && path.length === 4 && field === "calls") {
    return ids("services")
      .filter((id) => id !== owner)
      .map((id) => ({ id, kind: "service" }));
  }
  return [];
}

function isEdgeItem(path: JSONPath): boolean {
  return path.length === 2 && path[0] === "edges" && typeof path[1] === "number";
}

function operatorTemplates(replace: TextSpan, comma: string): readonly CompletionProposal[] {
  return (OPERATOR.oneOf ?? []).map((branch) => {
    const constants = Object.entries(branch.properties ?? {}).filter(([, field]) => field.const !== undefined);
    const required = (branch.required ?? []).filter((name) => branch.properties?.[name]?.const === undefined);
    const fields = [
      ...constants.map(([name, field]) => `${JSON.stringify(name)}: ${JSON.stringify(field.const)}`),
      ...required.map((name, i) => `${JSON.stringify(name)}: ${valueSnippet(branch.properties?.[name] ?? {}, i + 2)}`),
    ];
    const label = constants.map(([, field]) => field.const).join(" ");
    return {
      label,
      kind: "template",
      snippet: `"\${1:${label.replaceAll(" ", "-")}}": { ${fields.join(", ")} }${comma}`,
      replace,
      detail: branch.description,
      markdown: branch.description,
    };
  });
}

function serviceTemplate(replace: TextSpan, comma: string): CompletionProposal {
  return {
    label: "service",
    kind: "template",
    snippet: `"\${1:service}": { "model": "\${2:model.onnx}", "parallelism": \${3:2} }${comma}`,
    replace,
    detail: "A model that is served to rpc operators.",
  };
}

/** The value to begin with: its default, an empty object or array, or quotes to write into. */
function valueSnippet(schema: JsonSchema, stop = 1): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return `"\${${stop}|${schema.enum.join(",")}|}"`;
  if (schema.default !== undefined && schema.type !== "array") {
    const value = JSON.stringify(schema.default);
    return typeof schema.default === "string" ? `"\${${stop}:${value.slice(1, -1)}}"` : `\${${stop}:${value}}`;
  }
  if (schema.type === "object" || schema.oneOf?.some(({ type }) => type === "object") === true) return `{ $${stop} }`;
  if (schema.type === "array") return `[$${stop}]`;
  if (schema.type === "boolean") return `\${${stop}|true,false|}`;
  if (schema.type === "integer" || schema.type === "number") return `\${${stop}:${schema.minimum ?? 0}}`;
  return `"$${stop}"`;
}

function escapeSnippet(text: string): string {
  return text.replace(/[\\$}]/g, "\\$&");
}

function isWithin(node: Node, offset: number): boolean {
  return offset > node.offset && offset < node.offset + node.length + (node.type === "string" ? 0 : 1);
}

/** The unquoted word that ends here. */
function wordBefore(text: string, offset: number): TextSpan {
  let start = offset;
  while (start > 0 && /[\w.#-]/.test(text[start - 1] ?? "")) start -= 1;
  return { offset: start, length: offset - start };
}

/** A field follows on the next place, and nothing but space and comments lies between. */
function needsComma(text: string, offset: number): boolean {
  const rest = text.slice(offset).replace(/^(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/, "");
  return rest.startsWith('"');
}

function insideComment(text: string, offset: number): boolean {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^\s*\/\//.test(line);
}

/** The value node at an offset, for callers that have a tree. */
export function valueAt(text: string, offset: number): Node | undefined {
  const root = readTree(text);
  return root === undefined ? undefined : findNodeAtOffset(root, offset);
}
