/**
 * The state of one operator, shared out over another number of subtasks. Flink's `StateAssignmentOperation` and
 * `RoundRobinOperatorStateRepartitioner`: keyed state goes by key groups, lists are dealt out, source splits are shared out anew.
 *
 * A key group is a function of the key, so that state is kept by key and its group is computed where it is needed: here.
 */
import { FaultlineError } from "../graph/errors";
import type { OperatorSpec } from "../graph/jobFile";
import { initialAssignment, redistributeSplits } from "../graph/sourceSplits";
import type { AsyncState } from "./asyncOperator";
import type { FileSinkState } from "./fileSink";
import { keyGroupOf, subtaskOfKeyGroup } from "./keyGroup";
import type { ProcessState } from "./processOperator";
import type { SourceState } from "./sourceOperator";
import type { WindowState } from "./windowOperator";

export interface Redistribution {
  /** The operator as it was, with the state of each of its subtasks; `undefined` where one had none. */
  readonly states: readonly unknown[];
  /** How many subtasks there are now. */
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** The operator has a key: its input comes over a HASH edge. */
  readonly keyed: boolean;
}

/**
 * @returns the state of each subtask, `undefined` for one that begins empty
 * @throws FaultlineError FL1042 for state without a key whose parallelism changes
 */
export function redistributeState(operator: OperatorSpec, task: Redistribution): readonly unknown[] {
  const { states, parallelism } = task;
  switch (operator.kind) {
    case "source":
      return redistributeSource(states as readonly (SourceState | undefined)[], parallelism);
    case "sink":
      return operator.sink.connector.kind === "file"
        ? redistributeFileSink(states as readonly (FileSinkState | undefined)[], parallelism)
        : onFirst(sum(states as readonly (number | undefined)[]), parallelism);
    case "process":
      return redistributeProcess(operator, states as readonly (ProcessState | undefined)[], task);
    case "window":
      return redistributeWindow(operator, states as readonly (WindowState | undefined)[], task);
    case "async":
    case "rpc": {
      const calls = (states as readonly (AsyncState | undefined)[]).flatMap((state) => state ?? []);
      return deal(calls, parallelism);
    }
    case "standIn":
      return onFirst(sum(states as readonly (number | undefined)[]), parallelism);
    default:
      return Array.from({ length: parallelism }, () => undefined);
  }
}

/** Whether an operator of another job would lose anything if this were left behind. */
export function isEmptyState(state: unknown): boolean {
  if (state === undefined || state === null || state === 0) return true;
  if (Array.isArray(state)) return state.length === 0;
  if (typeof state !== "object") return false;
  if ("next" in state && "pending" in state) return (state as FileSinkState).pending.length === 0;
  return Object.values(state).every(isEmptyState);
}

function redistributeSource(states: readonly (SourceState | undefined)[], parallelism: number): readonly SourceState[] {
  const left = states.map((state, subtask) =>
    state === undefined || typeof state === "number"
      ? initialAssignment(subtask, states.length, state ?? 0)
      : state.left,
  );
  const shared = states.length === parallelism ? left : redistributeSplits(left, parallelism);
  const listing = states
    .map((state) => (typeof state === "object" ? state.listing : undefined))
    .find((one) => one !== undefined);
  return shared.map((assignment) => ({ emitted: 0, left: assignment, ...(listing === undefined ? {} : { listing }) }));
}

/** Files are numbered anew in the new run's folder; those that wait for their checkpoint are committed by whoever gets them. */
function redistributeFileSink(
  states: readonly (FileSinkState | undefined)[],
  parallelism: number,
): readonly FileSinkState[] {
  const known = states.filter((state) => state !== undefined);
  const before = known.flatMap((state) => [
    ...state.before,
    { directory: state.directory, prefix: state.prefix, next: state.next },
  ]);
  const pending = deal(
    known.flatMap((state) => state.pending),
    parallelism,
  );
  return pending.map((files, subtask) => ({
    directory: "",
    prefix: "",
    next: 0,
    pending: files,
    before: subtask === 0 ? before : [],
  }));
}

function redistributeProcess(
  operator: OperatorSpec,
  states: readonly (ProcessState | undefined)[],
  task: Redistribution,
): readonly unknown[] {
  const subtaskOf = keyAssignment(operator, states, task);
  if (subtaskOf === undefined) return states;
  const shared = Array.from({ length: task.parallelism }, () => ({
    keys: [] as ProcessState["keys"][number][],
    eventTimers: [] as ProcessState["eventTimers"][number][],
    processingTimers: [] as ProcessState["processingTimers"][number][],
  }));
  for (const state of states) {
    for (const entry of state?.keys ?? []) shared[subtaskOf(entry[0])].keys.push(entry);
    for (const timer of state?.eventTimers ?? []) shared[subtaskOf(timer[1])].eventTimers.push(timer);
    for (const timer of state?.processingTimers ?? []) shared[subtaskOf(timer[1])].processingTimers.push(timer);
  }
  return shared;
}

function redistributeWindow(
  operator: OperatorSpec,
  states: readonly (WindowState | undefined)[],
  task: Redistribution,
): readonly unknown[] {
  const subtaskOf = keyAssignment(operator, states, task);
  if (subtaskOf === undefined) return states;
  const late = sum(states.map((state) => state?.late));
  const shared = Array.from({ length: task.parallelism }, (_, subtask) => ({
    keys: [] as WindowState["keys"][number][],
    late: subtask === 0 ? late : 0,
  }));
  for (const state of states) for (const entry of state?.keys ?? []) shared[subtaskOf(entry[0])].keys.push(entry);
  return shared;
}

/** Where a key's state goes; `undefined` where everything stays where it is. */
function keyAssignment(
  operator: OperatorSpec,
  states: readonly unknown[],
  task: Redistribution,
): ((key: unknown) => number) | undefined {
  const { parallelism, maxParallelism, keyed } = task;
  if (keyed)
    return (key) => subtaskOfKeyGroup(keyGroupOf(JSON.stringify(key), maxParallelism), maxParallelism, parallelism);
  if (states.length === parallelism) return undefined;
  if (states.every(isEmptyState)) return () => 0;
  throw FaultlineError.of(
    "FL1042",
    `The state of "${operator.id}" belongs to no key, so that it cannot be shared out over ${parallelism} subtasks instead of ${states.length}.`,
    `Keep its parallelism at ${states.length}, or give the edge into it a key.`,
    { element: `operators.${operator.id}` },
  );
}

function deal<T>(items: readonly T[], parallelism: number): readonly T[][] {
  return Array.from({ length: parallelism }, (_, subtask) =>
    items.filter((_item, index) => index % parallelism === subtask),
  );
}

function sum(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}

function onFirst(value: number, parallelism: number): readonly number[] {
  return Array.from({ length: parallelism }, (_, subtask) => (subtask === 0 ? value : 0));
}
