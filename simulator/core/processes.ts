/** The run's worker processes as the JobMaster knows them: started, connected, silent, lost. */
import type { LossEvidence, ProcessName, SubtaskName } from "../observe/journalEvent";
import type { ProcessRecord, Transition } from "./jobMasterState";

const HEARTBEAT = "heartbeat";

export function startProcess(
  t: Transition,
  name: ProcessName,
  role: "taskmanager" | "service",
  instance?: { instance: SubtaskName; attempt: number; service: string },
): void {
  t.state.processes.set(name, {
    name,
    role,
    state: "STARTING",
    pid: undefined,
    dataAddress: undefined,
    lastHeartbeatMs: t.nowMs,
    stopping: false,
  });
  t.commands.push({ kind: "startProcess", process: name, role, instance });
}

/** Asks a process to end; its loss is then no failure. */
export function endProcess(t: Transition, name: ProcessName, how: "kill" | "drain" | "shutdown"): void {
  const process = t.state.processes.get(name);
  if (process === undefined || process.state === "LOST") return;
  process.stopping = true;
  t.commands.push({ kind: "endProcess", process: name, how });
}

export function onConnected(
  t: Transition,
  input: { process: ProcessName; role: "taskmanager" | "service"; pid: number; dataAddress?: string },
): ProcessRecord {
  const record: ProcessRecord = {
    name: input.process,
    role: input.role,
    state: "CONNECTED",
    pid: input.pid,
    dataAddress: input.dataAddress,
    lastHeartbeatMs: t.nowMs,
    stopping: t.state.processes.get(input.process)?.stopping ?? false,
  };
  t.state.processes.set(input.process, record);
  t.events.push({ kind: "process.connected", process: input.process, pid: input.pid });
  return record;
}

/** @returns the process as it was, or undefined when it was lost before. */
export function onLost(t: Transition, name: ProcessName, pid: number | undefined, evidence: LossEvidence): ProcessRecord | undefined {
  const process = t.state.processes.get(name);
  if (process === undefined || process.state === "LOST") return undefined;
  if (pid !== undefined && process.pid !== undefined && pid !== process.pid) return undefined;
  const before = { ...process };
  process.state = "LOST";
  t.events.push({ kind: "process.lost", process: name, pid: pid ?? process.pid ?? 0, evidence, expected: process.stopping });
  return before;
}

export function startHeartbeatChecks(t: Transition): void {
  t.commands.push({ kind: "setTimer", timer: HEARTBEAT, atMs: t.nowMs + t.state.job.runtime.heartbeatIntervalMs });
}

export function isHeartbeatTimer(timer: string): boolean {
  return timer === HEARTBEAT;
}

/** @returns processes not heard of for longer than the heartbeat timeout, starting ones included. Source: Flink's `HeartbeatManager`. */
export function silentProcesses(t: Transition): ProcessRecord[] {
  const { heartbeatTimeoutMs } = t.state.job.runtime;
  return [...t.state.processes.values()].filter(
    (process) => process.state !== "LOST" && t.nowMs - process.lastHeartbeatMs > heartbeatTimeoutMs,
  );
}
