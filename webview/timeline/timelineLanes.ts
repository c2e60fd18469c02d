/**
 * The lanes of the recovery timeline: one for each service instance, one for each stream vertex with all its subtasks. Bars come from the
 * same looks as the picture. Lanes are kept and made anew only for what changed.
 */
import type { GraphDescription, VertexDescription } from "../../simulator/graph/graphDescription";
import type { RunFacts } from "../../simulator/observe/runFacts";
import { lookAt, type Look } from "../model/subtaskLook";

export interface LaneBar {
  readonly from: number;
  /** Undefined while it lasts. */
  readonly to: number | undefined;
  readonly look: Look;
  readonly words: string;
  /** Of a lane with several subtasks: how many look like this. */
  readonly count: number;
}

export interface Lane {
  readonly vertex: string;
  /** Set for the lane of one service instance. */
  readonly index: number | undefined;
  readonly label: string;
  readonly service: boolean;
  readonly bars: readonly LaneBar[];
}

const BADNESS: Readonly<Record<Look, number>> = {
  failing: 9,
  restarting: 8,
  starting: 7,
  waiting: 6,
  stopping: 5,
  stopped: 4,
  draining: 3,
  running: 2,
  finished: 1,
  idle: 0,
};

interface Kept {
  /** Number of transitions that the bars were made from. */
  readonly transitions: number;
  readonly bars: LaneBar[];
}

export class TimelineLanes {
  readonly #subtasks = new Map<string, Kept>();
  readonly #vertices = new Map<string, Kept>();

  of(graph: GraphDescription, facts: RunFacts): Lane[] {
    const lanes: Lane[] = [];
    for (const vertex of graph.vertices) {
      if (vertex.kind !== "service") continue;
      for (let index = 0; index < vertex.parallelism; index++) {
        const { bars } = this.#subtask(facts, `${vertex.id}#${index}`).kept;
        lanes.push({ vertex: vertex.id, index, label: `${vertex.name}#${index}`, service: true, bars });
      }
    }
    for (const vertex of graph.vertices) {
      if (vertex.kind === "service") continue;
      lanes.push({
        vertex: vertex.id,
        index: undefined,
        label: vertex.name,
        service: false,
        bars: this.#vertex(facts, vertex),
      });
    }
    return lanes;
  }

  /** `from`: nothing before this moment changed since the last call. */
  #subtask(facts: RunFacts, name: string): { readonly kept: Kept; readonly from: number } {
    const transitions = countTransitions(facts, name);
    const known = this.#subtasks.get(name);
    if (known?.transitions === transitions) return { kept: known, from: Infinity };
    const bars = known?.bars ?? [];
    const from = bars.pop()?.from ?? -Infinity;
    extendBars(bars, facts, name, from);
    const kept = { transitions, bars };
    this.#subtasks.set(name, kept);
    return { kept, from };
  }

  #vertex(facts: RunFacts, vertex: VertexDescription): readonly LaneBar[] {
    let transitions = 0;
    let from = Infinity;
    const lanes: LaneBar[][] = [];
    for (let index = 0; index < vertex.parallelism; index++) {
      const part = this.#subtask(facts, `${vertex.id}#${index}`);
      transitions += part.kept.transitions;
      from = Math.min(from, part.from);
      lanes.push(part.kept.bars);
    }
    const known = this.#vertices.get(vertex.id);
    if (known?.transitions === transitions) return known.bars;
    if (lanes.length === 1) return lanes[0];
    const bars = known?.bars ?? [];
    while (bars.length > 0 && (bars[bars.length - 1].to ?? Infinity) > from) bars.pop();
    mergeBars(bars, lanes, bars.at(-1)?.to ?? -Infinity);
    this.#vertices.set(vertex.id, { transitions, bars });
    return bars;
  }
}

function countTransitions(facts: RunFacts, name: string): number {
  let sum = 0;
  for (const attempt of facts.tasks.get(name) ?? []) sum += attempt.states.length;
  for (const attempt of facts.instances.get(name) ?? []) sum += attempt.phases.length;
  return sum;
}

