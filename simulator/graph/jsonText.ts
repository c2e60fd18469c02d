/**
 * JSON text with comments: where things are in it, and how large it is before anything is built from it.
 */
import { parseTree, printParseErrorCode, visit, type Node, type ParseError } from "jsonc-parser";
import type { ErrorLocation, Problem } from "./errors";

/** Deepest nesting of objects and arrays that is read; a deeper one would exhaust the stack of a recursive reader. */
export const MAX_JSON_DEPTH = 200;
/** Most values (objects, arrays, and the commas between their members) in one text: bounds the memory that reading it can take. */
export const MAX_JSON_VALUES = 4_000_000;

/** Line and column, both from 1, for offsets into one text. */
export class TextPositions {
  private starts: number[] | undefined;

  constructor(private readonly text: string) {}

  /** 1-based line and column of a 0-based offset in UTF-16 units. */
  at(offset: number): { readonly line: number; readonly column: number } {
    const starts = (this.starts ??= lineStarts(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10 || (c === 13 && text.charCodeAt(i + 1) !== 10)) starts.push(i + 1);
  }
  return starts;
}

export interface JsonSize {
  readonly depth: number;
  /** Offset where `depth` went over the limit that was asked about, or −1. */
  readonly tooDeepAt: number;
  readonly values: number;
}

/** Depth and number of values of a JSON text, in one pass without building anything; strings and comments are skipped. */
export function measureJson(text: string, maxDepth = MAX_JSON_DEPTH): JsonSize {
  let depth = 0;
  let deepest = 0;
  let tooDeepAt = -1;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 34: // "
        for (i++; i < text.length; i++) {
          const c = text.charCodeAt(i);
          if (c === 92) i++;
          else if (c === 34 || c === 10) break;
        }
        break;
      case 47: // a comment
        if (text.charCodeAt(i + 1) === 47) {
          const end = text.indexOf("\n", i);
          i = end < 0 ? text.length : end;
        } else if (text.charCodeAt(i + 1) === 42) {
          const end = text.indexOf("*/", i + 2);
          i = end < 0 ? text.length : end + 1;
        }
        break;
      case 91:
      case 123:
        values++;
        if (++depth > deepest) deepest = depth;
        if (depth > maxDepth && tooDeepAt < 0) tooDeepAt = i;
        break;
      case 93:
      case 125:
        depth--;
        break;
      case 44:
        values++;
        break;
    }
  }
  return { depth: deepest, tooDeepAt, values };
}

/** Most characters of one text, for plans as for anything else. */
export const MAX_TEXT_LENGTH = 64 * 1024 * 1024;

export interface JsonTree {
  /** `undefined` when nothing could be read. */
  readonly root: Node | undefined;
  readonly problems: readonly Problem[];
  readonly positions: TextPositions;
}

/** Reads JSON with comments and trailing commas; never throws. Problems are FL1002 (not JSON) and FL1004 (too deep or too many values). */
export function parseJsonTree(text: string, file: string): JsonTree {
  const positions = new TextPositions(text);
  const tooLarge = sizeProblem(text, file, positions);
  if (tooLarge !== undefined) return { root: undefined, problems: [tooLarge], positions };
  const errors: ParseError[] = [];
  const root = parseTree(withoutMark(text), errors, { allowTrailingComma: true, allowEmptyContent: false });
  return {
    root,
    problems: errors.slice(0, MOST_SYNTAX_ERRORS).map((error) => syntaxProblem(error, text, file, positions)),
    positions,
  };
}

const MOST_SYNTAX_ERRORS = 20;

function syntaxProblem(error: ParseError, text: string, file: string, positions: TextPositions): Problem {
  const [message, hint] = PARSE_ERRORS[printParseErrorCode(error.error)] ?? ["This is not valid JSON.", undefined];
  const empty = text.length < 1000 && text.trim() === "";
  return {
    code: "FL1002",
    message: empty ? "The file is empty." : message,
    hint: empty ? "Write a job, or open a file that holds one." : hint,
    location: locate(file, positions, error.offset, error.length),
  };
}

/** Syntax errors of a text, found without building anything from it; for files too large for a tree. */
export function syntaxProblems(text: string, file: string, positions: TextPositions): readonly Problem[] {
  const errors: ParseError[] = [];
  const onError = (error: number, offset: number, length: number): void => {
    if (errors.length < MOST_SYNTAX_ERRORS) errors.push({ error, offset, length });
  };
  visit(withoutMark(text), { onError }, { allowTrailingComma: true });
  return errors.map((error) => syntaxProblem(error, text, file, positions));
}

