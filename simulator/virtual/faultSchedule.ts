/** What is done to a virtual world on purpose, and when. A schedule is data: it can be printed, shortened and played again. */
import type { JournalEventBody, ProcessName, SubtaskName } from "../observe/journalEvent";

export type VirtualFault =
  /** SIGKILL. */
  | { readonly kind: "crash"; readonly process: ProcessName }
  /** SIGTERM: the process ends by itself, with code 143. */
  | { readonly kind: "terminate"; readonly process: ProcessName }
  /** SIGSTOP, and SIGCONT after a time. */
  | { readonly kind: "hang"; readonly process: ProcessName; readonly forMs: number }
  /** The coordinator dies in the midst of its next step that has commands, after this many of them. */
  | { readonly kind: "crash-mid-step"; readonly commands: number }
  /** The worker's control connection breaks; what is under way is lost. */
  | { readonly kind: "reset"; readonly process: ProcessName }
  /** Nothing goes over the worker's control connection for a time. */
  | { readonly kind: "black-hole"; readonly process: ProcessName; readonly forMs: number }
  /** The data connection between two TaskManagers breaks. */
  | { readonly kind: "data-reset"; readonly from: ProcessName; readonly to: ProcessName }
  /** Nothing goes over the data connection between two TaskManagers for a time, either way. */
  | { readonly kind: "data-partition"; readonly from: ProcessName; readonly to: ProcessName; readonly forMs: number }
  /** The task's function fails on its next record. */
  | { readonly kind: "poison"; readonly task: SubtaskName }
  /** The task cannot write its next state file. */
  | { readonly kind: "state-error"; readonly task: SubtaskName }
  /** The next metadata of a checkpoint cannot be written. */
  | { readonly kind: "storage-error" }
  /** The next metadata of a checkpoint takes this long to write. */
  | { readonly kind: "slow-storage"; readonly forMs: number }
  /** No file of a checkpoint can be written for a time. */
  | { readonly kind: "disk-full"; readonly forMs: number }
  /** The next state file of the task, or the next `_metadata`, is on the disk in part and nobody notices; repaired after a time. */
  | { readonly kind: "torn-file"; readonly file: string; readonly forMs: number }
  /** What the newest complete checkpoint keeps of the task, or its `_metadata`, is damaged; repaired after a time. */
  | { readonly kind: "damaged-file"; readonly file: string; readonly forMs: number }
  /** The model of the instance fails. */
  | { readonly kind: "device-lost"; readonly instance: SubtaskName }
  /** What people do. */
  | { readonly kind: "scale"; readonly service: string; readonly parallelism: number }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "stop"; readonly mode: "drain" | "cancel" };

/** At a time, or some time after the n-th event of a kind; `to`: of those that lead to this state or phase, or have this reason. */
export type FaultTrigger =
  | { readonly atMs: number }
  | { readonly event: JournalEventBody["kind"]; readonly to?: string; readonly nth: number; readonly delayMs: number };

/** What `to` of a trigger is held against. */
export function targetOf(event: JournalEventBody): string | undefined {
  switch (event.kind) {
    case "task.state":
    case "job.state":
      return event.to;
    case "instance.phase":
      return event.phase;
    case "checkpoint.triggered":
      return event.reason;
    default:
      return undefined;
  }
}

export interface ScheduledFault {
  readonly when: FaultTrigger;
  readonly fault: VirtualFault;
}

export function describeFault({ when, fault }: ScheduledFault): string {
  const { kind, ...parameters } = fault;
  const details = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  const time = "atMs" in when ? `at ${when.atMs} ms` : `${when.delayMs} ms after ${when.event}${when.to === undefined ? "" : ` ${when.to}`} no. ${when.nth}`;
  return `${time}: ${[kind, ...details].join(" ")}`;
}
