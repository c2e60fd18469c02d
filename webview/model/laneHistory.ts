/**
 * The bars of the timeline's lanes, folded from the journal as it comes and kept in columns: one lane for each vertex, one for each service
 * instance. Of a lane with several subtasks the worst look is shown at every moment, and how many have it.
 */
import { conditionOf, type AttemptHistory, type ConditionCode, type SubtaskHistory } from "./attemptHistory";
import { StepColumns } from "./stepColumns";
import { lookOf, type Look } from "./subtaskLook";

export interface LaneBar {
  readonly from: number;
  /** Undefined while it lasts. */
  readonly to: number | undefined;
  readonly look: Look;
  readonly words: string;
  /** Of a lane with several subtasks: how many look like this. */
  readonly count: number;
}

/** From the best to the worst. */
const BADNESS: readonly Look[] = [
  "idle",
  "finished",
  "running",
  "draining",
  "stopped",
  "stopping",
  "waiting",
  "starting",
  "restarting",
  "failing",
];
/** Bars of a lane; above, each two neighbours of the older half become one. */
const MOST_BARS = 200_000;

interface Kind {
  readonly look: Look;
  readonly words: string;
  readonly badness: number;
}

/** Every look with its words that there is; bars hold its place here. */
const KINDS: Kind[] = [];
/** By the condition of a subtask: there are a hundred, and each change of a long journal asks for one. */
const KIND_CODES: (number | undefined)[] = [];

function kindOf(condition: ConditionCode): number {
  return (KIND_CODES[condition] ??= newKind(condition));
}

function newKind(condition: ConditionCode): number {
  const { state, again, phase } = conditionOf(condition);
  const { look, words } = lookOf(state, again, phase);
  const known = KINDS.findIndex((one) => one.look === look && one.words === words);
  return known >= 0 ? known : KINDS.push({ look, words, badness: BADNESS.indexOf(look) }) - 1;
}

/** Bars of one lane, in the order of time and without gaps: each ends where the next one begins. */
export class LaneBars {
  #bars = new StepColumns();
  #troubled = false;

  get length(): number {
    return this.#bars.length;
  }
  /** Something in it ever failed or restarted. */
  get troubled(): boolean {
    return this.#troubled;
  }
  from(index: number): number {
    return this.#bars.at(index);
  }
  /** Infinity for one that lasts. */
  to(index: number): number {
    return index + 1 < this.#bars.length ? this.#bars.at(index + 1) : Infinity;
  }
  badness(index: number): number {
    return KINDS[this.#bars.code(index)].badness;
  }
  bar(index: number): LaneBar {
    const { look, words } = KINDS[this.#bars.code(index)];
    const to = this.to(index);
    return { from: this.from(index), to: to === Infinity ? undefined : to, look, words, count: this.#bars.mark(index) };
  }
  /** The first bar that ends after a moment. */
  firstAfter(moment: number): number {
    const started = this.#bars.until(moment);
    return Math.max(0, started - 1);
  }

  /** From this moment on the lane looks like this. */
  push(at: number, kind: number, count: number): void {
    const { look } = KINDS[kind];
    this.#troubled ||= look === "failing" || look === "restarting";
    let last = this.#bars.length - 1;
    // Changes of one moment make one bar.
    while (last >= 0 && this.#bars.at(last) >= at) this.#bars.cut(last--);
    if (last >= 0 && this.#bars.code(last) === kind && this.#bars.mark(last) === count) return;
    this.#bars.push(at, kind, count);
    if (this.#bars.length > MOST_BARS) this.#coarsen();
  }

  #coarsen(): void {
    const bars = this.#bars;
    const coarse = new StepColumns();
    const half = bars.length >> 1;
    for (let i = 0; i < bars.length;) {
      const pair = i < half && i + 1 < half;
      const worse = pair && this.badness(i + 1) > this.badness(i) ? i + 1 : i;
      coarse.push(bars.at(i), bars.code(worse), bars.mark(worse));
      i += pair ? 2 : 1;
    }
    this.#bars = coarse;
  }
}

/** A lane while it grows: how each of its subtasks looks now. */
class Lane {
  readonly bars = new LaneBars();
  /** By the subtask's index; −1: nothing known. */
  readonly #kinds: number[] = [];
  /** By kind: how many subtasks. */
  readonly #counts: number[] = [];

  set(index: number, at: number, kind: number): void {
    const before = this.#kinds[index] ?? -1;
    if (before === kind) return;
    if (before >= 0) this.#counts[before]--;
    this.#kinds[index] = kind;
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
    let worst = -1;
    for (let one = 0; one < this.#counts.length; one++) {
      if ((this.#counts[one] ?? 0) > 0 && (worst < 0 || KINDS[one].badness > KINDS[worst].badness)) worst = one;
    }
    this.bars.push(at, worst, this.#counts[worst]);
  }
}

/** Where the changes of a subtask go. */
interface SubtaskPlace {
  readonly history: SubtaskHistory;
  readonly lane: Lane;
  readonly index: number;
  /** A service instance has one for itself as well. */
  readonly own: Lane | undefined;
}

export class LaneHistory {
  readonly #lanes = new Map<string, Lane>();
  readonly #places = new Map<string, SubtaskPlace>();

  constructor(private readonly attempts: AttemptHistory) {}

  /** Of a vertex by its id, of a service instance by `VERTEX#INDEX`. */
  of(name: string): LaneBars | undefined {
    return this.#lanes.get(name)?.bars;
  }

  /** A subtask looks different from this moment on. */
  changed(subtask: string, at: number): void {
    const known = this.#places.get(subtask);
    const history = known?.history ?? this.attempts.of(subtask);
    const condition = history?.conditionAt(at) ?? -1;
    if (history === undefined || condition < 0) return;
    const { lane, index, own } = known ?? this.#place(subtask, history);
    const kind = kindOf(condition);
    lane.set(index, at, kind);
    own?.set(0, at, kind);
  }

  #place(subtask: string, history: SubtaskHistory): SubtaskPlace {
    const hash = subtask.lastIndexOf("#");
    const lane = this.#lane(subtask.slice(0, hash));
    const index = Number(subtask.slice(hash + 1)) || 0;
    const own = history.vertexKind === "service" ? this.#lane(subtask) : undefined;
    const place = { history, lane, index, own };
    this.#places.set(subtask, place);
    return place;
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) this.#lanes.set(name, (lane = new Lane()));
    return lane;
  }
}
