/**
 * A simulated cluster with one job on it, for looking at load and cost rather than for faults in the JobMaster: thousands of subtasks, hundreds
 * of nodes, hours. Coordinator, processes, connections, instances, clients, queues, batches and balancing are those of the virtual world, and
 * the unchanged JobMaster decides; the records between the tasks of a region are a flow (see `flowRegion.ts`).
 */
import type { StateHandle } from "../core/deployment";
import type { StepResult } from "../core/jobMaster";
import type { JobMasterCommand } from "../core/jobMasterState";
import { RecoveredJobFold } from "../core/recoveredJob";
import { Topology } from "../core/topology";
import type { JobState } from "../graph/executionState";
import type { JobSpec, ServiceSpec } from "../graph/jobFile";
import type { Cause, JournalEvent, SubtaskName } from "../observe/journalEvent";
import type { ArrivalPattern } from "./arrivals";
import { Chance } from "./chance";
import type { Distribution } from "./distribution";
import { draw, medianOf } from "./distribution";
import { EventLoop } from "./eventLoop";
import { FlowMeasures } from "./flowMeasures";
import type { FlowMetrics } from "./flowMetrics";
import type { FlowSlot } from "./flowRegion";
import { FlowRegion } from "./flowRegion";
import { FlowService } from "./flowService";
import type { FlowTask, FlowTaskManagerHost, RegionState, TaskPlace, TasksOfManager, TaskServiceClient } from "./flowTaskManager";
import { FlowTaskManager } from "./flowTaskManager";
import type { InstanceProcess } from "./instanceProcess";
import { startInstanceProcess } from "./instanceProcess";
import type { JobModel, VertexModel } from "./jobModel";
import { modelOf } from "./jobModel";
import type { Device, MachineCount, Node } from "./machines";
import { Machines } from "./machines";
import type { SimulatedTimings } from "./simulatedTimings";
import { timingsOf } from "./simulatedTimings";
import type { StateFiles } from "./taskGroups";
import { byManager, forgetGroups, TaskSnapshots } from "./taskGroups";
import { VirtualConnection } from "./virtualConnection";
import type { ConnectionEnd } from "./virtualConnection";
import { VirtualCoordinator } from "./virtualCoordinator";
import { VirtualDisk } from "./virtualDisk";
import { VirtualInstance } from "./virtualInstance";
import { VirtualJournal } from "./virtualJournal";
import { VirtualProcess } from "./virtualProcess";
import type { ProcessExit } from "./virtualProcess";
import { RegionSnapshots } from "./regionSnapshots";
import { runStarted } from "./virtualWorld";
import type { ControlConnection, CoordinatorMessage, WorkerMessage } from "./workerLink";

export interface FlowWorldOptions {
  readonly job: JobSpec;
  readonly seed: number;
  readonly arrivals: ArrivalPattern;
  readonly machines: MachineCount;
  readonly timings: SimulatedTimings;
  /** Sees the journal as it is written. */
  readonly onEvent?: (event: JournalEvent) => void;
}

/** Where a copy of a model is, and how to make it fail with its device. */
export interface ModelCopy {
  readonly device: Device;
  readonly process: VirtualProcess;
  fail(cause: Cause): void;
}

/** More pairs of tasks and instances than this share one client. */
const MOST_PAIRS = 20_000;

