/**
 * The part of a TaskManager that runs tasks: it deploys, cancels and checkpoints them as the coordinator says, serves their partitions
 * to other TaskManagers, and tells what happens. Flink's `TaskExecutor`.
 */
import { buildExecutionGraph } from "../graph/executionGraph";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import { buildJobGraph } from "../graph/jobGraph";
import type { InstanceMetrics, JournalEventBody, ProcessName, SubtaskName, TaskMetrics } from "../observe/journalEvent";
import type { FunctionModules } from "../operators/functionModule";
import type { CoordinatorMessage, ServiceEndpoint, TaskDeployment, WorkerMessage } from "./controlMessages";
import type { StreamDebugger } from "./debug/streamDebugger";
import { DataConnections } from "./exchange/dataConnection";
import { DataServer } from "./exchange/dataServer";
import { ResultPartitionManager } from "./exchange/resultPartitionManager";
import { ServiceClients } from "./calledServices";
import { openInferenceClient } from "./inferenceClients";
import type { InferenceClientFactory, ManagedInferenceClient } from "./inferenceClients";
import { Task } from "./task";
import type { TaskEnvironment } from "./taskEnvironment";
import { fileNameOf } from "./runDirectory";
import { TaskManagerFaults } from "./taskManagerFaults";
import { TaskScheduler } from "./taskScheduler";

export interface TaskExecutorOptions {
  /** `taskmanager:0`. */
  readonly process: ProcessName;
  /** Absolute. */
  readonly runDirectory: string;
  readonly job: JobSpec;
  /** Path of the Unix-domain socket (Windows: named pipe) that other TaskManagers read partitions from. */
  readonly dataAddress: string;
  readonly functionModules: FunctionModules;
  readonly serviceToken: string;
  readonly metricsIntervalMs: number;
  /** The program's own by default. */
  readonly inferenceClientFactory?: InferenceClientFactory;
  /** Debug runs only. */
  readonly streamDebugger?: StreamDebugger;
  send(message: WorkerMessage): void;
}

export class TaskExecutor {
  private readonly tasks = new Map<SubtaskName, Task>();
  private readonly environment: TaskEnvironment;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly endpoints = new Map<string, readonly ServiceEndpoint[]>();
  /** What the embedded code of tasks calls. */
  private readonly called = new Set<ServiceClients>();
  readonly faults: TaskManagerFaults;
  private closed = false;

  private constructor(
    private readonly options: TaskExecutorOptions,
    private readonly server: DataServer,
    private readonly partitions: ResultPartitionManager,
    private readonly connections: DataConnections,
  ) {
    const { job } = options;
    this.faults = new TaskManagerFaults(options.process, options.runDirectory, {
      shapeData: (taskManager, rules) => this.connections.shape(`${fileNameOf(taskManager)}-`, rules),
      onEndpointsChanged: () => this.pushEndpoints(),
    }, (name) => this.tasks.get(name), (message) => options.send(message));
    const graph = buildJobGraph(job);
    this.environment = {
      process: options.process,
      runDirectory: options.runDirectory,
      job,
      graph,
      execution: buildExecutionGraph(graph),
      checkpointing: job.runtime.checkpointing,
      modules: options.functionModules,
      scheduler: new TaskScheduler(),
      partitions,
      connections,
      dataAddress: options.dataAddress,
      faults: this.faults,
      streamDebugger: options.streamDebugger,
      openClient: (service, deployment, model) => this.openClient(service, deployment, model),
      send: (message) => options.send(message),
      journal: (body) => this.journal(body),
    };
    const { bufferTimeoutMs } = job.runtime;
    if (bufferTimeoutMs > 0) {
      this.timers.push(setInterval(() => this.flush(), bufferTimeoutMs));
    }
    let last = performance.now();
    this.timers.push(
      setInterval(() => {
        const now = performance.now();
        this.sendMetrics(now - last);
        last = now;
      }, options.metricsIntervalMs),
    );
  }

  /** Listens for other TaskManagers. Throws FL2002 when it cannot. */
  static async start(options: TaskExecutorOptions): Promise<TaskExecutor> {
    const partitions = new ResultPartitionManager();
    const server = await DataServer.listen(options.dataAddress, options.serviceToken, partitions);
    const connections = new DataConnections({ process: options.process, token: options.serviceToken });
    return new TaskExecutor(options, server, partitions, connections);
  }

  handle(message: CoordinatorMessage): void {
    switch (message.kind) {
      case "deploy":
        for (const deployment of message.deployments) {
          this.deploy(deployment);
        }
        break;
      case "cancel":
        for (const { task, attempt } of message.tasks) {
          this.cancel(task, attempt);
        }
        break;
      case "triggerCheckpoint":
        for (const { task, attempt } of message.tasks) {
          const found = this.find(task, attempt);
          if (found === undefined) {
            this.options.send({
              kind: "checkpointDeclined",
              checkpoint: message.checkpoint,
              task,
              attempt,
              cause: { code: "FL2006", message: `${task} does not run here any more.` },
            });
          }
          found?.triggerCheckpoint(message.checkpoint, message.final, message.savepoint);
        }
        break;
      case "checkpointComplete":
        for (const task of this.tasks.values()) {
          task.checkpointComplete(message.checkpoint, message.final);
        }
        break;
      case "checkpointAborted":
        for (const task of this.tasks.values()) {
          task.checkpointAborted(message.checkpoint);
        }
        break;
      case "endpoints":
        this.endpoints.set(message.service, message.instances);
        for (const task of this.tasks.values()) {
          task.updateEndpoints(message.service, this.faults.endpoints(message.instances));
        }
        for (const called of this.called) called.update(message.service, this.faults.endpoints(message.instances));
        break;
      case "releasePartitions":
        this.partitions.releaseOf(message.producers);
        break;
      case "shutdown":
        void this.close();
        break;
      case "performFault":
        this.faults.perform(message.order);
        break;
      case "endFault":
        this.faults.end(message.injection);
        break;
      case "welcome":
      case "drain":
        break;
    }
  }

