/**
 * The coordinator of a virtual run: drives the unchanged JobMaster of `core` with what happens in the virtual world, and carries out what it
 * decides. The rules are those of `cluster/coordinator`, one for one: a bug found here is a bug there.
 */
import { createJobMaster, stepJobMaster } from "../core/jobMaster";
import type { StepResult } from "../core/jobMaster";
import type { JobMasterCommand, JobMasterInput, JobMasterState, RecoveredJob } from "../core/jobMasterState";
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { JobSpec } from "../graph/jobFile";
import type { JobState } from "../graph/executionState";
import type { Cause, JournalEventBody, LossEvidence, ProcessName } from "../observe/journalEvent";
import type { VirtualTimer } from "./eventLoop";
import { cancelTimer } from "./eventLoop";
import type { ConnectionEnd } from "./virtualConnection";
import type { DamagedCheckpoint, VirtualDisk } from "./virtualDisk";
import type { VirtualJournal } from "./virtualJournal";
import { JOURNAL_GATHER_MS } from "./virtualJournal";
import type { ProcessExit, VirtualProcess } from "./virtualProcess";
import type { ControlConnection, Hello, WorkerMessage } from "./workerLink";

/** How long workers may take to end when asked to, before they are killed. */
const SHUTDOWN_GRACE_MS = 3_000;
/** How long the exit of a child whose connection closed is waited for. */
const EXIT_AFTER_DISCONNECT_MS = 25;

/** The virtual machine as the coordinator sees it. */
export interface CoordinatorHost {
  readonly job: JobSpec;
  readonly seed: number;
  /** The journal's first event. */
  readonly runStarted: JournalEventBody;
  readonly disk: VirtualDisk;
  readonly journal: VirtualJournal;
  now(): number;
  /** Starts a process; the exit is told to the coordinator that started it, if that lives. */
  spawn(command: Extract<JobMasterCommand, { kind: "startProcess" }>, onExit: (pid: number, exit: ProcessExit) => void): VirtualProcess;
  /** A process that another coordinator had started; undefined when it is gone. */
  processOf(pid: number): VirtualProcess | undefined;
  /** Live workers of the run, as the operating system shows them. */
  workersOfRun(): readonly VirtualProcess[];
  /** How long writing the metadata of this checkpoint takes, and whether it fails. */
  storing(checkpoint: number): { readonly delayMs: number; readonly fails: boolean };
  /** The metadata is on the disk. */
  stored?(checkpoint: number): void;
  /** Called after every step, before its commands are carried out. */
  onStep(coordinator: VirtualCoordinator, input: JobMasterInput, result: StepResult): void;
  /** How many commands of this step are carried out; fewer than there are when the coordinator dies in its midst. */
  commandsCarriedOut(count: number): number;
  onEnded(state: JobState, cause: Cause | undefined): void;
}

interface LiveProcess {
  readonly process: VirtualProcess;
  readonly child: boolean;
}

export class VirtualCoordinator {
  readonly master: JobMasterState;
  /** It took over from another one. */
  readonly recovered: boolean;
  private readonly workers = new Map<ProcessName, { readonly connection: ControlConnection; readonly pid: number }>();
  private readonly live = new Map<ProcessName, LiveProcess>();
  private readonly lost = new Set<number>();
  /** Started by the coordinator before this one, and not heard of yet; by process id. */
  private readonly strays = new Map<number, VirtualProcess>();
  private readonly timers = new Map<string, VirtualTimer>();
  /** Checkpoint files are written and deleted one after the other, in the order decided. */
  private storage: (() => void)[] = [];
  private storageBusy = false;
  private ending: { readonly state: JobState; readonly cause: Cause | undefined } | undefined;
  private flushTimer: VirtualTimer | undefined;

  constructor(
    private readonly host: CoordinatorHost,
    readonly process: VirtualProcess,
    recovered: RecoveredJob | undefined,
    damaged: readonly DamagedCheckpoint[] = [],
  ) {
    this.master = createJobMaster(host.job, host.seed, recovered);
    this.recovered = recovered !== undefined;
    if (recovered === undefined) {
      this.record(host.runStarted);
      this.record({ kind: "process.started", process: "coordinator", pid: process.pid });
    } else {
      for (const worker of host.workersOfRun()) this.strays.set(worker.pid, worker);
      const latest = recovered.completed[recovered.completed.length - 1];
      this.record({ kind: "coordinator.recovered", pid: process.pid, fromCheckpoint: latest?.checkpoint });
      for (const one of damaged) {
        this.record({ kind: "checkpoint.damaged", ...one });
        if (one.checkpoint > (latest?.checkpoint ?? 0)) this.enqueue(0.2, () => host.disk.discardCheckpoint(one.checkpoint));
      }
    }
  }

