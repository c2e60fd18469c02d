/**
 * The coordinator of one run (Flink's JobManager): drives the JobMaster of `core` with what happens in the world, and carries out what it
 * decides. It owns the journal. Its own death is survivable: a new one takes over from the journal and the checkpoints, and the service
 * instances keep their loaded models meanwhile.
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { rmSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { analyzeJob, describeAnalyzed } from "../graph/describeGraph";
import { FaultlineError } from "../graph/errors";
import type { JobState } from "../graph/executionState";
import type { ServiceEndpoint } from "../core/deployment";
import { createJobMaster, stepJobMaster } from "../core/jobMaster";
import type { JobMasterCommand, JobMasterInput, JobMasterState } from "../core/jobMasterState";
import type { Cause, JournalEventBody, LossEvidence, ProcessName, SubtaskName } from "../observe/journalEvent";
import { JOURNAL_SCHEMA } from "../observe/journalEvent";
import { journalClock, JournalWriter } from "../observe/journalWriter";
import type { CoordinatorMessage, RunReply, RunRequest, WorkerMessage } from "./controlMessages";
import { CONTROL_CHANNEL, CONTROL_SERVICE, hasToken, UNAUTHENTICATED } from "./controlService";
import { damageCheckpoint } from "./checkpointDamage";
import { discardCheckpoint, readCheckpoints, storeCheckpoint } from "./checkpointStore";
import { FaultInjector } from "./faultInjector";
import { InputLog } from "./inputLog";
import { DEBUG_RUN_NOTE } from "./inspector";
import type { FaultMessage } from "./faultPerformer";
import { FaultPerformer } from "./faultPerformer";
import { isCoordinatorLink, writeHealFile } from "./links/healFile";
import { exhaustMemory } from "./memoryExhaustion";
import type { RecoveredRun } from "./jobRecovery";
import { processesOfRun } from "./processesOfRun";
import type { RunConfig } from "./runDirectory";
import { commitBatchOutput } from "../operators/batchCommit";
import { controlSocket, runPaths } from "./runDirectory";
import { storeSavepoint } from "./savepoint";
import { stateLayout } from "./stateLayout";
import type { StateLayout } from "./stateLayout";
import { SourceProgress } from "./sourceProgress";
import type { ProcessEnd } from "./workerProcesses";
import { CheckpointStorageFaults } from "./storageFaults";
import { lastLogLines, WorkerProcesses } from "./workerProcesses";

const METRICS_INTERVAL_MS = 250;
/** How long workers may take to end when asked to, before they are killed. */
const SHUTDOWN_GRACE_MS = 3_000;
/** How long the exit of a child whose connection closed is waited for. */
const EXIT_AFTER_DISCONNECT_MS = 25;

type WorkerStream = ServerDuplexStream<WorkerMessage, CoordinatorMessage>;

export class Coordinator {
  private readonly processes: WorkerProcesses;
  private readonly faults: FaultInjector;
  /** Those that this process does to itself. */
  private readonly storageFaults = new CheckpointStorageFaults();
  private readonly ownFaults = new FaultPerformer({ "memory-exhaustion": exhaustMemory, ...this.storageFaults.works() }, (message) => this.onFaultMessage(message));
  private readonly workers = new Map<ProcessName, { readonly stream: WorkerStream; readonly pid: number }>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly layout: StateLayout;
  private readonly sources = new SourceProgress();
  /** Process ids whose loss the JobMaster knows of. */
  private readonly lost = new Set<number>();
  /** Checkpoint files are written and deleted one after the other, in the order decided. */
  private storage: Promise<void> = Promise.resolve();
  private readonly server = new Server(CONTROL_CHANNEL);
  private ending: { readonly state: JobState; readonly cause: Cause | undefined } | undefined;
  private resolveEnded!: (state: JobState) => void;
  private readonly ended = new Promise<JobState>((resolve) => (this.resolveEnded = resolve));

