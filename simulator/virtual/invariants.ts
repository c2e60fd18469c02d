/**
 * What must hold in every world, whatever happens in whatever order; checked after each step of the JobMaster and at the end. None of it asks
 * the JobMaster whether it did right: scopes and restarts come from oracles of their own, records from the disk, attempts from the processes.
 */
import type { StepResult } from "../core/jobMaster";
import type { JobMasterCommand, JobMasterInput, JobMasterState } from "../core/jobMasterState";
import type { ExecutionState } from "../graph/executionState";
import { isTerminal } from "../graph/executionState";
import type { JobSpec } from "../graph/jobFile";
import type { JournalEventBody, SubtaskName } from "../observe/journalEvent";
import { checkCheckpoints, CheckpointRecord } from "./checkpointInvariants";
import { checkEndpoints, EndpointRecord } from "./endpointInvariants";
import { FailoverOracle } from "./failoverOracle";
import { ensure } from "./invariantViolation";
import { RestartOracle } from "./restartOracle";
import { checkLeftOut, checkScaling } from "./serviceInvariants";
import { checkAttempts, checkSilence, checkSlots } from "./resourceInvariants";
import type { VirtualWorld, WorldObserver } from "./virtualWorld";

type EventOf<K extends JournalEventBody["kind"]> = Extract<JournalEventBody, { kind: K }>;

interface ShadowTask {
  readonly vertex: string;
  readonly vertexKind: "stream" | "service";
  state: ExecutionState;
  attempt: number;
}

/** Moves between execution states, from Flink's documentation of `ExecutionState`. */
const MOVES: Readonly<Record<ExecutionState, readonly ExecutionState[]>> = {
  CREATED: ["SCHEDULED", "CANCELED", "CANCELING", "FAILED", "INITIALIZING"],
  SCHEDULED: ["DEPLOYING", "CANCELED", "CANCELING", "FAILED"],
  DEPLOYING: ["INITIALIZING", "RUNNING", "FINISHED", "CANCELING", "FAILED"],
  INITIALIZING: ["RUNNING", "FINISHED", "CANCELING", "FAILED"],
  RUNNING: ["FINISHED", "CANCELING", "FAILED"],
  CANCELING: ["CANCELED", "FAILED"],
  FINISHED: ["CREATED"],
  CANCELED: ["CREATED"],
  FAILED: ["CREATED"],
};

export class Invariants implements WorldObserver {
  private readonly scopes: FailoverOracle;
  private tasks = new Map<SubtaskName, ShadowTask>();
  /** Tasks that a failover under way may cancel and start again. */
  private mayRestart = new Set<SubtaskName>();
  private restarts = new Map<string, RestartOracle>();
  private jobState = "INITIALIZING";
  /** A coordinator that took over takes the attempts of its predecessor over too. */
  private recovering = false;
  private failures = new Map<number, EventOf<"failure">>();
  private checkpoints = new CheckpointRecord();
  private endpoints = new EndpointRecord();
  /** Instances that a person or an autoscaler asked to be rid of. */
  private draining = new Set<SubtaskName>();

  private readonly sources: ReadonlySet<string>;
  /** When a task that restarts may be started, at the earliest. */
  private readonly restartAtMs = new Map<SubtaskName, number>();

  constructor(private readonly job: JobSpec) {
    this.sources = new Set(job.operators.flatMap(({ id, kind }) => (kind === "source" ? [id] : [])));
    this.scopes = new FailoverOracle(job);
  }

  onCoordinatorStarted(world: VirtualWorld, master: JobMasterState): void {
    this.tasks = new Map([...master.tasks].map(([name, { vertex, vertexKind, state, attempt }]) => [name, { vertex, vertexKind, state, attempt }]));
    this.mayRestart = new Set();
    this.restarts = new Map();
    this.jobState = master.jobState;
    this.recovering = master.recovering !== undefined;
    this.draining = new Set([...master.tasks.values()].flatMap(({ name, draining }) => (draining ? [name] : [])));
    this.restartAtMs.clear();
    this.checkpoints = this.checkpoints.afterRecovery(world);
    this.endpoints = new EndpointRecord();
  }

