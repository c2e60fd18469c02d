/** Injects faults into the processes of a run, says in the journal that it did, and whether each one took effect. */
import { checkAvailable, FAULT_CATALOGUE, findFault } from "../faults/catalogue";
import type { FaultContext, FaultDefinition, FaultOrder, FaultTarget } from "../faults/faultDefinition";
import type { ParameterValues } from "../faults/faultParameter";
import { parameterValues } from "../faults/faultParameter";
import { isLinkPattern, linkProcesses, matchLinks, matchTargets, parseFaultTarget } from "../faults/faultTarget";
import { FaultlineError } from "../graph/errors";
import type { Cause, JournalEventBody, ProcessName, SubtaskName } from "../observe/journalEvent";
import type { ActiveInjection } from "./jobRecovery";
import { machineFacilities } from "./machineFacilities";
import { OwnStop } from "./ownStop";
import { processState } from "./processesOfRun";

export interface FaultInjectorHost {
  /** Everything that can be named as a target but links, as people write it. */
  targets(): readonly string[];
  /** The process behind a target. */
  processOf(target: string): ProcessName | undefined;
  /** Under `embedded`, the task behind a `service:` target. */
  carrierOf(target: string): SubtaskName | undefined;
  pidOf(process: ProcessName): number | undefined;
  /** It is a process of this run. */
  isThere(pid: number): boolean;
  journal(body: JournalEventBody): void;
  /** Makes sure that the journal is with the operating system, before this very process may be hit. */
  flushJournal(): void;
  /** To the process that carries the fault out; `coordinator` for this one. */
  perform(process: ProcessName, order: FaultOrder): void;
  endPerforming(process: ProcessName, order: FaultOrder): void;
  /** What the latest checkpoint keeps of a task, or its metadata, is damaged; gives what shows that, and what repairs it. @throws an Error */
  damageCheckpoint(target: FaultTarget): { readonly evidence: string; repair(): void };
}

interface ActiveFault {
  readonly injection: number;
  readonly fault: FaultDefinition;
  readonly name: string;
  readonly context: FaultContext;
  readonly process: ProcessName;
  /** `undefined` for one that waits for a load. */
  pid: number | undefined;
  effective: boolean;
  timer: NodeJS.Timeout | undefined;
  /** It has hit as many loads as it was to hit. */
  lastLoad: boolean;
}

interface PlannedFault {
  readonly name: string;
  readonly target: FaultTarget;
  readonly process: ProcessName;
  readonly pid: number;
  /** Who carries it out. */
  readonly performers: readonly ProcessName[];
  /** Injected by the coordinator before, into processes that are not this one's children. */
  readonly resumed?: boolean;
}

export interface InjectOptions {
  readonly by: "command" | "schedule";
  /** Of several targets only one, by this number from 0 to 1. */
  readonly pick?: number;
}

export class FaultInjector {
  private readonly active: ActiveFault[] = [];
  private readonly starving = new Map<number, NodeJS.Timeout>();
  private readonly nextLoads: { readonly order: FaultOrder; left: number }[] = [];
  /** How many processes carry a fault out. */
  private readonly performers = new Map<number, number>();
  /** Healed, and not yet confirmed by those who carry it out. */
  private readonly healing = new Map<number, { readonly by: "command" | "duration"; readonly process: ProcessName; left: number }>();
  /** Healed before anything was seen of them: word may be on its way over the very link that they hit. */
  private readonly unseen = new Set<number>();
  /** To processes of the coordinator before that have not connected yet. */
  private undelivered: { readonly process: ProcessName; readonly pid: number | undefined; readonly order: FaultOrder }[] = [];
  private readonly damages = new Map<number, () => void>();
  private readonly ownStop = new OwnStop(
    ({ injection, evidence, by }) => {
      this.onEffect(injection, evidence);
      const fault = this.active.find((candidate) => candidate.injection === injection);
      if (fault !== undefined) this.healOne(fault, by);
    },
    (injection, { message }) => this.onFailed(injection, { code: "FL1033", message: `The owner of the run cannot be asked to stop the coordinator: ${message}.` }),
  );

  constructor(
    private readonly host: FaultInjectorHost,
    private nextInjection: number,
  ) {}

