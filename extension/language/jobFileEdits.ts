/**
 * Edits of a job file by what they mean: an operator is renamed, an edge is added. Only the text that they are about changes; comments and
 * layout stay, the layout of what is added follows its neighbours. Knows nothing of the editor.
 */
import type { Node } from "jsonc-parser";
import { FaultlineError } from "../../simulator/graph/errors";
import { occurrencesOf, renameProblem, type SymbolKind, symbolOccurrences } from "./jobFileReferences";
import { members, nodeAtPath, readTree } from "./jobFileTree";

export type JobFileEdit =
  | { readonly kind: "rename"; readonly symbol: SymbolKind; readonly id: string; readonly newId: string }
  /** `undefined` takes the field away: then the default counts. */
  | {
      readonly kind: "setField";
      readonly symbol: SymbolKind;
      readonly id: string;
      readonly field: string;
      readonly value: unknown;
    }
  /** The new operator comes behind `after`, whose output it reads. */
  | {
      readonly kind: "addOperator";
      readonly after: string;
      readonly id: string;
      readonly operator: Readonly<Record<string, unknown>>;
    }
  /** With its edges. What had one input goes on from there: its consumers read what it read. */
  | { readonly kind: "removeOperator"; readonly id: string }
  | {
      readonly kind: "addEdge";
      readonly from: string;
      readonly to: string;
      readonly ship?: string;
      readonly key?: string;
    }
  | { readonly kind: "removeEdge"; readonly from: string; readonly to: string };

/** Replaces `length` characters at `offset` of the text as it was. */
export interface TextEdit {
  readonly offset: number;
  readonly length: number;
  readonly content: string;
}

/**
 * The edit as replacements that hold for the text as it is; none where nothing changes.
 * @throws FaultlineError FL1010 when the file does not have what is to be edited, FL1013 when an id is taken or is no id
 */
export function editJobFile(text: string, edit: JobFileEdit): readonly TextEdit[] {
  switch (edit.kind) {
    case "rename":
      return rename(text, edit.symbol, edit.id, edit.newId);
    case "setField":
      return difference(text, setField(text, [GROUPS[edit.symbol], edit.id], edit.field, edit.value));
    case "addOperator": {
      requireFree(text, edit.id);
      const group = valueAt(text, ["operators"]);
      const after = members(group).get(edit.after);
      if (after === undefined) throw missing(edit.after);
      const added = insertBehind(text, group, after.key.parent ?? after.key, member(edit.id, edit.operator));
      return difference(text, addEdge(added, edit.after, edit.id));
    }
    case "removeOperator":
      return difference(text, removeOperator(text, edit.id));
    case "addEdge":
      return difference(text, addEdge(text, edit.from, edit.to, edit.ship, edit.key));
    case "removeEdge": {
      const found = edgesOf(text).find(({ from, to }) => from === edit.from && to === edit.to);
      if (found === undefined) throw missing(`${edit.from} → ${edit.to}`);
      return difference(text, removeChild(text, found.node));
    }
  }
}

const GROUPS = { operator: "operators", service: "services" } as const satisfies Readonly<Record<SymbolKind, string>>;

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly node: Node;
  readonly fromNode: Node;
}

/** The edges of the file, in its order. */
export function edgesOf(text: string): readonly Edge[] {
  const list = nodeAtPath(readTree(text), ["edges"]);
  return (list?.children ?? []).flatMap((node) => {
    const [from, to] = [members(node).get("from")?.value, members(node).get("to")?.value];
    if (from?.type !== "string" || to?.type !== "string") return [];
    return [{ from: String(from.value), to: String(to.value), node, fromNode: from }];
  });
}

function rename(text: string, kind: SymbolKind, id: string, newId: string): readonly TextEdit[] {
  const definition = symbolOccurrences(text).find((one) => one.kind === kind && one.id === id && one.definition);
  if (definition === undefined) throw missing(id);
  const problem = renameProblem(text, definition, newId);
  if (problem !== undefined) throw FaultlineError.of("FL1010", problem, "Choose another id.");
  if (newId === id) return [];
  return occurrencesOf(text, definition).map(({ span }) => ({ ...span, content: newId }));
}

function requireFree(text: string, id: string): void {
  const taken = symbolOccurrences(text).some((one) => one.definition && one.id === id);
  if (taken) throw FaultlineError.of("FL1010", `"${id}" is already an id of this job.`, "Choose another id.");
}

function removeOperator(text: string, id: string): string {
  const all = edgesOf(text);
  const [inputs, outputs] = [all.filter(({ to }) => to === id), all.filter(({ from }) => from === id)];
  const property = members(valueAt(text, ["operators"])).get(id)?.key.parent;
  if (property === undefined) throw missing(id);
  let next = text;
  const [input] = inputs;
  // From the end on, so that what comes before stays where it is.
  if (inputs.length === 1 && input !== undefined) {
    for (const { fromNode } of [...outputs].reverse()) next = replace(next, fromNode, JSON.stringify(input.from));
  } else {
    for (const { to } of outputs) next = removeEdges(next, (edge) => edge.from === id && edge.to === to);
  }
  next = removeEdges(next, (edge) => edge.to === id);
  const again = members(valueAt(next, ["operators"])).get(id)?.key.parent;
  return again === undefined ? next : removeChild(next, again);
}

function removeEdges(text: string, wanted: (edge: Edge) => boolean): string {
  let next = text;
  for (;;) {
    const found = edgesOf(next).find(wanted);
    if (found === undefined) return next;
    next = removeChild(next, found.node);
  }
}

