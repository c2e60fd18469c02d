/** What a fault is: its parameters, where it can act, how it is injected and how it is healed. One entry of the catalogue a fault. */
import type { ProcessName, SubtaskName } from "../observe/journalEvent";

export type FaultTargetKind = "service" | "taskmanager" | "coordinator" | "task" | "link";

export type FaultTarget =
  | { readonly kind: "service"; readonly instance: SubtaskName }
  | { readonly kind: "taskmanager"; readonly index: number }
  | { readonly kind: "coordinator" }
  | { readonly kind: "task"; readonly task: SubtaskName }
  | { readonly kind: "link"; readonly from: string; readonly to: string };

export interface FaultParameter {
  readonly name: string;
  readonly description: string;
  readonly unit: "ms" | "bytes" | "bytes/s" | "ratio" | "count" | "text";
  readonly default: number | string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly values?: readonly string[];
}

/** What the runtime lends to a fault. */
export interface FaultContext {
  readonly target: FaultTarget;
  readonly parameters: Readonly<Record<string, number | string>>;
  /** The process behind the target. */
  readonly process: ProcessName;
  readonly pid: number;
  signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): void;
}

export interface FaultDefinition {
  readonly name: string;
  readonly title: string;
  /** One or two sentences for the person who chooses. */
  readonly description: string;
  readonly targets: readonly FaultTargetKind[];
  readonly parameters: readonly FaultParameter[];
  /** What shows from outside that the fault took effect. */
  readonly evidence: "process-gone" | "process-stopped";
  inject(context: FaultContext): void;
  /** Absent where the fault passes by itself (a process that is gone is started again by the JobMaster). */
  heal?(context: FaultContext): void;
}
