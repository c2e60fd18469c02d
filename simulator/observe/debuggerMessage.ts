/** What a TaskManager of a debug run and the debugger of its stream say to each other. */
import type { SubtaskName } from "./journalEvent";

export interface StreamBreakpoint {
  readonly id: number;
  /** Stops before a record goes into an operator (out of it, where it is a source), or over the edge between two. */
  readonly place: BreakpointPlace;
  /** JavaScript over `record`, `key` and `timestamp`; absent is always. */
  readonly condition?: string;
  /** Written instead of stopping; `{expressions}` are JavaScript as in a condition. */
  readonly logMessage?: string;
}

export type BreakpointPlace =
  | { readonly kind: "operator"; readonly operator: string }
  | { readonly kind: "edge"; readonly from: string; readonly to: string };

export type DebuggerRequest =
  | { readonly kind: "hello"; readonly token: string }
  /** All of them: what was set before is gone. */
  | { readonly kind: "setBreakpoints"; readonly breakpoints: readonly StreamBreakpoint[] }
  | { readonly kind: "setExceptions"; readonly stop: boolean }
  /** What is set so far is what the tasks may begin with. */
  | { readonly kind: "configured" }
  /** Every task stops at its next record. */
  | { readonly kind: "pause" }
  | { readonly kind: "continue" }
  /** This task alone: to the next record of its chain, or into the next operator. */
  | { readonly kind: "step"; readonly task: SubtaskName; readonly to: "record" | "operator" }
  /** This task stays where it is; looked at is the step of a record before, or the last one that a breakpoint fits. */
  | { readonly kind: "back"; readonly task: SubtaskName; readonly to: "step" | "breakpoint" }
  /** From there the step after. */
  | { readonly kind: "forward"; readonly task: SubtaskName }
  | { readonly kind: "inspect"; readonly request: number; readonly task: SubtaskName; readonly frame: number }
  | {
      readonly kind: "evaluate";
      readonly request: number;
      readonly task: SubtaskName;
      readonly frame: number;
      readonly expression: string;
    };

export type StopReason = "breakpoint" | "pause" | "step" | "exception";

/** A record on its way through a chain: the operator that it goes into, or the edge that it goes over. */
export interface FramePlace {
  readonly place: BreakpointPlace;
}

export type DebuggerEvent =
  | {
      readonly kind: "stopped";
      readonly task: SubtaskName;
      readonly reason: StopReason;
      readonly breakpoint?: number;
      /** Of an exception. */
      readonly text?: string;
      /** Innermost first. */
      readonly frames: readonly FramePlace[];
      /** So many steps ago: a record that went by, as it was recorded. Absent: it stands here now. */
      readonly past?: number;
    }
  | { readonly kind: "log"; readonly task: SubtaskName; readonly place: BreakpointPlace; readonly text: string }
  | { readonly kind: "inspected"; readonly request: number; readonly scopes: readonly DebugValue[] }
  | { readonly kind: "evaluated"; readonly request: number; readonly value?: DebugValue; readonly error?: string };

/** A value as a person looks at it; what is too deep or too much is told by its text alone. */
export interface DebugValue {
  readonly name: string;
  readonly text: string;
  readonly type?: string;
  readonly children?: readonly DebugValue[];
}