  /**
   * Injects a fault into every target that the pattern names.
   * @throws FaultlineError FL1030 unknown fault, FL1031 unknown target, FL1024 and FL1032 parameter, FL1033 cannot act there.
   */
  inject(faultName: string, pattern: string, parameters: Readonly<Record<string, unknown>>, { by, pick }: InjectOptions): readonly number[] {
    const fault = findFault(faultName);
    const values = parameterValues(fault, parameters);
    checkAvailable(fault, machineFacilities());
    const all = isLinkPattern(pattern) ? matchLinks(pattern, this.host.targets(), fault.links) : matchTargets(pattern, this.host.targets());
    const names = pick === undefined ? all : all.slice(Math.min(all.length - 1, Math.floor(pick * all.length))).slice(0, 1);
    return names.map((name) => this.plan(fault, name)).map((planned) => this.injectOne(fault, planned, values, by));
  }

  private plan(fault: FaultDefinition, name: string): PlannedFault {
    const target = parseFaultTarget(name);
    if (target === undefined || !fault.targets.includes(target.kind)) {
      throw FaultlineError.of("FL1033", `"${fault.name}" cannot act on ${name}.`, `It acts on: ${fault.targets.join(", ")}.`);
    }
    const process = target.kind === "link" ? undefined : this.host.processOf(name);
    const performers = target.kind === "link" ? linkProcesses(target) : process === undefined ? [] : [process];
    const [first] = performers;
    const pid = first === undefined ? undefined : this.host.pidOf(first);
    if (first === undefined || pid === undefined || performers.some((one) => this.host.pidOf(one) === undefined)) {
      throw FaultlineError.of("FL1033", `${name} has no process at the moment.`, "Wait until it runs again.");
    }
    return { name, target, process: first, pid, performers };
  }

  private injectOne(fault: FaultDefinition, planned: PlannedFault, parameters: ParameterValues, by: InjectOptions["by"]): number {
    const injection = this.nextInjection++;
    const { name } = planned;
    const context = this.contextOf(injection, fault, planned, parameters);
    const momentary = fault.heal === undefined;
    this.host.journal({ kind: "fault.injected", injection, fault: fault.name, target: name, parameters, by, ...(momentary ? { momentary } : {}) });
    this.host.flushJournal();
    const active: ActiveFault = { injection, fault, name, context, process: planned.process, pid: planned.pid, effective: false, timer: undefined, lastLoad: false };
    this.active.push(active);
    try {
      fault.inject(context);
    } catch (error) {
      this.onFailed(injection, { code: "FL1033", message: `${fault.title} could not act on ${name}: ${(error as Error).message}.` });
      return injection;
    }
    // Who is stopped itself sees nothing meanwhile, and has no timers.
    if (stopsThisProcess(fault, planned.process)) return injection;
    if (fault.evidence === "process-stopped") this.confirmStopped(injection);
    const { duration } = parameters;
    if (typeof duration === "number" && duration > 0) active.timer = setTimeout(() => this.healOne(active, "duration"), duration);
    return injection;
  }

  /**
   * Takes over what the coordinator before had injected and nobody has healed: the processes that carry it out still do, and what that
   * coordinator did to them itself is begun anew. Not loads to come and damaged checkpoints: what is known of them went with it.
   */
  resume(injections: readonly ActiveInjection[], nowMs: number): void {
    for (const { injection, fault: name, target: text, parameters, atMs, effective, processes } of injections) {
      const fault = FAULT_CATALOGUE.find((candidate) => candidate.name === name);
      const target = parseFaultTarget(text);
      const [first] = processes;
      if (fault?.heal === undefined || target === undefined || first?.pid === undefined) continue;
      const performers = processes.map((one) => one.name);
      const planned: PlannedFault = { name: text, target, process: first.name, pid: first.pid, performers, resumed: true };
      const order: FaultOrder = { injection, fault: name, target: text, carrier: undefined, parameters };
      const endPerforming = (): void => {
        for (const { name: process, pid } of processes) {
          if (this.host.pidOf(process) === undefined) this.undelivered.push({ process, pid, order });
          this.host.endPerforming(process, order);
        }
      };
      const context: FaultContext = { ...this.contextOf(injection, fault, planned, parameters), endPerforming };
      const active: ActiveFault = { injection, fault, name: text, context, process: first.name, pid: first.pid, effective, timer: undefined, lastLoad: false };
      this.active.push(active);
      fault.inject({
        ...context,
        signal: () => undefined,
        perform: () => void this.performers.set(injection, performers.length),
        atNextLoads: () => this.remove(active),
        damageCheckpoint: () => this.remove(active),
      });
      const { duration } = parameters;
      if (!this.active.includes(active) || typeof duration !== "number" || duration <= 0) continue;
      active.timer = setTimeout(() => this.healOne(active, "duration"), Math.max(0, atMs + duration - nowMs));
    }
  }

