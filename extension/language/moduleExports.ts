/** The names that a TypeScript or JavaScript module exports, read from its text without running it. */

export interface ModuleExport {
  readonly name: string;
  /** Of the name itself, in UTF-16 units. */
  readonly offset: number;
}

const DECLARED =
  /\bexport\s+(?:declare\s+)?(?:async\s+)?(?:abstract\s+)?(?:function\s*\*?|const|let|var|class|enum)\s+([A-Za-z_$][\w$]*)/g;
const LISTED = /\bexport\s*\{([^}]*)\}/g;
const COMMONJS = /\b(?:module\.)?exports\.([A-Za-z_$][\w$]*)\s*=/g;

export function moduleExports(text: string): readonly ModuleExport[] {
  const code = blankComments(text);
  const found = new Map<string, number>();
  const note = (name: string, offset: number): void => {
    if (!found.has(name)) found.set(name, offset);
  };
  for (const match of code.matchAll(DECLARED))
    note(match[1] ?? "", match.index + match[0].length - (match[1] ?? "").length);
  for (const match of code.matchAll(COMMONJS)) note(match[1] ?? "", match.index + match[0].indexOf(match[1] ?? ""));
  for (const match of code.matchAll(LISTED)) {
    let offset = match.index + match[0].indexOf("{") + 1;
    for (const item of (match[1] ?? "").split(",")) {
      const name = /([A-Za-z_$][\w$]*)\s*$/.exec(item)?.[1];
      if (name !== undefined && !/^\s*type\s/.test(item)) note(name, offset + item.lastIndexOf(name));
      offset += item.length + 1;
    }
  }
  return [...found].map(([name, offset]) => ({ name, offset })).sort((a, b) => a.offset - b.offset);
}

/** Comments become spaces of the same length, so that offsets stay. Strings are left alone: none can hold an export. */
function blankComments(text: string): string {
  return text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "));
}
