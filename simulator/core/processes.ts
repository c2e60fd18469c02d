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
    gone: false,
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
    gone: false,
    stopping: t.state.processes.get(input.process)?.stopping ?? false,
  };
  t.state.processes.set(input.process, record);
  t.events.push({ kind: "process.connected", process: input.process, pid: input.pid });
  return record;
}

/**
 * Takes note that a process was lost. Silence is no end: who is only silent may live, so its successor waits until its end was seen.
 * @returns the process as it was, or undefined when this is no news.
 */
export function onLost(t: Transition, name: ProcessName, pid: number | undefined, evidence: LossEvidence): ProcessRecord | undefined {
  const process = t.state.processes.get(name);
  if (process === undefined || process.gone) return undefined;
  if (pid !== undefined && process.pid !== undefined && pid !== process.pid) return undefined;
  const before = { ...process };
  process.gone = evidence.by !== "heartbeat";
  process.state = "LOST";
  if (before.state !== "LOST") {
    t.events.push({ kind: "process.lost", process: name, pid: pid ?? process.pid ?? 0, evidence, expected: process.stopping });
  }
  return before;
}

/** Whether the name is free: nothing of that name was started, or its end was seen. */
export function isGone(t: Transition, name: ProcessName | undefined): boolean {
  const process = name === undefined ? undefined : t.state.processes.get(name);
  return process === undefined || process.gone;
}

export function startHeartbeatChecks(t: Transition): void {
  const atMs = t.nowMs + t.state.job.runtime.heartbeatIntervalMs;
  t.state.heartbeatCheckAtMs = atMs;
  t.commands.push({ kind: "setTimer", timer: HEARTBEAT, atMs });
}

export function isHeartbeatTimer(timer: string): boolean {
  return timer === HEARTBEAT;
}

/** Time that a process has at least to start and connect, however short its heartbeats are then. */
const START_TIMEOUT_MS = 15_000;

/** How long the process may be silent, in milliseconds. */
export function silenceLimitMs({ state }: ProcessRecord, heartbeatTimeoutMs: number): number {
  return state === "STARTING" ? Math.max(heartbeatTimeoutMs, START_TIMEOUT_MS) : heartbeatTimeoutMs;
}

/**
 * A check that comes late by more than an interval says that this coordinator itself stood still (stopped, or the machine was asleep): what
 * the others sent meanwhile has not been read yet, so they get their time anew.
 * @returns processes not heard of for longer than the heartbeat timeout, starting ones included. Source: Flink's `HeartbeatManager`.
 */
export function silentProcesses(t: Transition): ProcessRecord[] {
  const { heartbeatTimeoutMs, heartbeatIntervalMs } = t.state.job.runtime;
  if (t.nowMs - t.state.heartbeatCheckAtMs > heartbeatIntervalMs) {
    for (const process of t.state.processes.values()) process.lastHeartbeatMs = t.nowMs;
    return [];
  }
  return [...t.state.processes.values()].filter(
    (process) => process.state !== "LOST" && t.nowMs - process.lastHeartbeatMs > silenceLimitMs(process, heartbeatTimeoutMs),
  );
}