  private constructor(
    private readonly config: RunConfig,
    private readonly token: string,
    private readonly journal: JournalWriter,
    private readonly inputs: InputLog,
    private readonly master: JobMasterState,
    recovered: RecoveredRun | undefined,
    /** Told the endpoints of each service, with the token that they are called with. */
    private readonly onEndpoints: ((service: string, endpoints: readonly ServiceEndpoint[]) => void) | undefined,
  ) {
    this.layout = stateLayout(config.job);
    const onEnd = (name: ProcessName, pid: number, evidence: ProcessEnd): void => {
      this.faults.onProcessGone(name, pid, evidence.signal === null ? `exited with code ${evidence.exitCode}` : `ended by ${evidence.signal}`);
      const cause = this.causeOfFailedStart(name, evidence.exitCode);
      if (cause !== undefined) this.record({ kind: "log", process: name, level: "error", message: cause });
      this.onLost(name, pid, evidence);
    };
    this.processes = new WorkerProcesses(config, onEnd, (name, pid, port) => {
      this.record({ kind: "process.inspectable", process: name, pid, port });
    });
    this.faults = new FaultInjector(
      {
        targets: () => this.targets(),
        processOf: (target) => this.processOf(target),
        pidOf: (name) => (name === "coordinator" ? process.pid : this.processes.pidOf(name)),
        journal: (body) => this.record(body),
        flushJournal: () => this.journal.flushSync(),
        carrierOf: (target) => this.carrierOf(target),
        perform: (worker, order) => {
          if (worker === "coordinator") this.ownFaults.perform(order);
          else this.send(worker, { kind: "performFault", order });
        },
        endPerforming: (worker, { injection, target }) => {
          if (worker === "coordinator") return this.ownFaults.end(injection);
          // What is sent over a link that swallows everything never arrives: the worker looks for a file as well.
          if (isCoordinatorLink(target)) writeHealFile(this.config.run.directory, injection);
          this.send(worker, { kind: "endFault", injection });
        },
        isThere: (pid) => processesOfRun(this.config.run.directory)?.some((one) => one.pid === pid) === true,
        damageCheckpoint: (target) => damageCheckpoint(this.config.run.directory, target),
      },
      recovered?.nextInjection ?? 1,
    );
  }

  /**
   * Opens the journal and the control socket, and lets the job begin, or go on where the coordinator before it was.
   * @throws FaultlineError FL2001, FL2002
   */
  static async start(config: RunConfig, token: string, recovered: RecoveredRun | undefined, onEndpoints?: Coordinator["onEndpoints"]): Promise<Coordinator> {
    const journal = await JournalWriter.open(config.run.directory, { recover: recovered !== undefined });
    // What the run begins from was put there as its first checkpoint.
    const initial = config.restored === undefined || recovered !== undefined ? undefined : (await readCheckpoints(config.run.directory)).completed.at(-1);
    const inputs = new InputLog(config.run.directory);
    inputs.write({ kind: "begin", seed: config.run.seed, recovered: recovered?.job, initial });
    const master = createJobMaster(config.job, config.run.seed, recovered?.job, initial);
    const coordinator = new Coordinator(config, token, journal, inputs, master, recovered, onEndpoints);
    coordinator.processes.expect(recovered?.predecessors ?? []);
    void journal.failure.then((error) => coordinator.abort({ code: error.code, message: error.message, hint: error.hint }));
    if (recovered === undefined) coordinator.recordStart();
    else coordinator.recordRecovery(recovered);
    await coordinator.listen();
    coordinator.record({ kind: "process.connected", process: "coordinator", pid: process.pid });
    coordinator.step({ kind: "start" });
    return coordinator;
  }

  /** Resolves when the job is over and every worker is gone. */
  get done(): Promise<JobState> {
    return this.ended;
  }

  /** Instances of a service that another run of this coordinator owns. */
  attachEndpoints(service: string, endpoints: readonly ServiceEndpoint[]): void {
    if (this.config.job.services.some(({ id, attached }) => id === service && attached === true)) this.step({ kind: "attachedEndpoints", service, endpoints });
  }

  stop(mode: "drain" | "cancel"): void {
    this.step({ kind: "stop", mode });
  }

  /** The job cannot go on, for a reason outside of it. */
  cancel(reason: string): void {
    if (this.master.ended) return;
    this.record({ kind: "log", process: "coordinator", level: "error", message: reason });
    this.stop("cancel");
  }

