/**
 * What the journal said of attempts, packed: about 5 bytes for a change of state, where objects take a hundred and more. So a view can stay open
 * for hours beside a run that fails all the time, and still go back to any moment.
 *
 * It is bounded: above {@link MOST_STEPS} changes the older half is let go, and {@link AttemptHistory.keptFrom} says how far back one can go.
 */
import type { ExecutionState } from "../../simulator/graph/executionState";
import type { AttemptLog, InstanceAttempt, TaskAttempt } from "../../simulator/observe/attemptLog";
import type { Cause, InstancePhase, JournalEventOf, SubtaskName } from "../../simulator/observe/journalEvent";
import { StepColumns } from "./stepColumns";

/** Changes of state kept over all subtasks: some 10 MB. */
export const MOST_STEPS = 2_000_000;

const STATES: readonly ExecutionState[] = [
  "CREATED",
  "SCHEDULED",
  "DEPLOYING",
  "INITIALIZING",
  "RUNNING",
  "FINISHED",
  "CANCELING",
  "CANCELED",
  "FAILED",
];
const STATE_CODES = new Map(STATES.map((state, code) => [state, code]));
const FAILED = STATES.indexOf("FAILED");
const PHASES: readonly InstancePhase[] = ["STARTING", "LOADING", "WARMING", "READY", "SERVING", "DRAINING"];
const PHASE_CODES = new Map(PHASES.map((phase, code) => [phase, code]));

/** A state, whether its attempt is the first, and an instance's phase in one small number; see {@link SubtaskHistory.conditionAt}. */
export type ConditionCode = number;

export function conditionOf(code: ConditionCode): {
  readonly state: ExecutionState;
  readonly again: boolean;
  readonly phase: InstancePhase | undefined;
} {
  const rest = Math.floor(code / (PHASES.length + 1));
  return { state: STATES[rest >> 1], again: rest % 2 === 1, phase: PHASES[(code % (PHASES.length + 1)) - 1] };
}

/** What is known of an attempt beside its steps, where there is something. */
interface AttemptNote {
  cause?: Cause;
  restoredAt?: number;
  pid?: number;
  device?: string;
  loadDelayMs?: number;
}

/** An attempt that a moment lies in. */
export interface AttemptAt {
  /** 0 for the first attempt that the journal spoke of. */
  readonly index: number;
  readonly attempt: number;
  readonly startedAt: number;
  readonly state: ExecutionState;
  /** When the state was entered. */
  readonly since: number;
}

/** All attempts of one subtask. */
export class SubtaskHistory {
  /** Changes of the execution state; they are marked with the place of their attempt among all attempts. */
  readonly #states = new StepColumns();
  /** Changes of an instance's phase; they are marked with the number of their attempt. */
  readonly #phases = new StepColumns();
  /** Of each attempt: when it began, marked with its number; `code` is the name of its process. */
  readonly #attempts = new StepColumns();
  readonly #notes = new Map<number, AttemptNote>();
  /** Attempts that were let go. */
  #dropped = 0;
  device: string | undefined;
  pid: number | undefined;

  constructor(
    readonly name: SubtaskName,
    readonly vertexKind: "stream" | "service",
    private readonly processes: ProcessNames,
  ) {}

