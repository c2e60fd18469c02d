/**
 * Durations as people write them in a job file: `250ms`, `1.5s`, `10s`, `5m`, `1h`, `1d`.
 * Units as in Flink's `TimeUtils`, without the ones below a millisecond; fractions are allowed.
 */
const UNITS: Readonly<Record<string, number>> = Object.assign(Object.create(null) as Record<string, number>, {
  ms: 1,
  milli: 1,
  millis: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
});

/** What {@link parseDuration} accepts, for JSON Schema (`pattern`). */
export const DURATION_PATTERN =
  "^\\s*\\d+(\\.\\d+)?\\s*(ms|millis?|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)\\s*$";

/** Longest duration that is accepted: 100 years, in milliseconds. */
export const MAX_DURATION_MS = 100 * 365 * 86_400_000;

/** Milliseconds, or `undefined` when `text` is not a duration with a unit or is longer than {@link MAX_DURATION_MS}. */
export function parseDuration(text: string): number | undefined {
  if (text.length > 64) return undefined;
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/.exec(text);
  if (match === null) return undefined;
  const unit = UNITS[match[2] ?? ""];
  if (unit === undefined) return undefined;
  const milliseconds = Number(match[1]) * unit;
  return milliseconds <= MAX_DURATION_MS ? milliseconds : undefined;
}

/** The shortest way to write `ms` that {@link parseDuration} reads back to the same number where the unit divides it: `90s`, `1h`, `250ms`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "infinite";
  if (ms === 0) return "0s";
  for (const [unit, size] of [
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const) {
    if (ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms * 1000) / 1000}ms`;
}
