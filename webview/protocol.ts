/**
 * What the extension and the graph view say to each other: one union each way, told apart by `kind`.
 *
 * Rules that both sides keep:
 * - The view says `ready` first, and again after every reload. The host answers with the whole picture as it is then: `graph` or
 *   `problems`, `faults`, and, where there is a run, `runStarted`, `snapshot` and the `events` after it (and `runEnded` if it is over).
 *   What the host sends before `ready` is lost.
 * - `events` are in journal order. `from` is the `seq` of the first one. The view ignores what it already has and, when it finds a gap,
 *   says `resync`; the host then sends a `snapshot` again.
 * - Everything here is plain JSON; text of the workspace travels as text and is shown as text.
 *
 * This file, and the one of that name in simulate/, are the only ones of webview/ that other folders import. They hold types alone.
 */
import type { Problem } from "../simulator/graph/errors";
import type { GraphDescription } from "../simulator/graph/graphDescription";
import type { JobState } from "../simulator/graph/executionState";
import type { JournalEvent } from "../simulator/observe/journalEvent";

/** One thing in the picture. Ids are those of the {@link GraphDescription}. */
export type PictureElement =
  | { readonly kind: "vertex"; readonly vertex: string }
  | { readonly kind: "operator"; readonly vertex: string; readonly operator: string }
  /** A stream task, or an instance of a service: `VERTEX#INDEX`. */
  | { readonly kind: "subtask"; readonly vertex: string; readonly index: number }
  | { readonly kind: "edge"; readonly source: string; readonly target: string }
  | { readonly kind: "region"; readonly region: string };

/** `operator`: cards list the operators of the chain; `vertex`: one line for a chain; `subtask`: a grid of cells. */
export type PictureLevel = "operator" | "vertex" | "subtask";

/** What is looked at and how; the only thing that outlives the view. Everything is optional so that older states still open. */
export interface ViewState {
  readonly level?: PictureLevel;
  readonly orientation?: "right" | "down";
  /** Translation in CSS pixels and scale; absent while the picture follows "fit". */
  readonly zoom?: { readonly x: number; readonly y: number; readonly scale: number };
  readonly selection?: PictureElement;
  /** Vertices that were dragged: how far from where the layout put them. */
  readonly moved?: Readonly<Record<string, { readonly dx: number; readonly dy: number }>>;
  /** Regions shown as one box. */
  readonly collapsed?: readonly string[];
  readonly legend?: boolean;
  /** What cells of subtasks are coloured by. */
  readonly cells?: "state" | "load";
  /** A moment of a run that was gone back to, ms since the epoch. */
  readonly travel?: { readonly run: string; readonly at: number };
  readonly minimap?: boolean;
  readonly palette?: boolean;
  readonly timeline?: { readonly open: boolean; readonly height?: number };
  readonly failoverStrategy?: "region" | "full";
  /** Runs that are compared with the one that is shown, by id. */
  readonly compared?: readonly string[];
}

/** A run as the view needs to know it before its first event. */
export interface RunHandle {
  readonly id: string;
  readonly job: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** False for a journal that is only read: no Run, Stop or Inject. */
  readonly live: boolean;
}

/** A fault that can be chosen; made from the catalogue of faults. */
export interface FaultChoice {
  readonly fault: string;
  /** For people: "Crash". */
  readonly label: string;
  /** One sentence: what happens and what of. */
  readonly description: string;
  /** "Process", "Service", "Link", "Record", "Checkpoint", "Coordinator". */
  readonly group: string;
  readonly actsOn: readonly FaultTargetKind[];
  readonly parameters: readonly FaultParameter[];
}

export type FaultTargetKind = "service" | "taskmanager" | "coordinator" | "task" | "link" | "checkpoint";

export interface FaultParameter {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly type: "duration" | "size" | "rate" | "probability" | "integer" | "text" | "choice";
  /** As it is written in a job file: `250ms`, `0.1`, … */
  readonly default?: string;
  readonly choices?: readonly string[];
  readonly required: boolean;
}