export class FlowWorld implements StateFiles {
  readonly loop = new EventLoop();
  readonly measures = new FlowMeasures();
  readonly machines: Machines;
  readonly copies = new Set<ModelCopy>();
  readonly taskManagers = new Map<number, FlowTaskManager>();
  readonly nodeOf = new Map<VirtualProcess, Node>();
  readonly regions = new Map<string, RegionState>();
  readonly services = new Map<string, FlowService>();
  ended: { readonly state: JobState; readonly cause: Cause | undefined } | undefined;
  coordinator: VirtualCoordinator | undefined;
  /** Where somebody reads them. */
  metrics: FlowMetrics | undefined;
  readonly processes = new Map<number, VirtualProcess>();
  /** Integral over time of the share of the sources that stood still, ms. */
  private downMs = 0;
  private downSince = 0;
  private readyMs = 0;
  private readySince = 0;
  private readyCopies = 0;
  private sourcesFlowing = 0;
  private sourcesInAll = 0;
  private readonly model: JobModel;
  private readonly disk = new VirtualDisk(false);
  private readonly journal: VirtualJournal;
  private readonly fold = new RecoveredJobFold();
  private readonly chance: Chance;
  private readonly places = new Map<SubtaskName, TaskPlace>();
  private snapshots = new RegionSnapshots(0);
  private readonly instances = new Map<number, InstanceProcess>();
  private readonly externals = new Map<string, VirtualInstance>();
  /** When the present coordinator hears of a process that the one before had started. */
  private readonly reconnects = new Map<VirtualProcess, number>();
  private lastPid = 100;
  private lastOrigin = 0;

  constructor(private readonly options: FlowWorldOptions) {
    const { job, seed } = options;
    this.chance = new Chance(seed).fork("simulation");
    this.model = modelOf(job);
    this.machines = new Machines(options.machines, () => this.loop.now);
    const journal: VirtualJournal = new VirtualJournal(0, () => this.loop.now, (body, at, seq) => {
      this.fold.observe(body);
      options.onEvent?.(journal.eventOf(body, at, seq));
    });
    this.journal = journal;
    for (const spec of job.services) this.services.set(spec.id, this.makeService(spec));
    this.makeRegions();
    for (const spec of job.services) if (spec.deployment === "external") this.startExternal(spec);
    this.startCoordinator();
  }

  /** All tasks run and every service can be called. */
  get isUp(): boolean {
    return this.sourcesFlowing === this.sourcesInAll && [...this.services.values()].every(({ ready }) => ready > 0);
  }

  /** Time without flow since the beginning, weighted by sources: ms. */
  get downtimeMs(): number {
    return this.downMs + this.downShare() * (this.loop.now - this.downSince);
  }

  /** How long copies of models took calls, all of them together: ms. */
  get readyCopyMs(): number {
    return this.readyMs + this.readyCopies * (this.loop.now - this.readySince);
  }

  get backlog(): number {
    let sum = 0;
    for (const { flow } of this.regions.values()) sum += flow.backlog;
    return sum;
  }

  /** From now on records come. */
  openSources(): void {
    for (const { flow } of this.regions.values()) flow.open();
  }

  /** Tells the journal something that no process of the run says. */
  record(body: Parameters<VirtualJournal["append"]>[0]): void {
    this.journal.append(body);
  }

  /** SIGSTOP, and SIGCONT after a time. */
  hang(process: VirtualProcess, forMs: number): void {
    process.stop();
    const manager = this.taskManagers.get(process.pid);
    const touched = new Set<RegionState>();
    for (const task of manager?.liveTasks ?? []) touched.add(task.region);
    const release = (): void => {
      for (const region of touched) {
        region.stalledBy.delete(process.pid);
        this.changeFlow(region, () => region.flow.stall(region.stalledBy.size > 0));
      }
    };
    for (const region of touched) {
      region.stalledBy.add(process.pid);
      this.changeFlow(region, () => region.flow.stall(true));
    }
    process.whenDead(release);
    this.loop.after(forMs, () => {
      process.resume();
      release();
    });
  }

  /** SIGTERM. */
  terminate(process: VirtualProcess): void {
    const [asked, noticed] = [this.draw(this.options.timings.terminateMs), medianOf(this.options.timings.exitMs)];
    this.loop.after(Math.max(0, asked - noticed), () => process.exit(0));
  }

