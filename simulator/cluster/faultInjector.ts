/** Injects faults into the processes of a run, says in the journal that it did, and whether each one took effect. */
import { readFileSync } from "node:fs";
import { findFault } from "../faults/catalogue";
import type { FaultContext, FaultDefinition } from "../faults/faultDefinition";
import { matchTargets, parseFaultTarget } from "../faults/faultTarget";
import { FaultlineError } from "../graph/errors";
import type { JournalEventBody, ProcessName } from "../observe/journalEvent";

export interface FaultInjectorHost {
  /** Everything that can be named as a target, as people write it. */
  targets(): readonly string[];
  /** The process behind a target. */
  processOf(target: string): ProcessName | undefined;
  pidOf(process: ProcessName): number | undefined;
  journal(body: JournalEventBody): void;
  /** Makes sure that the journal is with the operating system, before this very process may be hit. */
  flushJournal(): void;
}

interface ActiveFault {
  readonly injection: number;
  readonly fault: FaultDefinition;
  readonly context: FaultContext;
  readonly process: ProcessName;
  readonly pid: number;
  effective: boolean;
}

export class FaultInjector {
  private readonly active: ActiveFault[] = [];

  constructor(
    private readonly host: FaultInjectorHost,
    private nextInjection: number,
  ) {}

  /**
   * Injects a fault into every target that the pattern names.
   * @throws FaultlineError FL1030 unknown fault, FL1031 unknown target, FL1032 parameter, FL1033 cannot act there.
   */
  inject(faultName: string, pattern: string, parameters: Readonly<Record<string, unknown>>, by: "command" | "schedule"): readonly number[] {
    const fault = findFault(faultName);
    const values = checkParameters(fault, parameters);
    const targets = matchTargets(pattern, this.host.targets());
    const planned = targets.map((name) => {
      const target = parseFaultTarget(name);
      if (target === undefined || !fault.targets.includes(target.kind)) {
        throw FaultlineError.of("FL1033", `"${fault.name}" cannot act on ${name}.`, `It acts on: ${fault.targets.join(", ")}.`);
      }
      const process = this.host.processOf(name);
      const pid = process === undefined ? undefined : this.host.pidOf(process);
      if (process === undefined || pid === undefined) {
        throw FaultlineError.of("FL1033", `${name} has no process at the moment.`, "Wait until it runs again.");
      }
      return { name, target, process, pid };
    });
    return planned.map(({ name, target, process, pid }) => {
      const injection = this.nextInjection++;
      const context: FaultContext = {
        target,
        parameters: values,
        process,
        pid,
        signal: (signal) => void globalThis.process.kill(pid, signal),
      };
      this.host.journal({ kind: "fault.injected", injection, fault: fault.name, target: name, parameters: values, by });
      this.host.flushJournal();
      this.active.push({ injection, fault, context, process, pid, effective: false });
      try {
        fault.inject(context);
      } catch (error) {
        this.host.journal({
          kind: "fault.failed",
          injection,
          cause: { code: "FL1033", message: `${fault.title} could not act on ${name}: ${(error as Error).message}.` },
        });
        this.active.pop();
        return injection;
      }
      if (fault.evidence === "process-stopped") this.confirmStopped(injection);
      return injection;
    });
  }

  /** Heals what can be healed. */
  heal(by: "command" | "end"): void {
    for (const fault of this.active.splice(0)) {
      if (fault.fault.heal === undefined) {
        if (!fault.effective) this.active.push(fault);
        continue;
      }
      try {
        fault.fault.heal(fault.context);
      } catch {
        // The process is gone: there is nothing left to heal.
      }
      this.host.journal({ kind: "fault.healed", injection: fault.injection, by });
    }
  }

  /** A process was seen to be gone: that is what some fault wanted. */
  onProcessGone(process: ProcessName, pid: number, how: string): void {
    for (const fault of [...this.active]) {
      if (fault.process !== process || fault.pid !== pid) continue;
      if (fault.fault.evidence === "process-gone") {
        this.host.journal({ kind: "fault.effective", injection: fault.injection, evidence: `${process} (process ${pid}) ${how}` });
      } else if (fault.effective) {
        this.host.journal({ kind: "fault.healed", injection: fault.injection, by: "end" });
      }
      this.active.splice(this.active.indexOf(fault), 1);
    }
  }

  /** Asks the operating system, where it tells, whether the process is stopped. */
  private confirmStopped(injection: number, attempt = 0): void {
    const fault = this.active.find((candidate) => candidate.injection === injection);
    if (fault === undefined) return;
    const state = processState(fault.pid);
    if (state === "T" || state === undefined) {
      fault.effective = true;
      const seen = state === "T" ? "is stopped (state T)" : "was sent SIGSTOP";
      this.host.journal({ kind: "fault.effective", injection, evidence: `${fault.process} (process ${fault.pid}) ${seen}` });
    } else if (attempt < 100) setTimeout(() => this.confirmStopped(injection, attempt + 1), 2);
  }
}

/** `T` stopped, `S` sleeping, … as Linux tells it in /proc; undefined elsewhere. */
export function processState(pid: number): string | undefined {
  try {
    return /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

function checkParameters(fault: FaultDefinition, given: Readonly<Record<string, unknown>>): Readonly<Record<string, number | string>> {
  const values: Record<string, number | string> = Object.fromEntries(fault.parameters.map((parameter) => [parameter.name, parameter.default]));
  for (const [name, value] of Object.entries(given)) {
    const parameter = fault.parameters.find((candidate) => candidate.name === name);
    if (parameter === undefined) {
      const known = fault.parameters.map((candidate) => candidate.name).join(", ");
      throw FaultlineError.of("FL1032", `"${fault.name}" has no parameter "${name}".`, known === "" ? "It takes none." : `Parameters: ${known}.`);
    }
    if (typeof value !== "number" && typeof value !== "string") throw FaultlineError.of("FL1032", `"${name}" has to be a number or a text.`);
    if (typeof value === "number" && (value < (parameter.minimum ?? -Infinity) || value > (parameter.maximum ?? Infinity))) {
      throw FaultlineError.of("FL1032", `"${name}" is out of range: ${value}.`, `From ${parameter.minimum ?? "-∞"} to ${parameter.maximum ?? "∞"} ${parameter.unit}.`);
    }
    values[name] = value;
  }
  return values;
}
