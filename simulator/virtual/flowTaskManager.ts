/** A TaskManager whose tasks have a life but no records of their own: those go through the regions as a flow. The protocol is the real one's. */
import type { ServiceEndpoint, StateHandle, TaskDeployment } from "../core/deployment";
import type { JobMasterCommand } from "../core/jobMasterState";
import type { Cause, SubtaskName } from "../observe/journalEvent";
import type { FlowRegion, FlowSlot } from "./flowRegion";
import type { VertexModel } from "./jobModel";
import type { ConnectionEnd } from "./virtualConnection";
import type { VirtualProcess } from "./virtualProcess";
import type { ControlConnection, CoordinatorMessage, Hello, WorkerLinkOwner } from "./workerLink";
import { WorkerLink } from "./workerLink";

/** A task's way to a service. */
export interface TaskServiceClient {
  readonly slot: FlowSlot;
  /** The list of instances has changed. */
  update(): void;
}

/** What is the same for every attempt of a task. */
export interface TaskPlace {
  readonly vertex: VertexModel;
  readonly region: RegionState;
}

/** Tasks of one region in one process. */
export interface TasksOfManager {
  readonly manager: FlowTaskManager;
  readonly tasks: readonly FlowTask[];
  /** Those in another process. Mostly there are none: a list of one would be two things more to read for each region and checkpoint. */
  readonly next: TasksOfManager | undefined;
  /** All of its tasks run. */
  running: boolean;
}

/** What a process writes for a checkpoint since a moment. */
export interface SnapshotsOfManager {
  readonly checkpoint: number;
  readonly sinceMs: number;
  readonly groups: TasksOfManager[];
}

/** A pipelined region: its flow, and which of its tasks run. */
export interface RegionState {
  readonly flow: FlowRegion;
  readonly tasks: number;
  readonly sources: number;
  /** Tasks of each of its vertices. */
  readonly widths: ReadonlyMap<string, number>;
  readonly running: Map<SubtaskName, FlowTask>;
  /** All of its tasks run. */
  whole: boolean;
  /** Of its sources. */
  sourcesRunning: number;
  /** The running ones by their TaskManager, once somebody asked. */
  groups: TasksOfManager | undefined;
  readonly stalledBy: Set<number>;
  lastTriggered: number;
}

/** One attempt of a stream task. */
export class FlowTask {
  readonly name: SubtaskName;
  readonly number: number;
  readonly attempt: number;
  readonly region: RegionState;
  state: "INITIALIZING" | "RUNNING" | "ENDED" = "INITIALIZING";
  /** Undone when the task ends. */
  onEnd: (() => void)[] | undefined;
  /** Its clients by service, once it has them. */
  clients: ReadonlyMap<string, TaskServiceClient> | undefined;

  constructor(
    readonly deployment: TaskDeployment,
    readonly manager: FlowTaskManager,
    readonly place: TaskPlace,
  ) {
    this.name = deployment.task;
    this.number = deployment.number;
    this.attempt = deployment.attempt;
    this.region = place.region;
  }

  whenEnded(undo: () => void): void {
    if (this.onEnd === undefined) this.onEnd = [undo];
    else this.onEnd.push(undo);
  }
}

export interface FlowTaskManagerHost {
  readonly heartbeatIntervalMs: number;
  placeOf(task: SubtaskName): TaskPlace;
  dial(worker: ConnectionEnd<CoordinatorMessage>): ControlConnection | undefined;
  /** Calls `run` of each task when it may run: its state is there and its models are loaded. */
  prepareAll(tasks: readonly FlowTask[]): void;
  onRunning(task: FlowTask): void;
  /** It had been running when `wasRunning`. */
  onEnded(task: FlowTask, wasRunning: boolean): void;
  /** The sources of the task are to send barriers. @returns false when the task cannot. */
  onTrigger(task: FlowTask, checkpoint: number): boolean;
  onCheckpointComplete(checkpoint: number): void;
  onEndpoints(manager: FlowTaskManager, service: string, endpoints: readonly ServiceEndpoint[]): void;
  cancelMs(): number;
}

function isRunning({ state }: FlowTask): boolean {
  return state === "RUNNING";
}

export class FlowTaskManager implements WorkerLinkOwner {
  readonly link: WorkerLink;
  readonly endpoints = new Map<string, readonly ServiceEndpoint[]>();
  /** When its process had connected first. */
  readonly sinceMs: number;
  /** The file with the state of its tasks at the latest checkpoint that they took. */
  snapshot: { readonly checkpoint: number; readonly handle: StateHandle } | undefined;
  /** State that its process began to write last, until it is written. */
  writing: SnapshotsOfManager | undefined;
  /** Its process has run tasks before. */
  hasHadTasks = false;
  /** Services whose model was loaded in its process. */
  readonly models = new Set<string>();
  private readonly tasks = new Map<SubtaskName, FlowTask>();