/** Adds the bars of a subtask from a moment on. */
function extendBars(bars: LaneBar[], facts: RunFacts, name: string, from: number): void {
  const times = new Set<number>();
  collectTimes(facts.tasks.get(name), (attempt) => attempt.states, from, times);
  collectTimes(facts.instances.get(name), (attempt) => attempt.phases, from, times);
  for (const at of [...times].sort((a, b) => a - b)) {
    const { look, words } = lookAt(facts, name, at, 0);
    const last = bars.at(-1);
    if (last !== undefined && last.look === look && last.words === words) continue;
    if (last !== undefined) bars[bars.length - 1] = { ...last, to: at };
    bars.push({ from: at, to: undefined, look, words, count: 1 });
  }
}

/** Newest attempts first: those wholly before the moment need not be looked at. */
function collectTimes<A>(
  attempts: readonly A[] | undefined,
  stepsOf: (attempt: A) => readonly { readonly at: number }[],
  from: number,
  times: Set<number>,
): void {
  for (let i = (attempts?.length ?? 0) - 1; i >= 0; i--) {
    const steps = stepsOf((attempts as readonly A[])[i]);
    for (const { at } of steps) if (at >= from) times.add(at);
    if (steps.length > 0 && steps[steps.length - 1].at < from) return;
  }
}

/** One lane for several: at every moment the worst look, and how many have it. Adds bars from a moment on. */
export function mergeBars(merged: LaneBar[], lanes: readonly (readonly LaneBar[])[], from: number): void {
  const steps: { readonly at: number; readonly bar: LaneBar; readonly delta: 1 | -1 }[] = [];
  for (const bars of lanes) {
    for (let i = firstAfter(bars, from); i < bars.length; i++) {
      const bar = bars[i];
      steps.push({ at: Math.max(bar.from, from), bar, delta: 1 });
      if (bar.to !== undefined) steps.push({ at: bar.to, bar, delta: -1 });
    }
  }
  steps.sort((a, b) => a.at - b.at);
  const open = new Map<string, { readonly bar: LaneBar; count: number }>();
  for (let i = 0; i < steps.length; i++) {
    const { at, bar, delta } = steps[i];
    const key = `${bar.look} ${bar.words}`;
    const entry = open.get(key) ?? { bar, count: 0 };
    entry.count += delta;
    if (entry.count > 0) open.set(key, entry);
    else open.delete(key);
    if (i + 1 < steps.length && steps[i + 1].at === at) continue;
    const worst = worstOf(open.values());
    const last = merged.at(-1);
    const same = last !== undefined && (last.to === undefined || last.to === at);
    if (
      same &&
      worst !== undefined &&
      last.look === worst.bar.look &&
      last.words === worst.bar.words &&
      last.count === worst.count
    ) {
      if (last.to !== undefined) merged[merged.length - 1] = { ...last, to: undefined };
      continue;
    }
    if (last !== undefined && last.to === undefined) merged[merged.length - 1] = { ...last, to: at };
    if (worst !== undefined)
      merged.push({ from: at, to: undefined, look: worst.bar.look, words: worst.bar.words, count: worst.count });
  }
}

function worstOf<E extends { readonly bar: LaneBar }>(entries: Iterable<E>): E | undefined {
  let worst: E | undefined;
  for (const entry of entries)
    if (worst === undefined || BADNESS[entry.bar.look] > BADNESS[worst.bar.look]) worst = entry;
  return worst;
}

/** The first bar that ends after a moment. */
export function firstAfter(bars: readonly LaneBar[], at: number): number {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bars[middle].to ?? Infinity) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The bars of a stretch of time, with those thinner than a pixel joined: of what shares a pixel the worst is shown.
 * @param x where a moment lies, in pixels.
 */
export function barsInSight(
  bars: readonly LaneBar[],
  from: number,
  to: number,
  now: number,
  x: (at: number) => number,
): LaneBar[] {
  const shown: LaneBar[] = [];
  for (let i = firstAfter(bars, from); i < bars.length && bars[i].from <= to; i++) {
    const bar = bars[i];
    const last = shown.at(-1);
    if (last !== undefined && x(bar.to ?? now) - x(last.from) < 1.5) {
      const worse = BADNESS[bar.look] > BADNESS[last.look] ? bar : last;
      shown[shown.length - 1] = { ...worse, from: last.from, to: bar.to };
    } else shown.push(bar);
  }
  return shown;
}
