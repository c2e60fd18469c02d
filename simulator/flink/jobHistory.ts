/**
 * From what a cluster answers, time and again, to the events of a journal. Pure: observations in, events out, without clock and I/O, so
 * that recorded answers give the same journal as the cluster gave.
 *
 * Answers are moments; what happened between two of them is filled in from the times that Flink keeps (states of the job, states of
 * attempts, exceptions, checkpoints).
 */
import type { AnalyzedGraph } from "../graph/describeGraph";
import { isJobTerminal, isTerminal, type JobState } from "../graph/executionState";
import type { FailoverStrategy } from "../graph/failoverScope";
import type { Cause, JournalEventBody, ProcessName, SubtaskName, TaskMetrics } from "../observe/journalEvent";
import { attemptTimes } from "./attemptTimes";
import {
  compareFailover,
  lostTaskManagerOf,
  openEpisode,
  regionsOf,
  taskManagerProcess,
  type Episode,
  type TaskSeen,
} from "./failoverEpisode";
import type {
  CheckpointsAnswer,
  ExceptionAnswer,
  JobDetails,
  SubtaskAnswer,
  TaskManagerAnswer,
  VertexAnswer,
} from "./restAnswers";

/** One round of answers. */
export interface JobObservation {
  readonly job: JobDetails;
  /** Those vertices that were asked for in this round. */
  readonly vertices: readonly VertexAnswer[];
  readonly exceptions: readonly ExceptionAnswer[] | undefined;
  readonly checkpoints: CheckpointsAnswer | undefined;
  readonly taskManagers: readonly TaskManagerAnswer[] | undefined;
}

export interface TimedEvent {
  readonly body: JournalEventBody;
  readonly at: number;
}

export const JOB_MANAGER: ProcessName = "jobmanager";

/** Rounds that have to agree before a failover counts as over: answers of one round are not of one moment. */
const STEADY_ROUNDS = 2;

interface KnownTask extends TaskSeen {
  readonly counts: SubtaskAnswer["counts"];
  readonly countedAt: number;
}

export class JobHistory {
  private readonly tasks = new Map<SubtaskName, KnownTask>();
  private readonly seenExceptions = new Set<string>();
  private readonly checkpoints = new Map<number, "IN_PROGRESS" | "COMPLETED" | "FAILED">();
  private readonly taskManagers = new Set<string>();
  private readonly recordsSeenBy = new Set<string>();
  private readonly vertexNames: ReadonlyMap<string, string>;
  private readonly sinks: ReadonlySet<string>;
  private jobState: JobState = "INITIALIZING";
  private timestamps: JobDetails["timestamps"] = {};
  private restored: CheckpointsAnswer["restored"];
  private episode: Episode | undefined;
  private steadyRounds = 0;
  private failureCount = 0;
  private failoverCount = 0;
  private rounds = 0;
  private events: TimedEvent[] = [];

  /** `beganAt`: when watching began, by the cluster's clock; what is older is not told. */
  constructor(
    private readonly analyzed: AnalyzedGraph,
    private readonly strategy: FailoverStrategy,
    private readonly beganAt: number,
  ) {
    // Names of vertices as exceptions say them; two of one name cannot be told apart.
    const names = analyzed.vertices.map(({ name }) => name);
    this.vertexNames = new Map(
      analyzed.vertices
        .filter(({ name }) => names.filter((one) => one === name).length === 1)
        .map(({ name, id }) => [name, id]),
    );
    const sources = new Set(analyzed.edges.map(({ source }) => source));
    this.sinks = new Set(analyzed.vertices.map(({ id }) => id).filter((id) => !sources.has(id)));
  }

  get state(): JobState {
    return this.jobState;
  }

  /** Something restarts, or its end has not been told yet: rounds should come close together. */
  get unsettled(): boolean {
    return this.episode !== undefined;
  }

  observe(observation: JobObservation): readonly TimedEvent[] {
    this.events = [];
    const { job } = observation;
    const before = new Map<SubtaskName, TaskSeen>(this.tasks);
    this.observeTaskManagers(observation, before);
    this.observeExceptions(observation, before);
    this.observeJobState(job);
    for (const vertex of observation.vertices) this.observeVertex(vertex, before);
    this.observeCheckpoints(observation.checkpoints);
    this.observeFailover(observation);
    this.rounds += 1;
    return this.events;
  }

  private emit(body: JournalEventBody, at: number): void {
    this.events.push({ body, at: Math.max(at, this.beganAt) });
  }

  private episodeAt(at: number, before: ReadonlyMap<SubtaskName, TaskSeen>): Episode {
    return (this.episode ??= openEpisode(Math.max(at, this.beganAt), before));
  }

