/**
 * What a coordinator that takes over knows of the job: a fold over the journal of the one before. The checkpoints on disk are added by who
 * can read them. Source: Flink's JobManager high availability, which keeps the same things elsewhere.
 */
import type { Cause, JournalEventBody, SubtaskName } from "../observe/journalEvent";
import type { CompletedCheckpoint } from "./checkpoint";
import type { RecoveredJob, StopMode } from "./jobMasterState";

export class RecoveredJobFold {
  private readonly attempts = new Map<SubtaskName, number>();
  private readonly finished = new Set<SubtaskName>();
  private readonly instances = new Map<SubtaskName, boolean>();
  private readonly parallelism = new Map<string, number>();
  private highestCheckpoint = 0;
  /** The checkpoint that the coordinator before this one began from. */
  private beganFrom = 0;
  /** Gone back behind: what sinks had committed since was taken back, so they are not restored, deleted or not and repaired or not. */
  private readonly givenUp = new Set<number>();
  private failureCount = 0;
  private failoverCount = 0;
  private stopping: StopMode | undefined;
  private failure: Cause | undefined;

  observe(event: JournalEventBody): void {
    switch (event.kind) {
      case "task.state":
        if (event.attempt > (this.attempts.get(event.task) ?? -1)) this.attempts.set(event.task, event.attempt);
        if (event.to === "FINISHED") this.finished.add(event.task);
        else if (this.finished.size > 0) this.finished.delete(event.task);
        if (event.vertexKind === "service") this.instances.set(event.task, event.to !== "FAILED" && event.to !== "CANCELED");
        return;
      case "failure":
        this.failureCount = event.id;
        return;
      case "failover":
        this.failoverCount = event.id;
        return;
      case "job.state":
        if (event.to === "FAILING") this.failure = event.cause;
        return;
      case "service.scaled":
        this.parallelism.set(event.service, event.to);
        return;
      case "run.stopping":
        this.stopping = event.mode;
        return;
      case "checkpoint.triggered":
        this.highestCheckpoint = Math.max(this.highestCheckpoint, event.checkpoint);
        return;
      case "coordinator.recovered":
        this.beganFrom = event.fromCheckpoint ?? 0;
        return;
      case "checkpoint.damaged":
        // An older one than that was found damaged, and nothing went back behind it.
        if (event.checkpoint > this.beganFrom) this.givenUp.add(event.checkpoint);
        return;
      default:
    }
  }

  /** @param checkpoints complete ones on disk, oldest first, and a number greater than any there. */
  result(checkpoints: { readonly completed: readonly CompletedCheckpoint[]; readonly nextCheckpoint: number }): RecoveredJob {
    return {
      attempts: this.attempts,
      finished: this.finished,
      instances: [...this.instances].flatMap(([name, live]) => (live ? [name] : [])),
      parallelism: this.parallelism,
      completed: checkpoints.completed.filter(({ checkpoint }) => !this.givenUp.has(checkpoint)),
      nextCheckpoint: Math.max(checkpoints.nextCheckpoint, this.highestCheckpoint + 1),
      failureCount: this.failureCount,
      failoverCount: this.failoverCount,
      stopping: this.stopping,
      failure: this.failure,
    };
  }
}
