/**
 * What Flink's REST interface tells, as data: the parts that Faultline shows, of 1.20 and 2.x alike. Times are ms since the epoch by the
 * cluster's clock.
 */
import type { ExecutionState, JobState } from "../graph/executionState";
import { field, isObject, type JsonObject } from "../graph/planReading";
import { AnswerReader } from "./restReading";

/** `GET /config`. */
export interface ClusterConfig {
  readonly flinkVersion: string;
  /** How often Flink's own page asks; answers are kept by the cluster for about as long. */
  readonly refreshIntervalMs: number;
}

/** An entry of `GET /jobs/overview`. */
export interface JobOverview {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly startTime: number;
  readonly durationMs: number;
  readonly tasks: { readonly total: number; readonly running: number };
}

/** `GET /jobs/JID`. */
export interface JobDetails {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly scheduler: "default" | "adaptive";
  readonly now: number;
  readonly startTime: number;
  /** When the state was entered last; absent states are left out. */
  readonly timestamps: Readonly<Partial<Record<JobState, number>>>;
  readonly vertices: readonly {
    readonly id: string;
    readonly name: string;
    readonly parallelism: number;
    /** Subtasks by state. */
    readonly tasks: Readonly<Partial<Record<ExecutionState, number>>>;
  }[];
  /** As it came, for the graph. */
  readonly raw: JsonObject;
}

/** A subtask of `GET /jobs/JID/vertices/VID`. */
export interface SubtaskAnswer {
  readonly index: number;
  readonly state: ExecutionState;
  readonly attempt: number;
  /** `undefined` before it was deployed. */
  readonly taskManager: string | undefined;
  /** When it was deployed; −1 before. */
  readonly startTime: number;
  readonly endTime: number;
  /** Milliseconds in each state that was entered. */
  readonly stateMs: Readonly<Partial<Record<ExecutionState, number>>>;
  /** Since the attempt's begin; `undefined` while Flink has not gathered them. */
  readonly counts:
    | {
        readonly recordsIn: number;
        readonly recordsOut: number;
        readonly bytesIn: number;
        readonly bytesOut: number;
        readonly busyMs: number;
        readonly backPressuredMs: number;
        readonly idleMs: number;
      }
    | undefined;
}

export interface VertexAnswer {
  readonly id: string;
  readonly now: number;
  readonly subtasks: readonly SubtaskAnswer[];
}

/** An entry of `exceptionHistory` of `GET /jobs/JID/exceptions`. */
export interface ExceptionAnswer {
  /** Class of the exception. */
  readonly name: string;
  /** First line of what it says. */
  readonly message: string;
  readonly timestamp: number;
  /** `NAME (1/4) - execution #0`; absent for a global failure. */
  readonly taskName: string | undefined;
  readonly taskManager: string | undefined;
  readonly concurrent: readonly ExceptionAnswer[];
}

export interface CheckpointAnswer {
  readonly id: number;
  readonly status: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly savepoint: boolean;
  readonly triggeredAt: number;
  readonly acknowledgedAt: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly tasks: number;
  readonly path: string;
  readonly failure: string;
}

/** `GET /jobs/JID/checkpoints`. */
export interface CheckpointsAnswer {
  /** Oldest first. */
  readonly history: readonly CheckpointAnswer[];
  readonly restored: { readonly id: number; readonly at: number } | undefined;
}

/** An entry of `GET /taskmanagers`. */
export interface TaskManagerAnswer {
  readonly id: string;
  readonly slots: number;
  readonly freeSlots: number;
  readonly memoryBytes: number;
}

const JOB_STATES: ReadonlySet<string> = new Set<JobState>([
  "INITIALIZING",
  "CREATED",
  "RUNNING",
  "RESTARTING",
  "FAILING",
  "FAILED",
  "CANCELLING",
  "CANCELED",
  "FINISHED",
  "SUSPENDED",
]);
const EXECUTION_STATES: ReadonlySet<string> = new Set<ExecutionState>([
  "CREATED",
  "SCHEDULED",
  "DEPLOYING",
  "INITIALIZING",
  "RUNNING",
  "FINISHED",
  "CANCELING",
  "CANCELED",
  "FAILED",
]);
/** Longest message of an exception that is kept, in characters. */
const MAX_MESSAGE = 500;