  private makeService(spec: ServiceSpec): FlowService {
    const { loop, measures, chance, options } = this;
    let clients = 0;
    for (const vertex of this.model.vertices.values()) {
      if (vertex.services.some(({ service }) => service.id === spec.id)) clients += vertex.parallelism;
    }
    return new FlowService(spec, spec.deployment !== "sidecar" && clients * Math.max(spec.parallelism, spec.autoscaler?.max ?? 0) > MOST_PAIRS, {
      loop,
      chance: chance.fork(spec.id),
      measures,
      timings: timingsOf(options.timings, spec.id),
      instanceAt: (address) => this.externals.get(address) ?? this.instances.get(Number(address.slice(address.indexOf(":") + 1)))?.instance,
      nextOrigin: () => ++this.lastOrigin,
      onRetry: (service, instance, requests, reason) => this.record({ kind: "client.retry", task: service, service, instance, requests, reason }),
      onEjected: (service, instance, reason) => this.record({ kind: "client.ejected", task: service, service, instance, reason }),
    });
  }

  private makeRegions(): void {
    const { options, model, loop, measures } = this;
    const topology = Topology.of(options.job);
    const members = new Map<string, { tasks: number; sources: number; share: number; vertices: Map<VertexModel, number>; names: [SubtaskName, VertexModel][] }>();
    const sources = [...model.vertices.values()].filter(({ source }) => source !== undefined);
    for (const vertex of model.vertices.values()) {
      for (let index = 0; index < vertex.parallelism; index++) {
        const name = `${vertex.id}#${index}`;
        const region = topology.regionOf(name);
        let member = members.get(region);
        if (member === undefined) members.set(region, (member = { tasks: 0, sources: 0, share: 0, vertices: new Map(), names: [] }));
        member.tasks++;
        member.names.push([name, vertex]);
        if (vertex.source !== undefined) {
          member.sources++;
          member.share += 1 / (sources.length * vertex.parallelism);
        }
        member.vertices.set(vertex, (member.vertices.get(vertex) ?? 0) + 1);
      }
    }
    this.snapshots = new RegionSnapshots(members.size);
    for (const [name, { tasks, sources: own, share, vertices, names }] of members) {
      const stages = [...vertices.keys()].flatMap((vertex) => vertex.services.map(({ service, timeoutMs }) => ({ service: service.id, timeoutMs, vertex })));
      const fewest = Math.min(...vertices.values());
      const running = new Map<SubtaskName, FlowTask>();
      const flow = new FlowRegion({
        number: this.regions.size,
        snapshots: this.snapshots,
        loop,
        chance: this.chance.fork(name),
        measures,
        arrivals: options.arrivals,
        share,
        stages,
        paceMs: options.timings.recordMs / fewest,
        nextOwner: () => ++this.lastOrigin,
        onCallFailed: (stage, message) => {
          const caller = [...running.values()].find((task) => task.deployment.vertex === stages[stage].vertex.id);
          caller?.manager.fail(caller, { code: "FL3009", message: `A call of ${caller.name} to "${stages[stage].service}" failed: ${message}.` });
        },
      });
      this.sourcesInAll += own;
      const widths = new Map([...vertices].map(([{ id }, width]) => [id, width]));
      const region: RegionState = { flow, tasks, sources: own, widths, running, whole: false, sourcesRunning: 0, groups: undefined, stalledBy: new Set(), lastTriggered: 0 };
      this.regions.set(name, region);
      for (const [task, vertex] of names) this.places.set(task, { vertex, region });
    }
  }

  private startCoordinator(): void {
    const { loop, options, journal } = this;
    const process = this.newProcess("coordinator");
    const recovered = journal.length > 0 ? this.fold.result(this.disk.readCheckpoints()) : undefined;
    const coordinator = new VirtualCoordinator(
      {
        job: options.job,
        seed: options.seed,
        runStarted: runStarted(options.job, options.seed),
        disk: this.disk,
        journal,
        now: () => loop.now,
        spawn: (command, onExit) => this.spawn(command, onExit, process),
        processOf: (pid) => (this.processes.get(pid)?.alive === true ? this.processes.get(pid) : undefined),
        workersOfRun: () => [...this.processes.values()].filter(({ alive, name }) => alive && name !== "coordinator" && !name.startsWith("external:")),
        storing: () => ({ delayMs: this.draw(options.timings.storeMs), fails: false }),
        onStep: (_, __, result) => this.count(result),
        commandsCarriedOut: (count) => count,
        onEnded: (state, cause) => (this.ended = { state, cause }),
      },
      process,
      recovered,
    );
    this.coordinator = coordinator;
    this.reconnects.clear();
    if (recovered !== undefined) this.awaitOrphans();
    process.whenDead(() => {
      if (this.coordinator === coordinator) this.coordinator = undefined;
      if (this.ended === undefined) loop.after(this.draw(options.timings.coordinatorRestartMs), () => this.startCoordinator());
    });
    coordinator.start();
  }