  /** The owner of the run is gone: nothing of it may stay. */
  killEverything(): void {
    this.processes.killAll();
    this.journal.flushSync();
    this.removeSockets();
  }

  private recordStart(): void {
    const { config } = this;
    this.record({
      kind: "run.started",
      schema: JOURNAL_SCHEMA,
      run: {
        id: config.run.id,
        job: config.job.name,
        jobFile: config.job.file,
        directory: config.run.directory,
        engine: "local",
        deployment: [...new Set(config.job.services.map((service) => service.deployment))].join(",") || "none",
        failoverStrategy: config.job.runtime.failoverStrategy,
        scheduler: config.job.runtime.scheduler,
        machine: { cores: cpus().length, memoryBytes: totalmem(), platform: `${process.platform}-${process.arch}`, node: process.version },
        seed: config.run.seed,
      },
      graph: describeAnalyzed(analyzeJob(config.job)),
    });
    this.record({ kind: "process.started", process: "coordinator", pid: process.pid });
    if (config.inspect === true) this.record({ kind: "log", process: "coordinator", level: "info", message: DEBUG_RUN_NOTE });
    if (config.restored !== undefined) {
      const { path, checkpoint, rescaled, skipped } = config.restored;
      this.record({ kind: "savepoint.restored", path, checkpoint, rescaled, skipped });
    }
  }

  private recordRecovery(recovered: RecoveredRun): void {
    const latest = recovered.job.completed[recovered.job.completed.length - 1];
    this.record({ kind: "coordinator.recovered", pid: process.pid, fromCheckpoint: latest?.checkpoint });
    for (const damaged of recovered.damaged) {
      this.record({ kind: "checkpoint.damaged", ...damaged });
      // Sinks take back what it had committed: repaired later, it must not be restored by the next coordinator.
      if (damaged.checkpoint > (latest?.checkpoint ?? 0)) this.enqueue(() => discardCheckpoint(this.config.run.directory, damaged.checkpoint).catch(() => undefined));
    }
    for (const { injection, evidence } of recovered.openInjections) {
      if (evidence !== undefined) this.record({ kind: "fault.effective", injection, evidence });
    }
    this.faults.resume(recovered.activeInjections, journalClock());
  }