  get steps(): number {
    return this.#states.length + this.#phases.length;
  }
  /** The process of the newest attempt. */
  get process(): string | undefined {
    const { length } = this.#attempts;
    return length === 0 ? undefined : this.processes.nameOf(this.#attempts.code(length - 1));
  }
  /** Attempts that the journal spoke of. */
  get attempts(): number {
    return this.#dropped + this.#attempts.length;
  }
  /** When the oldest step that is kept was, ms since the epoch. */
  get keptFrom(): number {
    return this.#dropped === 0 || this.#states.length === 0 ? -Infinity : this.#states.at(0);
  }

  taskState(event: JournalEventOf<"task.state">): void {
    const code = STATE_CODES.get(event.to);
    if (code === undefined) return;
    let index = this.#attempts.length - 1;
    while (index >= 0 && this.#attempts.mark(index) > event.attempt) index--;
    if (index < 0 || this.#attempts.mark(index) !== event.attempt) {
      index = this.#attempts.length;
      this.#attempts.push(event.at, 0, event.attempt);
    }
    if (event.process !== undefined) this.#attempts.setCode(index, this.processes.codeOf(event.process));
    this.#states.push(event.at, code, this.#dropped + index);
    if (event.cause !== undefined) this.#note(event.attempt).cause = event.cause;
  }

  instancePhase({ at, attempt, phase, pid, device, loadDelayMs }: JournalEventOf<"instance.phase">): void {
    const code = PHASE_CODES.get(phase);
    if (code === undefined) return;
    this.#phases.push(at, code, attempt);
    this.pid = pid ?? this.pid;
    this.device = device ?? this.device;
    if (pid === undefined && device === undefined && loadDelayMs === undefined) return;
    const note = this.#note(attempt);
    note.pid = pid ?? note.pid;
    note.device = device ?? note.device;
    note.loadDelayMs = loadDelayMs ?? note.loadDelayMs;
  }

  taskRestored({ at, attempt }: JournalEventOf<"task.restored">): void {
    this.#note(attempt).restoredAt = at;
  }

  /** The attempt that was the newest at a moment, and its state then. */
  attemptAt(moment: number): AttemptAt | undefined {
    const index = this.#attempts.until(moment) - 1;
    return index < 0 ? undefined : this.#attemptAt(index, moment);
  }

  /** What {@link attemptAt} and {@link phaseAt} say of a moment as far as a look depends on it, without making objects; −1: nothing known. */
  conditionAt(moment: number): ConditionCode {
    const index = this.#attempts.until(moment) - 1;
    const place = index < 0 ? -1 : this.#placeAt(index, moment);
    if (place < 0) return -1;
    const again = this.#dropped + index > 0 ? 1 : 0;
    const phase = this.vertexKind === "service" ? this.#phasePlaceAt(this.#attempts.mark(index), moment) : -1;
    const phaseCode = phase < 0 ? 0 : this.#phases.code(phase) + 1;
    return (this.#states.code(place) * 2 + again) * (PHASES.length + 1) + phaseCode;
  }

  /** The attempt at a place among all, as it was at a moment. */
  #attemptAt(index: number, moment: number): AttemptAt | undefined {
    const place = this.#placeAt(index, moment);
    if (place < 0) return undefined;
    return {
      index: this.#dropped + index,
      attempt: this.#attempts.mark(index),
      startedAt: this.#attempts.at(index),
      state: STATES[this.#states.code(place)],
      since: this.#states.at(place),
    };
  }

  /** Where the newest state of an attempt up to a moment stands; −1 when there is none. */
  #placeAt(index: number, moment: number): number {
    for (let i = this.#states.until(moment) - 1; i >= 0; i--) {
      const of = this.#states.mark(i) - this.#dropped;
      if (of < index - 1) break;
      if (of === index) return i;
    }
    return -1;
  }

  /** When an attempt failed, if it had by that moment. */
  failedAt(index: number, moment: number): number | undefined {
    for (let i = this.#states.until(moment) - 1; i >= 0 && this.#states.mark(i) >= index - 1; i--) {
      if (this.#states.mark(i) === index && this.#states.code(i) === FAILED) return this.#states.at(i);
    }
    return undefined;
  }

  causeOf(attempt: number): Cause | undefined {
    return this.#notes.get(attempt)?.cause;
  }
  /** The number of the attempt before. */
  attemptBefore(index: number): number | undefined {
    const before = index - 1 - this.#dropped;
    return before < 0 ? undefined : this.#attempts.mark(before);
  }

  /** The phase of an instance's attempt at a moment. */
  phaseAt(attempt: number, moment: number): { readonly phase: InstancePhase; readonly at: number } | undefined {
    const place = this.#phasePlaceAt(attempt, moment);
    return place < 0 ? undefined : { phase: PHASES[this.#phases.code(place)], at: this.#phases.at(place) };
  }

  #phasePlaceAt(attempt: number, moment: number): number {
    for (let i = this.#phases.until(moment) - 1; i >= 0 && this.#phases.mark(i) >= attempt; i--)
      if (this.#phases.mark(i) === attempt) return i;
    return -1;
  }

  /** How long an attempt took until it ran (an instance: until it was ready). */
  startTook(index: number): number | undefined {
    const place = index - this.#dropped;
    if (place < 0) return undefined;
    const startedAt = this.#attempts.at(place);
    const number = this.#attempts.mark(place);
    for (let i = this.#phases.until(startedAt); i < this.#phases.length && this.#phases.mark(i) <= number; i++) {
      const phase = PHASES[this.#phases.code(i)];
      if (this.#phases.mark(i) === number && (phase === "READY" || phase === "SERVING"))
        return this.#phases.at(i) - startedAt;
    }
    for (let i = this.#states.until(startedAt) - 1; i < this.#states.length; i++) {
      if (i < 0) continue;
      if (this.#states.mark(i) > index) break;
      if (this.#states.mark(i) === index && STATES[this.#states.code(i)] === "RUNNING")
        return this.#states.at(i) - startedAt;
    }
    return undefined;
  }

  /** The newest `most` attempts as objects, oldest first. */
  taskAttempts(most = Infinity): TaskAttempt[] {
    const first = Math.max(0, this.#attempts.length - most);
    const list: TaskAttempt[] = [];
    for (let i = first; i < this.#attempts.length; i++) {
      const attempt = this.#attempts.mark(i);
      const note = this.#notes.get(attempt);
      list.push({
        task: this.name,
        vertexKind: this.vertexKind,
        attempt,
        startedAt: this.#attempts.at(i),
        process: this.processes.nameOf(this.#attempts.code(i)),
        states: [],
        cause: note?.cause,
        restoredAt: note?.restoredAt,
      });
    }
    const from = first === 0 ? 0 : this.#states.until(this.#attempts.at(first) - 1e-3);
    for (let i = from; i < this.#states.length; i++) {
      const of = list.at(this.#states.mark(i) - this.#dropped - first);
      if (this.#states.mark(i) - this.#dropped >= first)
        of?.states.push({ state: STATES[this.#states.code(i)], at: this.#states.at(i) });
    }
    return list;
  }

  /** The newest `most`, oldest first. */
  instanceAttempts(most = Infinity): InstanceAttempt[] {
    const list: InstanceAttempt[] = [];
    const newest = this.#phases.length === 0 ? 0 : this.#phases.mark(this.#phases.length - 1);
    for (let i = 0; i < this.#phases.length; i++) {
      if (this.#phases.mark(i) <= newest - most) continue;
      const attempt = this.#phases.mark(i);
      let one = list.findLast((known) => known.attempt === attempt);
      if (one === undefined) {
        const note = this.#notes.get(attempt);
        const { pid, device, loadDelayMs = 0 } = note ?? {};
        list.push((one = { instance: this.name, attempt, phases: [], pid, device, loadDelayMs }));
      }
      one.phases.push({ phase: PHASES[this.#phases.code(i)], at: this.#phases.at(i) });
    }
    return list;
  }

  /** Lets the older half of the attempts go. */
  forgetOlderHalf(): void {
    const drop = this.#attempts.length >> 1;
    if (drop === 0) return;
    for (let i = 0; i < drop; i++) this.#notes.delete(this.#attempts.mark(i));
    const oldest = this.#attempts.mark(drop);
    this.#attempts.drop(drop);
    this.#dropped += drop;
    let states = 0;
    while (states < this.#states.length && this.#states.mark(states) < this.#dropped) states++;
    this.#states.drop(states);
    let phases = 0;
    while (phases < this.#phases.length && this.#phases.mark(phases) < oldest) phases++;
    this.#phases.drop(phases);
  }

  #note(attempt: number): AttemptNote {
    let note = this.#notes.get(attempt);
    if (note === undefined) this.#notes.set(attempt, (note = {}));
    return note;
  }
}

/** Names of processes by small numbers; 0 is none. */
class ProcessNames {
  readonly #names: (string | undefined)[] = [undefined];
  readonly #codes = new Map<string, number>();
  /** Asked for last: the next change is mostly one of the same process, and comparing is quicker than looking up. */
  #last: { readonly name: string; readonly code: number } | undefined;

  codeOf(name: string): number {
    if (this.#last?.name === name) return this.#last.code;
    const code = this.#find(name);
    this.#last = { name, code };
    return code;
  }

  #find(name: string): number {
    let code = this.#codes.get(name);
    if (code === undefined) {
      // A job has some hundred processes; of more the name is not kept.
      code = this.#names.length <= 255 ? this.#names.push(name) - 1 : 0;
      this.#codes.set(name, code);
    }
    return code;
  }

  nameOf(code: number): string | undefined {
    return this.#names[code];
  }
}

export class AttemptHistory implements AttemptLog {
  readonly #subtasks = new Map<SubtaskName, SubtaskHistory>();
  readonly #processes = new ProcessNames();
  #steps = 0;
  #keptFrom = -Infinity;
  #unpacked: {
    tasks?: ReadonlyMap<SubtaskName, readonly TaskAttempt[]>;
    instances?: ReadonlyMap<SubtaskName, readonly InstanceAttempt[]>;
  } = {};

  constructor(private readonly most = MOST_STEPS) {}

  /** No moment before this one can be looked at, ms since the epoch. */
  get keptFrom(): number {
    return this.#keptFrom;
  }
  get size(): number {
    return this.#subtasks.size;
  }

  of(subtask: SubtaskName): SubtaskHistory | undefined {
    return this.#subtasks.get(subtask);
  }
  names(): Iterable<SubtaskName> {
    return this.#subtasks.keys();
  }

  taskState(event: JournalEventOf<"task.state">): void {
    this.#count();
    this.#subtask(event.task, event.vertexKind).taskState(event);
  }

  instancePhase(event: JournalEventOf<"instance.phase">): void {
    this.#count();
    this.#subtask(event.instance, "service").instancePhase(event);
  }

  taskRestored(event: JournalEventOf<"task.restored">): void {
    this.#subtasks.get(event.task)?.taskRestored(event);
  }

  /** As objects, for a report; made when asked for and forgotten with the next event. */
  get tasks(): ReadonlyMap<SubtaskName, readonly TaskAttempt[]> {
    return (this.#unpacked.tasks ??= this.#unpack((history) => history.taskAttempts()));
  }
  get instances(): ReadonlyMap<SubtaskName, readonly InstanceAttempt[]> {
    return (this.#unpacked.instances ??= this.#unpack((history) => history.instanceAttempts()));
  }

  #unpack<A>(of: (history: SubtaskHistory) => readonly A[]): ReadonlyMap<SubtaskName, readonly A[]> {
    const all = new Map<SubtaskName, readonly A[]>();
    for (const [name, history] of this.#subtasks) {
      const attempts = of(history);
      if (attempts.length > 0) all.set(name, attempts);
    }
    return all;
  }

  #subtask(name: SubtaskName, vertexKind: "stream" | "service"): SubtaskHistory {
    let history = this.#subtasks.get(name);
    if (history === undefined)
      this.#subtasks.set(name, (history = new SubtaskHistory(name, vertexKind, this.#processes)));
    return history;
  }

  #count(): void {
    if (this.#unpacked.tasks !== undefined || this.#unpacked.instances !== undefined) this.#unpacked = {};
    if (++this.#steps <= this.most) return;
    this.#steps = 0;
    for (const history of this.#subtasks.values()) {
      history.forgetOlderHalf();
      this.#steps += history.steps;
      this.#keptFrom = Math.max(this.#keptFrom, history.keptFrom);
    }
  }
}