  /** What waited for this process is sent now; one that came in its place knows nothing of it, which is as good. */
  onConnected(process: ProcessName, pid: number): void {
    const waiting = this.undelivered.filter((one) => one.process === process);
    this.undelivered = this.undelivered.filter((one) => one.process !== process);
    for (const one of waiting) {
      if (one.pid === pid) this.host.endPerforming(process, one.order);
      else this.onEnded(one.order.injection);
    }
  }

  /** Heals what can be healed. */
  heal(by: "command" | "end"): void {
    for (const fault of [...this.active]) {
      // That it goes on heals it.
      if (by === "command" && this.ownStop.isOnItsWay(fault.injection)) continue;
      if (fault.fault.heal !== undefined) this.healOne(fault, by);
    }
  }

  private healOne(fault: ActiveFault, by: "command" | "duration" | "end"): void {
    const { injection, process } = fault;
    this.remove(fault);
    if (!fault.effective) this.unseen.add(injection);
    const left = this.performers.get(injection) ?? 0;
    this.performers.delete(injection);
    const atOnce = left === 0 || by === "end";
    // Noted first: this very process may be the one that carries it out, and confirms at once.
    if (!atOnce) this.healing.set(injection, { by, process, left });
    try {
      fault.fault.heal?.(fault.context);
    } catch {
      // The process is gone: there is nothing left to heal.
    }
    if (atOnce) this.host.journal({ kind: "fault.healed", injection, by });
  }

  /** One of those who carried the fault out does so no more. */
  onEnded(injection: number): void {
    const healing = this.healing.get(injection);
    if (healing === undefined || --healing.left > 0) return;
    this.healing.delete(injection);
    this.host.journal({ kind: "fault.healed", injection, by: healing.by });
  }

  /** Whoever carries a fault out saw its effect. */
  onEffect(injection: number, evidence: string): void {
    const fault = this.active.find((candidate) => candidate.injection === injection);
    if (fault === undefined && this.unseen.delete(injection)) this.host.journal({ kind: "fault.effective", injection, evidence });
    if (fault === undefined || fault.effective) return;
    fault.effective = true;
    this.host.journal({ kind: "fault.effective", injection, evidence });
    if (fault.fault.heal === undefined) this.remove(fault);
    else if (fault.lastLoad) this.onOver(injection);
  }

  /** A fault could not be carried out. */
  onFailed(injection: number, cause: Cause): void {
    const fault = this.active.find((candidate) => candidate.injection === injection);
    if (fault === undefined) return;
    this.remove(fault);
    this.host.journal({ kind: "fault.failed", injection, cause });
  }

  /** A fault has done all that it was to do. */
  onOver(injection: number): void {
    const fault = this.active.find((candidate) => candidate.injection === injection);
    if (fault === undefined) return;
    this.remove(fault);
    // Others at the other end of a link may still carry it out.
    if ((this.performers.get(injection) ?? 0) > 1) fault.fault.heal?.(fault.context);
    this.performers.delete(injection);
    this.host.journal({ kind: "fault.healed", injection, by: "end" });
  }

  /** A process was seen to be gone: that is what some fault wanted. */
  onProcessGone(process: ProcessName, pid: number, how: string): void {
    for (const [injection, healing] of this.healing) if (healing.process === process) this.onEnded(injection);
    for (const fault of [...this.active]) {
      if (fault.process !== process || fault.pid !== pid) continue;
      if (this.nextLoads.some(({ order }) => order.injection === fault.injection)) continue;
      this.remove(fault);
      if (fault.fault.evidence === "process-gone") {
        this.host.journal({ kind: "fault.effective", injection: fault.injection, evidence: `${process} (process ${pid}) ${how}` });
      } else if (fault.effective) {
        this.host.journal({ kind: "fault.healed", injection: fault.injection, by: "end" });
      }
    }
  }

