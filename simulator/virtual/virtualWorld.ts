/**
 * A virtual machine with one run on it: coordinator, TaskManagers, service instances, their connections, a disk, and what is done to them
 * on purpose. Everything happens in the order of one seeded event loop; nothing of the real machine comes in.
 */
import type { StepResult } from "../core/jobMaster";
import type { JobMasterCommand, JobMasterInput, JobMasterState } from "../core/jobMasterState";
import { RecoveredJobFold } from "../core/recoveredJob";
import type { JobSpec, ServiceSpec } from "../graph/jobFile";
import type { JobState } from "../graph/executionState";
import type { Cause, JournalEventBody, ProcessName } from "../observe/journalEvent";
import { JOURNAL_SCHEMA } from "../observe/journalEvent";
import { analyzeJob, describeAnalyzed } from "../graph/describeGraph";
import { Chance } from "./chance";
import { EventLoop } from "./eventLoop";
import { FaultInjection } from "./faultInjection";
import type { InstanceProcess } from "./instanceProcess";
import { startInstanceProcess } from "./instanceProcess";
import type { ScheduledFault } from "./faultSchedule";
import type { JobModel } from "./jobModel";
import { modelOf } from "./jobModel";
import { localClient } from "./localClient";
import { VirtualConnection } from "./virtualConnection";
import type { ConnectionEnd } from "./virtualConnection";
import type { CoordinatorHost } from "./virtualCoordinator";
import { VirtualCoordinator } from "./virtualCoordinator";
import { VirtualDisk } from "./virtualDisk";
import { PartitionTable } from "./virtualExchange";
import { VirtualInstance } from "./virtualInstance";
import { VirtualJournal } from "./virtualJournal";
import { VirtualProcess } from "./virtualProcess";
import type { ProcessExit } from "./virtualProcess";
import { VirtualRosClient } from "./virtualRosClient";
import { VirtualTaskManager } from "./virtualTaskManager";
import type { ControlConnection, CoordinatorMessage, WorkerMessage } from "./workerLink";
import type { WorldTiming } from "./worldTiming";

/** Sees every step of the JobMaster; the checks of the fuzzer stand here. */
export interface WorldObserver {
  onStep?(world: VirtualWorld, master: JobMasterState, input: JobMasterInput, result: StepResult): void;
  onCoordinatorStarted?(world: VirtualWorld, master: JobMasterState): void;
}

export interface WorldOptions {
  readonly job: JobSpec;
  readonly seed: number;
  readonly schedule: readonly ScheduledFault[];
  readonly timing: WorldTiming;
  readonly observer: WorldObserver;
  /** `at` of the world's beginning, in ms since the epoch. */
  readonly startMs?: number;
}

export class VirtualWorld {
  readonly loop = new EventLoop();
  readonly disk = new VirtualDisk();
  readonly journal: VirtualJournal;
  readonly model: JobModel;
  readonly processes = new Map<number, VirtualProcess>();
  readonly taskManagers = new Map<number, VirtualTaskManager>();
  readonly instances = new Map<number, InstanceProcess>();
  private readonly clients = new Set<VirtualRosClient>();
  /** How the run ended. */
  ended: { readonly state: JobState; readonly cause: Cause | undefined; /** Processes that the coordinator left. */ readonly left: readonly ProcessName[] } | undefined;
  private coordinatorNow: VirtualCoordinator | undefined;
  private readonly injection: FaultInjection;
  private readonly partitions = new Map<string, PartitionTable>();
  private readonly heldUntilMs = new Map<number, number>();
  private readonly dataHeldUntilMs = new Map<string, number>();
  /** Process → the coordinator process that started it. */
  private readonly parents = new Map<number, number>();
  private readonly chance: Chance;
  private lastPid = 100;
  private lastOrigin = 0;

  constructor(readonly options: WorldOptions) {
    this.chance = new Chance(options.seed).fork("world");
    this.model = modelOf(options.job);
    this.journal = new VirtualJournal(options.startMs ?? 0, () => this.loop.now);
    this.injection = new FaultInjection(this, options.schedule);
    this.startExternalInstances();
    this.startCoordinator();
  }

  get coordinator(): VirtualCoordinator | undefined {
    return this.coordinatorNow;
  }

  /** When nothing on purpose happens or is in effect any more; Infinity while some of it has yet to happen. */
  get quietSinceMs(): number {
    return this.injection.quietSinceMs;
  }

  get faultsInjected(): number {
    return this.injection.injected;
  }

  /** Clients of services whose tasks live. */
  liveClients(): ReadonlySet<VirtualRosClient> {
    for (const client of this.clients) if (client.isClosed || !client.process.alive) this.clients.delete(client);
    return this.clients;
  }