  private observeTaskManagers({ job, taskManagers }: JobObservation, before: ReadonlyMap<SubtaskName, TaskSeen>): void {
    if (this.rounds === 0) this.emit({ kind: "process.connected", process: JOB_MANAGER, pid: 0 }, job.now);
    if (taskManagers === undefined) return;
    const present = new Set(taskManagers.map(({ id }) => id));
    for (const id of this.taskManagers) {
      if (present.has(id)) continue;
      this.taskManagers.delete(id);
      this.taskManagerLost(
        id,
        job.now,
        [...before.values()].some(({ taskManager }) => taskManager === id) ? before : undefined,
      );
    }
    for (const id of present) {
      if (this.taskManagers.has(id)) continue;
      this.taskManagers.add(id);
      const process = taskManagerProcess(id);
      if (this.rounds > 0) this.emit({ kind: "process.started", process, pid: 0 }, job.now);
      this.emit({ kind: "process.connected", process, pid: 0 }, job.now);
    }
  }

  /** `before`: where this job had tasks on it. */
  private taskManagerLost(id: string, at: number, before: ReadonlyMap<SubtaskName, TaskSeen> | undefined): void {
    const known = this.episode?.lostTaskManagers.has(id) === true;
    // A TaskManager that was left idle and given back is no failure of this job.
    if (before !== undefined || this.episode !== undefined) {
      const episode = this.episode ?? this.episodeAt(at, before ?? new Map());
      episode.lostTaskManagers.add(id);
    }
    if (known) return;
    this.emit(
      {
        kind: "process.lost",
        process: taskManagerProcess(id),
        pid: 0,
        evidence: { by: "connection" },
        expected: before === undefined && this.episode === undefined,
      },
      at,
    );
  }

  private observeExceptions({ exceptions }: JobObservation, before: ReadonlyMap<SubtaskName, TaskSeen>): void {
    for (const root of exceptions ?? []) {
      for (const one of [root, ...root.concurrent]) {
        const key = `${one.timestamp} ${one.name} ${one.taskName ?? ""}`;
        if (this.seenExceptions.has(key)) continue;
        this.seenExceptions.add(key);
        if (one.timestamp < this.beganAt) continue;
        this.failed(one, before);
      }
    }
  }

  private failed(exception: ExceptionAnswer, before: ReadonlyMap<SubtaskName, TaskSeen>): void {
    const { name, message, timestamp, taskName, taskManager } = exception;
    const episode = this.episodeAt(timestamp, before);
    const task = taskName === undefined ? undefined : this.taskOf(taskName);
    const said = message === "" ? name : `${shortName(name)}: ${message}`;
    const gone = lostTaskManagerOf(message);
    if (gone !== undefined && !episode.lostTaskManagers.has(gone)) this.taskManagerLost(gone, timestamp, before);
    if (taskName === undefined) episode.global = true;
    else if (task !== undefined) episode.namedTasks.add(task.name);
    episode.evidence.push(
      `${taskName ?? "The job as a whole"} failed${taskManager === undefined ? "" : ` on ${taskManager}`}: ${said}`,
    );
    const id = ++this.failureCount;
    episode.failures.push(id);
    const process = taskManager ?? gone;
    this.emit(
      {
        kind: "failure",
        id,
        task: task?.name ?? taskName ?? "job",
        attempt: task?.attempt ?? 0,
        ...(process === undefined ? {} : { process: taskManagerProcess(process) }),
        cause: { code: "FL5014", message: said, ...(taskName === undefined ? {} : { detail: taskName }) },
      },
      timestamp,
    );
  }