  private count({ events }: StepResult): void {
    const { counts } = this.measures;
    for (const event of events) {
      if (event.kind === "failure") counts.failures++;
      else if (event.kind === "service.scaled") counts[event.to > event.from ? "scaledOut" : "scaledIn"]++;
      else if (event.kind === "failover") {
        counts.tasksRestarted += event.tasks.length;
        counts.instancesRestarted += event.instances.length;
      } else if (event.kind === "checkpoint.completed") counts.checkpoints++;
      else if (event.kind === "checkpoint.failed") counts.checkpointsFailed++;
    }
  }

  private spawn(command: Extract<JobMasterCommand, { kind: "startProcess" }>, onExit: (pid: number, exit: ProcessExit) => void, parent: VirtualProcess): VirtualProcess {
    const { timings } = this.options;
    const process = this.newProcess(command.process);
    const { instance } = command;
    process.whenDead((exit) => {
      this.loop.after(this.draw(timings.exitMs), () => {
        if (parent.alive) onExit(process.pid, exit);
      });
    });
    const wanted = (): boolean => process.alive;
    if (instance === undefined) {
      this.machines.placeTaskManager(wanted, (node) => {
        this.nodeOf.set(process, node);
        process.whenDead(() => {
          node.taskManagers--;
          this.machines.retry();
        });
        process.post(this.draw(timings.processStartMs), () => this.startTaskManager(process));
      });
      return process;
    }
    this.machines.placeCopy(this.nodeOfSidecar(instance), wanted, (device) => {
      this.nodeOf.set(process, this.machines.nodes[device.node]);
      process.whenDead(() => this.machines.release(device));
      process.post(this.draw(timings.instanceStartMs), () => this.startInstance(process, instance, device));
    });
    return process;
  }

  private nodeOfSidecar({ service, instance }: { readonly service: string; readonly instance: SubtaskName }): Node | undefined {
    if (this.services.get(service)?.spec.deployment !== "sidecar") return undefined;
    const name = `taskmanager:${instance.slice(instance.lastIndexOf("#") + 1)}`;
    for (const [process, node] of this.nodeOf) if (process.name === name && process.alive) return node;
    return undefined;
  }

  private newProcess(name: string): VirtualProcess {
    const process = new VirtualProcess(this.loop, name, ++this.lastPid);
    this.processes.set(process.pid, process);
    process.whenDead(() => {
      this.processes.delete(process.pid);
      this.taskManagers.delete(process.pid);
      this.nodeOf.delete(process);
    });
    return process;
  }

  private dial(worker: ConnectionEnd<CoordinatorMessage>): ControlConnection | undefined {
    const { coordinator } = this;
    if (coordinator === undefined || this.loop.now < (this.reconnects.get(worker.process) ?? 0)) return undefined;
    const weather = { latencyMs: () => this.draw(this.options.timings.controlMs), heldUntilMs: () => 0, together: true };
    const connection: ControlConnection = new VirtualConnection<WorkerMessage, CoordinatorMessage>(
      this.loop,
      weather,
      worker,
      coordinator.accept(() => connection),
    );
    return connection;
  }

  /** Who lived through the end of a coordinator takes a moment to find the next one. */
  private awaitOrphans(): void {
    const links = [...this.taskManagers.values(), ...this.instances.values()].map(({ link }) => link);
    for (const link of links) {
      const at = this.loop.now + this.draw(this.options.timings.reconnectMs);
      this.reconnects.set(link.worker, at);
      link.worker.timer(at, () => link.connectNow());
    }
  }

