/** The lanes of the recovery timeline: one for each service instance, one for each stream vertex with all its subtasks. */
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { LaneBars, type LaneBar } from "../model/laneHistory";
import type { RunModel } from "../model/runModel";

export interface Lane {
  readonly vertex: string;
  /** Set for the lane of one service instance. */
  readonly index: number | undefined;
  readonly label: string;
  readonly service: boolean;
  readonly bars: LaneBars;
}

const NOTHING = new LaneBars();
/** Bars that are narrower than this, in pixels, are joined. */
const LEAST_WIDTH = 1.5;

export function lanesOf(graph: GraphDescription, { lanes }: RunModel): Lane[] {
  const list: Lane[] = [];
  for (const { kind, id, name, parallelism } of graph.vertices) {
    if (kind !== "service") continue;
    for (let index = 0; index < parallelism; index++) {
      const bars = lanes.of(`${id}#${index}`) ?? NOTHING;
      list.push({ vertex: id, index, label: `${name}#${index}`, service: true, bars });
    }
  }
  for (const { kind, id, name } of graph.vertices) {
    if (kind !== "service")
      list.push({ vertex: id, index: undefined, label: name, service: false, bars: lanes.of(id) ?? NOTHING });
  }
  return list;
}

/** When there is not room for all: what was ever in trouble, then the instances, in the order of the graph. */
export function pickLanes(lanes: readonly Lane[], fit: number): readonly Lane[] {
  if (lanes.length <= fit) return lanes;
  const wanted = new Set([...lanes.filter(({ bars }) => bars.troubled), ...lanes].slice(0, fit));
  return lanes.filter((lane) => wanted.has(lane));
}

/**
 * The bars of a stretch of time, with those thinner than a pixel joined: of what shares a pixel the worst is shown.
 * @param x where a moment lies, in pixels.
 */
export function barsInSight(
  bars: LaneBars,
  from: number,
  to: number,
  now: number,
  x: (at: number) => number,
): LaneBar[] {
  const shown: LaneBar[] = [];
  for (let i = bars.firstAfter(from); i < bars.length && bars.from(i) <= to;) {
    const begin = bars.from(i);
    const left = x(begin);
    let worst = i;
    let badness = bars.badness(i);
    let end = i + 1;
    let next = bars.to(i);
    while (end < bars.length && next <= to) {
      const ends = bars.to(end);
      if (x(Math.min(now, ends)) - left >= LEAST_WIDTH) break;
      const one = bars.badness(end);
      if (one > badness) [worst, badness] = [end, one];
      next = ends;
      end++;
    }
    const last = bars.bar(end - 1);
    shown.push(end === i + 1 ? last : { ...bars.bar(worst), from: begin, to: last.to });
    i = end;
  }
  return shown;
}
