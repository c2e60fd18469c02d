/** One event of the journal applied to the state of a run. */
import { isTerminal } from "../graph/executionState";
import type { JournalEvent, JournalEventOf, ProcessName, SubtaskName } from "./journalEvent";
import { calmInstance, calmTask, measureInstance, measureTask, newInstance, newTask } from "./runState";
import type { InstanceLive, RunState, TaskLive } from "./runState";

/** Failures, failovers and log lines that are kept. */
const KEPT = 200;
/** These end with what they did; journals of earlier versions do not say it. */
const MOMENTARY = new Set(["crash", "terminate"]);

/** Changes `state` by the event and gives it back. Events of unknown kinds change its place and nothing else. */
export function applyEvent(state: RunState, event: JournalEvent): RunState {
  state.seq = event.seq;
  state.at = Math.max(state.at, event.at);
  switch (event.kind) {
    case "run.started":
      begin(state, event);
      break;
    case "coordinator.recovered":
      state.takeovers += 1;
      for (const fault of state.faults.values())
        if (fault.target === "coordinator") state.faults.delete(fault.injection);
      break;
    case "job.state":
      state.job = event.to;
      state.cause = event.cause ?? state.cause;
      break;
    case "process.started":
      processStarted(state, event);
      break;
    case "process.connected": {
      const process = state.processes.get(event.process) ?? newProcess(state, event.process, event.pid, event.at);
      Object.assign(process, { pid: event.pid, state: "CONNECTED", since: event.at, changed: event.seq });
      momentaryOver(state, event.process);
      break;
    }
    case "process.lost":
      processLost(state, event);
      break;
    case "task.state":
      taskState(state, event);
      break;
    case "instance.phase":
      instancePhase(state, event);
      break;
    case "service.endpoints":
      endpoints(state, event);
      break;
    case "failure":
      keep(state.failures, { id: event.id, at: event.at, task: event.task, cause: event.cause });
      state.failureCount += 1;
      break;
    case "failover":
      failover(state, event);
      break;
    case "failover.finished":
      failoverFinished(state, event);
      break;
    case "checkpoint.triggered":
      state.checkpoints.pending = [...state.checkpoints.pending, event.checkpoint].slice(-KEPT);
      break;
    case "checkpoint.completed":
      state.checkpoints.completed += 1;
      // An older one that was still pending is subsumed.
      state.checkpoints.pending = state.checkpoints.pending.filter((one) => one > event.checkpoint);
      state.checkpoints.last = {
        checkpoint: event.checkpoint,
        at: event.at,
        durationMs: event.durationMs,
        bytes: event.bytes,
        alignmentMs: event.alignmentMs,
      };
      break;
    case "savepoint.completed":
      state.checkpoints.pending = state.checkpoints.pending.filter((one) => one !== event.checkpoint);
      break;
    case "checkpoint.failed":
      state.checkpoints.failed += 1;
      state.checkpoints.pending = state.checkpoints.pending.filter((one) => one !== event.checkpoint);
      state.checkpoints.lastFailure = { checkpoint: event.checkpoint, at: event.at, cause: event.cause };
      break;
    case "sink.first-record":
      state.firstRecordAt ??= event.at;
      break;
    case "sink.committed":
      state.committedRecords += event.records;
      break;
    case "fault.injected": {
      const { injection, fault, target, parameters, at, momentary = MOMENTARY.has(fault) } = event;
      state.injectionCount += 1;
      state.faults.set(injection, { injection, fault, target, parameters, at, momentary, state: "INJECTED", evidence: null });
      break;
    }
    case "fault.effective": {
      const fault = state.faults.get(event.injection);
      if (fault !== undefined) Object.assign(fault, { state: "ACTIVE", evidence: event.evidence });
      break;
    }
    case "fault.failed":
    case "fault.healed":
      state.faults.delete(event.injection);
      break;
    case "client.retry": {
      const instance = state.instances.get(event.instance);
      if (instance !== undefined) {
        instance.retriedAway += event.requests;
        instance.changed = event.seq;
      }
      break;
    }
    case "metrics":
      metrics(state, event);
      break;
    case "log":
      keep(state.log, { at: event.at, process: event.process, level: event.level, message: event.message });
      break;
    case "run.ended":
      state.job = event.state;
      state.cause = event.cause ?? state.cause;
      state.ended = true;
      state.faults.clear();
      for (const task of state.tasks.values()) calmTask(task);
      for (const instance of state.instances.values()) calmInstance(instance);
      break;
    default:
      break;
  }
  return state;
}

function begin(state: RunState, event: JournalEventOf<"run.started">): void {
  state.run = event.run;
  state.graph = event.graph;
  state.startedAt = event.at;
  for (const vertex of event.graph.vertices) {
    for (let index = 0; index < vertex.parallelism; index++) {
      const name = `${vertex.id}#${index}`;
      if (vertex.kind === "stream") state.tasks.set(name, newTask(name, event.at, event.seq));
      else state.instances.set(name, newInstance(name, event.at, event.seq));
    }
  }
}

function newProcess(state: RunState, process: ProcessName, pid: number, at: number) {
  const made = { process, pid, state: "STARTING" as const, since: at, starts: 0, rssBytes: null, changed: state.seq };
  state.processes.set(process, made);
  return made;
}

