/** Numbers as a person reads them, with as many digits as can be read while they change. */

/** `0`, `7.3`, `940`, `1.24k`, `12.8k`, `3.1M`. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value < 10) return trim(value.toFixed(1));
  if (value < 1000) return String(Math.round(value));
  if (value < 10_000) return `${(value / 1000).toFixed(2)}k`;
  if (value < 1_000_000) return `${trim((value / 1000).toFixed(value < 100_000 ? 1 : 0))}k`;
  return `${trim((value / 1_000_000).toFixed(1))}M`;
}

/** `8 ms`, `420 ms`, `1.9 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 10) return `${trim(ms.toFixed(1))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round((ms - minutes * 60_000) / 1000);
  if (minutes < 60) return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

const GROUPED = new Intl.NumberFormat("en");

/** `1 task`, `3 tasks`, `8,000 tasks`. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number < 1000 ? number : GROUPED.format(number)} ${number === 1 ? one : many}`;
}

function trim(text: string): string {
  return text.endsWith(".0") ? text.slice(0, -2) : text;
}