  start(): void {
    this.record({ kind: "process.connected", process: "coordinator", pid: this.process.pid });
    this.step({ kind: "start" });
  }

  /** A worker's connection; `connection` is made by the caller around the end that is returned. */
  accept(connection: () => ControlConnection): ConnectionEnd<WorkerMessage> {
    let hello: Hello | undefined;
    return {
      process: this.process,
      onMessage: (message) => {
        if (message.kind === "hello") {
          if (this.onHello(message, connection())) hello = message;
        } else if (hello !== undefined) this.onMessage(message);
      },
      onClosed: () => {
        if (hello !== undefined) this.onDisconnected(hello.process, hello.pid, connection());
      },
    };
  }

  /** A command of a person. */
  command(input: Extract<JobMasterInput, { kind: "stop" | "scale" | "triggerCheckpoint" }>): void {
    this.step(input);
  }

  record(body: JournalEventBody, at?: number): void {
    this.host.journal.append(body, at);
    if (this.flushTimer?.run !== undefined) return;
    this.flushTimer = this.process.post(JOURNAL_GATHER_MS, () => this.host.journal.flush());
  }

  pidOf(process: ProcessName): number | undefined {
    return this.live.get(process)?.process.pid;
  }

  private onHello(hello: Hello, connection: ControlConnection): boolean {
    const known = this.live.get(hello.process);
    const process = this.host.processOf(hello.pid);
    if (process === undefined) return false;
    if (this.lost.has(hello.pid) || (known !== undefined && known.process.pid !== hello.pid)) {
      // Given up before, or a process of the coordinator before that comes too late: its place is taken.
      process.kill();
      connection.closeByCoordinator();
      return false;
    }
    if (this.workers.get(hello.process)?.pid === hello.pid) {
      // Its connection ended, and with it its tasks; who is met again would be taken for one that had gone on.
      this.giveUp(hello.process, hello.pid);
      connection.closeByCoordinator();
      return false;
    }
    this.strays.delete(hello.pid);
    if (known === undefined) this.live.set(hello.process, { process, child: false });
    this.workers.set(hello.process, { connection, pid: hello.pid });
    connection.sendDown({ kind: "welcome" });
    const { process: name, role, pid, dataAddress, instance } = hello;
    this.step({ kind: "workerConnected", process: name, role, pid, dataAddress, instance });
    return true;
  }

  private onMessage(message: WorkerMessage): void {
    if (message.kind === "journal") this.record(message.body, message.at);
    else if (message.kind === "input") this.step(message.input);
    else if (message.kind === "acknowledgements") {
      const { checkpoint, handle } = message;
      for (const { name, number, attempt } of message.tasks) this.step({ kind: "checkpointAck", checkpoint, task: name, number, attempt, handle, alignmentMs: 0 });
    }
  }

  private onDisconnected(name: ProcessName, pid: number, connection: ControlConnection): void {
    if (this.workers.get(name)?.connection !== connection) return;
    const known = this.live.get(name);
    if (known?.process.pid === pid && known.child) {
      // Its exit, which says how it ended, is told in a moment. What does not end by itself must not go on without us.
      this.process.timer(this.host.now() + EXIT_AFTER_DISCONNECT_MS, () => {
        if (!this.lost.has(pid)) this.giveUp(name, pid);
      });
      return;
    }
    this.giveUp(name, pid);
  }

  private giveUp(name: ProcessName, pid: number): void {
    const known = this.live.get(name);
    if (known?.process.pid === pid) {
      known.process.kill();
      // Nobody tells of the end of one that is not our child.
      if (!known.child) this.live.delete(name);
    }
    this.onLost(name, pid, { by: "connection" });
  }

  private onExit(name: ProcessName, pid: number, exit: ProcessExit): void {
    if (this.live.get(name)?.process.pid === pid) this.live.delete(name);
    this.onLost(name, pid, { by: "exit", ...exit });
    this.endWhenAlone();
  }

  /** A process can be seen to be lost twice, by its connection and by its exit: the first counts. */
  private onLost(name: ProcessName, pid: number, evidence: LossEvidence): void {
    if (this.lost.has(pid)) return;
    this.lost.add(pid);
    if (this.workers.get(name)?.pid === pid) this.workers.delete(name);
    this.step({ kind: "workerLost", process: name, pid, evidence });
  }

  private step(input: JobMasterInput): void {
    const result = stepJobMaster(this.master, input, this.host.now());
    const { commands } = result;
    for (const event of result.events) this.record(event);
    if (commands.length > 0 && commands.some(startsSomething)) this.host.journal.flush();
    this.host.onStep(this, input, result);
    const carried = this.host.commandsCarriedOut(commands.length);
    for (let index = 0; index < carried; index++) this.carryOut(commands[index]);
    if (carried < commands.length) this.process.kill();
  }