/** Where the value at a path stands; `undefined` when the path leads nowhere. Builds nothing. */
export function locateValue(
  text: string,
  file: string,
  positions: TextPositions,
  path: readonly (string | number)[],
): ErrorLocation | undefined {
  let place: ErrorLocation | undefined;
  // Keys and positions from the root to where the visitor is; `matched` of them agree with `path`, counted from the root.
  const at: (string | number)[] = [];
  let matched = 0;
  const check = (offset: number, length: number): void => {
    if (place === undefined && at.length === path.length && matched === path.length) {
      place = locate(file, positions, offset, length);
    }
  };
  const enter = (first: string | number): void => {
    at.push(first);
    step(first);
  };
  const step = (segment: string | number): void => {
    at[at.length - 1] = segment;
    if (matched >= at.length) matched = at.length - 1;
    if (matched === at.length - 1 && path[matched] === segment) matched++;
  };
  const leave = (): void => {
    at.pop();
    if (matched > at.length) matched = at.length;
  };
  visit(
    withoutMark(text),
    {
      onObjectBegin: (offset, length) => {
        check(offset, length);
        enter("");
      },
      onObjectProperty: (name) => step(name),
      onObjectEnd: leave,
      onArrayBegin: (offset, length) => {
        check(offset, length);
        enter(0);
      },
      onArrayEnd: leave,
      onSeparator: (character) => {
        const last = at.at(-1);
        if (character === "," && typeof last === "number") step(last + 1);
      },
      onLiteralValue: (_value, offset, length) => check(offset, length),
    },
    { allowTrailingComma: true },
  );
  return place;
}

/** A byte order mark is a blank: offsets stay the same. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? ` ${text.slice(1)}` : text;
}

/** FL1004 when `text` is nested deeper than {@link MAX_JSON_DEPTH} or holds more than {@link MAX_JSON_VALUES} values. */
export function sizeProblem(text: string, file: string, positions: TextPositions): Problem | undefined {
  const size = measureJson(text);
  if (size.tooDeepAt >= 0) {
    return {
      code: "FL1004",
      message: `Nested ${size.depth} levels deep; the limit is ${MAX_JSON_DEPTH}.`,
      location: locate(file, positions, size.tooDeepAt, 1),
    };
  }
  if (size.values > MAX_JSON_VALUES) {
    return {
      code: "FL1004",
      message: `The file holds ${size.values} values; the limit is ${MAX_JSON_VALUES}.`,
      location: { file },
    };
  }
  return undefined;
}

export function locate(
  file: string,
  positions: TextPositions,
  offset: number,
  length: number,
  element?: string,
): ErrorLocation {
  const { line, column } = positions.at(offset);
  return { file, line, column, offset, length, ...(element === undefined ? {} : { element }) };
}

const PARSE_ERRORS: Readonly<Record<string, readonly [message: string, hint: string | undefined]>> = {
  InvalidSymbol: [
    "This is not a JSON value.",
    "Text stands in double quotes; other values are numbers, true, false and null.",
  ],
  InvalidNumberFormat: ["This is not a number.", undefined],
  PropertyNameExpected: ["A field name in double quotes is expected here.", undefined],
  ValueExpected: ["A value is expected here.", undefined],
  ColonExpected: ["A colon is expected here.", 'Write "name": value.'],
  CommaExpected: ["A comma is expected here.", undefined],
  CloseBraceExpected: ["A closing brace } is missing.", undefined],
  CloseBracketExpected: ["A closing bracket ] is missing.", undefined],
  EndOfFileExpected: ["The document ends before this.", "A file holds one JSON value."],
  InvalidCommentToken: ["This is not a comment.", "Comments are // … and /* … */."],
  UnexpectedEndOfComment: ["The comment is not closed.", "Close it with */."],
  UnexpectedEndOfString: ["The text is not closed.", "Close it with a double quote on the same line."],
  UnexpectedEndOfNumber: ["The number is not complete.", undefined],
  InvalidUnicode: ["This Unicode escape is not complete.", "Write \\u and four hexadecimal digits."],
  InvalidEscapeCharacter: ["This escape is not known.", 'Known: \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX.'],
  InvalidCharacter: [
    "This character may not stand here.",
    "Control characters in text are written as escapes, such as \\n.",
  ],
};
