/** A TaskManager's process in virtual time: the rules of `cluster/taskExecutor` and `cluster/taskManagerMain`. */
import type { ServiceEndpoint, TaskDeployment } from "../core/deployment";
import type { JobMasterCommand } from "../core/jobMasterState";
import type { Cause, SubtaskName } from "../observe/journalEvent";
import type { ConnectionEnd } from "./virtualConnection";
import type { VirtualProcess } from "./virtualProcess";
import type { TaskClient, TaskEnvironment } from "./virtualTask";
import { VirtualTask } from "./virtualTask";
import type { ControlConnection, CoordinatorMessage } from "./workerLink";
import { WorkerLink } from "./workerLink";

export interface TaskManagerOptions {
  readonly process: VirtualProcess;
  readonly dataAddress: string;
  readonly heartbeatIntervalMs: number;
  readonly environment: Omit<TaskEnvironment, "send" | "journal" | "openClient" | "process">;
  dial(worker: ConnectionEnd<CoordinatorMessage>): ControlConnection | undefined;
  openClient(service: string, task: SubtaskName, endpoints: readonly ServiceEndpoint[], journal: TaskEnvironment["journal"]): TaskClient;
}

export class VirtualTaskManager {
  readonly link: WorkerLink;
  private readonly tasks = new Map<SubtaskName, VirtualTask>();
  private readonly endpoints = new Map<string, readonly ServiceEndpoint[]>();
  private readonly environment: TaskEnvironment;

  constructor(private readonly options: TaskManagerOptions) {
    const { process } = options;
    this.link = new WorkerLink({
      process,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      dial: (worker) => options.dial(worker),
      hello: () => ({ process: process.name, role: "taskmanager", pid: process.pid, dataAddress: options.dataAddress }),
      handle: (command) => this.handle(command),
      // As in Flink, tasks do not outlive their JobManager: a new one deploys them from the latest checkpoint.
      onDisconnected: () => this.cancelAll(),
    });
    this.environment = {
      ...options.environment,
      process,
      send: (message) => this.link.send(message),
      journal: (body) => this.link.journal(body),
      openClient: (service, { task, endpoints }) =>
        // A push may have come between the deployment's making and now.
        options.openClient(service, task, this.endpoints.get(service) ?? endpoints[service] ?? [], (body) => this.link.journal(body)),
    };
  }

  get process(): VirtualProcess {
    return this.options.process;
  }

  get liveTasks(): readonly VirtualTask[] {
    return [...this.tasks.values()];
  }

  failTask(task: SubtaskName, cause: Cause): void {
    this.tasks.get(task)?.fail(cause);
  }

  private handle(command: JobMasterCommand): void {
    switch (command.kind) {
      case "deploy":
        for (const deployment of command.deployments) this.deploy(deployment);
        return;
      case "cancel":
        for (const { task, attempt } of command.tasks) {
          const found = this.find(task, attempt);
          if (found === undefined) this.link.send({ kind: "taskState", task, attempt, state: "CANCELED" });
          else found.cancel();
        }
        return;
      case "triggerBarriers":
        for (const { task, attempt } of command.tasks) {
          const found = this.find(task, attempt);
          if (found === undefined) {
            const cause: Cause = { code: "FL2006", message: `${task} does not run here any more.` };
            this.link.send({ kind: "checkpointDeclined", checkpoint: command.checkpoint, task, attempt, cause });
          } else found.triggerCheckpoint(command.checkpoint, command.final);
        }
        return;
      case "notifyCheckpointComplete":
        for (const task of this.tasks.values()) task.checkpointComplete(command.checkpoint, command.final);
        return;
      case "notifyCheckpointAborted":
        for (const task of this.tasks.values()) task.checkpointAborted(command.checkpoint);
        return;
      case "pushEndpoints":
        this.endpoints.set(command.service, command.instances);
        for (const task of this.tasks.values()) task.updateEndpoints(command.service, command.instances);
        return;
      case "endProcess":
        this.cancelAll();
        this.link.close();
        this.options.process.exit(0);
        return;
      default:
    }
  }

  private deploy(deployment: TaskDeployment): void {
    // A newer attempt supersedes one that the coordinator has given up.
    this.tasks.get(deployment.task)?.cancel();
    const task = new VirtualTask(this.environment, deployment, (ended) => {
      if (this.tasks.get(ended.name) === ended) this.tasks.delete(ended.name);
    });
    this.tasks.set(task.name, task);
    task.initialize();
  }

  private find(name: SubtaskName, attempt: number): VirtualTask | undefined {
    const task = this.tasks.get(name);
    return task?.attempt === attempt ? task : undefined;
  }

  private cancelAll(): void {
    for (const task of [...this.tasks.values()]) task.cancel();
  }
}
