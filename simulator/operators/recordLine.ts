/** A record as one line of NDJSON. Typed arrays become arrays, bigints texts; what JSON has no form for becomes null. */
export function recordLine(value: unknown): string {
  return `${needsReplacer(value) ? JSON.stringify(value, replace) : (JSON.stringify(value) ?? "null")}\n`;
}

function needsReplacer(value: unknown): boolean {
  if (typeof value !== "object" || value === null) {
    return typeof value === "bigint";
  }
  if (ArrayBuffer.isView(value)) {
    return true;
  }
  for (const key in value) {
    const part: unknown = (value as Record<string, unknown>)[key];
    if (typeof part === "bigint" || (typeof part === "object" && part !== null && needsReplacer(part))) {
      return true;
    }
  }
  return false;
}

function replace(_key: string, part: unknown): unknown {
  if (typeof part === "bigint") {
    return part.toString();
  }
  return ArrayBuffer.isView(part) && !(part instanceof DataView)
    ? Array.from(part as unknown as ArrayLike<unknown>)
    : part;
}
