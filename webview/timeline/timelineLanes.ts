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

export class TimelineLanes {
  readonly #bars = new Map<string, { readonly transitions: number; readonly bars: readonly LaneBar[] }>();

  of(graph: GraphDescription, facts: RunFacts): Lane[] {
    const lanes: Lane[] = [];
    const services = graph.vertices.filter((vertex) => vertex.kind === "service");
    for (const vertex of services) {
      for (let index = 0; index < vertex.parallelism; index++) {
        lanes.push({
          vertex: vertex.id,
          index,
          label: `${vertex.name}#${index}`,
          service: true,
          bars: this.#subtask(facts, `${vertex.id}#${index}`),
        });
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

  #subtask(facts: RunFacts, name: string): readonly LaneBar[] {
    const transitions = countTransitions(facts, name);
    const known = this.#bars.get(name);
    if (known?.transitions === transitions) return known.bars;
    const bars = subtaskBars(facts, name);
    this.#bars.set(name, { transitions, bars });
    return bars;
  }

  #vertex(facts: RunFacts, vertex: VertexDescription): readonly LaneBar[] {
    let transitions = 0;
    for (let index = 0; index < vertex.parallelism; index++)
      transitions += countTransitions(facts, `${vertex.id}#${index}`);
    const known = this.#bars.get(vertex.id);
    if (known?.transitions === transitions) return known.bars;
    const bars = mergeBars(
      Array.from({ length: Math.max(0, vertex.parallelism) }, (_, index) =>
        this.#subtask(facts, `${vertex.id}#${index}`),
      ),
    );
    this.#bars.set(vertex.id, { transitions, bars });
    return bars;
  }
}

function countTransitions(facts: RunFacts, name: string): number {
  let sum = 0;
  for (const attempt of facts.tasks.get(name) ?? []) sum += attempt.states.length;
  for (const attempt of facts.instances.get(name) ?? []) sum += attempt.phases.length;
  return sum;
}

function subtaskBars(facts: RunFacts, name: string): LaneBar[] {
  const times = new Set<number>();
  for (const attempt of facts.tasks.get(name) ?? []) {
    for (const { at } of attempt.states) times.add(at);
  }
  for (const attempt of facts.instances.get(name) ?? []) for (const { at } of attempt.phases) times.add(at);
  const bars: LaneBar[] = [];
  for (const at of [...times].sort((a, b) => a - b)) {
    const { look, words } = lookAt(facts, name, at, 0);
    const last = bars.at(-1);
    if (last !== undefined && last.look === look && last.words === words) continue;
    if (last !== undefined) bars[bars.length - 1] = { ...last, to: at };
    bars.push({ from: at, to: undefined, look, words, count: 1 });
  }
  return bars;
}

/** One lane for several: at every moment the worst look, and how many have it. */
export function mergeBars(lanes: readonly (readonly LaneBar[])[]): LaneBar[] {
  if (lanes.length === 1) return [...lanes[0]];
  const steps: { readonly at: number; readonly bar: LaneBar; readonly delta: 1 | -1 }[] = [];
  for (const bars of lanes) {
    for (const bar of bars) {
      steps.push({ at: bar.from, bar, delta: 1 });
      if (bar.to !== undefined) steps.push({ at: bar.to, bar, delta: -1 });
    }
  }
  steps.sort((a, b) => a.at - b.at);
  const open = new Map<string, { readonly bar: LaneBar; count: number }>();
  const merged: LaneBar[] = [];
  for (let i = 0; i < steps.length; i++) {
    const { at, bar, delta } = steps[i];
    const key = `${bar.look} ${bar.words}`;
    const entry = open.get(key) ?? { bar, count: 0 };
    entry.count += delta;
    if (entry.count > 0) open.set(key, entry);
    else open.delete(key);
    if (i + 1 < steps.length && steps[i + 1].at === at) continue;
    const worst = [...open.values()].sort((a, b) => BADNESS[b.bar.look] - BADNESS[a.bar.look])[0];
    const last = merged.at(-1);
    if (
      last !== undefined &&
      worst !== undefined &&
      last.look === worst.bar.look &&
      last.words === worst.bar.words &&
      last.count === worst.count
    )
      continue;
    if (last !== undefined && last.to === undefined) merged[merged.length - 1] = { ...last, to: at };
    if (worst !== undefined)
      merged.push({ from: at, to: undefined, look: worst.bar.look, words: worst.bar.words, count: worst.count });
  }
  return merged;
}