  /** What the process that loads this copy of a model has to carry out. Counts as one load, unless it is told of `all` that are to come. */
  takeForLoad(target: string, all = false): readonly FaultOrder[] {
    return this.nextLoads
      .filter(({ order }) => order.target === target)
      .map((load) => {
        load.left -= all ? load.left : 1;
        if (load.left === 0) this.nextLoads.splice(this.nextLoads.indexOf(load), 1);
        // It belongs to no process that could be gone before the load is seen to have been hit.
        const active = this.active.find(({ injection }) => injection === load.order.injection);
        if (active !== undefined) Object.assign(active, { pid: undefined, lastLoad: !all && load.left === 0 });
        return load.order;
      });
  }

  private contextOf(injection: number, fault: FaultDefinition, planned: PlannedFault, parameters: ParameterValues): FaultContext {
    const { name, target, pid, performers } = planned;
    const order: FaultOrder = { injection, fault: fault.name, target: name, carrier: this.host.carrierOf(name), parameters };
    const signal = (which: NodeJS.Signals): void => {
      if (planned.resumed === true && !this.host.isThere(pid)) return;
      if (!stopsThisProcess(fault, planned.process)) globalThis.process.kill(pid, which);
      else if (which === "SIGSTOP") this.ownStop.order(injection, Number(parameters.duration ?? 0));
      else this.ownStop.cancel(injection);
    };
    return {
      target,
      parameters,
      signal,
      starve: (share, periodMs) => this.starve(injection, share, periodMs, signal),
      endStarving: () => {
        clearTimeout(this.starving.get(injection));
        this.starving.delete(injection);
        signal("SIGCONT");
      },
      perform: () => {
        this.performers.set(injection, performers.length);
        performers.forEach((performer) => this.host.perform(performer, order));
      },
      endPerforming: () => performers.forEach((performer) => this.host.endPerforming(performer, order)),
      atNextLoads: (loads, restart) => {
        // A TaskManager that lives can be told by itself; a process that is to be started is given it as it starts.
        if (order.carrier !== undefined && !restart) return this.host.perform(planned.process, order);
        this.nextLoads.push({ order, left: loads });
        if (restart) signal("SIGKILL");
      },
      forgetLoads: () => {
        this.host.endPerforming(planned.process, order);
        const at = this.nextLoads.findIndex((load) => load.order.injection === injection);
        if (at >= 0) this.nextLoads.splice(at, 1);
      },
      damageCheckpoint: () => {
        const damage = this.host.damageCheckpoint(target);
        this.damages.set(injection, () => damage.repair());
        this.onEffect(injection, damage.evidence);
      },
      repairCheckpoint: () => {
        this.damages.get(injection)?.();
        this.damages.delete(injection);
      },
    };
  }

  /** Runs the process for a share of each period and stops it for the rest. */
  private starve(injection: number, share: number, periodMs: number, signal: (which: NodeJS.Signals) => void): void {
    const turn = (stop: boolean): void => {
      try {
        signal(stop ? "SIGSTOP" : "SIGCONT");
      } catch {
        this.starving.delete(injection);
        return;
      }
      if (stop) this.confirmStopped(injection, `is let run for ${Math.round(share * 100)} % of the time`);
      this.starving.set(injection, setTimeout(() => turn(!stop), Math.max(1, stop ? periodMs * (1 - share) : periodMs * share)));
    };
    turn(true);
  }

  private remove(fault: ActiveFault): void {
    clearTimeout(fault.timer);
    const at = this.active.indexOf(fault);
    if (at >= 0) this.active.splice(at, 1);
    clearTimeout(this.starving.get(fault.injection));
  }

  /** Asks the operating system, where it tells, whether the process is stopped. */
  private confirmStopped(injection: number, more = "", attempt = 0): void {
    const fault = this.active.find((candidate) => candidate.injection === injection);
    if (fault === undefined || fault.effective) return;
    const state = fault.pid === undefined ? undefined : processState(fault.pid);
    if (state === "T" || state === undefined) {
      const seen = state === "T" ? "is stopped (state T)" : "was sent SIGSTOP";
      this.onEffect(injection, `${fault.process} (process ${fault.pid}) ${seen}${more === "" ? "" : ` and ${more}`}`);
    } else if (attempt < 100) setTimeout(() => this.confirmStopped(injection, more, attempt + 1), 2);
  }
}

function stopsThisProcess(fault: FaultDefinition, process: ProcessName): boolean {
  return fault.evidence === "process-stopped" && process === "coordinator";
}