  /** Live processes of a name; more than one while an old one was not noticed to be gone. */
  processesNamed(name: ProcessName): readonly VirtualProcess[] {
    return [...this.processes.values()].filter((process) => process.name === name && process.alive);
  }

  /** Started by the coordinator that lives now. */
  isChildOfPresentCoordinator(pid: number): boolean {
    return this.coordinatorNow !== undefined && this.parents.get(pid) === this.coordinatorNow.process.pid;
  }

  /** Holds the control connection of a process until a time. */
  hold(pid: number, untilMs: number): void {
    this.heldUntilMs.set(pid, untilMs);
  }

  /** Holds all data between two processes until a time. */
  holdData(a: number, b: number, untilMs: number): void {
    this.dataHeldUntilMs.set(pairOf(a, b), untilMs);
  }

  breakData(from: number, to: number): void {
    for (const table of this.partitions.values()) {
      if (table.process.pid === from) table.breakFrom(to);
      if (table.process.pid === to) table.breakFrom(from);
    }
  }

  private startCoordinator(): void {
    const { loop, options } = this;
    const process = this.newProcess("coordinator");
    const recovering = this.journal.length > 0;
    let recovered;
    const checkpoints = this.disk.readCheckpoints();
    if (recovering) {
      const fold = new RecoveredJobFold();
      for (const event of this.journal.events) fold.observe(event);
      recovered = fold.result(checkpoints);
    }
    const coordinator = new VirtualCoordinator(this.hostOf(process), process, recovered, checkpoints.damaged);
    this.coordinatorNow = coordinator;
    options.observer.onCoordinatorStarted?.(this, coordinator.master);
    process.whenDead(() => {
      if (this.coordinatorNow === coordinator) this.coordinatorNow = undefined;
      if (this.ended !== undefined) return;
      this.journal.tear(this.chance.whole(0, this.journal.unflushed));
      // An end in order tells the supervisor at once that there is nothing to take over.
      loop.after(options.timing.coordinatorRestartMs(), () => {
        if (this.ended === undefined) this.startCoordinator();
      });
    });
    coordinator.start();
  }

  /** Processes that an earlier coordinator started and this one never met end by themselves: their lifeline is gone with the run. */
  private onEnded(coordinatorPid: number, state: JobState, cause: Cause | undefined): void {
    const left = [...this.processes.values()].filter(({ alive, pid }) => alive && this.parents.get(pid) === coordinatorPid);
    this.ended = { state, cause, left: left.map((process) => process.name) };
  }

  private hostOf(coordinator: VirtualProcess): CoordinatorHost {
    const { options } = this;
    return {
      job: options.job,
      seed: options.seed,
      runStarted: runStarted(options.job, options.seed),
      disk: this.disk,
      journal: this.journal,
      now: () => this.loop.now,
      spawn: (command, onExit) => this.spawn(command, onExit, coordinator),
      processOf: (pid) => {
        const process = this.processes.get(pid);
        return process?.alive === true ? process : undefined;
      },
      workersOfRun: () => [...this.processes.values()].filter(({ alive, pid }) => alive && this.parents.has(pid)),
      storing: () => this.injection.storing(options.timing.storeMs()),
      stored: (checkpoint) => this.injection.metadataWritten(checkpoint),
      onStep: (by, input, result) => {
        options.observer.onStep?.(this, by.master, input, result);
        if (input.kind === "start" && by.recovered) this.injection.observe({ kind: "coordinator.recovered", pid: by.process.pid });
        for (const event of result.events) this.injection.observe(event);
      },
      commandsCarriedOut: (count) => this.injection.commandsCarriedOut(count),
      onEnded: (state, cause) => this.onEnded(coordinator.pid, state, cause),
    };
  }

  private spawn(
    command: Extract<JobMasterCommand, { kind: "startProcess" }>,
    onExit: (pid: number, exit: ProcessExit) => void,
    parent: VirtualProcess,
  ): VirtualProcess {
    const { timing } = this.options;
    const process = this.newProcess(command.process);
    this.parents.set(process.pid, parent.pid);
    process.whenDead((exit) => {
      this.loop.after(timing.exitMs(), () => {
        if (parent.alive) onExit(process.pid, exit);
      });
    });
    process.post(timing.processStartMs(), () => {
      if (command.instance === undefined) this.startTaskManager(process);
      else this.startInstance(process, command.instance);
    });
    return process;
  }

  private newProcess(name: ProcessName): VirtualProcess {
    const process = new VirtualProcess(this.loop, name, ++this.lastPid);
    this.processes.set(process.pid, process);
    process.whenDead(() => {
      this.processes.delete(process.pid);
      this.taskManagers.delete(process.pid);
    });
    return process;
  }

