/** How a run may end, and what its sinks must hold then: read from the disk, held against what the sources hold. */
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { RecordsOfSource } from "./jobModel";
import { recordAt, recordsOfSubtask } from "./jobModel";
import type { ScheduledFault } from "./faultSchedule";
import { ensure } from "./invariantViolation";
import type { VirtualWorld } from "./virtualWorld";

export function checkOutcome(world: VirtualWorld, schedule: readonly ScheduledFault[]): void {
  const { ended, options } = world;
  if (ended === undefined) return;
  const { runtime } = options.job;
  const stops = schedule.flatMap(({ fault }) => (fault.kind === "stop" ? [fault.mode] : []));
  if (ended.state === "CANCELED") ensure(stops.includes("cancel"), "ended", "the job was canceled, and nobody asked for it");
  const canceled = world.journal.events.some((event) => event.kind === "run.stopping" && event.mode === "cancel");
  ensure(!canceled || ended.state !== "FINISHED", "ended", "the job was to be canceled, and it finished");
  if (ended.state === "FAILED") ensure(ended.cause !== undefined, "ended", "the job failed and does not say why");
  ensure(ended.left.length === 0, "left-behind", `${ended.left.join(", ")} live after the end`);
  const latest = world.disk.newestCheckpoint;
  // A job that ended by itself holds all; a drained one all up to its last checkpoint; others nothing that is not in their sources.
  const finished = ended.state === "FINISHED";
  const drained = finished && latest?.final === true && stops.includes("drain");
  const upTo = drained ? latest.sourceOffsets : finished ? undefined : furthestOffsets(world, latest);
  const exactlyOnce = runtime.checkpointing?.mode === "EXACTLY_ONCE";
  for (const [sink, sources] of world.model.expected) {
    const found = new Map<number, number>();
    for (const record of world.disk.committedRecords(sink)) found.set(record, (found.get(record) ?? 0) + 1);
    for (const { record, times } of expectedRecords(world, sources, finished, upTo)) {
      const count = found.get(record) ?? 0;
      if (finished) ensure(count >= times, "lost", `${sink} holds record ${record} ${count} times instead of ${times}`);
      if (exactlyOnce) ensure(count <= times, "duplicated", `${sink} holds record ${record} ${count} times instead of ${times}`);
      found.delete(record);
    }
    if (exactlyOnce) ensure(found.size === 0, "invented", `${sink} holds record ${[...found.keys()][0]}, which it should not`);
  }
}

/** Of every checkpoint that was ever complete: a job that fails right after it went back behind one has not taken back what that had committed. */
function furthestOffsets(world: VirtualWorld, latest: CompletedCheckpoint | undefined): ReadonlyMap<string, number> | undefined {
  const all = world.journal.events.flatMap((event) => (event.kind === "checkpoint.completed" ? Object.entries(event.sourceOffsets ?? {}) : []));
  if (latest === undefined && all.length === 0) return undefined;
  const furthest = new Map<string, number>();
  for (const [task, offset] of [...all, ...(latest?.sourceOffsets ?? [])]) furthest.set(task, Math.max(offset, furthest.get(task) ?? 0));
  return furthest;
}

function* expectedRecords(
  world: VirtualWorld,
  sources: ReadonlyMap<string, number>,
  finished: boolean,
  upTo: ReadonlyMap<string, number> | undefined,
): Iterable<RecordsOfSource> {
  for (const [vertex, times] of sources) {
    const model = world.model.vertices.get(vertex)!;
    const source = model.source!;
    for (let subtask = 0; subtask < model.parallelism; subtask++) {
      const all = recordsOfSubtask(source, subtask, model.parallelism);
      const count = upTo === undefined ? (finished || Number.isFinite(all) ? all : 0) : Math.min(all, upTo.get(`${vertex}#${subtask}`) ?? 0);
      for (let index = 0; index < count; index++) yield { record: recordAt(source, subtask + index * model.parallelism), times };
    }
  }
}