/** `RECONCILING`, which Flink knows too, is shown as the state before it. */
function jobState(value: string, reader: AnswerReader): JobState {
  if (JOB_STATES.has(value)) return value as JobState;
  return value === "RECONCILING" ? "CREATED" : reader.fail(`"${value.slice(0, 40)}" is no state of a job`);
}

function executionState(value: string, reader: AnswerReader): ExecutionState {
  if (EXECUTION_STATES.has(value)) return value as ExecutionState;
  return value === "RECONCILING" ? "CREATED" : reader.fail(`"${value.slice(0, 40)}" is no state of a task`);
}

export function readConfig(value: unknown, path: string): ClusterConfig {
  const reader = new AnswerReader(path);
  const object = reader.object(value);
  return {
    flinkVersion: reader.text(object, "flink-version"),
    refreshIntervalMs: Math.max(100, reader.number(object, "refresh-interval", 3000)),
  };
}

export function readJobs(value: unknown, path: string): JobOverview[] {
  const reader = new AnswerReader(path);
  return reader.list(reader.object(value), "jobs", (job, inner) => {
    const tasks = field(job, "tasks");
    const counts = isObject(tasks) ? tasks : {};
    return {
      id: inner.text(job, "jid"),
      name: inner.text(job, "name"),
      state: jobState(inner.text(job, "state"), inner.at("state")),
      startTime: inner.number(job, "start-time", 0),
      durationMs: inner.number(job, "duration", 0),
      tasks: { total: inner.number(counts, "total", 0), running: inner.number(counts, "running", 0) },
    };
  });
}

export function readJob(value: unknown, path: string): JobDetails {
  const reader = new AnswerReader(path);
  const raw = reader.object(value);
  const times = reader.object(field(raw, "timestamps") ?? {});
  const timestamps: Partial<Record<JobState, number>> = {};
  for (const state of JOB_STATES) {
    const at = reader.at("timestamps").number(times, state, 0);
    if (at > 0) timestamps[state as JobState] = at;
  }
  return {
    id: reader.text(raw, "jid"),
    name: reader.text(raw, "name"),
    state: jobState(reader.text(raw, "state"), reader.at("state")),
    scheduler: reader.text(raw, "schedulerType", "Default") === "Adaptive" ? "adaptive" : "default",
    now: reader.number(raw, "now"),
    startTime: reader.number(raw, "start-time"),
    timestamps,
    vertices: reader.list(raw, "vertices", (vertex, inner) => {
      const counts = inner.object(field(vertex, "tasks") ?? {});
      const tasks: Partial<Record<ExecutionState, number>> = {};
      for (const state of EXECUTION_STATES) tasks[state as ExecutionState] = inner.number(counts, state, 0);
      return {
        id: inner.text(vertex, "id"),
        name: inner.text(vertex, "name"),
        parallelism: inner.number(vertex, "parallelism"),
        tasks,
      };
    }),
    raw,
  };
}

export function readVertex(value: unknown, path: string): VertexAnswer {
  const reader = new AnswerReader(path);
  const object = reader.object(value);
  return {
    id: reader.text(object, "id"),
    now: reader.number(object, "now"),
    subtasks: reader.list(object, "subtasks", readSubtask),
  };
}

function readSubtask(subtask: JsonObject, reader: AnswerReader): SubtaskAnswer {
  const durations = field(subtask, "status-duration");
  const stateMs: Partial<Record<ExecutionState, number>> = {};
  if (isObject(durations)) {
    for (const state of EXECUTION_STATES) {
      const ms = reader.at("status-duration").number(durations, state, -1);
      if (ms >= 0) stateMs[state as ExecutionState] = ms;
    }
  }
  const taskManager = reader.text(subtask, "taskmanager-id", "");
  return {
    index: reader.number(subtask, "subtask"),
    state: executionState(reader.text(subtask, "status"), reader.at("status")),
    attempt: reader.number(subtask, "attempt"),
    taskManager: taskManager === "" || taskManager.startsWith("(") ? undefined : taskManager,
    startTime: reader.number(subtask, "start-time", -1),
    endTime: reader.number(subtask, "end-time", -1),
    stateMs,
    counts: readCounts(field(subtask, "metrics"), reader.at("metrics")),
  };
}

