/**
 * A job file's text as a tree that is there also while it is being typed, and the schema of each place in it.
 * Knows nothing of the editor: offsets count UTF-16 units from 0.
 */
import { type JSONPath, type Node, findNodeAtLocation, parseTree } from "jsonc-parser";
import { JOB_FILE_SCHEMA } from "../../simulator/graph/jobFileSchema";
import type { JsonSchema } from "../../simulator/graph/jsonSchema";

export interface TextSpan {
  readonly offset: number;
  readonly length: number;
}

/** The tree as far as the text can be read; undefined for a text without any value. */
export function readTree(text: string): Node | undefined {
  return parseTree(text, [], { allowTrailingComma: true, allowEmptyContent: true, disallowComments: false });
}

export function spanOf(node: Node): TextSpan {
  return { offset: node.offset, length: node.length };
}

/** Inside the quotes of a text. */
export function innerSpan(node: Node): TextSpan {
  return { offset: node.offset + 1, length: Math.max(0, node.length - 2) };
}

/** The members of an object by key, the first of each. */
export function members(
  node: Node | undefined,
): ReadonlyMap<string, { readonly key: Node; readonly value: Node | undefined }> {
  const found = new Map<string, { readonly key: Node; readonly value: Node | undefined }>();
  if (node?.type !== "object") return found;
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key !== undefined && !found.has(String(key.value))) found.set(String(key.value), { key, value });
  }
  return found;
}

export function nodeAtPath(root: Node | undefined, path: JSONPath): Node | undefined {
  return root === undefined ? undefined : findNodeAtLocation(root, path);
}

export function textAt(root: Node | undefined, path: JSONPath): string | undefined {
  const node = nodeAtPath(root, path);
  return node?.type === "string" ? String(node.value) : undefined;
}

/** The schemas that the value at this path may follow, alternatives resolved by what stands beside it. */
export function schemasAt(root: Node | undefined, path: JSONPath): readonly JsonSchema[] {
  let schemas: readonly JsonSchema[] = alternatives(JOB_FILE_SCHEMA, root);
  let node = root;
  for (const segment of path) {
    node = node === undefined ? undefined : findNodeAtLocation(node, [segment]);
    const next = new Set<JsonSchema>();
    for (const schema of schemas) {
      const child = childSchema(schema, segment);
      if (child === undefined) continue;
      for (const alternative of alternatives(child, node)) next.add(alternative);
    }
    schemas = [...next];
  }
  return schemas;
}

/** The field's own schema, before its alternatives: what a person reads about it. */
export function fieldSchemas(root: Node | undefined, path: JSONPath): readonly JsonSchema[] {
  const last = path.at(-1);
  if (last === undefined) return [JOB_FILE_SCHEMA];
  const parents = schemasAt(root, path.slice(0, -1));
  return [...new Set(parents.map((schema) => childSchema(schema, last)).filter((schema) => schema !== undefined))];
}

function childSchema(schema: JsonSchema, segment: string | number): JsonSchema | undefined {
  if (typeof segment === "number") return schema.items;
  const own = Object.hasOwn(schema.properties ?? {}, segment) ? schema.properties?.[segment] : undefined;
  if (own !== undefined) return own;
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

/** The branches of `oneOf` that what is written does not rule out; all of them when it rules out each. */
function alternatives(schema: JsonSchema, node: Node | undefined): readonly JsonSchema[] {
  if (schema.oneOf === undefined) return [schema];
  const possible = schema.oneOf.filter((branch) => isPossible(branch, node));
  return (possible.length > 0 ? possible : schema.oneOf).flatMap((branch) => alternatives(branch, node));
}

function isPossible(branch: JsonSchema, node: Node | undefined): boolean {
  if (node?.type !== "object" || branch.properties === undefined) return true;
  for (const [name, { value }] of members(node)) {
    const constant = branch.properties[name]?.const;
    if (constant !== undefined && value?.type === "string" && value.value !== "" && value.value !== constant)
      return false;
  }
  return true;
}
