/**
 * Sizes of memory as people write them in a job file: `64mb`, `1.5gb`, `512 kb`. Units as in Flink's `MemorySize`, where each is 1024 of the
 * one before.
 */
const UNITS: Readonly<Record<string, number>> = Object.assign(Object.create(null) as Record<string, number>, {
  b: 1,
  bytes: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1024 ** 4,
  tib: 1024 ** 4,
});

/** What {@link parseMemorySize} accepts, for JSON Schema (`pattern`). */
export const MEMORY_SIZE_PATTERN = "^\\s*\\d+(\\.\\d+)?\\s*([bB]|[bB]ytes|[kKmMgGtT]([iI]?[bB])?)\\s*$";

/** Bytes, or `undefined` when `text` is not a size with a unit. */
export function parseMemorySize(text: string): number | undefined {
  const match = text.length > 64 ? null : /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/.exec(text.toLowerCase());
  const unit = UNITS[match?.[2] ?? ""];
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest way to write it that {@link parseMemorySize} reads back to about the same number: `1.5gb`, `64mb`. */
export function formatMemorySize(bytes: number): string {
  for (const [unit, size] of [
    ["tb", 1024 ** 4],
    ["gb", 1024 ** 3],
    ["mb", 1024 ** 2],
    ["kb", 1024],
  ] as const) {
    if (bytes >= size) return `${Number((bytes / size).toFixed(2))}${unit}`;
  }
  return `${bytes}b`;
}
