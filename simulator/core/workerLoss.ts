/**
 * A process is lost: seen by its exit, by the end of its connection, or by its silence. What ran on it fails, what it held is gone, and a TaskManager
 * gets a successor. Source: Flink's `JobMaster.disconnectTaskManager` and `HeartbeatManager`.
 */
import { isJobTerminal, isTerminal } from "../graph/executionState";
import type { Cause } from "../observe/journalEvent";
import { continueFailovers, onResultsLost, onTaskFailed } from "./failover";
import type { JobMasterInput, ProcessRecord, Transition } from "./jobMasterState";
import { isGone, onLost, silentProcesses, startProcess } from "./processes";
import { loseResultsOn } from "./resultPartitions";
import { publishEndpoints } from "./serviceManager";
import { removeTaskManager } from "./slotPool";
import { noteProgress, setTaskState, tasksOn } from "./taskState";

export function onWorkerLost(t: Transition, input: Extract<JobMasterInput, { kind: "workerLost" }>): void {
  const before = noteLost(t, input);
  if (before !== undefined) {
    failTasksOf(t, input, before);
    onResultsLost(t, input.process);
  }
  continueFailovers(t);
}

/** @returns the process as it was, when its tasks are to fail now. */
function noteLost(t: Transition, input: Extract<JobMasterInput, { kind: "workerLost" }>): ProcessRecord | undefined {
  const before = onLost(t, input.process, input.pid, input.evidence);
  if (before === undefined) return undefined;
  if (before.role === "taskmanager") {
    if (isGone(t, input.process)) replaceTaskManager(t, before);
    if (before.state !== "LOST") removeTaskManager(t.state.slots, input.process);
  }
  for (const task of tasksOn(t.state, input.process)) noteProgress(t, task);
  if (before.role === "taskmanager") loseResultsOn(t, input.process);
  return before.state === "LOST" ? undefined : before;
}

function failTasksOf(t: Transition, input: Extract<JobMasterInput, { kind: "workerLost" }>, before: ProcessRecord): void {
  const { state } = t;
  const how =
    input.evidence.by === "exit"
      ? `exited with ${input.evidence.signal ?? `code ${input.evidence.exitCode ?? "?"}`}`
      : input.evidence.by === "connection"
        ? "closed its connection"
        : `has been silent for ${Math.round(input.evidence.silentMs)} ms`;
  const cause: Cause = { code: "FL2005", message: `${input.process} ${how}.` };
  if (before.role === "taskmanager") {
    for (const task of tasksOn(state, input.process)) {
      if (isTerminal(task.state) || task.state === "CREATED" || task.state === "SCHEDULED") continue;
      onTaskFailed(t, task, cause, input.process);
    }
    const index = Number(input.process.split(":")[1]);
    for (const service of state.job.services) {
      const sidecar = service.deployment === "sidecar" ? state.tasks.get(`${service.id}#${index}`) : undefined;
      if (sidecar?.process !== undefined && !isTerminal(sidecar.state)) t.commands.push({ kind: "endProcess", process: sidecar.process, how: "kill" });
    }
    return;
  }
  for (const task of tasksOn(state, input.process)) {
    if (isTerminal(task.state)) continue;
    if (task.draining) {
      setTaskState(t, task, "CANCELING");
      setTaskState(t, task, "CANCELED");
      continue;
    }
    const served = task.state === "RUNNING";
    onTaskFailed(t, task, cause, input.process);
    if (served) publishEndpoints(t, task.vertex);
  }
}

function replaceTaskManager(t: Transition, before: ProcessRecord): void {
  const { state } = t;
  const ending = before.stopping || isJobTerminal(state.jobState) || state.failure !== undefined || state.stopping === "cancel";
  if (!ending) startProcess(t, before.name, "taskmanager");
}

/** All of them are given up before anything is started again: a task must not be deployed to one whose turn has not come. */
export function onSilence(t: Transition): void {
  const losses = silentProcesses(t).map((process) => {
    t.commands.push({ kind: "endProcess", process: process.name, how: "kill" });
    const input = { kind: "workerLost", process: process.name, evidence: { by: "heartbeat", silentMs: t.nowMs - process.lastHeartbeatMs } } as const;
    return { input, before: noteLost(t, input) };
  });
  for (const { input, before } of losses) {
    if (before === undefined) continue;
    failTasksOf(t, input, before);
    onResultsLost(t, input.process);
  }
  continueFailovers(t);
}