  private startTaskManager(process: VirtualProcess): void {
    const manager = new FlowTaskManager(process, `data:${process.pid}`, this.hostOfTasks);
    this.taskManagers.set(process.pid, manager);
    this.metrics?.watch(manager);
  }

  private readonly hostOfTasks: FlowTaskManagerHost = (() => {
    const runtime = (): JobSpec["runtime"] => this.options.job.runtime;
    return {
      get heartbeatIntervalMs() {
        return runtime().heartbeatIntervalMs;
      },
      placeOf: (task) => this.places.get(task)!,
      dial: (worker) => this.dial(worker),
      prepareAll: (tasks) => this.prepareAll(tasks),
      onRunning: (task) => this.onRunning(task),
      onEnded: (task, wasRunning) => this.onEnded(task, wasRunning),
      onTrigger: (task, checkpoint) => this.onTrigger(task, checkpoint),
      onCheckpointComplete: (checkpoint) => this.onCheckpointComplete(checkpoint),
      onEndpoints: (manager, service, endpoints) => {
        const known = this.services.get(service);
        if (known?.isPooled === true) known.onEndpoints(endpoints);
        else for (const task of manager.liveTasks) task.clients?.get(service)?.update();
      },
      cancelMs: () => this.draw(this.options.timings.taskCancelMs),
    };
  })();

  /** State, then one model after the other, then clients. */
  private prepareAll(tasks: readonly FlowTask[]): void {
    const manager = tasks.at(0)?.manager;
    if (manager === undefined) return;
    const { timings } = this.options;
    const first = !manager.hasHadTasks;
    manager.hasHadTasks = true;
    manager.process.post(this.draw(first ? timings.firstTaskStartMs : timings.taskStartMs), () => {
      for (const task of tasks) {
        if (task.place.vertex.services.length === 0) task.manager.run(task);
        else this.openClients(task);
      }
    });
  }

  private openClients(task: FlowTask): void {
    const { manager } = task;
    const { services } = task.place.vertex;
    const clients = new Map<string, TaskServiceClient>();
    task.clients = clients;
    const next = (position: number): void => {
      if (task.state !== "INITIALIZING") return;
      if (position === services.length) {
        manager.run(task);
        return;
      }
      const { service: { id }, capacity } = services[position];
      const service = this.serviceOf(id);
      if (service.spec.deployment === "embedded") {
        this.loadEmbedded(task, service, (instance) => {
          clients.set(id, { slot: { client: service.embeddedClient(instance), capacity, inFlight: 0 }, update: () => undefined });
          next(position + 1);
        });
        return;
      }
      const endpoints = (): (typeof task.deployment.endpoints)[string] => manager.endpoints.get(id) ?? [];
      if (service.isPooled) clients.set(id, { slot: { client: service.pooledClient(endpoints()), capacity, inFlight: 0 }, update: () => undefined });
      else {
        const client = service.clientIn(manager.process, endpoints());
        clients.set(id, { slot: { client: client.flow, capacity, inFlight: 0 }, update: () => client.update(endpoints()) });
        task.whenEnded(() => client.close());
      }
      next(position + 1);
    };
    next(0);
  }

  private loadEmbedded(task: FlowTask, service: FlowService, loaded: (instance: VirtualInstance) => void): void {
    const { process } = task.manager;
    const wanted = (): boolean => task.state === "INITIALIZING" && process.alive;
    this.machines.placeCopy(this.nodeOf.get(process), wanted, (device) => {
      const { timing, ran } = service.timingOn(() => device, task.manager.models.has(service.spec.id) ? "again" : "first");
      let isReady = false;
      const instance = new VirtualInstance({
        spec: service.spec,
        instance: task.name,
        attempt: task.deployment.attempt,
        process,
        timing,
        onRun: ran,
        onPhase: (phase) => {
          if (phase !== "READY") return;
          task.manager.models.add(service.spec.id);
          if (task.state !== "INITIALIZING") return;
          isReady = true;
          this.changeReady(service, 1);
          loaded(instance);
        },
      });
      const copy: ModelCopy = { device, process, fail: (cause) => task.manager.fail(task, cause) };
      this.copies.add(copy);
      task.whenEnded(() => {
        this.copies.delete(copy);
        this.machines.release(device);
        if (isReady) this.changeReady(service, -1);
      });
      instance.start();
    });
  }