  onStep(world: VirtualWorld, master: JobMasterState, input: JobMasterInput, result: StepResult): void {
    if (result.events.some(({ kind }) => kind === "service.scaled")) this.noteDraining(master);
    checkNumber(input, master);
    this.checkpoints.onInput(input);
    this.endpoints.onInput(input);
    for (const event of result.events) this.onEvent(event, world.loop.now, input);
    this.recovering = master.recovering !== undefined;
    this.checkpoints.checkUnreadable(input, this.failures.values());
    this.failures.clear();
    for (const command of result.commands) this.onCommand(command, master);
    this.endpoints.onStep(result);
    checkSlots(this.job, master);
    checkAttempts(world);
    checkEndpoints(this.endpoints, master, this.draining);
    checkCheckpoints(this.checkpoints, world, master, result.commands);
    this.checkFailoversEnd(master);
    checkSilence(world, master);
    checkScaling(master, input, result.events);
    checkLeftOut(world);
    ensure(this.jobState === master.jobState, "job-state", `the journal says ${this.jobState}, the JobMaster is ${master.jobState}`);
  }

  private onEvent(event: JournalEventBody, nowMs: number, input: JobMasterInput): void {
    switch (event.kind) {
      case "task.state":
        this.onTaskState(event, nowMs);
        return;
      case "failure":
        this.failures.set(event.id, event);
        this.onFailure(event, input);
        return;
      case "failover":
        this.onFailover(event, nowMs, input);
        return;
      case "job.state":
        this.onJobState(event, nowMs);
        return;
      case "checkpoint.triggered":
        this.checkpoints.onTriggered(event, this.liveStreamTasks(), (task) => this.sources.has(this.tasks.get(task)?.vertex ?? ""));
        return;
      case "checkpoint.completed":
        this.checkpoints.onCompleted(event);
        return;
      case "checkpoint.damaged":
        this.checkpoints.onDamaged(event);
        return;
      default:
    }
  }

  private onTaskState(event: EventOf<"task.state">, nowMs: number): void {
    const task = this.tasks.get(event.task);
    if (task === undefined) {
      // A scale-out adds instances.
      ensure(event.vertexKind === "service", "unknown-task", `${event.task} is no task of the job`);
      const vertex = event.task.slice(0, event.task.lastIndexOf("#"));
      this.tasks.set(event.task, { vertex, vertexKind: "service", state: event.to, attempt: event.attempt });
      return;
    }
    ensure(task.state === event.from, "task-state", `${event.task} was ${task.state}, the journal says ${event.from}`);
    ensure(MOVES[event.from].includes(event.to), "task-state", `${event.task} went from ${event.from} to ${event.to}`);
    if (event.to === "CREATED") {
      ensure(event.attempt === task.attempt + 1, "attempt", `${event.task} went from attempt ${task.attempt} to ${event.attempt}`);
      const earliest = this.restartAtMs.get(event.task) ?? 0;
      ensure(nowMs >= earliest, "restart-too-early", `${event.task} starts again ${earliest - nowMs} ms before its delay is over`);
    } else if (!this.recovering) {
      ensure(event.attempt === task.attempt, "attempt", `${event.task} is at attempt ${task.attempt}, the journal says ${event.attempt}`);
    }
    const restarts = event.to === "CANCELING" || event.to === "CANCELED" || event.to === "CREATED";
    if (restarts && !this.jobIsEnding() && !this.draining.has(event.task)) {
      ensure(this.mayRestart.has(event.task), "outside-scope", `${event.task} went to ${event.to} outside every failover scope`);
    }
    task.state = event.to;
    task.attempt = event.attempt;
    if (event.to === "FINISHED") this.checkpoints.onFinished(event.task);
    if (event.to === "CREATED") this.draining.delete(event.task);
    if (event.to === "RUNNING") this.mayRestart.delete(event.task);
  }