  constructor(
    readonly process: VirtualProcess,
    private readonly dataAddress: string,
    private readonly host: FlowTaskManagerHost,
  ) {
    this.sinceMs = process.now;
    this.link = new WorkerLink(this);
    process.whenDead(() => {
      for (const task of this.tasks.values()) this.forget(task);
      this.tasks.clear();
    });
  }

  get liveTasks(): Iterable<FlowTask> {
    return this.tasks.values();
  }

  fail(task: FlowTask, cause: Cause): void {
    this.end(task, "FAILED", cause);
  }

  /** @param handle of the file with the state of all its tasks. */
  acknowledge(group: TasksOfManager, checkpoint: number, handle: StateHandle): void {
    const running = group.running ? group.tasks : group.tasks.filter(isRunning);
    if (running.length > 0) this.link.acknowledge(checkpoint, handle, running);
  }

  get heartbeatIntervalMs(): number {
    return this.host.heartbeatIntervalMs;
  }

  dial(worker: ConnectionEnd<CoordinatorMessage>): ControlConnection | undefined {
    return this.host.dial(worker);
  }

  hello(): Hello {
    const { process, dataAddress } = this;
    return { process: process.name, role: "taskmanager", pid: process.pid, dataAddress };
  }

  onDisconnected(): void {
    this.cancelAll();
  }

  handle(command: JobMasterCommand): void {
    const { host } = this;
    switch (command.kind) {
      case "deploy":
        host.prepareAll(command.deployments.map((deployment) => this.deploy(deployment)));
        return;
      case "cancel": {
        const ending: FlowTask[] = [];
        for (const { task, attempt } of command.tasks) {
          const found = this.find(task, attempt);
          if (found === undefined) this.link.send({ kind: "taskState", task, attempt, state: "CANCELED" });
          else {
            this.stopFlow(found);
            ending.push(found);
          }
        }
        if (ending.length > 0) {
          this.process.post(host.cancelMs(), () => {
            for (const task of ending) this.end(task, "CANCELED");
          });
        }
        return;
      }
      case "triggerBarriers":
        for (const { task, attempt } of command.tasks) {
          const found = this.find(task, attempt);
          if (found !== undefined && host.onTrigger(found, command.checkpoint)) continue;
          const cause: Cause = { code: "FL2006", message: `${task} cannot take a checkpoint now.` };
          this.link.send({ kind: "checkpointDeclined", checkpoint: command.checkpoint, task, attempt, cause });
        }
        return;
      case "notifyCheckpointComplete":
        host.onCheckpointComplete(command.checkpoint);
        return;
      case "pushEndpoints":
        this.endpoints.set(command.service, command.instances);
        host.onEndpoints(this, command.service, command.instances);
        return;
      case "endProcess":
        this.cancelAll();
        this.link.close();
        this.process.exit(0);
        return;
      default:
    }
  }

  /** The task may run. */
  run(task: FlowTask): void {
    if (task.state !== "INITIALIZING") return;
    const { attempt, restore } = task.deployment;
    task.state = "RUNNING";
    this.link.journal({ kind: "task.restored", task: task.name, attempt, checkpoint: restore?.checkpoint, bytes: restore?.handle.bytes ?? 0 });
    this.link.send({ kind: "taskState", task: task.name, attempt, state: "RUNNING" });
    this.host.onRunning(task);
  }

  private deploy(deployment: TaskDeployment): FlowTask {
    const before = this.tasks.get(deployment.task);
    if (before !== undefined) this.end(before, "CANCELED");
    const task = new FlowTask(deployment, this, this.host.placeOf(deployment.task));
    this.tasks.set(task.name, task);
    for (const service in deployment.endpoints) {
      if (!this.endpoints.has(service)) this.endpoints.set(service, deployment.endpoints[service]);
    }
    this.link.send({ kind: "taskState", task: task.name, attempt: deployment.attempt, state: "INITIALIZING" });
    return task;
  }

  private find(name: SubtaskName, attempt: number): FlowTask | undefined {
    const task = this.tasks.get(name);
    return task?.attempt === attempt && task.state !== "ENDED" ? task : undefined;
  }

  private cancelAll(): void {
    for (const task of [...this.tasks.values()]) this.end(task, "CANCELED");
  }

  private end(task: FlowTask, state: "CANCELED" | "FAILED", cause?: Cause): void {
    if (this.tasks.get(task.name) !== task) return;
    this.tasks.delete(task.name);
    this.forget(task);
    this.link.send({ kind: "taskState", task: task.name, attempt: task.attempt, state, ...(cause && { cause }) });
  }

  /** It still winds up, but takes no records any more. */
  private stopFlow(task: FlowTask): void {
    if (task.state === "ENDED") return;
    const wasRunning = task.state === "RUNNING";
    task.state = "ENDED";
    this.host.onEnded(task, wasRunning);
  }

  private forget(task: FlowTask): void {
    this.stopFlow(task);
    const { onEnd } = task;
    task.onEnd = undefined;
    for (const undo of onEnd ?? []) undo();
  }
}
