/** What can be done with an element, and with the picture as a whole. */
import type { MenuItem } from "./contextMenu";
import type { VertexDescription } from "../simulator/graph/graphDescription";
import { displayName } from "./graph/vertexCard";
import { keyOf, type Command } from "./keymap";
import type { Picture } from "./model/picture";
import type { HostMessageOf, PictureElement, ViewMessage } from "./protocol";

export interface MenuState {
  readonly graph: HostMessageOf<"graph">;
  readonly live: boolean;
}

export interface MenuActions {
  readonly inject: () => void;
  /** Asks what running the model as an RPC service would change. */
  readonly isolate: () => void;
  /** Shows the region of the element as one card, or as its vertices again. */
  readonly collapse: () => void;
  readonly select: () => void;
  readonly send: (message: ViewMessage) => void;
}

export function elementMenu(
  element: PictureElement,
  picture: Picture,
  state: MenuState,
  actions: MenuActions,
): MenuItem[] {
  if (!("vertex" in element)) return [];
  const vertex = picture.vertices.get(element.vertex);
  if (vertex === undefined) return [];
  const name = displayName(vertex.name, vertex.id);
  const short = name.length > 40 ? `${name.slice(0, 26)}…${name.slice(-12)}` : name;
  const label = element.kind === "subtask" ? `${short}#${element.index}` : short;
  if (picture.collapsed.has(vertex.id)) {
    return [
      { kind: "title", label },
      { kind: "action", label: "Expand Region", key: keyOf("collapse"), act: actions.collapse },
      { kind: "action", label: "Show Details", key: keyOf("select"), act: actions.select },
    ];
  }
  const group = picture.regions.groupOfVertex.get(vertex.id);
  const items: MenuItem[] = [
    { kind: "title", label },
    {
      kind: "action",
      label: "Inject Failure…",
      key: keyOf("inject"),
      disabled: state.live ? undefined : "Nothing is running.",
      act: actions.inject,
    },
    { kind: "line" },
    {
      kind: "action",
      label: "Collapse Region",
      key: keyOf("collapse"),
      disabled: (group?.vertices.length ?? 0) > 1 ? undefined : "This region has one vertex.",
      act: actions.collapse,
    },
    {
      kind: "action",
      label: "Edit…",
      disabled: state.graph.editable ? undefined : "The graph of a run cannot be edited.",
      act: () => actions.send({ kind: "edit", element }),
    },
    {
      kind: "action",
      label: "Run as RPC Service…",
      disabled: state.graph.editable ? notIsolatable(element, vertex) : "This graph does not come from a job file.",
      act: actions.isolate,
    },
    { kind: "action", label: "Show Details", key: keyOf("select"), act: actions.select },
    {
      kind: "action",
      label: "Go to Definition",
      key: keyOf("definition"),
      disabled: state.graph.openable ? undefined : "This graph does not come from a job file.",
      act: () => actions.send({ kind: "openElement", element }),
    },
    {
      kind: "action",
      label: "Copy Name",
      act: () =>
        actions.send({ kind: "copy", text: element.kind === "subtask" ? `${vertex.id}#${element.index}` : vertex.id }),
    },
  ];
  return items;
}

/** Of a moment on the timeline, and of the lane there. */
export function momentMenu(
  words: string,
  element: PictureElement | undefined,
  acts: {
    readonly travel: () => void;
    readonly journal: () => void;
    readonly reveal: (element: PictureElement) => void;
  },
): MenuItem[] {
  const reveal: MenuItem[] =
    element === undefined ? [] : [{ kind: "action", label: "Show in Graph", act: () => acts.reveal(element) }];
  return [
    { kind: "title", label: words },
    { kind: "action", label: "Look at This Moment", act: acts.travel },
    ...reveal,
    { kind: "action", label: "Open Journal Here", act: acts.journal },
  ];
}

/** Why there is nothing that a service could do; the host says what else may be in the way. */
function notIsolatable(element: PictureElement, vertex: VertexDescription): string | undefined {
  if (vertex.kind === "service") return "This is a service already.";
  const { operators } = vertex;
  const calling = operators.some(({ kind }) => kind === "rpc");
  return element.kind === "operator" || calling || operators.length === 1
    ? undefined
    : "Choose one of its operators, at the level of operators.";
}

export interface PageMenuState {
  readonly report: boolean;
  readonly run: boolean;
  readonly live: boolean;
  readonly picture: boolean;
  /** Something was moved by hand. */
  readonly moved: boolean;
  readonly collapsed: boolean;
  /** Subtasks are coloured by their load. */
  readonly byLoad: boolean;
}

export interface PageMenuActions {
  readonly send: (message: ViewMessage) => void;
  readonly does: (command: Command) => void;
  readonly save: (format: "svg" | "png") => void;
  readonly putBack: () => void;
  readonly collapseAll: (collapsed: boolean) => void;
}

export function moreMenu(
  state: PageMenuState,
  { send, does, save, putBack, collapseAll }: PageMenuActions,
): MenuItem[] {
  const needs = (holds: boolean, why: string): string | undefined => (holds ? undefined : why);
  const picture = needs(state.picture, "There is no picture.");
  const run = needs(state.run, "There is no run.");
  return [
    {
      kind: "action",
      label: "Open Report",
      disabled: needs(state.report, "There is a report when a run has ended."),
      act: () => send({ kind: "openReport" }),
    },
    {
      kind: "action",
      label: "Heal All Faults",
      disabled: needs(state.live, "Nothing is running."),
      act: () => send({ kind: "heal" }),
    },
    { kind: "action", label: "Faults to Drag…", key: keyOf("palette"), disabled: picture, act: () => does("palette") },
    { kind: "line" },
    { kind: "action", label: "Recovery Timeline", key: keyOf("timeline"), disabled: run, act: () => does("timeline") },
    { kind: "action", label: "Compare Runs…", key: keyOf("compare"), disabled: run, act: () => does("compare") },
    {
      kind: "action",
      label: "Only Upstream and Downstream",
      key: keyOf("trace"),
      disabled: picture,
      act: () => does("trace"),
    },
    {
      kind: "action",
      label: state.byLoad ? "Colour Subtasks by State" : "Colour Subtasks by Load",
      key: keyOf("colouring"),
      disabled: picture,
      act: () => does("colouring"),
    },
    state.collapsed
      ? { kind: "action", label: "Expand All Regions", act: () => collapseAll(false) }
      : { kind: "action", label: "Collapse All Regions", disabled: picture, act: () => collapseAll(true) },
    { kind: "action", label: "Put Everything Back", disabled: needs(state.moved, "Nothing was moved."), act: putBack },
    { kind: "line" },
    { kind: "action", label: "Save Picture as SVG…", disabled: picture, act: () => save("svg") },
    { kind: "action", label: "Save Picture as PNG…", disabled: picture, act: () => save("png") },
    {
      kind: "action",
      label: "Save Run as HTML…",
      disabled: run,
      act: () => send({ kind: "exportRun", format: "html" }),
    },
    {
      kind: "action",
      label: "Save Run as Trace…",
      disabled: run,
      act: () => send({ kind: "exportRun", format: "trace" }),
    },
    { kind: "line" },
    { kind: "action", label: "Keyboard Shortcuts", key: keyOf("shortcuts"), act: () => does("shortcuts") },
  ];
}
