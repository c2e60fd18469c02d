/** What a coordinator that takes over knows: a fold over the journal, the checkpoints on disk, and who of the run still lives. */
import type { RecoveredJob } from "../core/jobMasterState";
import { RecoveredJobFold } from "../core/recoveredJob";
import type { JobState } from "../graph/executionState";
import type { JournalEvent, ProcessName } from "../observe/journalEvent";
import { readCheckpoints } from "./checkpointStore";
import type { DamagedCheckpoint } from "./checkpointStore";
import { processesOfRun } from "./processesOfRun";

/** A fault that was injected, with nothing yet about whether it took effect. */
export interface OpenInjection {
  readonly injection: number;
  readonly target: string;
}

export interface RecoveredRun {
  readonly job: RecoveredJob;
  readonly damaged: readonly DamagedCheckpoint[];
  readonly openInjections: readonly OpenInjection[];
  readonly nextInjection: number;
  /** Workers that the coordinator before had started, and that are there. */
  readonly predecessors: readonly { readonly name: ProcessName; readonly pid: number }[];
  /** How the run ended, when it was over and there is nothing to take over. */
  readonly ended: JobState | undefined;
}

export async function recoverRun(directory: string, events: AsyncIterable<JournalEvent>): Promise<RecoveredRun> {
  const fold = new RecoveredJobFold();
  const open = new Map<number, OpenInjection>();
  let nextInjection = 1;
  let ended: JobState | undefined;
  for await (const event of events) {
    fold.observe(event);
    if (event.kind === "fault.injected") {
      open.set(event.injection, { injection: event.injection, target: event.target });
      nextInjection = event.injection + 1;
    }
    if (event.kind === "fault.effective" || event.kind === "fault.failed") open.delete(event.injection);
    if (event.kind === "run.ended") ended = event.state;
  }
  const { completed, damaged, nextCheckpoint } = await readCheckpoints(directory);
  const predecessors = processesOfRun(directory)?.filter(({ name }) => name !== "coordinator");
  return {
    job: { ...fold.result({ completed, nextCheckpoint }), awaited: predecessors?.map(({ name }) => name) },
    damaged,
    openInjections: [...open.values()],
    nextInjection,
    predecessors: predecessors ?? [],
    ended,
  };
}
