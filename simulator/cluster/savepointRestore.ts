/**
 * Lets a run begin from a savepoint: its state is matched to the job's operators by their ids, shared out over their parallelism, and put into
 * the run's folder as its first checkpoint. Recovery then has one more checkpoint to go back to and no other rule. The savepoint itself is
 * only read. Flink's `Checkpoints.loadAndValidateCheckpoint` and `StateAssignmentOperation`; claim mode NO_CLAIM.
 *
 * The whole state is in memory once while it is shared out.
 */
import type { StateHandle } from "../core/deployment";
import { FaultlineError } from "../graph/errors";
import type { Problem } from "../graph/errors";
import type { JobSpec, OperatorSpec } from "../graph/jobFile";
import { buildJobGraph } from "../graph/jobGraph";
import type { SplitAssignment } from "../graph/sourceSplits";
import { initialAssignment } from "../graph/sourceSplits";
import type { SubtaskName } from "../observe/journalEvent";
import type { FileSinkState, SinkOutput } from "../operators/fileSink";
import { maxParallelismOf } from "../operators/keyGroup";
import type { SourceState } from "../operators/sourceOperator";
import { isEmptyState, redistributeState } from "../operators/stateRedistribution";
import { encodeOperatorStates, encodeTaskState, stateFilePath, writeStateFile } from "./checkpointStorage";
import type { InFlightState } from "./checkpointStorage";
import { storeCheckpoint } from "./checkpointStore";
import type { RestoredFrom } from "./runDirectory";
import { readSavepointState } from "./savepoint";
import type { Savepoint } from "./savepoint";
import { stateLayout } from "./stateLayout";
import type { OperatorLayout } from "./stateLayout";

/**
 * The job with the key groups that the savepoint has: as in Flink, they stay what they were unless the job says something else.
 * @throws FaultlineError FL1042 with everything that does not fit
 */
export function fitToSavepoint(job: JobSpec, savepoint: Savepoint): JobSpec {
  if (job.runtime.mode === "batch") {
    throw FaultlineError.of(
      "FL1042",
      "A batch job starts from no savepoint.",
      'Write "mode": "streaming", or start it without one.',
      { element: "runtime.mode" },
    );
  }
  const before = new Map(savepoint.layout.operators.map((operator) => [operator.id, operator]));
  const problems: Problem[] = [];
  const operators = job.operators.map((operator): OperatorSpec => {
    const was = before.get(operator.id);
    if (was === undefined) return operator;
    const problem = misfit(operator, was);
    if (problem !== undefined)
      problems.push({ code: "FL1042", ...problem, location: { element: `operators.${operator.id}` } });
    const implied =
      operator.maxParallelism === undefined && was.maxParallelism !== maxParallelismOf(undefined, operator.parallelism);
    return implied ? { ...operator, maxParallelism: was.maxParallelism } : operator;
  });
  throwIfAny(problems);
  return { ...job, operators };
}

function misfit(operator: OperatorSpec, was: OperatorLayout): Pick<Problem, "message" | "hint"> | undefined {
  if (operator.kind !== was.kind) {
    return {
      message: `The savepoint has state of a ${was.kind} "${operator.id}"; in the job it is a ${operator.kind}.`,
      hint: "Give the new operator an id of its own.",
    };
  }
  const fixed = was.keyed ? operator.maxParallelism : undefined;
  if (fixed !== undefined && fixed !== was.maxParallelism) {
    return {
      message: `The keyed state of "${operator.id}" has ${was.maxParallelism} key groups; with "maxParallelism": ${fixed} they would be others.`,
      hint: `Write "maxParallelism": ${was.maxParallelism}, or leave it out.`,
    };
  }
  if (was.keyed && operator.parallelism > was.maxParallelism) {
    return {
      message: `"${operator.id}" cannot have parallelism ${operator.parallelism}: its state has ${was.maxParallelism} key groups.`,
      hint: `Set its parallelism to ${was.maxParallelism} or less.`,
    };
  }
  return undefined;
}

/**
 * Writes the run's first checkpoint.
 * @param job as {@link fitToSavepoint} gave it
 * @throws FaultlineError FL1041 for a damaged file, FL1042 for state that does not fit the job
 */
export async function restoreSavepoint(
  job: JobSpec,
  savepoint: Savepoint,
  runDirectory: string,
  allowNonRestoredState: boolean,
): Promise<RestoredFrom> {
  const layout = stateLayout(job);
  const { states, inFlight } = await readStates(savepoint);
  const skipped = leftBehind(job, savepoint, states, allowNonRestoredState);
  const changed = inFlight.size > 0 ? changedLayout(savepoint, layout) : undefined;
  if (changed !== undefined) {
    throw FaultlineError.of(
      "FL1042",
      `This is an unaligned checkpoint, which holds records on their way between tasks: it fits only the job that took it, and ${changed}.`,
      "Take a savepoint, which is always aligned, and start from that.",
      { file: savepoint.folder },
    );
  }
  const shared = new Map<string, readonly unknown[]>();
  const rescaled: { operator: string; from: number; to: number }[] = [];
  for (const was of savepoint.layout.operators) {
    const operator = job.operators.find(({ id }) => id === was.id);
    const now = layout.operators.find(({ id }) => id === was.id);
    if (operator === undefined || now === undefined) continue;
    const task = {
      states: states.get(was.id) ?? [],
      parallelism: now.parallelism,
      maxParallelism: now.maxParallelism,
      keyed: now.keyed && was.keyed,
    };
    shared.set(was.id, redistributeState(operator, task));
    if (was.parallelism !== now.parallelism)
      rescaled.push({ operator: was.id, from: was.parallelism, to: now.parallelism });
  }
  const handles = await writeStates(job, savepoint.checkpoint, shared, inFlight, runDirectory);
  const sourceOffsets = new Map<SubtaskName, number>();
  for (const { id, kind, parallelism } of layout.operators) {
    if (kind === "source" && shared.has(id))
      for (let index = 0; index < parallelism; index++) sourceOffsets.set(`${id}#${index}`, 0);
  }
  await storeCheckpoint(
    runDirectory,
    { checkpoint: savepoint.checkpoint, handles, sourceOffsets, final: false },
    layout,
  );
  return { path: savepoint.folder, checkpoint: savepoint.checkpoint, rescaled, skipped, ...histories(job, shared) };
}

