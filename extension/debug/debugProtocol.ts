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

export type AdapterEvent =
  | { readonly event: "initialized" }
  | { readonly event: "output"; readonly body: { readonly category: OutputCategory; readonly output: string } }
  | { readonly event: "exited"; readonly body: { readonly exitCode: number } }
  | { readonly event: "terminated" };

export interface Capabilities {
  readonly supportsConfigurationDoneRequest: boolean;
  readonly supportsTerminateRequest: boolean;
}

/** What the workbench shows when a request fails: the sentence as it is, with no "see the log" around it. */
export function errorBody(text: string): unknown {
  // Braces are placeholders of the protocol's own.
  return { error: { id: 1, format: "{_text}", variables: { _text: text }, showUser: true } };
}
