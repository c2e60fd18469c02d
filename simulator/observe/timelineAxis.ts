/** Round marks of a time axis. The script of the page follows the same rule. */

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 144e5,
  432e5, 864e5,
];
/** Pixels from one mark to the next, at least. */
const ROOM = 90;

export interface AxisTick {
  /** Ms from the run's start. */
  readonly at: number;
  readonly label: string;
}

/** Marks between `from` and `to`, ms, over `width` pixels. */
export function axisTicks(from: number, to: number, width: number): readonly AxisTick[] {
  const least = ((to - from) / Math.max(1, width)) * ROOM;
  const step = STEPS_MS.find((one) => one >= least) ?? 864e5 * Math.ceil(least / 864e5);
  const ticks: AxisTick[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push({ at, label: tickLabel(at, step) });
  return ticks;
}

/** A moment of a run to the millisecond: `12.345 s`, `3:20.500`. */
export function momentText(at: number): string {
  return at < 600_000
    ? `${(at / 1000).toFixed(3)} s`
    : `${tickLabel(Math.floor(at / 1000) * 1000, 1000)}${(Math.floor(at) % 1000) / 1000 === 0 ? "" : `.${String(Math.floor(at) % 1000).padStart(3, "0")}`}`;
}

/** `12 s`, `12.25 s`, `3:20`, `1:03:20`. */
function tickLabel(at: number, step: number): string {
  if (at < 60_000 || step < 1000)
    return `${(at / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : step < 1000 ? 1 : 0)} s`;
  const seconds = Math.round(at / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