  private onFailure(event: EventOf<"failure">, input: JobMasterInput): void {
    const task = this.tasks.get(event.task);
    ensure(task !== undefined, "failure", `${event.task}, which is no task, failed`);
    ensure(event.attempt === task.attempt, "failure", `attempt ${event.attempt} of ${event.task} failed; it is at ${task.attempt}`);
    ensure(task.state === "FAILED" || this.isGlobal(input, event), "failure", `${event.task} failed when it was ${task.state}`);
    if (input.kind === "taskState" || input.kind === "instanceFailed") {
      ensure(event.attempt === input.attempt, "failure", `attempt ${event.attempt} of ${event.task} failed by a message of attempt ${input.attempt}`);
    }
  }

  private onFailover(event: EventOf<"failover">, nowMs: number, input: JobMasterInput): void {
    const failed = event.failures.map((id) => this.failures.get(id));
    const names = [...this.tasks.keys()].filter((name) => !this.draining.has(name));
    const expected = new Set<string>();
    for (const failure of failed) {
      ensure(failure !== undefined, "failover", `failover ${event.id} names a failure that did not happen now`);
      for (const name of this.isGlobal(input, failure) ? this.globalScope(names) : this.scopes.scope(failure.task, names, (task) => this.tasks.get(task)?.state === "CREATED")) {
        if (!this.draining.has(name)) expected.add(name);
      }
      this.checkDelay(event, failure, nowMs, this.isGlobal(input, failure));
    }
    const actual = new Set([...event.tasks, ...event.instances]);
    const missing = [...expected].filter((name) => !actual.has(name));
    const surplus = [...actual].filter((name) => !expected.has(name));
    ensure(surplus.length === 0, "scope-too-large", `failover ${event.id} restarts ${surplus.join(", ")} for nothing`);
    ensure(missing.length === 0, "scope-too-small", `failover ${event.id} leaves out ${missing.join(", ")}`);
    const live = [...this.tasks].filter(([name, task]) => !actual.has(name) && !isTerminal(task.state));
    ensure(event.untouched === live.length, "untouched", `failover ${event.id} says ${event.untouched} untouched; ${live.length} are`);
    for (const name of actual) {
      this.mayRestart.add(name);
      this.restartAtMs.set(name, nowMs + event.delayMs);
    }
  }

  private checkDelay(event: EventOf<"failover">, failure: EventOf<"failure">, nowMs: number, global: boolean): void {
    const task = this.tasks.get(failure.task)!;
    const service = global ? undefined : this.job.services.find((candidate) => candidate.id === task.vertex);
    const key = service?.id ?? "";
    let oracle = this.restarts.get(key);
    if (oracle === undefined) this.restarts.set(key, (oracle = new RestartOracle(service?.restartStrategy ?? this.job.runtime.restartStrategy)));
    const allowed = oracle.onFailure(nowMs);
    ensure(allowed.restart, "restart-not-allowed", `failover ${event.id} restarts although the restart strategy forbids it`);
    const { delayMs } = event;
    ensure(
      delayMs >= allowed.leastMs && delayMs <= allowed.mostMs,
      "restart-delay",
      `failover ${event.id} waits ${delayMs} ms instead of ${allowed.leastMs} to ${allowed.mostMs} ms`,
    );
    oracle.decided(nowMs, delayMs);
  }

