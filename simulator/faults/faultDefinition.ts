/** What a fault is: its parameters, where it can act, how it is injected and how it is healed. One entry of the catalogue a fault. */
import type { SubtaskName } from "../observe/journalEvent";
import type { FaultParameter, ParameterValues } from "./faultParameter";

export type FaultTargetKind = "service" | "taskmanager" | "coordinator" | "task" | "link";

/** What a link joins; a worker is a TaskManager or a service instance. */
export type LinkKind = "taskmanager-service" | "taskmanager-taskmanager" | "worker-coordinator";

export type FaultTarget =
  | { readonly kind: "service"; readonly instance: SubtaskName }
  | { readonly kind: "taskmanager"; readonly index: number }
  | { readonly kind: "coordinator" }
  | { readonly kind: "task"; readonly task: SubtaskName }
  | { readonly kind: "link"; readonly from: string; readonly to: string };

/** What a machine has that some faults need; found out by `cluster/machineFacilities.ts`. */
export interface MachineFacilities {
  /** `process.platform`. */
  readonly platform: string;
  /** Address space of a process can be limited while it runs (`prlimit`). */
  readonly addressSpaceLimit: boolean;
  /** `/dev/full`: every write fails with ENOSPC. */
  readonly fullDevice: boolean;
  /** `/proc/self/mem`: a write at address 0 fails with EIO. */
  readonly failingDevice: boolean;
  /** SIGSTOP and SIGCONT. */
  readonly stopSignals: boolean;
}

/** A fault as it is told to the process that carries it out. */
export interface FaultOrder {
  readonly injection: number;
  readonly fault: string;
  readonly target: string;
  /** Under `embedded`, the task that carries the model of the target. */
  readonly carrier: SubtaskName | undefined;
  readonly parameters: ParameterValues;
}

/** What the runtime lends to a fault. */
export interface FaultContext {
  readonly target: FaultTarget;
  readonly parameters: ParameterValues;
  /** To the process behind the target. */
  signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): void;
  /** Stops the process again and again, so that it has this share of the time. */
  starve(share: number, periodMs: number): void;
  endStarving(): void;
  /** Has the fault carried out where it belongs: in the process behind the target, or in those at the ends of the link. */
  perform(): void;
  endPerforming(): void;
  /** Carried out by the next processes that load this copy of the model; `restart`: its process is killed, so that it loads now. */
  atNextLoads(loads: number, restart: boolean): void;
  forgetLoads(): void;
  /** Damages what the latest checkpoint keeps of the target. @throws an Error when there is no checkpoint. */
  damageCheckpoint(): void;
  repairCheckpoint(): void;
}

export interface FaultDefinition {
  /** Kebab-case; a contract. */
  readonly name: string;
  readonly title: string;
  readonly group: "Process" | "Service" | "Link" | "Record" | "Checkpoint";
  /** One or two sentences for the person who chooses. */
  readonly description: string;
  /** What really happens, for the documentation. */
  readonly injected: string;
  readonly healed: string;
  readonly targets: readonly FaultTargetKind[];
  /** Links that it can act on; absent for all of them. */
  readonly links?: readonly LinkKind[];
  /** {@link FaultContext.parameters} has every one of them. */
  readonly parameters: readonly FaultParameter[];
  /** What shows that the fault took effect: the process is gone or stopped as the system tells it, or what carried it out saw its effect. */
  readonly evidence: "process-gone" | "process-stopped" | "reported";
  /** In a person's words, why it cannot act on this machine; `undefined` where it can. */
  readonly available?: (machine: MachineFacilities) => string | undefined;
  inject(context: FaultContext): void;
  /** Absent where the fault passes by itself (a process that is gone is started again by the JobMaster). */
  heal?(context: FaultContext): void;
}
