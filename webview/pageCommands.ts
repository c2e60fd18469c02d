/** What each command of the keymap does. */
import { closeMenu } from "./contextMenu";
import { step } from "./graph/graphNavigation";
import type { GraphView } from "./graph/graphView";
import type { Command } from "./keymap";
import type { Picture } from "./model/picture";
import type { PictureElement, PictureLevel } from "./protocol";

/** What the commands act upon. */
export interface CommandTarget {
  readonly view: GraphView;
  readonly picture: Picture | undefined;
  readonly select: (element: PictureElement | undefined) => void;
  readonly menu: (element: PictureElement, at: { readonly x: number; readonly y: number }) => void;
  readonly inject: (element: PictureElement) => void;
  readonly open: (element: PictureElement) => void;
  readonly fit: () => void;
  readonly setLevel: (level: PictureLevel) => void;
  readonly turn: () => void;
  readonly search: () => void;
  readonly toggleLegend: () => void;
  readonly toggleTimeline: () => void;
  readonly toggleTrace: () => void;
  readonly collapse: (element: PictureElement) => void;
  readonly togglePalette: () => void;
  readonly toggleColouring: () => void;
  readonly toggleCompare: () => void;
  readonly closeCompare: () => boolean;
  readonly toggleShortcuts: () => void;
  readonly closeShortcuts: () => boolean;
  readonly present: () => void;
  /** Milliseconds, negative for back. */
  readonly travelBy: (ms: number) => void;
  readonly run: () => void;
  readonly stop: () => void;
}

const STEP_MS = 100;

export function perform(command: Command, target: CommandTarget): void {
  const { view } = target;
  const focus = view.focus;
  switch (command) {
    case "right":
    case "left":
    case "down":
    case "up": {
      if (focus === undefined || target.picture === undefined || view.layout === undefined) return;
      const next = step(target.picture, view.layout, focus, command);
      if (next !== undefined) view.setFocus(next);
      return;
    }
    case "enter":
      return enter(target, focus);
    case "leave":
      return leave(target, focus);
    case "first":
    case "last": {
      const vertex = target.picture?.graph.vertices.at(command === "first" ? 0 : -1)?.id;
      if (vertex !== undefined) view.setFocus({ kind: "vertex", vertex });
      return;
    }
    case "select":
      return target.select(focus);
    case "menu": {
      const box = focus === undefined ? undefined : view.screenRectangle(focus);
      if (focus !== undefined && box !== undefined) target.menu(focus, { x: box.x + 12, y: box.y + 24 });
      return;
    }
    case "inject":
      if (focus !== undefined) target.inject(focus);
      return;
    case "definition":
      if (focus !== undefined) target.open(focus);
      return;
    case "fit":
      return target.fit();
    case "zoomIn":
      return view.camera.zoomBy(1.25);
    case "zoomOut":
      return view.camera.zoomBy(0.8);
    case "levelOperator":
      return target.setLevel("operator");
    case "levelVertex":
      return target.setLevel("vertex");
    case "levelSubtask":
      return target.setLevel("subtask");
    case "orientation":
      return target.turn();
    case "search":
      return target.search();
    case "legend":
      return target.toggleLegend();
    case "timeline":
      return target.toggleTimeline();
    case "trace":
      return target.toggleTrace();
    case "collapse":
      if (focus !== undefined) target.collapse(focus);
      return;
    case "colouring":
      return target.toggleColouring();
    case "palette":
      return target.togglePalette();
    case "compare":
      return target.toggleCompare();
    case "present":
      return target.present();
    case "earlier":
      return target.travelBy(-STEP_MS);
    case "later":
      return target.travelBy(STEP_MS);
    case "run":
      return target.run();
    case "stop":
      return target.stop();
    case "shortcuts":
      return target.toggleShortcuts();
  }
}

/** From a vertex to its first subtask; where cells are too many to be drawn, its details are shown. */
function enter({ view, picture, select }: CommandTarget, focus: PictureElement | undefined): void {
  if (focus?.kind === "vertex") {
    const cells = picture?.cards.get(focus.vertex)?.cells;
    if (cells !== undefined && cells.count > 0 && cells.mode !== "bar") {
      view.setFocus({ kind: "subtask", vertex: focus.vertex, index: 0 });
      return;
    }
  }
  if (focus !== undefined) select(focus);
}

/** Out of what is innermost: a menu, the sheet, the subtasks of a vertex, the selection. */
function leave(target: CommandTarget, focus: PictureElement | undefined): void {
  if (closeMenu() || target.closeShortcuts() || target.closeCompare()) return;
  const inGraph = document.activeElement !== null && target.view.svg.contains(document.activeElement);
  if (focus?.kind === "subtask" && inGraph) target.view.setFocus({ kind: "vertex", vertex: focus.vertex });
  else target.select(undefined);
}
