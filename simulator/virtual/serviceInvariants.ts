/** An instance that a client leaves out comes back, and an autoscaler keeps to its bounds. */
import type { JobMasterInput, JobMasterState, TaskRecord } from "../core/jobMasterState";
import { isAutoscalerTimer } from "../core/serviceAutoscaling";
import type { JournalEventBody } from "../observe/journalEvent";
import { ensure } from "./invariantViolation";
import type { VirtualWorld } from "./virtualWorld";

/** Times of the world are kept in whole microseconds. */
const ROUNDING_MS = 0.01;

/** Nobody is left out for longer than the longest time, but for the time that the client itself stands still. */
export function checkLeftOut(world: VirtualWorld): void {
  for (const client of world.liveClients()) {
    const { leftOut, service, process } = client;
    for (const { instance, sinceMs, stoppedMs } of leftOut) {
      const forMs = world.loop.now - sinceMs - (process.stoppedForMs - stoppedMs);
      const mostMs = service.outlierEjection?.maxEjectionMs ?? 0;
      ensure(forMs <= mostMs + ROUNDING_MS, "left-out", `a client in ${process.name} has left out ${instance} for ${forMs} ms; ${mostMs} are the most`);
    }
  }
}

/** A person may ask for any number; the autoscaler leads it back into its bounds when it looks next, and asks for none outside. */
export function checkScaling(master: JobMasterState, input: JobMasterInput, events: readonly JournalEventBody[]): void {
  if (input.kind === "timer" && isAutoscalerTimer(input.timer) && master.jobState === "RUNNING" && master.stopping !== "cancel") {
    for (const { id, autoscaler } of master.job.services) {
      if (autoscaler === undefined) continue;
      const { length } = wantedOf(master, id);
      ensure(length >= autoscaler.min && length <= autoscaler.max, "scaled", `${id} may have ${autoscaler.min} to ${autoscaler.max} instances, and has ${length}`);
    }
  }
  for (const event of events) {
    if (event.kind !== "service.scaled") continue;
    const autoscaler = master.job.services.find(({ id }) => id === event.service)?.autoscaler;
    const { length } = wantedOf(master, event.service);
    ensure(length === event.to, "scaled", `${event.service} was scaled to ${event.to}, and ${length} instances are wanted`);
    if (event.by !== "autoscaler") continue;
    ensure(autoscaler !== undefined, "scaled", `${event.service} was scaled by an autoscaler that it does not have`);
    const { min, max } = autoscaler;
    ensure(event.to >= min && event.to <= max, "scaled", `${event.service} may have ${min} to ${max} instances; its autoscaler wants ${event.to}`);
  }
}

function wantedOf(master: JobMasterState, service: string): readonly TaskRecord[] {
  return (master.tasksByVertex.get(service) ?? []).filter((task) => !task.draining);
}
