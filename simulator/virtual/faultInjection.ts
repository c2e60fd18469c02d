/** Carries out a schedule of faults in a virtual world. */
import type { JournalEventBody, ProcessName, SubtaskName } from "../observe/journalEvent";
import type { ScheduledFault, VirtualFault } from "./faultSchedule";
import { targetOf } from "./faultSchedule";
import type { EventLoop } from "./eventLoop";
import type { VirtualDisk } from "./virtualDisk";
import { METADATA } from "./virtualDisk";
import type { VirtualCoordinator } from "./virtualCoordinator";
import type { VirtualInstance } from "./virtualInstance";
import type { VirtualProcess } from "./virtualProcess";
import type { TaskFaults } from "./virtualTask";
import type { VirtualTaskManager } from "./virtualTaskManager";
import type { WorkerLink } from "./workerLink";

/** What faults need of the world. */
export interface FaultTargets {
  readonly loop: EventLoop;
  readonly coordinator: VirtualCoordinator | undefined;
  readonly disk: VirtualDisk;
  readonly taskManagers: ReadonlyMap<number, VirtualTaskManager>;
  readonly instances: ReadonlyMap<number, { readonly instance: VirtualInstance; readonly link: WorkerLink }>;
  processesNamed(name: ProcessName): readonly VirtualProcess[];
  hold(pid: number, untilMs: number): void;
  holdData(a: number, b: number, untilMs: number): void;
  breakData(from: number, to: number): void;
}

export class FaultInjection implements TaskFaults {
  /** Faults that really happened. */
  injected = 0;
  private waitingFor: { readonly scheduled: ScheduledFault; seen: number }[] = [];
  private toCome: number;
  private lastEffectMs = 0;
  private readonly poisoned = new Set<SubtaskName>();
  private readonly stateErrors = new Set<SubtaskName>();
  private storageErrors = 0;
  private readonly slowStorage: number[] = [];
  private fullUntilMs = 0;
  /** File → for how long it stays torn once it is written. */
  private readonly torn = new Map<string, number>();
  private midStep: number | undefined;

  constructor(
    private readonly world: FaultTargets,
    schedule: readonly ScheduledFault[],
  ) {
    this.toCome = schedule.length;
    for (const scheduled of schedule) {
      if ("atMs" in scheduled.when) world.loop.at(scheduled.when.atMs, () => this.inject(scheduled.fault));
      else this.waitingFor.push({ scheduled, seen: 0 });
    }
  }

  /** What waits for an event that may never come does not count as to come. */
  get quietSinceMs(): number {
    return this.toCome > this.waitingFor.length ? Infinity : this.lastEffectMs;
  }

  observe(event: JournalEventBody): void {
    for (const waiting of [...this.waitingFor]) {
      const { when, fault } = waiting.scheduled;
      if ("atMs" in when || when.event !== event.kind || (when.to !== undefined && when.to !== targetOf(event)) || ++waiting.seen < when.nth) continue;
      this.waitingFor = this.waitingFor.filter((other) => other !== waiting);
      this.world.loop.after(when.delayMs, () => this.inject(fault));
    }
  }

  failsOnRecord(task: SubtaskName): boolean {
    return this.poisoned.delete(task);
  }

  failsToWriteState(task: SubtaskName): boolean {
    return this.stateErrors.delete(task) || this.isFull;
  }

  stateWritten(checkpoint: number, task: SubtaskName): void {
    this.tear(checkpoint, task);
  }

  metadataWritten(checkpoint: number): void {
    this.tear(checkpoint, METADATA);
  }

  storing(delayMs: number): { readonly delayMs: number; readonly fails: boolean } {
    const broken = this.storageErrors > 0;
    const fails = broken || this.isFull;
    if (broken) this.storageErrors--;
    const slow = this.slowStorage.shift() ?? 0;
    if (fails || slow > 0) this.lastEffectMs = Math.max(this.lastEffectMs, this.world.loop.now + slow);
    return { delayMs: delayMs + slow, fails };
  }

  commandsCarriedOut(count: number): number {
    if (this.midStep === undefined || count === 0) return count;
    const carried = Math.min(this.midStep, count - 1);
    this.midStep = undefined;
    this.lastEffectMs = this.world.loop.now;
    return carried;
  }