function processStarted(state: RunState, event: JournalEventOf<"process.started">): void {
  const process = state.processes.get(event.process) ?? newProcess(state, event.process, event.pid, event.at);
  Object.assign(process, {
    pid: event.pid,
    state: "STARTING",
    since: event.at,
    starts: process.starts + 1,
    changed: event.seq,
  });
}

function processLost(state: RunState, event: JournalEventOf<"process.lost">): void {
  const process = state.processes.get(event.process) ?? newProcess(state, event.process, event.pid, event.at);
  Object.assign(process, {
    state: event.expected ? "ENDED" : "LOST",
    since: event.at,
    rssBytes: null,
    changed: event.seq,
  });
  for (const instance of state.instances.values()) {
    if (instance.process !== event.process) continue;
    instance.phase = null;
    instance.since = event.at;
    instance.changed = event.seq;
    calmInstance(instance);
  }
  for (const task of state.tasks.values()) {
    if (task.process !== event.process) continue;
    task.changed = event.seq;
    calmTask(task);
  }
}

/** What a momentary fault hit is connected anew: the fault is over. */
function momentaryOver(state: RunState, process: ProcessName): void {
  for (const fault of state.faults.values()) {
    if (!fault.momentary) continue;
    const task = fault.target.startsWith("task:")
      ? state.tasks.get(fault.target.slice("task:".length))?.process
      : undefined;
    if (fault.target === process || task === process) state.faults.delete(fault.injection);
  }
}

function taskState(state: RunState, event: JournalEventOf<"task.state">): void {
  const live =
    event.vertexKind === "stream" ? taskOf(state, event.task, event.at) : instanceOf(state, event.task, event.at);
  if (event.attempt > live.attempt) {
    live.restarts += 1;
    live.attempt = event.attempt;
    live.cause = null;
    if ("phase" in live) live.phase = null;
  }
  live.state = event.to;
  live.changed = event.seq;
  live.process = event.process ?? live.process;
  live.cause = event.cause ?? live.cause;
  if ("phase" in live) {
    if (isTerminal(event.to)) {
      live.phase = null;
      live.since = event.at;
      calmInstance(live);
    }
  } else {
    live.since = event.at;
    if (event.to !== "RUNNING") calmTask(live);
  }
}

function instancePhase(state: RunState, event: JournalEventOf<"instance.phase">): void {
  const live = instanceOf(state, event.instance, event.at);
  if (event.attempt < live.attempt) return;
  if (event.attempt > live.attempt) live.restarts += 1;
  live.attempt = event.attempt;
  live.phase = event.phase;
  live.since = event.at;
  live.changed = event.seq;
  live.pid = event.pid ?? live.pid;
  live.device = event.device ?? live.device;
  live.address = event.address ?? live.address;
  live.loadDelayMs = event.loadDelayMs ?? live.loadDelayMs;
}

function endpoints(state: RunState, event: JournalEventOf<"service.endpoints">): void {
  state.endpoints.set(event.service, event.instances);
  const named = new Map(event.instances.map((one) => [one.instance, one.address]));
  for (const instance of state.instances.values()) {
    if (instance.service !== event.service) continue;
    const registered = named.has(instance.instance);
    if (registered !== instance.registered) instance.changed = event.seq;
    instance.registered = registered;
    instance.address = named.get(instance.instance) ?? instance.address;
  }
}

function failover(state: RunState, event: JournalEventOf<"failover">): void {
  const { id, at, strategy, regions, tasks, instances, untouched, delayMs } = event;
  const restoredCheckpoint = event.restoredCheckpoint ?? null;
  keep(state.failovers, {
    id,
    at,
    strategy,
    regions,
    tasks,
    instances,
    untouched,
    delayMs,
    restoredCheckpoint,
    finishedAt: null,
  });
  state.failoverCount += 1;
  for (const name of [...tasks, ...instances]) {
    const live = state.tasks.get(name) ?? state.instances.get(name);
    if (live === undefined) continue;
    live.failover = id;
    live.changed = event.seq;
  }
}

function failoverFinished(state: RunState, event: JournalEventOf<"failover.finished">): void {
  const found = state.failovers.findLast((one) => one.id === event.id);
  if (found === undefined) return;
  found.finishedAt = event.at;
  for (const name of [...found.tasks, ...found.instances]) {
    const live = state.tasks.get(name) ?? state.instances.get(name);
    // A later failover may have taken it over.
    if (live?.failover !== event.id) continue;
    live.failover = null;
    live.changed = event.seq;
  }
}

function metrics(state: RunState, event: JournalEventOf<"metrics">): void {
  const process = state.processes.get(event.process);
  if (process !== undefined) {
    process.rssBytes = event.rssBytes;
    process.changed = event.seq;
  }
  for (const name in event.tasks) {
    const task = state.tasks.get(name);
    if (task !== undefined) measureTask(task, event, event.seq);
  }
  for (const name in event.instances) {
    const instance = state.instances.get(name);
    if (instance !== undefined) measureInstance(instance, event, event.seq);
  }
}

function taskOf(state: RunState, name: SubtaskName, at: number): TaskLive {
  let task = state.tasks.get(name);
  if (task === undefined) state.tasks.set(name, (task = newTask(name, at, state.seq)));
  return task;
}

/** Instances come and go when a service is scaled. */
function instanceOf(state: RunState, name: SubtaskName, at: number): InstanceLive {
  let instance = state.instances.get(name);
  if (instance === undefined) state.instances.set(name, (instance = newInstance(name, at, state.seq)));
  return instance;
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > KEPT) list.shift();
}