  /** The job gives up: the strategy must say so too. */
  private onJobState(event: EventOf<"job.state">, nowMs: number): void {
    ensure(this.jobState === event.from, "job-state", `the job was ${this.jobState}, the journal says ${event.from}`);
    this.jobState = event.to;
    if (event.to === "RUNNING") {
      const behind = [...this.tasks].filter(([, task]) => task.vertexKind === "stream" && task.state !== "RUNNING" && task.state !== "FINISHED");
      ensure(behind.length === 0, "running", `the job is RUNNING, but ${behind.map(([name, task]) => `${name} is ${task.state}`).join(", ")}`);
    }
    if (event.to === "FINISHED") {
      const behind = [...this.tasks].filter(([, task]) => task.vertexKind === "stream" && task.state !== "FINISHED");
      ensure(behind.length === 0, "finished", `the job is FINISHED, but not ${behind.map(([name]) => name).join(", ")}`);
    }
    if (event.to === "FAILING" && !this.recovering && event.cause?.message.includes("No restart:") === true) this.checkGivingUp(nowMs);
  }

  private checkGivingUp(nowMs: number): void {
    const failure = [...this.failures.values()].pop();
    ensure(failure !== undefined, "gave-up", "the job gave up without a failure");
    const vertex = this.tasks.get(failure.task)?.vertex ?? "";
    const service = this.job.services.find((candidate) => candidate.id === vertex);
    const config = service?.restartStrategy ?? this.job.runtime.restartStrategy;
    const oracle = this.restarts.get(service?.id ?? "") ?? new RestartOracle(config);
    const allowed = oracle.onFailure(nowMs);
    ensure(!allowed.restart, "gave-up", `the job gave up, but the restart strategy ${config.type} allows another restart`);
  }

  private onCommand(command: JobMasterCommand, master: JobMasterState): void {
    switch (command.kind) {
      case "deploy":
      case "triggerBarriers":
        ensure(master.processes.get(command.process)?.state === "CONNECTED", "command", `${command.kind} goes to ${command.process}, which is not connected`);
        return;
      case "endProcess":
        if (command.how !== "drain") return;
        ensure(this.endpoints.wasReady(command.process), "drain", `${command.process} is to drain before it is ready`);
        return;
      default:
    }
  }

  /** With everything up, no restart is under way. */
  private checkFailoversEnd(master: JobMasterState): void {
    const up = [...this.tasks].every(([name, { state }]) => state === "RUNNING" || state === "FINISHED" || this.draining.has(name));
    const under = up && !master.ended ? [...master.failovers] : [];
    ensure(under.length === 0, "failover-leak", `everything is up, and ${under.length} failovers are under way`);
  }

  private noteDraining(master: JobMasterState): void {
    for (const task of master.tasks.values()) {
      if (!task.draining) continue;
      this.draining.add(task.name);
      // It restarts no more. Wanted once more, it is a new instance, which waits for nothing.
      this.restartAtMs.delete(task.name);
    }
  }

  private isGlobal(input: JobMasterInput, failure: EventOf<"failure">): boolean {
    return failure.cause.code === "FL2006" && (input.kind === "timer" || input.kind.startsWith("checkpoint"));
  }

  private globalScope(names: readonly string[]): readonly string[] {
    if (this.job.runtime.scheduler === "adaptive") return names;
    return names.filter((name) => this.tasks.get(name)?.vertexKind === "stream");
  }

  private jobIsEnding(): boolean {
    return ["CANCELLING", "FAILING", "CANCELED", "FAILED", "FINISHED"].includes(this.jobState);
  }

  private liveStreamTasks(): ReadonlyMap<SubtaskName, number> {
    const live = new Map<SubtaskName, number>();
    for (const [name, task] of this.tasks) if (task.vertexKind === "stream" && task.state !== "FINISHED") live.set(name, task.attempt);
    return live;
  }
}

/** By the number of its deployment an acknowledgement finds the task that it names. */
function checkNumber(input: JobMasterInput, { tasks }: JobMasterState): void {
  if (input.kind !== "checkpointAck") return;
  const number = tasks.get(input.task)?.number;
  ensure(input.number === number, "task-number", `${input.task} acknowledges with the number ${input.number}, and has ${number}`);
}