function readCounts(value: unknown, reader: AnswerReader): SubtaskAnswer["counts"] {
  if (!isObject(value)) return undefined;
  if (!["read-records-complete", "write-records-complete"].every((name) => reader.flag(value, name))) return undefined;
  // "NaN" where a task has no such time, such as the busy time of a source of the old kind.
  const count = (name: string): number => Math.max(0, reader.number(value, name, 0));
  return {
    recordsIn: count("read-records"),
    recordsOut: count("write-records"),
    bytesIn: count("read-bytes"),
    bytesOut: count("write-bytes"),
    busyMs: count("accumulated-busy-time"),
    backPressuredMs: count("accumulated-backpressured-time"),
    idleMs: count("accumulated-idle-time"),
  };
}

export function readExceptions(value: unknown, path: string): ExceptionAnswer[] {
  const reader = new AnswerReader(path);
  const history = field(reader.object(value), "exceptionHistory");
  if (!isObject(history)) return [];
  // The newest comes first.
  return reader.at("exceptionHistory").list(history, "entries", readException).reverse();
}

function readException(entry: JsonObject, reader: AnswerReader): ExceptionAnswer {
  const name = reader.text(entry, "exceptionName", "Exception");
  const [first = ""] = reader.text(entry, "stacktrace", "").split("\n");
  const said = first.startsWith(name) ? first.slice(name.length).replace(/^:\s*/, "") : first;
  // 1.20 says `location`, later ones `endpoint` and the id of the TaskManager.
  const taskManager = reader.text(entry, "taskManagerId", "");
  const taskName = reader.text(entry, "taskName", "");
  return {
    name,
    message: said.slice(0, MAX_MESSAGE),
    timestamp: reader.number(entry, "timestamp"),
    taskName: taskName === "" ? undefined : taskName,
    taskManager: taskManager === "" || taskManager.startsWith("(") ? undefined : taskManager,
    concurrent: reader.list(entry, "concurrentExceptions", readException),
  };
}

export function readCheckpoints(value: unknown, path: string): CheckpointsAnswer {
  const reader = new AnswerReader(path);
  const object = reader.object(value);
  const latest = field(object, "latest");
  const restored = isObject(latest) ? field(latest, "restored") : undefined;
  return {
    history: reader
      .list(object, "history", (one, inner): CheckpointAnswer => {
        const status = inner.text(one, "status");
        return {
          id: inner.number(one, "id"),
          status: status === "COMPLETED" || status === "FAILED" ? status : "IN_PROGRESS",
          savepoint: inner.flag(one, "is_savepoint"),
          triggeredAt: inner.number(one, "trigger_timestamp"),
          acknowledgedAt: inner.number(one, "latest_ack_timestamp", -1),
          durationMs: Math.max(0, inner.number(one, "end_to_end_duration", 0)),
          bytes: inner.number(one, "checkpointed_size", inner.number(one, "state_size", 0)),
          tasks: inner.number(one, "num_subtasks", 0),
          path: inner.text(one, "external_path", ""),
          failure: inner.text(one, "failure_message", ""),
        };
      })
      .sort((a, b) => a.id - b.id),
    restored: isObject(restored)
      ? { id: reader.number(restored, "id"), at: reader.number(restored, "restore_timestamp") }
      : undefined,
  };
}

export function readTaskManagers(value: unknown, path: string): TaskManagerAnswer[] {
  const reader = new AnswerReader(path);
  return reader.list(reader.object(value), "taskmanagers", (one, inner) => {
    const memory = field(one, "memoryConfiguration");
    return {
      id: inner.text(one, "id"),
      slots: inner.number(one, "slotsNumber", 0),
      freeSlots: inner.number(one, "freeSlots", 0),
      memoryBytes: isObject(memory) ? inner.number(memory, "totalProcessMemory", 0) : 0,
    };
  });
}

/** `GET /jobmanager/config`: what is set, by key. */
export function readSettings(value: unknown, path: string): ReadonlyMap<string, string> {
  const reader = new AnswerReader(path);
  if (!Array.isArray(value)) reader.fail("a list is expected");
  const entries = reader.list(
    { settings: value },
    "settings",
    (one, inner) => [inner.text(one, "key"), inner.text(one, "value", "")] as const,
  );
  return new Map(entries);
}
