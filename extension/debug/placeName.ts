import type { BreakpointPlace } from "../../simulator/observe/debuggerMessage";

/** `classify`, `features → classify`. */
export function placeName(place: BreakpointPlace): string {
  return place.kind === "operator" ? place.operator : `${place.from} → ${place.to}`;
}
