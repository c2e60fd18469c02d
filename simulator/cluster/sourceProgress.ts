/** How far each source subtask had come, so that a restart can say how many records it replays. */
import { latestCompleted } from "../core/checkpointCoordinator";
import type { JobMasterState } from "../core/jobMasterState";
import type { JournalEventBody, SubtaskName } from "../observe/journalEvent";

export class SourceProgress {
  private readonly emitted = new Map<SubtaskName, number>();

  /** Metrics say how many records a source subtask put out since the metrics before. */
  observe(body: JournalEventBody): void {
    if (body.kind !== "metrics" || body.tasks === undefined) return;
    for (const [task, metrics] of Object.entries(body.tasks)) {
      if (metrics.sourceOffset !== undefined) this.emitted.set(task, metrics.sourceOffset);
    }
  }

  onCheckpoint(offsets: Readonly<Record<SubtaskName, number>>): void {
    for (const [task, offset] of Object.entries(offsets)) this.emitted.set(task, Math.max(offset, this.emitted.get(task) ?? 0));
  }

  /** What goes back, and by how much, in a failover that restarts sources. */
  rewind(master: JobMasterState, failover: JournalEventBody & { readonly kind: "failover" }): JournalEventBody[] {
    const offsets = latestCompleted(master.checkpoints)?.sourceOffsets;
    const rewound: JournalEventBody[] = [];
    for (const name of failover.tasks) {
      const task = master.tasks.get(name);
      if (task === undefined || !master.topology.isSource(task.vertex)) continue;
      const offset = offsets?.get(name) ?? 0;
      const records = Math.max(0, (this.emitted.get(name) ?? offset) - offset);
      this.emitted.set(name, offset);
      rewound.push({ kind: "source.rewound", task: name, attempt: task.attempt, records });
    }
    return rewound;
  }
}
