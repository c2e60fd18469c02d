/**
 * Folds a long, narrow flow into rows, as text is broken into lines: a chain of twenty vertices is then read instead of being a thread
 * across the screen. Lines that go from row to row run round the end of the row and back between the two.
 */
import type { FlowPoint } from "./flowPoint";

export interface FoldOptions {
  /** Length of the room for the flow over its breadth. */
  readonly aspect: number;
}

export interface Fold {
  /** Row of every layer. */
  readonly rowOf: readonly number[];
  readonly rows: number;
}

/** A flow is folded when it is this many times longer than the room has place for. */
const TOO_LONG = 2;
/** At a fold at most this many lines may cross. */
const MOST_CROSSING = 3;

/**
 * @param lengths length of every layer with the gap after it; @param crossing lines between every layer and the next.
 * @returns undefined where the flow is better left as it is.
 */
export function foldOf(
  lengths: readonly number[],
  breadth: number,
  crossing: readonly number[],
  options: FoldOptions,
): Fold | undefined {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (lengths.length < 4 || total < breadth * options.aspect * TOO_LONG) return undefined;
  const rowBreadth = breadth + ROW_GAP;
  const rows = Math.min(
    Math.floor(lengths.length / 2),
    Math.max(2, Math.round(Math.sqrt(total / (rowBreadth * options.aspect)))),
  );
  const rowOf: number[] = [];
  let row = 0;
  let used = 0;
  for (let k = 0; k < lengths.length; k++) {
    const left = rows - row;
    const open = lengths.slice(k).reduce((sum, length) => sum + length, 0) + used;
    if (k > 0 && left > 1 && used + lengths[k] / 2 > open / left && crossing[k - 1] <= MOST_CROSSING) {
      row++;
      used = 0;
    }
    rowOf.push(row);
    used += lengths[k];
  }
  return row === 0 ? undefined : { rowOf, rows: row + 1 };
}

export const ROW_GAP = 64;
/** Beside the rows, for the lines that turn. */
export const TURN_ROOM = 34;
const LANE = 9;

/** From the end of one row to the start of the next: out, down, back, down, in. `lane` keeps lines apart that turn at the same fold. */
export function turn(
  from: FlowPoint,
  to: FlowPoint,
  rowEnd: number,
  between: number,
  lane: number,
  rowStart: number,
): FlowPoint[] {
  const out = rowEnd + 14 + lane * LANE;
  const back = rowStart - 14 - lane * LANE;
  const level = between + (lane - 1) * LANE;
  return [
    { u: out, v: from.v },
    { u: out, v: level },
    { u: back, v: level },
    { u: back, v: to.v },
  ];
}
