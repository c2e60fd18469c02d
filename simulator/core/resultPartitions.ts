/**
 * Results that outlive their producers, so that other regions can read them: where they are still there, where they are lost, and when
 * nobody needs them any more. Source: Flink's `JobMasterPartitionTracker` and `RegionPartitionGroupReleaseStrategy`. Followed by producer, not by single
 * partition: what one task left is there for all of its consumers or for none.
 */
import type { ProcessName, SubtaskName } from "../observe/journalEvent";
import type { TaskRecord, Transition } from "./jobMasterState";
import { tasksOn } from "./taskState";

/** Results that lay on the process are lost with it. Nothing restarts for that until somebody wants to read them. */
export function loseResultsOn(t: Transition, process: ProcessName): void {
  if (!t.state.topology.hasOutlivingResults) return;
  for (const task of tasksOn(t.state, process)) if (leavesResults(t, task)) task.outputGone = true;
}

/** Whether the task has finished and left something to be read. */
export function leavesResults(t: Transition, task: TaskRecord): boolean {
  return task.state === "FINISHED" && t.state.topology.outlives(task.vertex);
}

/** The results cannot be read, or are not wanted any more: whoever wants them later has them made again. */
export function giveUpResults(t: Transition, tasks: readonly TaskRecord[]): void {
  const held = new Map<ProcessName, { task: SubtaskName; attempt: number }[]>();
  for (const task of tasks) {
    if (!leavesResults(t, task) || task.outputGone) continue;
    task.outputGone = true;
    if (task.process === undefined || t.state.processes.get(task.process)?.state !== "CONNECTED") continue;
    const there = held.get(task.process);
    const producer = { task: task.name, attempt: task.attempt };
    if (there === undefined) held.set(task.process, [producer]);
    else there.push(producer);
  }
  for (const [process, producers] of held) t.commands.push({ kind: "releasePartitions", process, producers });
}

/** A task has finished: if it was the last of its region, what the region read is let go, where no other region will read it. */
export function releaseConsumed(t: Transition, task: TaskRecord): void {
  const { state } = t;
  const { topology } = state;
  if (!topology.hasOutlivingResults || !isRegionFinished(t, task.name)) return;
  const unneeded: TaskRecord[] = [];
  const seen = new Set<SubtaskName>();
  for (const name of topology.regionTasks(task.name)) {
    const consumer = state.tasks.get(name);
    if (consumer === undefined) continue;
    for (const { producer: producerName } of topology.outerInputsOf(consumer.vertex, consumer.index)) {
      if (seen.has(producerName)) continue;
      seen.add(producerName);
      const producer = state.tasks.get(producerName);
      if (producer === undefined || producer.outputGone || !leavesResults(t, producer)) continue;
      if (everyConsumerFinished(t, producer)) unneeded.push(producer);
    }
  }
  giveUpResults(t, unneeded);
}

/** A task that is about to run, and a producer whose results it would not find: it fails, as it would on finding that out by itself. */
export function findUnreadable(t: Transition): { readonly task: TaskRecord; readonly producer: TaskRecord } | undefined {
  const { state } = t;
  if (!state.topology.hasOutlivingResults) return undefined;
  for (const tasks of state.scheduled.values()) {
    for (const task of tasks) {
      for (const { producer: name } of state.topology.outerInputsOf(task.vertex, task.index)) {
        const producer = state.tasks.get(name);
        if (producer?.outputGone === true && leavesResults(t, producer)) return { task, producer };
      }
    }
  }
  return undefined;
}

/** Producers whose results are gone, for the failover scope. */
export function* goneResults(t: Transition): Generator<SubtaskName> {
  if (!t.state.topology.hasOutlivingResults) return;
  for (const task of t.state.tasks.values()) if (task.outputGone) yield task.name;
}

function everyConsumerFinished(t: Transition, producer: TaskRecord): boolean {
  for (const name of t.state.topology.outerConsumersOf(producer.vertex, producer.index)) {
    if (t.state.tasks.get(name)?.state !== "FINISHED" || !isRegionFinished(t, name)) return false;
  }
  return true;
}

function isRegionFinished(t: Transition, task: SubtaskName): boolean {
  return t.state.topology.regionTasks(task).every((name) => t.state.tasks.get(name)?.state === "FINISHED");
}