  private carryOut(command: JobMasterCommand): void {
    switch (command.kind) {
      case "startProcess":
        this.startProcess(command);
        return;
      case "endProcess":
        if (command.how === "kill") this.live.get(command.process)?.process.kill();
        else this.send(command.process, command);
        return;
      case "deploy":
      case "cancel":
      case "triggerBarriers":
      case "notifyCheckpointComplete":
      case "notifyCheckpointAborted":
      case "pushEndpoints":
      case "releasePartitions":
        this.send(command.process, command);
        return;
      case "commitOutput":
        throw new Error("batch jobs do not run in virtual time");
      case "storeCheckpoint":
        this.store(command.checkpoint);
        return;
      case "discardCheckpoint":
        this.enqueue(0.2, () => this.host.disk.discardCheckpoint(command.checkpoint));
        return;
      case "setTimer":
        cancelTimer(this.timers.get(command.timer));
        this.timers.set(
          command.timer,
          this.process.timer(command.atMs, () => this.step({ kind: "timer", timer: command.timer })),
        );
        return;
      case "cancelTimer":
        cancelTimer(this.timers.get(command.timer));
        this.timers.delete(command.timer);
        return;
      case "endJob":
        this.end(command.state, command.cause);
    }
  }

  private startProcess(command: Extract<JobMasterCommand, { kind: "startProcess" }>): void {
    this.killStrays(command.process);
    const process = this.host.spawn(command, (pid, exit) => this.process.run(() => this.onExit(command.process, pid, exit)));
    this.live.set(command.process, { process, child: true });
    this.record({ kind: "process.started", process: command.process, pid: process.pid });
  }

  /** One that stood still would go on some day, beside its successor: with an old attempt of a task, and with files of a sink. */
  private killStrays(name?: ProcessName): void {
    for (const [pid, stray] of this.strays) {
      if (name !== undefined && stray.name !== name) continue;
      this.strays.delete(pid);
      stray.kill();
    }
  }

  private send(process: ProcessName, command: JobMasterCommand): void {
    this.workers.get(process)?.connection.sendDown({ kind: "command", command });
  }

  private store(checkpoint: CompletedCheckpoint): void {
    const { delayMs, fails } = this.host.storing(checkpoint.checkpoint);
    this.enqueue(delayMs, () => {
      if (fails) {
        const cause: Cause = { code: "FL2006", message: `Checkpoint ${checkpoint.checkpoint} cannot be written: the disk reports an error.` };
        this.step({ kind: "checkpointStoreFailed", checkpoint: checkpoint.checkpoint, cause });
        return;
      }
      this.host.disk.storeCheckpoint(checkpoint);
      this.host.stored?.(checkpoint.checkpoint);
      const path = `checkpoints/chk-${checkpoint.checkpoint}`;
      this.step({ kind: "checkpointStored", checkpoint: checkpoint.checkpoint, bytes: 64 * checkpoint.handles.size, path });
    });
  }

  private enqueue(delayMs: number, work: () => void): void {
    this.storage.push(() => {
      this.process.post(delayMs, () => {
        work();
        this.nextStorage();
      });
    });
    if (!this.storageBusy) this.nextStorage();
  }

  private nextStorage(): void {
    const next = this.storage.shift();
    this.storageBusy = next !== undefined;
    next?.();
    this.endWhenAlone();
  }

  private end(state: JobState, cause: Cause | undefined): void {
    if (this.ending !== undefined) return;
    this.ending = { state, cause };
    for (const timer of this.timers.values()) cancelTimer(timer);
    this.killStrays();
    this.process.timer(this.host.now() + SHUTDOWN_GRACE_MS, () => {
      for (const { process } of this.live.values()) process.kill();
      // Processes of an earlier coordinator are not our children: nobody tells of their end.
      for (const [name, { child }] of this.live) if (!child) this.live.delete(name);
      this.endWhenAlone();
    });
    this.endWhenAlone();
  }

  private endWhenAlone(): void {
    const { ending } = this;
    if (ending === undefined || this.storageBusy || this.live.size > 0 || !this.process.alive) return;
    this.ending = undefined;
    this.record({ kind: "run.ended", state: ending.state, cause: ending.cause });
    this.host.journal.flush();
    this.process.exit(0);
    this.host.onEnded(ending.state, ending.cause);
  }
}

function startsSomething({ kind }: JobMasterCommand): boolean {
  return kind === "deploy" || kind === "startProcess";
}
