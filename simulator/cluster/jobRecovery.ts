/** What a coordinator that takes over knows: a fold over the journal, and the checkpoints on disk. */
import type { RecoveredJob } from "../core/jobMasterState";
import type { JournalEvent, SubtaskName } from "../observe/journalEvent";
import { readCheckpoints } from "./checkpointStore";
import type { DamagedCheckpoint } from "./checkpointStore";

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
  /** The run was over; there is nothing to take over. */
  readonly ended: boolean;
}

export async function recoverRun(directory: string, events: AsyncIterable<JournalEvent>): Promise<RecoveredRun> {
  const attempts = new Map<SubtaskName, number>();
  const instances = new Map<SubtaskName, boolean>();
  const open = new Map<number, OpenInjection>();
  let failureCount = 0;
  let failoverCount = 0;
  let nextInjection = 1;
  let ended = false;
  let stopping: "drain" | "cancel" | undefined;
  for await (const event of events) {
    switch (event.kind) {
      case "task.state":
        attempts.set(event.task, Math.max(event.attempt, attempts.get(event.task) ?? 0));
        if (event.vertexKind === "service") instances.set(event.task, event.to !== "FAILED" && event.to !== "CANCELED");
        break;
      case "failure":
        failureCount = event.id;
        break;
      case "failover":
        failoverCount = event.id;
        break;
      case "fault.injected":
        open.set(event.injection, { injection: event.injection, target: event.target });
        nextInjection = event.injection + 1;
        break;
      case "fault.effective":
      case "fault.failed":
        open.delete(event.injection);
        break;
      case "run.stopping":
        stopping = event.mode;
        break;
      case "run.ended":
        ended = true;
        break;
      default:
    }
  }
  const { completed, damaged, nextCheckpoint } = await readCheckpoints(directory);
  return {
    job: {
      attempts,
      instances: [...instances].flatMap(([name, live]) => (live ? [name] : [])),
      completed,
      nextCheckpoint,
      failureCount,
      failoverCount,
      stopping,
    },
    damaged,
    openInjections: [...open.values()],
    nextInjection,
    ended,
  };
}