  private startInstance(process: VirtualProcess, what: { readonly instance: string; readonly attempt: number; readonly service: string }, device: Device): void {
    const service = this.serviceOf(what.service);
    const { timing, ran } = service.timingOn(() => device);
    let isReady = false;
    const started = startInstanceProcess({
      process,
      spec: service.spec,
      what,
      address: `pid:${process.pid}`,
      heartbeatIntervalMs: this.options.job.runtime.heartbeatIntervalMs,
      timing,
      dial: (worker) => this.dial(worker),
      onRun: ran,
      onPhase: (phase) => {
        if (phase !== "READY") return;
        isReady = true;
        this.changeReady(service, 1);
      },
    });
    this.instances.set(process.pid, started);
    const copy: ModelCopy = {
      device,
      process,
      fail: (cause) =>
        process.run(() => {
          started.link.send({ kind: "instanceFailed", instance: what.instance, attempt: what.attempt, cause });
          started.link.close();
          process.exit(1);
        }),
    };
    this.copies.add(copy);
    process.whenDead(() => {
      this.copies.delete(copy);
      this.instances.delete(process.pid);
      if (isReady) this.changeReady(service, -1);
    });
  }

  /** Outside of the job: whoever runs it starts it again. */
  private startExternal(spec: ServiceSpec): void {
    spec.addresses.forEach((address, index) => this.startExternalInstance(this.serviceOf(spec.id), address, index, true));
  }

  private startExternalInstance(service: FlowService, address: string, index: number, first: boolean): void {
    const process = this.newProcess(`external:${service.spec.id}#${index}`);
    let device: Device | undefined;
    let isReady = false;
    const { timing, ran } = service.timingOn(() => device, first ? "first" : undefined);
    const instance = new VirtualInstance({
      spec: service.spec,
      instance: `${service.spec.id}#${index}`,
      attempt: 0,
      process,
      timing,
      onRun: ran,
      onPhase: (phase) => {
        if (phase !== "READY") return;
        isReady = true;
        // Nobody listens at its address before.
        this.externals.set(address, instance);
        this.changeReady(service, 1);
      },
    });
    this.machines.placeCopy(undefined, () => process.alive, (found) => {
      device = found;
      this.nodeOf.set(process, this.machines.nodes[found.node]);
      const copy: ModelCopy = { device: found, process, fail: () => process.exit(1) };
      this.copies.add(copy);
      process.whenDead(() => {
        this.copies.delete(copy);
        this.machines.release(found);
      });
      process.post(first ? 0 : this.draw(this.options.timings.instanceStartMs), () => instance.start());
    });
    process.whenDead(() => {
      if (isReady) this.changeReady(service, -1);
      this.externals.delete(address);
      this.loop.after(this.draw(this.options.timings.exitMs), () => this.startExternalInstance(service, address, index, false));
    });
  }

  private onRunning(task: FlowTask): void {
    const { region } = task;
    region.running.set(task.name, task);
    forgetGroups(region);
    if (task.place.vertex.source !== undefined && ++region.sourcesRunning === region.sources) region.flow.startSources(task.deployment.restore?.checkpoint);
    if (region.running.size < region.tasks) return;
    region.whole = true;
    const slots: FlowSlot[][] = [];
    for (const vertex of this.model.vertices.values()) {
      const callers = vertex.services.length === 0 ? [] : [...region.running.values()].filter(({ deployment }) => deployment.vertex === vertex.id);
      if (callers.length === 0) continue;
      for (const { service: { id } } of vertex.services) {
        const service = this.serviceOf(id);
        const each = callers.flatMap((caller) => caller.clients?.get(id)?.slot ?? []);
        if (service.isPooled) {
          slots.push([{ client: each[0].client, capacity: each.reduce((sum, one) => sum + one.capacity, 0), inFlight: 0 }]);
        } else slots.push(each);
      }
    }
    this.changeFlow(region, () => {
      region.flow.start(slots, task.deployment.restore?.checkpoint);
      region.flow.stall(region.stalledBy.size > 0);
    });
    if (this.metrics !== undefined) for (const member of region.running.values()) this.metrics.begun(member);
  }

