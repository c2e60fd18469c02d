/** The part of the Debug Adapter Protocol that our adapter speaks, by the protocol's own names. */

export interface Request {
  readonly type: "request";
  readonly seq: number;
  readonly command: string;
  readonly arguments?: unknown;
}

export interface Response {
  readonly type: "response";
  readonly request_seq: number;
  readonly command: string;
  readonly success: boolean;
  readonly message?: string;
  readonly body?: unknown;
}

export type OutputCategory = "console" | "important" | "stdout" | "stderr";

export interface StoppedBody {
  readonly reason: "breakpoint" | "pause" | "step" | "exception";
  readonly description?: string;
  readonly text?: string;
  readonly threadId: number;
  readonly preserveFocusHint?: boolean;
  readonly allThreadsStopped?: boolean;
  readonly hitBreakpointIds?: readonly number[];
}

export type AdapterEvent =
  | { readonly event: "initialized" }
  | { readonly event: "output"; readonly body: { readonly category: OutputCategory; readonly output: string } }
  | { readonly event: "stopped"; readonly body: StoppedBody }
  | { readonly event: "thread"; readonly body: { readonly reason: "started" | "exited"; readonly threadId: number } }
  | { readonly event: "exited"; readonly body: { readonly exitCode: number } }
  | { readonly event: "terminated" };

export interface Capabilities {
  readonly supportsConfigurationDoneRequest: boolean;
  readonly supportsTerminateRequest: boolean;
  readonly supportsConditionalBreakpoints: boolean;
  readonly supportsLogPoints: boolean;
  readonly supportsStepBack: boolean;
  readonly supportsEvaluateForHovers: boolean;
  readonly exceptionBreakpointFilters: readonly {
    readonly filter: string;
    readonly label: string;
    readonly description: string;
    readonly default: boolean;
  }[];
}

export interface SetBreakpointsArguments {
  readonly source: { readonly path?: string };
  readonly breakpoints?: readonly {
    readonly line: number;
    readonly condition?: string;
    readonly logMessage?: string;
  }[];
}

export interface Breakpoint {
  readonly id?: number;
  readonly verified: boolean;
  readonly line?: number;
  readonly message?: string;
}

export interface StackFrame {
  readonly id: number;
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly source?: { readonly name: string; readonly path: string };
  readonly presentationHint?: "normal" | "label" | "subtle";
}

export interface Scope {
  readonly name: string;
  readonly variablesReference: number;
  readonly expensive: boolean;
}

export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly type?: string;
  readonly variablesReference: number;
}

/** What the workbench shows when a request fails: the sentence as it is, with no "see the log" around it. */
export function errorBody(text: string): unknown {
  // Braces are placeholders of the protocol's own.
  return { error: { id: 1, format: "{_text}", variables: { _text: text }, showUser: true } };
}