  /** The coordinator is gone: no task outlives it, and nothing that one has left to be read. */
  cancelAll(): void {
    for (const task of [...this.tasks.values()]) {
      task.cancel();
    }
    this.partitions.releaseAll();
  }

  /** Cancels what runs and lets go of everything. */
  async close(): Promise<void> {
    if (this.closed) {
      return;
    }
    this.closed = true;
    for (const timer of this.timers) {
      clearInterval(timer);
    }
    this.cancelAll();
    this.connections.close();
    this.partitions.close();
    await this.server.close();
  }

  private find(name: SubtaskName, attempt: number): Task | undefined {
    const task = this.tasks.get(name);
    return task?.attempt === attempt ? task : undefined;
  }

  private deploy(deployment: TaskDeployment): void {
    // A newer attempt supersedes one that the coordinator has given up.
    this.tasks.get(deployment.task)?.cancel();
    this.partitions.releaseBefore(deployment.task, deployment.attempt);
    for (const [service, endpoints] of Object.entries(deployment.endpoints)) {
      this.endpoints.set(service, endpoints);
    }
    const task = new Task(this.environment, deployment, (ended) => {
      if (this.tasks.get(ended.name) === ended) {
        this.tasks.delete(ended.name);
        this.faults.setModel(ended.name, undefined);
      }
    });
    this.tasks.set(task.name, task);
    void task.initialize().then(() => this.faults.onDeployed(task));
  }

  private pushEndpoints(): void {
    for (const [service, instances] of this.endpoints) {
      const reached = this.faults.endpoints(instances);
      for (const task of this.tasks.values()) {
        task.updateEndpoints(service, reached);
      }
      for (const called of this.called) called.update(service, reached);
    }
  }

  private cancel(name: SubtaskName, attempt: number): void {
    const task = this.find(name, attempt);
    if (task === undefined) {
      this.options.send({ kind: "taskState", task: name, attempt, state: "CANCELED" });
    } else {
      task.cancel();
    }
  }

  private flush(): void {
    for (const task of this.tasks.values()) {
      task.flush();
    }
  }

  private sendMetrics(intervalMs: number): void {
    const tasks: Record<SubtaskName, TaskMetrics> = {};
    const instances: Record<SubtaskName, InstanceMetrics> = {};
    for (const task of this.tasks.values()) {
      tasks[task.name] = task.takeMetrics();
      Object.assign(instances, task.takeModelMetrics());
    }
    this.journal({
      kind: "metrics",
      intervalMs,
      process: this.options.process,
      rssBytes: process.memoryUsage.rss(),
      tasks,
      ...(Object.keys(instances).length === 0 ? {} : { instances }),
    });
  }

  private journal(body: JournalEventBody): void {
    this.options.send({ kind: "journal", at: performance.timeOrigin + performance.now(), body });
  }

  private calledBy(instance: SubtaskName, index: number): ServiceClients {
    const clients = new ServiceClients({
      services: this.options.job.services,
      instance,
      index,
      journal: (body) => this.journal(body),
      onClosed: () => this.called.delete(clients),
    });
    this.called.add(clients);
    for (const [service, endpoints] of this.endpoints) clients.update(service, this.faults.endpoints(endpoints));
    return clients;
  }

  private async openClient(
    service: string,
    { task, index, attempt, endpoints }: TaskDeployment,
    model?: string,
  ): Promise<ManagedInferenceClient> {
    const spec = this.options.job.services.find(({ id }) => id === service);
    if (spec === undefined) {
      throw FaultlineError.of("FL1010", `There is no service "${service}".`);
    }
    const open = this.options.inferenceClientFactory ?? openInferenceClient;
    const faulty = spec.deployment === "embedded" ? await this.faults.load(task, spec) : undefined;
    const opening = open({
      service: faulty?.spec ?? spec,
      ...(model === undefined ? {} : { model }),
      task,
      subtask: index,
      ...(spec.deployment === "embedded" && spec.function !== undefined ? { code: { attempt, modules: this.options.functionModules, called: this.calledBy(`${service}#${index}`, index) } } : {}),
      // A push may have come between the deployment's making and now.
      endpoints: this.faults.endpoints(this.endpoints.get(service) ?? endpoints[service] ?? []),
      onEvent: (event) => {
        this.journal(
          event.kind === "retry"
            ? {
                kind: "client.retry",
                task,
                service,
                instance: event.instance,
                requests: event.requests,
                reason: event.reason,
              }
            : { kind: "client.ejected", task, service, instance: event.instance, reason: event.reason },
        );
      },
      onPhase: (phase, details) => {
        const instance = `${service}#${index}`;
        if (phase === "WARMING") faulty?.loaded(details.previousPhaseMs ?? 0);
        this.journal({ kind: "instance.phase", instance, attempt, phase, pid: process.pid, ...details });
      },
    });
    if (faulty !== undefined) opening.catch((error: Error) => faulty.failed(error.message));
    const client = await opening;
    if (spec.deployment === "embedded") this.faults.setModel(task, client.model);
    const latest = this.endpoints.get(service);
    if (latest !== undefined && (spec.deployment === "rpc-service" || spec.deployment === "sidecar")) {
      // Endpoints may have been pushed while the client was being made.
      client.updateEndpoints?.(this.faults.endpoints(latest));
    }
    return client;
  }
}