  private async listen(): Promise<void> {
    this.server.addService(CONTROL_SERVICE, {
      Connect: (stream: WorkerStream) => this.onConnect(stream),
      Call: (call: ServerUnaryCall<RunRequest, RunReply>, reply: sendUnaryData<RunReply>) => this.onCall(call, reply),
    });
    const socket = controlSocket(this.config.socketDirectory);
    rmSync(socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(FaultlineError.of("FL2002", `The control socket cannot be opened: ${error.message}.`, undefined, { file: socket }));
      });
    });
  }

  private onConnect(stream: WorkerStream): void {
    if (!hasToken(stream.metadata, this.token)) {
      stream.emit("error", UNAUTHENTICATED);
      return;
    }
    let worker: (WorkerMessage & { readonly kind: "hello" }) | undefined;
    stream.on("data", (message: WorkerMessage) => {
      if (message.kind === "hello") {
        if (this.onHello(stream, message)) worker = message;
      } else if (worker !== undefined) this.onMessage(worker.process, message);
    });
    let over = false;
    const closed = (): void => {
      if (over || worker === undefined) return;
      over = true;
      this.onDisconnected(worker.process, worker.pid, stream);
    };
    stream.on("end", () => {
      stream.end();
      closed();
    });
    stream.on("cancelled", closed).on("error", closed).on("close", closed);
  }

  /** @returns whether the worker is welcome. */
  private onHello(stream: WorkerStream, hello: WorkerMessage & { readonly kind: "hello" }): boolean {
    const known = this.processes.pidOf(hello.process);
    if (this.lost.has(hello.pid) || (known !== undefined && known !== hello.pid)) {
      // Given up before, or a process of the coordinator before that comes too late: its place is taken.
      endStray(hello.pid);
      stream.end();
      return false;
    }
    const isKnown = this.workers.get(hello.process)?.pid === hello.pid;
    const moved = hello.again === true && isKnown;
    if (isKnown && !moved) {
      // Its connection ended, and with it its tasks; who is met again would be taken for one that had gone on.
      this.giveUp(hello.process, hello.pid);
      stream.end();
      return false;
    }
    this.processes.adopt(hello.process, hello.pid);
    this.workers.set(hello.process, { stream, pid: hello.pid });
    const { runtime } = this.config.job;
    stream.write({
      kind: "welcome",
      job: this.config.job,
      heartbeatIntervalMs: runtime.heartbeatIntervalMs,
      metricsIntervalMs: METRICS_INTERVAL_MS,
      serviceToken: this.token,
    });
    if (moved) return true;
    this.faults.onConnected(hello.process, hello.pid);
    if (hello.role === "taskmanager") this.orderLoadFaults(hello.process);
    this.step({ kind: "workerConnected", process: hello.process, role: hello.role, pid: hello.pid, dataAddress: hello.dataAddress, instance: hello.instance });
    return true;
  }

  /** Under `embedded`, a TaskManager loads the models: it is told before it is given tasks. */
  private orderLoadFaults(taskManager: ProcessName): void {
    for (const target of this.embeddedCopies()) {
      // Which TaskManager gets the task is not known yet: whoever comes up after the kill takes its place.
      for (const order of this.faults.takeForLoad(target, true)) this.send(taskManager, { kind: "performFault", order: { ...order, carrier: this.carrierOf(target) } });
    }
  }

  private onDisconnected(name: ProcessName, pid: number, stream: WorkerStream): void {
    if (this.workers.get(name)?.stream !== stream) return;
    if (this.processes.isChild(name) && this.processes.pidOf(name) === pid) {
      // Its exit, which says how it ended, is told in a moment. What does not end by itself must not go on without us.
      setTimeout(() => {
        if (!this.lost.has(pid)) this.giveUp(name, pid);
      }, EXIT_AFTER_DISCONNECT_MS);
      return;
    }
    this.giveUp(name, pid);
  }

  private giveUp(name: ProcessName, pid: number): void {
    if (this.processes.pidOf(name) === pid) this.processes.signal(name, "SIGKILL");
    if (!this.processes.isChild(name)) {
      // Nobody tells of the end of one that is not our child.
      this.processes.forget(name, pid);
      this.faults.onProcessGone(name, pid, "closed its connection");
    }
    this.onLost(name, pid, { by: "connection" });
  }

  /** A process can be seen to be lost twice, by its connection and by its exit: the first counts. */
  private onLost(name: ProcessName, pid: number, evidence: LossEvidence): void {
    if (this.lost.has(pid)) return;
    this.lost.add(pid);
    this.workers.delete(name);
    this.step({ kind: "workerLost", process: name, pid, evidence });
  }

  private onMessage(from: ProcessName, message: WorkerMessage): void {
    switch (message.kind) {
      case "hello":
        return;
      case "journal":
        this.sources.observe(message.body);
        this.record(message.body, message.at);
        if (message.body.kind === "metrics" && this.master.autoscaling.size > 0) this.tellLoad(message.body);
        return;
      case "heartbeat":
        this.step({ kind: "heartbeat", process: from });
        return;
      case "faultEffective":
      case "faultFailed":
      case "faultOver":
      case "faultEnded":
        this.onFaultMessage(message);
        return;
      default:
        this.step(message);
    }
  }

  private onFaultMessage(message: FaultMessage): void {
    if (message.kind === "faultEffective") this.faults.onEffect(message.injection, message.evidence);
    else if (message.kind === "faultFailed") this.faults.onFailed(message.injection, message.cause);
    else if (message.kind === "faultOver") this.faults.onOver(message.injection);
    else this.faults.onEnded(message.injection);
  }

  private tellLoad({ intervalMs, instances = {} }: Extract<JournalEventBody, { kind: "metrics" }>): void {
    for (const [instance, { attempt, requests, batches, busyMs, queueDepth, inFlight }] of Object.entries(instances)) {
      this.step({ kind: "instanceLoad", instance, attempt, intervalMs, requests, batches, busyMs, queueDepth, inFlight });
    }
  }

  private onCall(call: ServerUnaryCall<RunRequest, RunReply>, reply: sendUnaryData<RunReply>): void {
    if (!hasToken(call.metadata, this.token)) {
      reply(UNAUTHENTICATED);
      return;
    }
    try {
      reply(null, this.answer(call.request));
    } catch (error) {
      if (!(error instanceof FaultlineError)) throw error;
      reply(null, { kind: "error", cause: { code: error.code, message: error.message, hint: error.hint } });
    }
  }

  private answer(request: RunRequest): RunReply {
    if (this.config.job.runtime.mode === "batch") refuseInBatch(request);
    switch (request.kind) {
      case "status":
        return { kind: "ok", detail: { state: this.master.jobState, targets: this.targets() } };
      case "inject":
        return { kind: "ok", detail: { injections: this.faults.inject(request.fault, request.target, request.parameters, { by: request.by ?? "command", pick: request.pick }) } };
      case "heal":
        this.faults.heal("command");
        return { kind: "ok" };
      case "stop":
        this.step({ kind: "stop", mode: request.mode });
        return { kind: "ok" };
      case "checkpoint":
        this.step({ kind: "triggerCheckpoint" });
        return { kind: "ok" };
      case "savepoint":
        this.step({ kind: "savepoint", savepoint: request.savepoint });
        return { kind: "ok" };
      case "scale": {
        const service = this.config.job.services.find((candidate) => candidate.id === request.service);
        if (service === undefined) throw FaultlineError.of("FL1010", `There is no service "${request.service}" in this job.`);
        if (service.attached === true) {
          throw FaultlineError.of("FL1015", `The service "${request.service}" is shared with other jobs.`, "Scale it in the run of the shared services: `faultline ps`.");
        }
        if (service.deployment !== "rpc-service") {
          throw FaultlineError.of("FL1015", `A service with deployment ${service.deployment} cannot be scaled by itself.`, "Use rpc-service.");
        }
        this.step({ kind: "scale", service: request.service, parallelism: request.parallelism, by: "command" });
        return { kind: "ok" };
      }
    }
  }

  /** One step of the JobMaster: its events go to the journal before its commands go to the world. */
  private step(input: JobMasterInput, nowMs: number = journalClock()): void {
    this.inputs.write({ kind: "input", nowMs, input });
    const { commands, events } = stepJobMaster(this.master, input, nowMs);
    for (const event of events) {
      this.record(event);
      if (event.kind === "failover") {
        for (const rewound of this.sources.rewind(this.master, event)) this.record(rewound);
      }
      if (event.kind === "service.endpoints" && this.onEndpoints !== undefined) {
        this.onEndpoints(event.service, this.withToken(event.instances.map((instance) => ({ ...instance, token: undefined }))));
      }
      if (event.kind === "checkpoint.completed") this.sources.onCheckpoint(event.sourceOffsets);
    }
    if (commands.some((command) => command.kind === "deploy" || command.kind === "startProcess" || command.kind === "commitOutput")) this.journal.flushSync();
    for (const command of commands) this.carryOut(command);
  }

  private carryOut(command: JobMasterCommand): void {
    const { directory } = this.config.run;
    switch (command.kind) {
      case "startProcess":
        this.startProcess(command);
        return;
      case "endProcess":
        if (command.how === "kill") {
          this.processes.signal(command.process, "SIGCONT");
          this.processes.signal(command.process, "SIGKILL");
        } else this.send(command.process, { kind: command.how });
        return;
      case "deploy":
        this.send(command.process, { kind: "deploy", deployments: command.deployments });
        return;
      case "cancel":
        this.send(command.process, { kind: "cancel", tasks: command.tasks });
        return;
      case "triggerBarriers":
        this.send(command.process, { kind: "triggerCheckpoint", checkpoint: command.checkpoint, tasks: command.tasks, final: command.final, savepoint: command.savepoint });
        return;
      case "notifyCheckpointComplete":
        this.send(command.process, { kind: "checkpointComplete", checkpoint: command.checkpoint, final: command.final });
        return;
      case "notifyCheckpointAborted":
        this.send(command.process, { kind: "checkpointAborted", checkpoint: command.checkpoint });
        return;
      case "pushEndpoints":
        this.send(command.process, { kind: "endpoints", service: command.service, instances: this.withToken(command.instances) });
        return;
      case "releasePartitions":
        this.send(command.process, { kind: "releasePartitions", producers: command.producers });
        return;
      case "commitOutput":
        this.enqueue(() => this.commitOutput(command));
        return;
      case "storeCheckpoint":
        this.enqueue(async () => {
          const { checkpoint } = command.checkpoint;
          const { savepoint } = command;
          try {
            const written = savepoint === undefined ? undefined : await storeSavepoint(savepoint.directory, directory, command.checkpoint, this.layout);
            const stored = savepoint?.stop === false && written !== undefined ? written : await storeCheckpoint(directory, command.checkpoint, this.layout, this.storageFaults);
            this.step({ kind: "checkpointStored", checkpoint, ...stored });
          } catch (error) {
            this.step({ kind: "checkpointStoreFailed", checkpoint, cause: { code: "FL2006", message: `Checkpoint ${checkpoint} cannot be written: ${(error as Error).message}.` } });
          }
        });
        return;
      case "discardCheckpoint":
        this.enqueue(() => discardCheckpoint(directory, command.checkpoint).catch(() => undefined));
        return;
      case "setTimer": {
        clearTimeout(this.timers.get(command.timer));
        const { timer, atMs } = command;
        // Node's timers may fire a fraction of a millisecond early; the JobMaster must never see a timer before its time.
        const onTime = (): void => this.step({ kind: "timer", timer }, Math.max(atMs, journalClock()));
        this.timers.set(timer, setTimeout(onTime, Math.max(0, atMs - journalClock())));
        return;
      }
      case "cancelTimer":
        clearTimeout(this.timers.get(command.timer));
        this.timers.delete(command.timer);
        return;
      case "endJob":
        this.ending = { state: command.state, cause: command.cause };
        void this.end();
    }
  }

  private async commitOutput({ tasks }: Extract<JobMasterCommand, { kind: "commitOutput" }>): Promise<void> {
    try {
      for (const { task, vertex, index, attempt } of tasks) {
        for (const path of this.master.topology.fileSinksOf(vertex)) {
          const { files, records } = await commitBatchOutput(path, { runDirectory: this.config.run.directory, subtask: index, attempt });
          if (files.length > 0) this.record({ kind: "sink.committed", task, checkpoint: undefined, files, records });
        }
      }
      this.step({ kind: "outputCommitted" });
    } catch (error) {
      if (!(error instanceof FaultlineError)) throw error;
      this.step({ kind: "outputCommitFailed", cause: { code: error.code, message: error.message, hint: error.hint } });
    }
  }

  private startProcess(command: Extract<JobMasterCommand, { kind: "startProcess" }>): void {
    const { instance } = command;
    try {
      const pid =
        instance === undefined
          ? this.processes.start(command.process, "taskManager", [])
          : this.processes.start(command.process, "serviceInstance", [
              instance.service,
              instance.instance,
              String(instance.attempt),
              JSON.stringify(this.faults.takeForLoad(command.process)),
            ]);
      this.lost.delete(pid);
      this.record({ kind: "process.started", process: command.process, pid });
    } catch (error) {
      this.abort({ code: "FL2002", message: `${command.process} could not be started: ${(error as Error).message}.` });
    }
  }

  private send(process: ProcessName, message: CoordinatorMessage): void {
    this.workers.get(process)?.stream.write(message.kind === "deploy" ? { ...message, deployments: message.deployments.map((deployment) => ({ ...deployment, endpoints: this.withTokens(deployment.endpoints) })) } : message);
  }

  private withTokens<T extends Readonly<Record<string, readonly { readonly token: string | undefined }[]>>>(endpoints: T): T {
    return Object.fromEntries(Object.entries(endpoints).map(([service, list]) => [service, this.withToken(list)])) as unknown as T;
  }

  /** Instances of this run are called with the run's token; external ones with their own. */
  private withToken<T extends { readonly token: string | undefined }>(endpoints: readonly T[]): readonly T[] {
    return endpoints.map((endpoint) => ({ ...endpoint, token: endpoint.token ?? this.token }));
  }

  private record(body: JournalEventBody, at?: number): void {
    this.journal.append(body, at);
  }

  private enqueue(work: () => Promise<void>): void {
    this.storage = this.storage.then(work);
  }

  /** The run cannot go on (its folder cannot be written, a process cannot be started). */
  private abort(cause: Cause): void {
    if (this.ending !== undefined) return;
    this.ending = { state: "FAILED", cause };
    this.processes.killAll();
    void this.end();
  }

  private async end(): Promise<void> {
    const { state, cause } = this.ending ?? { state: "FAILED" as const, cause: undefined };
    for (const timer of this.timers.values()) clearTimeout(timer);
    await this.storage;
    this.faults.heal("end");
    this.processes.killStrays();
    const deadline = Date.now() + SHUTDOWN_GRACE_MS;
    while (this.processes.names.length > 0) {
      if (Date.now() > deadline) this.processes.killAll();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    rmSync(runPaths.partitions(this.config.run.directory), { recursive: true, force: true });
    this.record({ kind: "run.ended", state, cause });
    this.inputs.close();
    await this.journal.close().catch(() => undefined);
    this.server.forceShutdown();
    this.removeSockets();
    this.resolveEnded(state);
  }

  private removeSockets(): void {
    if (process.platform !== "win32") rmSync(this.config.socketDirectory, { recursive: true, force: true });
  }

  private targets(): readonly string[] {
    const tasks = [...this.master.tasks.values()];
    // Also those that are just being started, or that a coordinator which took over has not heard of yet.
    const taskManagers = Array.from({ length: this.config.job.runtime.taskManagers }, (_, index) => `taskmanager:${index}`);
    return [
      ...tasks.filter((task) => task.vertexKind === "service").map((task) => `service:${task.name}`),
      ...this.embeddedCopies(),
      ...taskManagers,
      "coordinator",
      ...tasks.filter((task) => task.vertexKind === "stream").map((task) => `task:${task.name}`),
    ];
  }

  /** Under `embedded`, `service:langid#0` names the task that carries that copy of the model. */
  private embeddedCopies(): readonly string[] {
    return this.config.job.services
      .filter((service) => service.deployment === "embedded")
      .flatMap((service) => this.carriersOf(service.id).map((_, index) => `service:${service.id}#${index}`));
  }

  private carrierOf(target: string): SubtaskName | undefined {
    const [, service, index] = /^service:(.+)#(\d+)$/.exec(target) ?? [];
    return service === undefined || this.master.tasks.has(`${service}#${index}`) ? undefined : this.carriersOf(service)[Number(index)]?.name;
  }

  private carriersOf(service: string): readonly { readonly name: SubtaskName; readonly process: ProcessName | undefined }[] {
    return [...this.master.tasks.values()].filter(
      (task) => task.vertexKind === "stream" && this.master.topology.servicesCalledBy(task.vertex).includes(service),
    );
  }

  private processOf(target: string): ProcessName | undefined {
    if (target === "coordinator" || target.startsWith("taskmanager:")) return target;
    const task = this.master.tasks.get(target.slice(target.indexOf(":") + 1));
    if (task !== undefined) return task.process;
    const [, service, index] = /^service:(.+)#(\d+)$/.exec(target) ?? [];
    return service === undefined ? undefined : this.carriersOf(service)[Number(index)]?.process;
  }

  /** What a worker wrote when it could not even start, for the journal. */
  private causeOfFailedStart(name: ProcessName, exitCode: number | null): string | undefined {
    const started = this.master.processes.get(name);
    if (started === undefined || started.state !== "STARTING" || exitCode === null || exitCode === 0) return undefined;
    return `${name} ended with code ${exitCode} before it was ready: ${lastLogLines(this.config.run.directory, name)}`;
  }
}

/** @throws FaultlineError FL1000: a batch job has no checkpoints. */
function refuseInBatch(request: RunRequest): void {
  if (request.kind === "stop" && request.mode === "drain") {
    throw FaultlineError.of("FL1000", "A batch job commits its output when all of it is done; it cannot be stopped half-way with a part.", "`faultline stop RUN --cancel` ends it without output.");
  }
  if (request.kind === "savepoint" || request.kind === "checkpoint") {
    throw FaultlineError.of("FL1000", "A batch job has no checkpoints, and so no savepoints.", "Results between its regions take their place.");
  }
}

function endStray(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