export type HostMessage =
  /** The picture. Sent again when the job file changes; what stays the same stays where it is. */
  | {
      readonly kind: "graph";
      readonly graph: GraphDescription;
      readonly title: string;
      /** There is a definition to go to (`openElement`). */
      readonly openable: boolean;
      /** This graph can be run here; when not, `runBlocked` says why in one sentence. */
      readonly runnable: boolean;
      readonly runBlocked?: string;
      /** `isolate` and `edit` can be asked for: the graph comes from a job file that may be edited. */
      readonly editable: boolean;
    }
  /** Why the graph cannot be drawn (errors), or what is doubtful about it (warnings). Empty: nothing is wrong any more. */
  | { readonly kind: "problems"; readonly title: string; readonly problems: readonly Problem[] }
  | { readonly kind: "faults"; readonly faults: readonly FaultChoice[] }
  /** The person asked for a run; processes are being started. `run` is not known yet. */
  | { readonly kind: "runStarting" }
  | { readonly kind: "runStarted"; readonly run: RunHandle }
  /** A run could not be started, or cannot be reached any more. */
  | { readonly kind: "runFailed"; readonly problem: Problem }
  /**
   * Catching up: forget what was folded and start from these events. They are a journal with less in it: in order, with their own `seq`,
   * `run.started` first, but old `metrics` (and `log`) events may be left out. The next event will be the one with `next`.
   */
  | { readonly kind: "snapshot"; readonly run: string; readonly events: readonly JournalEvent[]; readonly next: number }
  /** The same for long journals, in pieces of NDJSON cut anywhere; `last` ends it. Read off the interface thread. */
  | { readonly kind: "journal"; readonly run: string; readonly bytes: Uint8Array; readonly last: boolean }
  | { readonly kind: "events"; readonly run: string; readonly from: number; readonly events: readonly JournalEvent[] }
  /** Every process of the run is gone. */
  | { readonly kind: "runEnded"; readonly run: string; readonly state: JobState; readonly report: boolean }
  /** Show this element: select it and bring it into sight. */
  | { readonly kind: "reveal"; readonly element: PictureElement }
  /** Answer to `isolate`: the graph as it would be with this operator's model as an RPC service. */
  | {
      readonly kind: "isolated";
      readonly element: PictureElement;
      readonly after: GraphDescription;
      readonly changes: readonly string[];
    }
  /** One sentence for the status line, for example that a request of the view could not be met. */
  | { readonly kind: "notice"; readonly severity: "info" | "warning" | "error"; readonly text: string }
  /** Runs that can be compared with this one, and their journals when asked for. */
  | { readonly kind: "runs"; readonly runs: readonly RunHandle[] }
  | { readonly kind: "compared"; readonly run: RunHandle; readonly events: readonly JournalEvent[] };

export type ViewMessage =
  /** The view listens. `state` is what it restored after a reload, if anything. */
  | { readonly kind: "ready"; readonly state: ViewState | undefined }
  | { readonly kind: "run" }
  | { readonly kind: "stop"; readonly mode: "drain" | "cancel" }
  /** `target` as on the command line: `service:langid#1`, `task:VERTEX#INDEX`, … Without `fault` the host asks which one. */
  | {
      readonly kind: "inject";
      readonly target: string;
      readonly fault?: string;
      readonly parameters?: Readonly<Record<string, string>>;
    }
  /** End every active fault that has not ended by itself. */
  | { readonly kind: "heal" }
  | { readonly kind: "scale"; readonly service: string; readonly parallelism: number }
  /** Go to the definition in the job file. */
  | { readonly kind: "openElement"; readonly element: PictureElement }
  | { readonly kind: "openProblem"; readonly problem: Problem }
  | { readonly kind: "openReport" }
  /** Open the journal at the first event that is not before this moment, ms since the epoch. */
  | { readonly kind: "openEvent"; readonly at: number }
  /** Run this operator's model as an RPC service. `apply` false: only show what would change. */
  | { readonly kind: "isolate"; readonly element: PictureElement; readonly apply: boolean }
  /** The person wants to edit this operator or service in the job file: the host asks how. */
  | { readonly kind: "edit"; readonly element: PictureElement }
  | { readonly kind: "exportSvg"; readonly name: string; readonly data: string }
  /** `data` is base64. */
  | { readonly kind: "exportPng"; readonly name: string; readonly data: string }
  /** The host exports these from the journal: Chrome trace JSON, or one HTML page. */
  | { readonly kind: "exportRun"; readonly format: "trace" | "html" }
  | { readonly kind: "copy"; readonly text: string }
  | { readonly kind: "viewState"; readonly state: ViewState }
  /** A gap was found: send a snapshot. `have` is the last `seq` that was folded. */
  | { readonly kind: "resync"; readonly run: string; readonly have: number }
  | { readonly kind: "listRuns" }
  | { readonly kind: "compareWith"; readonly run: string }
  /** Something of the view itself failed; for the extension's log. */
  | { readonly kind: "viewError"; readonly message: string };

export type HostMessageOf<K extends HostMessage["kind"]> = Extract<HostMessage, { kind: K }>;
export type ViewMessageOf<K extends ViewMessage["kind"]> = Extract<ViewMessage, { kind: K }>;
