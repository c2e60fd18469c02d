/** What a coordinator that takes over knows: a fold over the journal, the checkpoints on disk, and who of the run still lives. */
import type { RecoveredJob } from "../core/jobMasterState";
import { RecoveredJobFold } from "../core/recoveredJob";
import { FAULT_CATALOGUE } from "../faults/catalogue";
import type { ParameterValues } from "../faults/faultParameter";
import { linkProcesses, parseFaultTarget } from "../faults/faultTarget";
import type { JobState } from "../graph/executionState";
import type { JournalEvent, ProcessName } from "../observe/journalEvent";
import { readCheckpoints } from "./checkpointStore";
import type { DamagedCheckpoint } from "./checkpointStore";
import { processesOfRun, processState } from "./processesOfRun";

/** A fault that was injected, with nothing in the journal yet about whether it took effect. */
export interface OpenInjection {
  readonly injection: number;
  readonly target: string;
  /** What shows now that it did: the coordinator before could not tell any more. */
  readonly evidence: string | undefined;
}

/** A fault that was not healed, and whose processes are those that it was injected into. */
export interface ActiveInjection {
  readonly injection: number;
  readonly fault: string;
  readonly target: string;
  readonly parameters: ParameterValues;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  effective: boolean;
  /** Who carries it out, or is hit by it. */
  readonly processes: readonly { readonly name: ProcessName; readonly pid: number | undefined }[];
}

export interface RecoveredRun {
  readonly job: RecoveredJob;
  readonly damaged: readonly DamagedCheckpoint[];
  readonly openInjections: readonly OpenInjection[];
  readonly activeInjections: readonly ActiveInjection[];
  readonly nextInjection: number;
  /** Workers that the coordinator before had started, and that are there. */
  readonly predecessors: readonly { readonly name: ProcessName; readonly pid: number }[];
  /** How the run ended, when it was over and there is nothing to take over. */
  readonly ended: JobState | undefined;
}

export async function recoverRun(directory: string, events: AsyncIterable<JournalEvent>): Promise<RecoveredRun> {
  const fold = new RecoveredJobFold();
  const pids = new Map<ProcessName, number>();
  const open = new Map<number, { readonly injection: number; readonly target: string; readonly fault: string; readonly pid: number | undefined }>();
  const active = new Map<number, ActiveInjection>();
  let nextInjection = 1;
  let ended: JobState | undefined;
  for await (const event of events) {
    fold.observe(event);
    if (event.kind === "process.started" || event.kind === "process.connected") pids.set(event.process, event.pid);
    if (event.kind === "fault.injected") {
      const { injection, target, fault } = event;
      const parsed = parseFaultTarget(target);
      const names = parsed?.kind === "link" ? linkProcesses(parsed) : [target];
      const processes = names.map((name) => ({ name, pid: pids.get(name) }));
      if (event.momentary !== true) {
        active.set(injection, { injection, fault, target, parameters: event.parameters as ParameterValues, atMs: event.at, effective: false, processes });
      }
      open.set(injection, { injection, target, fault, pid: pids.get(target) });
      nextInjection = event.injection + 1;
    }
    if (event.kind === "fault.effective" || event.kind === "fault.failed") open.delete(event.injection);
    if (event.kind === "fault.failed" || event.kind === "fault.healed") active.delete(event.injection);
    const effective = event.kind === "fault.effective" ? active.get(event.injection) : undefined;
    if (effective !== undefined) effective.effective = true;
    if (event.kind === "run.ended") ended = event.state;
  }
  const { completed, damaged, nextCheckpoint } = await readCheckpoints(directory);
  const there = processesOfRun(directory);
  const predecessors = there?.filter(({ name }) => name !== "coordinator");
  return {
    job: { ...fold.result({ completed, nextCheckpoint }), awaited: predecessors?.map(({ name }) => name) },
    damaged,
    openInjections: [...open.values()].map(({ injection, target, fault, pid }) => {
      if (target === "coordinator") return { injection, target, evidence: "a new coordinator had to take over" };
      return { injection, target, evidence: pid === undefined ? undefined : effectOn(target, pid, fault, there) };
    }),
    activeInjections: [...active.values()].filter(({ processes }) => processes.every(({ name, pid }) => predecessors?.some((one) => one.name === name && one.pid === pid))),
    nextInjection,
    predecessors: predecessors ?? [],
    ended,
  };
}

/**
 * Of a run that began from a savepoint, which was its first checkpoint. Where none can be read any more it fails: begun anew it would give all
 * that the runs before it gave once more, and they count as one.
 */
export function failedWithoutCheckpoint(recovered: RecoveredRun): RecoveredRun {
  const { job, damaged } = recovered;
  if (job.completed.length > 0 || job.failure !== undefined) return recovered;
  const why = damaged.at(-1)?.cause.message ?? "There is none.";
  const failure = { code: "FL2007" as const, message: `No checkpoint of this run, which began from a savepoint, can be read: ${why}`, hint: "Start a run from the savepoint again." };
  return { ...recovered, job: { ...job, failure } };
}

/** What is to be seen of a fault on a worker of the coordinator before. A stopped one will not connect, and makes place for another. */
function effectOn(target: string, pid: number, fault: string, there: ReturnType<typeof processesOfRun>): string | undefined {
  const wanted = FAULT_CATALOGUE.find(({ name }) => name === fault)?.evidence;
  const gone = there !== undefined && !there.some((process) => process.pid === pid);
  if (wanted === "process-gone" && gone) return `${target} (process ${pid}) was gone when a new coordinator took over`;
  if (wanted === "process-stopped" && !gone && processState(pid) === "T") return `${target} (process ${pid}) was stopped (state T) when a new coordinator took over`;
  return undefined;
}