/** State by operator, in order of the subtasks; and what was in flight, by task. */
async function readStates(savepoint: Savepoint): Promise<{
  readonly states: ReadonlyMap<string, unknown[]>;
  readonly inFlight: ReadonlyMap<SubtaskName, InFlightState>;
}> {
  const states = new Map(
    savepoint.layout.operators.map(({ id, parallelism }) => [
      id,
      Array.from({ length: parallelism }, (): unknown => undefined),
    ]),
  );
  const inFlight = new Map<SubtaskName, InFlightState>();
  for (const [task, handle] of savepoint.handles) {
    const read = await readSavepointState(handle);
    const index = Number(task.slice(task.lastIndexOf("#") + 1));
    for (const [operator, state] of Object.entries(read.operators)) {
      const list = states.get(operator);
      if (list !== undefined) list[index] = state;
    }
    if (read.inFlight !== undefined) inFlight.set(task, read.inFlight);
  }
  return { states, inFlight: [...inFlight.values()].some(holdsRecords) ? inFlight : new Map() };
}

function holdsRecords({ inputs, outputs }: InFlightState): boolean {
  return (
    inputs.some(({ state }) => state.elements !== undefined || state.payloads.length > 0) ||
    outputs.some(({ states }) => states.some(({ payloads }) => payloads.length > 0))
  );
}

/** Operators whose state has no place in the job. @throws FaultlineError FL1042 unless that is allowed */
function leftBehind(
  job: JobSpec,
  savepoint: Savepoint,
  states: ReadonlyMap<string, unknown[]>,
  allowed: boolean,
): readonly string[] {
  const known = new Set(job.operators.map(({ id }) => id));
  // What these count is of no use to anybody else.
  const counters = new Set(["standIn"]);
  const missing = savepoint.layout.operators.filter(
    ({ id, kind }) => !known.has(id) && !counters.has(kind) && !(states.get(id) ?? []).every(isEmptyState),
  );
  const problems = missing.map(({ id, kind }): Problem => ({
    code: "FL1042",
    message: `The savepoint has state of "${id}" (${kind}), and the job has no operator of that id.`,
    hint: "Give the operator that continues it this id, or leave the state behind with --allow-non-restored-state.",
    location: { file: savepoint.folder },
  }));
  throwIfAny(allowed ? [] : problems);
  return missing.map(({ id }) => id);
}

function throwIfAny(problems: readonly Problem[]): void {
  const [first, ...more] = problems;
  if (first !== undefined) throw new FaultlineError(first, more);
}

/** What is not as it was, in words. */
function changedLayout({ layout: was }: Savepoint, now: ReturnType<typeof stateLayout>): string | undefined {
  const changed = was.operators.find(
    (operator) => now.operators.find(({ id }) => id === operator.id)?.parallelism !== operator.parallelism,
  );
  if (changed !== undefined) return `"${changed.id}" has another parallelism or is not there`;
  const chained = was.operators.find(
    (operator) => now.operators.find(({ id }) => id === operator.id)?.vertex !== operator.vertex,
  );
  if (chained !== undefined) return `"${chained.id}" is chained otherwise`;
  return was.edges.join("\n") === now.edges.join("\n") ? undefined : "its edges are others";
}

async function writeStates(
  job: JobSpec,
  checkpoint: number,
  shared: ReadonlyMap<string, readonly unknown[]>,
  inFlight: ReadonlyMap<SubtaskName, InFlightState>,
  runDirectory: string,
): Promise<Map<SubtaskName, StateHandle>> {
  const handles = new Map<SubtaskName, StateHandle>();
  for (const vertex of buildJobGraph(job).vertices) {
    if (vertex.kind === "service") continue;
    for (let index = 0; index < vertex.parallelism; index++) {
      const task = `${vertex.id}#${index}`;
      const operators: Record<string, unknown> = {};
      for (const { id } of vertex.operators) {
        const state = shared.get(id)?.[index];
        if (state !== undefined) operators[id] = state;
      }
      const bytes = encodeTaskState(encodeOperatorStates(operators), inFlight.get(task));
      handles.set(task, await writeStateFile(runDirectory, stateFilePath(checkpoint, vertex.id, index), bytes));
    }
  }
  return handles;
}

/** What the report needs to hold this run and those before it, as one, against the sources. */
function histories(
  job: JobSpec,
  shared: ReadonlyMap<string, readonly unknown[]>,
): Pick<RestoredFrom, "sources" | "sinks"> {
  const sources: Record<string, readonly SplitAssignment[]> = {};
  const sinks: Record<string, readonly SinkOutput[]> = {};
  for (const { id, kind } of job.operators) {
    const states = shared.get(id);
    if (states === undefined) continue;
    if (kind === "source") {
      sources[id] = (states as readonly SourceState[]).map((state, subtask) =>
        typeof state === "number" ? initialAssignment(subtask, states.length, state) : state.left,
      );
    }
    if (kind === "sink")
      sinks[id] = states.flatMap((state) =>
        typeof state === "object" && state !== null ? (state as FileSinkState).before : [],
      );
  }
  return { sources, sinks };
}
