/** What a cell's colour says: how its subtask is, or how loaded it is. */
import type { Look } from "./subtaskLook";

export type CellColouring = "state" | "load";

/** From idle to busy all the time; `pressed`: held up by what comes after it, more than it works. */
export const LOADS = ["load-0", "load-1", "load-2", "load-3", "load-4", "pressed"] as const;
export type LoadShade = (typeof LOADS)[number];
export type Shade = Look | LoadShade;

export interface SubtaskLoad {
  /** Shares of the time, 0 to 1. */
  readonly busy: number;
  readonly backPressured: number;
}

/** A subtask that does not run, or says nothing, is shown by its state. */
export function shadeOf(look: Look, load: SubtaskLoad | undefined): Shade {
  if (look !== "running" || load === undefined) return look;
  if (load.backPressured > Math.max(0.1, load.busy)) return "pressed";
  return LOADS[Math.min(4, Math.floor(Math.max(0, load.busy) * 5))];
}