  private dial(worker: ConnectionEnd<CoordinatorMessage>): ControlConnection | undefined {
    const { loop, options } = this;
    const coordinator = this.coordinatorNow;
    if (coordinator === undefined) return undefined;
    const weather = {
      latencyMs: () => options.timing.controlLatencyMs(),
      heldUntilMs: () => this.heldUntilMs.get(worker.process.pid) ?? 0,
    };
    const connection: ControlConnection = new VirtualConnection<WorkerMessage, CoordinatorMessage>(
      loop,
      weather,
      worker,
      coordinator.accept(() => connection),
    );
    return connection;
  }

  private startTaskManager(process: VirtualProcess): void {
    const { loop, options } = this;
    const dataAddress = `data:${process.pid}`;
    const partitions = new PartitionTable(
      loop,
      { latencyMs: () => options.timing.dataLatencyMs(), heldUntilMs: (from, to) => this.dataHeldUntilMs.get(pairOf(from, to)) ?? 0 },
      process,
    );
    this.partitions.set(dataAddress, partitions);
    const manager: VirtualTaskManager = new VirtualTaskManager({
      process,
      dataAddress,
      heartbeatIntervalMs: options.job.runtime.heartbeatIntervalMs,
      dial: (worker) => this.dial(worker),
      openClient: (service, task, endpoints, journal) => {
        const spec = this.serviceOf(service);
        if (spec.deployment === "embedded") return localClient(process, () => options.timing.instance(service).runMs(1));
        const client = new VirtualRosClient(
          {
            spec,
            loop,
            chance: this.chance.fork(`client ${++this.lastOrigin}`),
            process,
            origin: this.lastOrigin,
            network: {
              instanceAt: (address) => this.instanceAt(address),
              latencyMs: () => options.timing.dataLatencyMs(),
            },
            onRetry: (instance, requests, reason) => journal({ kind: "client.retry", task, service, instance, requests, reason }),
            onEjected: (instance, reason) => journal({ kind: "client.ejected", task, service, instance, reason }),
          },
          endpoints,
        );
        this.clients.add(client);
        return client;
      },
      environment: {
        model: this.model,
        disk: this.disk,
        timing: options.timing.task,
        faults: this.injection,
        partitions,
        now: () => loop.now,
        partitionsAt: (address) => this.partitions.get(address),
        embeddedLoadMs: (service) => options.timing.instance(service).loadMs(),
      },
    });
    this.taskManagers.set(process.pid, manager);
  }

  private startInstance(process: VirtualProcess, what: { readonly instance: string; readonly attempt: number; readonly service: string }): void {
    const { options } = this;
    const spec = this.serviceOf(what.service);
    const started = startInstanceProcess({
      process,
      spec,
      what,
      address: addressOf(process.pid),
      heartbeatIntervalMs: options.job.runtime.heartbeatIntervalMs,
      timing: options.timing.instance(spec.id),
      dial: (worker) => this.dial(worker),
    });
    this.instances.set(process.pid, started);
    process.whenDead(() => this.instances.delete(process.pid));
  }

  private startExternalInstances(): void {
    const { options } = this;
    for (const spec of options.job.services) {
      if (spec.deployment !== "external") continue;
      spec.addresses.forEach((address, index) => {
        const process = this.newProcess(`external:${spec.id}#${index}`);
        const timing = { ...options.timing.instance(spec.id), startMs: () => 0, loadMs: () => 0, warmMs: () => 0 };
        const name = `${spec.id}#${index}`;
        const instance = new VirtualInstance({ spec, instance: name, attempt: 0, process, timing, onPhase: () => undefined });
        this.externals.set(address, instance);
        instance.start();
      });
    }
  }

  private readonly externals = new Map<string, VirtualInstance>();

  private instanceAt(address: string): VirtualInstance | undefined {
    return this.externals.get(address) ?? this.instances.get(Number(address.slice(address.indexOf(":") + 1)))?.instance;
  }

  private serviceOf(id: string): ServiceSpec {
    const spec = this.options.job.services.find((candidate) => candidate.id === id);
    if (spec === undefined) throw new Error(`no service ${id} in this job`);
    return spec;
  }
}

export function runStarted(job: JobSpec, seed: number): JournalEventBody {
  return {
    kind: "run.started",
    schema: JOURNAL_SCHEMA,
    run: {
      id: `virtual-${seed}`,
      job: job.name,
      jobFile: job.file,
      directory: "",
      engine: "virtual",
      deployment: [...new Set(job.services.map((service) => service.deployment))].join(",") || "none",
      failoverStrategy: job.runtime.failoverStrategy,
      scheduler: job.runtime.scheduler,
      machine: { cores: 1, memoryBytes: 0, platform: "virtual", node: "" },
      seed,
    },
    graph: describeAnalyzed(analyzeJob(job)),
  };
}

/** Both directions. */
function pairOf(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}

function addressOf(pid: number): string {
  return `pid:${pid}`;
}
