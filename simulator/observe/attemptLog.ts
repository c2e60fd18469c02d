/** Attempts of tasks and instances as plain objects: what a report reads. A view that holds them for hours keeps them in another way. */
import type { ExecutionState } from "../graph/executionState";
import type { Cause, InstancePhase, JournalEventOf, ProcessName, SubtaskName } from "./journalEvent";

export interface TimedState {
  readonly state: ExecutionState;
  readonly at: number;
}

/** One attempt of a stream task or of a service instance's task. */
export interface TaskAttempt {
  readonly task: SubtaskName;
  readonly vertexKind: "stream" | "service";
  readonly attempt: number;
  readonly startedAt: number;
  process: ProcessName | undefined;
  readonly states: TimedState[];
  cause: Cause | undefined;
  restoredAt: number | undefined;
}

/** One attempt of a service instance, by its phases. */
export interface InstanceAttempt {
  readonly instance: SubtaskName;
  readonly attempt: number;
  readonly phases: { readonly phase: InstancePhase; readonly at: number }[];
  pid: number | undefined;
  device: string | undefined;
  loadDelayMs: number;
}

/** Where {@link RunFacts} puts what the journal says of attempts. */
export interface AttemptLog {
  /** In the order in which the journal first spoke of them; attempts from the first on. */
  readonly tasks: ReadonlyMap<SubtaskName, readonly TaskAttempt[]>;
  readonly instances: ReadonlyMap<SubtaskName, readonly InstanceAttempt[]>;
  taskState(event: JournalEventOf<"task.state">): void;
  instancePhase(event: JournalEventOf<"instance.phase">): void;
  taskRestored(event: JournalEventOf<"task.restored">): void;
}

export class AttemptObjects implements AttemptLog {
  readonly tasks = new Map<SubtaskName, TaskAttempt[]>();
  readonly instances = new Map<SubtaskName, InstanceAttempt[]>();

  taskState(event: JournalEventOf<"task.state">): void {
    const attempts = listOf(this.tasks, event.task);
    let attempt = attempts.findLast((one) => one.attempt === event.attempt);
    if (attempt === undefined) {
      attempt = {
        task: event.task,
        vertexKind: event.vertexKind,
        attempt: event.attempt,
        startedAt: event.at,
        process: event.process,
        states: [],
        cause: undefined,
        restoredAt: undefined,
      };
      attempts.push(attempt);
    }
    attempt.states.push({ state: event.to, at: event.at });
    attempt.process = event.process ?? attempt.process;
    attempt.cause = event.cause ?? attempt.cause;
  }

  instancePhase(event: JournalEventOf<"instance.phase">): void {
    const attempts = listOf(this.instances, event.instance);
    let attempt = attempts.findLast((one) => one.attempt === event.attempt);
    if (attempt === undefined) {
      attempt = {
        instance: event.instance,
        attempt: event.attempt,
        phases: [],
        pid: undefined,
        device: undefined,
        loadDelayMs: 0,
      };
      attempts.push(attempt);
    }
    attempt.phases.push({ phase: event.phase, at: event.at });
    attempt.pid = event.pid ?? attempt.pid;
    attempt.device = event.device ?? attempt.device;
    attempt.loadDelayMs = event.loadDelayMs ?? attempt.loadDelayMs;
  }

  taskRestored(event: JournalEventOf<"task.restored">): void {
    const attempt = this.tasks.get(event.task)?.findLast((one) => one.attempt === event.attempt);
    if (attempt !== undefined) attempt.restoredAt = event.at;
  }
}

function listOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  let list = map.get(key);
  if (list === undefined) map.set(key, (list = []));
  return list;
}