function addEdge(text: string, from: string, to: string, ship?: string, key?: string): string {
  const ids = members(valueAt(text, ["operators"]));
  for (const id of [from, to]) if (!ids.has(id)) throw missing(id);
  if (edgesOf(text).some((edge) => edge.from === from && edge.to === to))
    throw FaultlineError.of(
      "FL1010",
      `There is an edge from "${from}" to "${to}" already.`,
      "Choose another operator.",
    );
  const written = oneLine({ from, to, ...(ship === undefined ? {} : { ship }), ...(key === undefined ? {} : { key }) });
  const list = nodeAtPath(readTree(text), ["edges"]);
  if (list?.type !== "array") {
    const root = readTree(text);
    const last = root?.children?.at(-1);
    if (root === undefined || last === undefined) throw missing("edges");
    return insertBehind(text, root, last, `"edges": [${written}]`);
  }
  return insertBehind(text, list, list.children?.at(-1), written);
}

function setField(text: string, path: readonly string[], field: string, value: unknown): string {
  const object = valueAt(text, path);
  const found = members(object).get(field);
  if (value === undefined) return found?.key.parent === undefined ? text : removeChild(text, found.key.parent);
  if (found?.value !== undefined) return replace(text, found.value, oneLine(value));
  return insertBehind(text, object, object.children?.at(-1), member(field, value));
}

/** @throws FaultlineError FL1010 */
function valueAt(text: string, path: readonly string[]): Node {
  const node = nodeAtPath(readTree(text), [...path]);
  if (node === undefined) throw missing(path.at(-1) ?? "");
  return node;
}

function missing(what: string): FaultlineError {
  return FaultlineError.of("FL1010", `The job file does not have "${what}" (any more).`, "Look at the job file.");
}

function member(key: string, value: unknown): string {
  return `${JSON.stringify(key)}: ${oneLine(value)}`;
}

/** `{ "from": "a", "to": "b" }`, with the spaces that people write. */
function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inside = Object.entries(value).map(([key, one]) => member(key, one));
  return inside.length === 0 ? "{}" : `{ ${inside.join(", ")} }`;
}

function replace(text: string, node: Node, content: string): string {
  return text.slice(0, node.offset) + content + text.slice(node.offset + node.length);
}

/** Puts `content` behind this child of an object or a list, laid out as the child is; first in one that is empty. */
function insertBehind(text: string, parent: Node, child: Node | undefined, content: string): string {
  if (child === undefined) {
    const inside = parent.type === "object" ? ` ${content} ` : content;
    return text.slice(0, parent.offset + 1) + inside + text.slice(parent.offset + parent.length - 1);
  }
  const end = child.offset + child.length;
  const isLast = parent.children?.at(-1) === child;
  const comma = separatorAfter(text, end);
  const onLineOfItsOwn = /^\s*$/.test(text.slice(lineStart(text, child.offset), child.offset));
  if (!onLineOfItsOwn) {
    const at = comma === undefined ? end : comma + 1;
    const before = comma === undefined ? ", " : " ";
    return `${text.slice(0, at)}${before}${content}${isLast || comma === undefined ? "" : ","}${text.slice(at)}`;
  }
  const indentation = /^[ \t]*/.exec(text.slice(lineStart(text, child.offset)))?.[0] ?? "";
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const separated = comma === undefined ? `${text.slice(0, end)},${text.slice(end)}` : text;
  const from = comma === undefined ? end + 1 : comma + 1;
  // A comment behind the child belongs to it.
  const tail = /^[ \t]*(?:\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/[ \t]*(?=\r?\n))?/.exec(separated.slice(from))?.[0] ?? "";
  const at = from + tail.length;
  return `${separated.slice(0, at)}${eol}${indentation}${content}${comma === undefined ? "" : ","}${separated.slice(at)}`;
}

/** Takes a member or an element away with its comma, and its line where nothing else stands there. Comments stay. */
function removeChild(text: string, node: Node): string {
  let [start, end] = [node.offset, node.offset + node.length];
  const comma = separatorAfter(text, end);
  let next = text;
  if (comma !== undefined) {
    // Between the child and its comma there may be a comment.
    const between = text.slice(end, comma);
    next = text.slice(0, end) + between + text.slice(comma + 1);
    if (/^\s*$/.test(between)) {
      next = text.slice(0, end) + text.slice(comma + 1);
    }
  } else {
    const siblings = node.parent?.children ?? [];
    const before = siblings[siblings.indexOf(node) - 1];
    if (before !== undefined) {
      const at = separatorAfter(text, before.offset + before.length);
      if (at !== undefined && at < start) {
        next = text.slice(0, at) + text.slice(at + 1);
        start -= 1;
        end -= 1;
      }
    }
  }
  const from = lineStart(next, start);
  const lineEnd = /\r?\n/.exec(next.slice(end));
  const alone =
    /^\s*$/.test(next.slice(from, start)) && lineEnd !== null && /^[ \t]*$/.test(next.slice(end, end + lineEnd.index));
  if (alone) return next.slice(0, from) + next.slice(end + lineEnd.index + lineEnd[0].length);
  const space = /^[ \t]*/.exec(next.slice(end))?.[0].length ?? 0;
  return next.slice(0, start) + next.slice(end + (comma === undefined ? 0 : space));
}

/** Offset of the comma behind this place, comments and space passed over; undefined where there is none. */
function separatorAfter(text: string, offset: number): number | undefined {
  const passed = /^(?:\s|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/.exec(text.slice(offset))?.[0].length ?? 0;
  return text[offset + passed] === "," ? offset + passed : undefined;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** One replacement of what lies between the parts that stay. */
function difference(before: string, after: string): readonly TextEdit[] {
  if (before === after) return [];
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return [{ offset: head, length: before.length - head - tail, content: after.slice(head, after.length - tail) }];
}
