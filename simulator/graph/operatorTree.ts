/**
 * The operators of a chain, read from what a plan says about a vertex. Flink writes a chain as one line (`A -> B`, `A -> (B, C -> D)`;
 * `StreamingJobGraphGenerator.createChainedName`) or, in newer versions, as a tree:
 * ```
 * A
 * :- B
 * :  +- C
 * +- D
 * ```
 */

export interface TreeOperator {
  readonly name: string;
  /** Position of the operator that it is chained to; `undefined` for the head. */
  readonly input: number | undefined;
}

const DEEPEST_BRANCH = 50;

/** Operators in the order in which they are written, the head first; at least one. `text` is plain, with line breaks. */
export function parseOperatorTree(text: string): readonly TreeOperator[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) return [{ name: "", input: undefined }];
  if (lines.length > 1 && lines.slice(1).every((line) => TREE_LINE.test(line))) return fromTree(lines);
  if (lines.length > 1) return [{ name: lines.join(" "), input: undefined }];
  const operators: TreeOperator[] = [];
  readChain(lines[0], undefined, operators, 0);
  return operators;
}

/** Every level is three characters: `:  ` or three spaces for the levels above, `:- ` or `+- ` for this one. */
const TREE_LINE = /^((?: {3}|: {2})*)[:+]- (.*)$/;

function fromTree(lines: readonly string[]): readonly TreeOperator[] {
  const operators: TreeOperator[] = [{ name: lines[0].trim(), input: undefined }];
  const lastAt = [0];
  for (const line of lines.slice(1)) {
    const [, above, name] = TREE_LINE.exec(line)!;
    const level = above.length / 3 + 1;
    const input = lastAt[Math.min(level, lastAt.length) - 1];
    lastAt.length = Math.min(level, lastAt.length);
    lastAt.push(operators.length);
    operators.push({ name: name.trim(), input });
  }
  return operators;
}

function readChain(text: string, input: number | undefined, operators: TreeOperator[], depth: number): void {
  let at = input;
  for (const part of splitOutside(text, " -> ")) {
    const isBranches = at !== undefined && part.startsWith("(") && part.endsWith(")") && depth < DEEPEST_BRANCH;
    if (isBranches) {
      for (const branch of splitOutside(part.slice(1, -1), ", ")) readChain(branch, at, operators, depth + 1);
      continue;
    }
    operators.push({ name: part.trim(), input: at });
    at = operators.length - 1;
  }
}

/** Splits at a separator that stands outside of all brackets. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "(" || c === "[" || c === "{") depth++;
    else if (c === ")" || c === "]" || c === "}") depth = Math.max(0, depth - 1);
    else if (depth === 0 && text.startsWith(separator, i)) {
      parts.push(text.slice(start, i));
      i += separator.length - 1;
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
