/** Slots are used by one index of one sharing group each, and only where there is a TaskManager; no two attempts of one task run at once. */
import { silenceLimitMs } from "../core/processes";
import { isTerminal } from "../graph/executionState";
import type { JobSpec } from "../graph/jobFile";
import type { JobMasterState } from "../core/jobMasterState";
import { ensure } from "./invariantViolation";
import type { VirtualWorld } from "./virtualWorld";

export function checkSlots(job: JobSpec, master: JobMasterState): void {
  const used = new Map<string, Set<string>>();
  for (const task of master.tasks.values()) {
    if (task.vertexKind !== "stream" || isTerminal(task.state) || task.state === "CREATED" || task.state === "SCHEDULED") continue;
    const { process } = task;
    ensure(process !== undefined, "slot", `${task.name} is ${task.state} and has no TaskManager`);
    const slot = `${master.topology.slotSharingGroupOf(task.vertex)}/${task.index}`;
    const slots = used.get(process) ?? new Set<string>();
    used.set(process, slots);
    slots.add(slot);
    ensure(slots.size <= job.runtime.slots, "slot", `${process} has ${job.runtime.slots} slots; ${slots.size} are used`);
    if (task.state === "CANCELING") continue;
    ensure(master.processes.get(process)?.state === "CONNECTED", "slot", `${task.name} is ${task.state} on ${process}, which is not connected`);
    ensure(master.slots.assigned.get(slot) === process, "slot", `${task.name} runs on ${process}; its slot is on ${master.slots.assigned.get(slot) ?? "none"}`);
  }
  const held = new Map<string, number>();
  for (const process of master.slots.assigned.values()) held.set(process, (held.get(process) ?? 0) + 1);
  for (const [process, count] of held) {
    ensure(count <= (master.slots.offers.get(process) ?? 0), "slot-leak", `${count} slots are held on ${process}, which offers ${master.slots.offers.get(process) ?? 0}`);
  }
  for (const process of master.slots.offers.keys()) {
    ensure(master.processes.get(process)?.state === "CONNECTED", "slot-leak", `${process} offers slots and is not connected`);
  }
}

/** A process that says nothing for longer than the timeout is given up, within two looks. */
export function checkSilence(world: VirtualWorld, master: JobMasterState): void {
  if (master.ended || (world.coordinator?.process.stoppedForMs ?? 0) > 0) return;
  const { heartbeatTimeoutMs, heartbeatIntervalMs } = master.job.runtime;
  for (const process of master.processes.values()) {
    const { name, state, lastHeartbeatMs } = process;
    const silentMs = world.loop.now - lastHeartbeatMs;
    ensure(state === "LOST" || silentMs <= silenceLimitMs(process, heartbeatTimeoutMs) + 2 * heartbeatIntervalMs, "silence", `${name} has been silent for ${silentMs} ms and is not given up`);
  }
}

/** Looks at the processes themselves, not at what the JobMaster believes. */
export function checkAttempts(world: VirtualWorld): void {
  const { coordinator } = world;
  if (coordinator === undefined) return;
  const running = new Map<string, string>();
  for (const manager of world.taskManagers.values()) {
    const { process } = manager;
    // Those of an earlier coordinator too, also while they stand still: when they go on, what they do to the files of a sink cannot be undone.
    if (!process.alive) continue;
    for (const task of manager.liveTasks) {
      const where = `attempt ${task.attempt} in process ${process.pid}`;
      const other = running.get(task.name);
      ensure(other === undefined, "two-attempts", `${task.name} runs twice: ${other} and ${where}`);
      running.set(task.name, where);
    }
  }
  const started = new Map<string, number>();
  for (const process of world.processes.values()) {
    if (!process.alive || !world.isChildOfPresentCoordinator(process.pid)) continue;
    const other = started.get(process.name);
    ensure(other === undefined, "two-processes", `${process.name} lives twice: processes ${other} and ${process.pid}`);
    started.set(process.name, process.pid);
  }
}