  private inject(fault: VirtualFault): void {
    this.toCome--;
    const { now } = this.world.loop;
    const lasts = "forMs" in fault ? fault.forMs : 0;
    this.lastEffectMs = Math.max(this.lastEffectMs, now + lasts);
    if (this.carryOut(fault)) this.injected++;
  }

  private carryOut(fault: VirtualFault): boolean {
    const { world } = this;
    switch (fault.kind) {
      case "crash":
        return this.onProcess(fault.process, (process) => process.kill());
      case "terminate":
        return this.onProcess(fault.process, (process) => process.run(() => process.exit(143)));
      case "hang":
        return this.onProcess(fault.process, (process) => {
          process.stop();
          world.loop.after(fault.forMs, () => process.resume());
        });
      case "crash-mid-step":
        this.midStep = fault.commands;
        return true;
      case "reset":
        return this.onProcess(fault.process, (process) => this.linkOf(process.pid)?.reset());
      case "black-hole":
        return this.onProcess(fault.process, (process) => world.hold(process.pid, world.loop.now + fault.forMs));
      case "data-reset":
        return this.onProcess(fault.from, (from) => this.onProcess(fault.to, (to) => world.breakData(from.pid, to.pid)));
      case "data-partition":
        return this.onProcess(fault.from, (from) => this.onProcess(fault.to, (to) => world.holdData(from.pid, to.pid, world.loop.now + fault.forMs)));
      case "poison":
        this.poisoned.add(fault.task);
        return true;
      case "state-error":
        this.stateErrors.add(fault.task);
        return true;
      case "storage-error":
        this.storageErrors++;
        return true;
      case "slow-storage":
        this.slowStorage.push(fault.forMs);
        return true;
      case "disk-full":
        this.fullUntilMs = Math.max(this.fullUntilMs, world.loop.now + fault.forMs);
        return true;
      case "torn-file":
        this.torn.set(fault.file, fault.forMs);
        return true;
      case "damaged-file": {
        const { newestCheckpoint } = world.disk;
        return newestCheckpoint !== undefined && this.damage(newestCheckpoint.checkpoint, fault.file, fault.forMs);
      }
      case "device-lost":
        return this.loseDevice(fault.instance);
      case "scale":
        return this.command({ kind: "scale", service: fault.service, parallelism: fault.parallelism, by: "command" });
      case "checkpoint":
        return this.command({ kind: "triggerCheckpoint" });
      case "stop":
        return this.command({ kind: "stop", mode: fault.mode });
    }
  }

  private get isFull(): boolean {
    return this.world.loop.now < this.fullUntilMs;
  }

  private tear(checkpoint: number, file: string): void {
    const forMs = this.torn.get(file);
    if (forMs !== undefined && this.torn.delete(file)) this.damage(checkpoint, file, forMs);
  }

  private damage(checkpoint: number, file: string, forMs: number): boolean {
    const { disk, loop } = this.world;
    const repair = disk.damage(checkpoint, file);
    if (repair === undefined) return false;
    this.lastEffectMs = Math.max(this.lastEffectMs, loop.now + forMs);
    loop.after(forMs, repair);
    return true;
  }

  private command(input: Parameters<VirtualCoordinator["command"]>[0]): boolean {
    const { coordinator } = this.world;
    if (coordinator === undefined) return false;
    coordinator.process.run(() => coordinator.command(input));
    return true;
  }

  private onProcess(name: ProcessName, act: (process: VirtualProcess) => void): boolean {
    const processes = this.world.processesNamed(name);
    for (const process of processes) act(process);
    return processes.length > 0;
  }

  private linkOf(pid: number): WorkerLink | undefined {
    return this.world.taskManagers.get(pid)?.link ?? this.world.instances.get(pid)?.link;
  }

  private loseDevice(name: SubtaskName): boolean {
    for (const { instance, link } of this.world.instances.values()) {
      if (instance.instance !== name || instance.phase === "STARTING") continue;
      instance.process.run(() => {
        link.send({ kind: "instanceFailed", instance: name, attempt: instance.attempt, cause: { code: "FL3006", message: `${name} ran out of memory on its device.` } });
        link.close();
        instance.process.exit(1);
      });
      return true;
    }
    return false;
  }
}