  /** `NAME (2/4) - execution #0`, where the name is that of one vertex. */
  private taskOf(taskName: string): { readonly name: SubtaskName; readonly attempt: number } | undefined {
    const match = /^(.*) \((\d+)\/\d+\)(?: - execution #(\d+))?$/s.exec(taskName);
    const vertex = match?.[1] === undefined ? undefined : this.vertexNames.get(match[1]);
    if (match === null || vertex === undefined) return undefined;
    return { name: `${vertex}#${Number(match[2]) - 1}`, attempt: Number(match[3] ?? 0) };
  }

  private observeJobState(job: JobDetails): void {
    const entered = (Object.entries(job.timestamps) as [JobState, number][])
      .filter(([state, at]) => at > (this.timestamps[state] ?? 0))
      .sort((a, b) => a[1] - b[1]);
    // The state last entered stands at the end, whatever the times of equal moments say.
    if (entered.length > 0 && entered.at(-1)?.[0] !== job.state)
      entered.push([job.state, entered.at(-1)?.[1] ?? job.now]);
    for (const [to, at] of entered) this.enter(to, at, job);
    if (job.state !== this.jobState) this.enter(job.state, job.now, job);
    this.timestamps = job.timestamps;
  }

  private enter(to: JobState, at: number, job: JobDetails): void {
    if (to === this.jobState) return;
    const failed = to === "FAILED" || to === "FAILING";
    const cause: Cause | undefined = failed ? this.lastCause() : undefined;
    this.emit(
      { kind: "job.state", from: this.jobState, to, ...(cause === undefined ? {} : { cause }) },
      Math.min(at, job.now),
    );
    this.jobState = to;
  }

  private lastCause(): Cause | undefined {
    const said = this.episode?.evidence.at(-1);
    return said === undefined ? undefined : { code: "FL2003", message: said };
  }

  private observeVertex(vertex: VertexAnswer, before: ReadonlyMap<SubtaskName, TaskSeen>): void {
    const metrics = new Map<string, { tasks: Record<SubtaskName, TaskMetrics>; intervalMs: number }>();
    for (const subtask of vertex.subtasks) {
      const name = `${vertex.id}#${subtask.index}`;
      const known = this.tasks.get(name);
      if (known !== undefined && subtask.attempt < known.attempt) continue; // an answer from before the one that was seen
      this.observeSubtask(name, subtask, known, vertex.now, before);
      this.count(name, subtask, known, vertex, metrics);
    }
    for (const [taskManager, { tasks, intervalMs }] of metrics) {
      this.emit(
        { kind: "metrics", intervalMs, process: taskManagerProcess(taskManager), rssBytes: 0, tasks },
        vertex.now,
      );
    }
  }

  private observeSubtask(
    name: SubtaskName,
    subtask: SubtaskAnswer,
    known: KnownTask | undefined,
    now: number,
    before: ReadonlyMap<SubtaskName, TaskSeen>,
  ): void {
    const times = attemptTimes(subtask, now);
    let from = known?.state ?? "CREATED";
    let states = times;
    const move = (to: TaskSeen["state"], at: number, attempt: number, process: string | undefined): void => {
      this.emit(
        {
          kind: "task.state",
          task: name,
          vertexKind: "stream",
          attempt,
          from,
          to,
          ...(process === undefined ? {} : { process: taskManagerProcess(process) }),
        },
        at,
      );
      from = to;
    };
    if (known !== undefined && subtask.attempt > known.attempt) {
      const at = times[0]?.at ?? now;
      if (!isTerminal(known.state)) {
        const lost = known.taskManager !== undefined && this.episode?.lostTaskManagers.has(known.taskManager) === true;
        move(
          lost || this.episode?.namedTasks.has(name) === true ? "FAILED" : "CANCELED",
          at,
          known.attempt,
          known.taskManager,
        );
      }
      this.episodeAt(at, before).restarted.add(name);
      from = "CREATED";
      if (times[0]?.state !== "CREATED") move("CREATED", at, subtask.attempt, undefined);
    } else if (known !== undefined) {
      const reached = times.findIndex(({ state }) => state === known.state);
      states = reached === -1 ? times.filter(({ state }) => state === subtask.state) : times.slice(reached + 1);
    }
    for (const { state, at } of states) {
      if (known === undefined || state !== from || subtask.attempt > known.attempt)
        move(state, at, subtask.attempt, subtask.taskManager);
    }
    const broken = subtask.state === "FAILED" || subtask.state === "CANCELED" || subtask.state === "CANCELING";
    if (broken && known?.state === "RUNNING" && !this.ending()) this.episodeAt(times.at(-1)?.at ?? now, before);
    this.tasks.set(name, {
      state: subtask.state,
      attempt: subtask.attempt,
      taskManager: subtask.taskManager,
      counts: known?.counts,
      countedAt: known?.countedAt ?? now,
    });
  }

  private ending(): boolean {
    return isJobTerminal(this.jobState) || this.jobState === "CANCELLING" || this.jobState === "FAILING";
  }

  private count(
    name: SubtaskName,
    subtask: SubtaskAnswer,
    before: KnownTask | undefined,
    vertex: VertexAnswer,
    metrics: Map<string, { tasks: Record<SubtaskName, TaskMetrics>; intervalMs: number }>,
  ): void {
    const task = this.tasks.get(name);
    const { counts } = subtask;
    if (task === undefined || counts === undefined || subtask.taskManager === undefined) return;
    if (counts.recordsIn > 0 && this.sinks.has(vertex.id) && !this.recordsSeenBy.has(name)) {
      this.recordsSeenBy.add(name);
      this.emit({ kind: "sink.first-record", task: name }, vertex.now);
    }
    const sameAttempt = before !== undefined && before.attempt === subtask.attempt && before.counts !== undefined;
    if (!sameAttempt) {
      this.tasks.set(name, { ...task, counts, countedAt: vertex.now });
      return;
    }
    const last = before.counts;
    if (last === undefined) return;
    const intervalMs = vertex.now - before.countedAt;
    // Flink gathers metrics less often than it is asked: where nothing moved, the interval goes on.
    if (intervalMs <= 0 || Object.entries(counts).every(([key, value]) => last[key as keyof typeof last] === value))
      return;
    this.tasks.set(name, { ...task, counts, countedAt: vertex.now });
    const since = (key: keyof typeof counts): number => Math.max(0, counts[key] - last[key]);
    const group = metrics.get(subtask.taskManager) ?? { tasks: {}, intervalMs };
    metrics.set(subtask.taskManager, group);
    // Times are gathered apart from the records; they cannot be more than the interval.
    const total = since("busyMs") + since("backPressuredMs") + since("idleMs");
    const share = total > 0 ? group.intervalMs / total : 0;
    group.tasks[name] = {
      attempt: subtask.attempt,
      recordsIn: since("recordsIn"),
      recordsOut: since("recordsOut"),
      bytesIn: since("bytesIn"),
      bytesOut: since("bytesOut"),
      busyMs: since("busyMs") * share,
      backPressuredMs: since("backPressuredMs") * share,
      idleMs: since("idleMs") * share,
      buffersInUse: 0,
    };
  }

  private observeCheckpoints(answer: CheckpointsAnswer | undefined): void {
    if (answer === undefined) return;
    for (const one of answer.history) {
      const known = this.checkpoints.get(one.id);
      if (known === one.status) continue;
      this.checkpoints.set(one.id, one.status);
      if (one.status !== "IN_PROGRESS" && one.acknowledgedAt < this.beganAt && known === undefined) continue;
      if (known === undefined) {
        const reason = one.savepoint ? "savepoint" : "periodic";
        this.emit({ kind: "checkpoint.triggered", checkpoint: one.id, tasks: one.tasks, reason }, one.triggeredAt);
      }
      const at = one.triggeredAt + one.durationMs;
      if (one.status === "COMPLETED") {
        const { id: checkpoint, durationMs, bytes, path } = one;
        this.emit(
          { kind: "checkpoint.completed", checkpoint, durationMs, bytes, path, alignmentMs: 0, sourceOffsets: {} },
          at,
        );
      } else if (one.status === "FAILED") {
        const message = one.failure === "" ? "Flink does not say why" : one.failure.slice(0, 500);
        this.emit({ kind: "checkpoint.failed", checkpoint: one.id, cause: { code: "FL5015", message } }, at);
      }
    }
    if (answer.restored !== undefined) this.restored = answer.restored;
  }

  private observeFailover({ job }: JobObservation): void {
    const { episode } = this;
    if (episode === undefined) return;
    const unsettled = [...this.tasks.values()].some(
      ({ state }) => state === "FAILED" || state === "CANCELED" || state === "CANCELING",
    );
    if (isJobTerminal(job.state)) {
      this.episode = undefined;
      return;
    }
    if (unsettled) {
      this.steadyRounds = 0;
      return;
    }
    const fresh = [...episode.restarted].filter((task) => !episode.announced.has(task));
    if (fresh.length > 0) this.announce(episode, fresh.sort(), job);
    const running = [...this.tasks.values()].every(({ state }) => state === "RUNNING" || state === "FINISHED");
    this.steadyRounds = running && job.state === "RUNNING" && fresh.length === 0 ? this.steadyRounds + 1 : 0;
    if (this.steadyRounds < STEADY_ROUNDS) return;
    this.steadyRounds = 0;
    this.episode = undefined;
    const first = episode.failovers[0];
    if (first === undefined) return; // An exception after which nothing restarted.
    this.emit(compareFailover(episode, first, this.analyzed, this.strategy), job.now);
    for (const id of episode.failovers) this.emit({ kind: "failover.finished", id }, job.now);
  }

  private announce(episode: Episode, tasks: readonly SubtaskName[], job: JobDetails): void {
    const id = ++this.failoverCount;
    episode.failovers.push(id);
    for (const task of tasks) episode.announced.add(task);
    const live = [...episode.before.values()].filter(({ state }) => !isTerminal(state)).length;
    const restored = this.restored !== undefined && this.restored.at >= episode.at ? this.restored.id : undefined;
    this.emit(
      {
        kind: "failover",
        id,
        failures: id === episode.failovers[0] ? [...episode.failures] : [],
        strategy: this.strategy,
        regions: regionsOf(tasks, this.analyzed),
        tasks,
        instances: [],
        untouched: Math.max(0, live - tasks.length),
        delayMs: 0,
        ...(restored === undefined ? {} : { restoredCheckpoint: restored }),
      },
      Math.min(job.now, Math.max(episode.at, this.timestamps.RESTARTING ?? 0)),
    );
  }
}

function shortName(className: string): string {
  return className.slice(className.lastIndexOf(".") + 1);
}