  private onEnded(task: FlowTask, wasRunning: boolean): void {
    const { region } = task;
    if (!wasRunning || region.running.get(task.name) !== task) return;
    region.running.delete(task.name);
    region.whole = false;
    if (task.place.vertex.source !== undefined) region.sourcesRunning--;
    forgetGroups(region);
    this.metrics?.ended(task.manager, [task]);
    this.changeFlow(region, () => region.flow.stop());
  }

  /** With the first source's barrier the whole region is asked: barriers go through it in a moment. */
  private onTrigger(task: FlowTask, checkpoint: number): boolean {
    const { region } = task;
    if (!region.whole) return false;
    if (region.lastTriggered >= checkpoint) return true;
    region.lastTriggered = checkpoint;
    region.flow.snapshot(checkpoint);
    region.groups ??= byManager(region.running.values());
    for (let group: TasksOfManager | undefined = region.groups; group !== undefined; group = group.next) {
      this.snapshot(group, checkpoint);
    }
    return true;
  }

  /** Tasks of a process that are asked in one moment write their state together: they have one event loop and one disk. */
  private snapshot(group: TasksOfManager, checkpoint: number): void {
    const { manager } = group;
    const { writing } = manager;
    if (writing?.checkpoint === checkpoint && writing.sinceMs === this.loop.now) {
      writing.groups.push(group);
      return;
    }
    const snapshots = new TaskSnapshots(this, manager, checkpoint, this.loop.now, [group]);
    manager.writing = snapshots;
    manager.process.put(this.draw(this.options.timings.snapshotMs), snapshots);
  }

  /** What the tasks of a region keep is with the region (`FlowRegion.snapshot`); one file stands for that of all tasks in a process. */
  stateOf(manager: FlowTaskManager, checkpoint: number): StateHandle {
    if (manager.snapshot?.checkpoint !== checkpoint) {
      manager.snapshot = { checkpoint, handle: this.disk.writeState(checkpoint, `${manager.process.name}.${manager.process.pid}`, EMPTY_SNAPSHOT) };
    }
    return manager.snapshot.handle;
  }

  private lastComplete = 0;

  private onCheckpointComplete(checkpoint: number): void {
    if (checkpoint <= this.lastComplete) return;
    this.lastComplete = checkpoint;
    const oldest = this.coordinator?.master.checkpoints.completed[0]?.checkpoint ?? checkpoint;
    for (const { flow } of this.regions.values()) flow.complete(checkpoint, oldest);
    this.snapshots.forgetBefore(oldest);
  }

  private changeReady(service: FlowService, by: number): void {
    this.noteDown();
    this.readyMs = this.readyCopyMs;
    this.readySince = this.loop.now;
    this.readyCopies += by;
    service.ready += by;
  }

  private changeFlow({ flow, sources }: RegionState, change: () => void): void {
    this.noteDown();
    const before = flow.isFlowing;
    change();
    if (flow.isFlowing !== before) this.sourcesFlowing += before ? -sources : sources;
  }

  private noteDown(): void {
    this.downMs += this.downShare() * (this.loop.now - this.downSince);
    this.downSince = this.loop.now;
  }

  private downShare(): number {
    if ([...this.services.values()].some(({ ready }) => ready === 0)) return 1;
    return 1 - this.sourcesFlowing / this.sourcesInAll;
  }

  private serviceOf(id: string): FlowService {
    return this.services.get(id)!;
  }

  private draw(distribution: Distribution): number {
    return draw(distribution, this.chance);
  }
}

const EMPTY_SNAPSHOT = { offset: 0, inFlight: [], sinks: {} } as const;
