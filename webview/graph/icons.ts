/**
 * Signs as paths in a box of 16 × 16 about the origin, so that they look the same in every font, in the exported picture and on canvas.
 * States differ in shape, not only in colour.
 */
import type { Look } from "../model/subtaskLook";

export const LOOK_SIGN: Readonly<Record<Look, string>> = {
  // A hollow ring.
  idle: "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5ZM0-3.6A3.6 3.6 0 1 0 0 3.6A3.6 3.6 0 1 0 0-3.6Z",
  // A ring with a hand: waits.
  waiting:
    "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6ZM0-4.6A4.6 4.6 0 1 0 0 4.6A4.6 4.6 0 1 0 0-4.6ZM-.7-3.4H.7V-.3L2.8 1.8 1.8 2.8-.7.3Z",
  // A rising triangle in a ring: starts.
  starting: "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6ZM0-4.6A4.6 4.6 0 1 0 0 4.6A4.6 4.6 0 1 0 0-4.6ZM0-3.2L2.8 1.8H-2.8Z",
  // A full disc.
  running: "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z",
  // A cross.
  failing: "M-5.3-3.5L-3.5-5.3 0-1.8 3.5-5.3 5.3-3.5 1.8 0 5.3 3.5 3.5 5.3 0 1.8-3.5 5.3-5.3 3.5-1.8 0Z",
  // An arrow that turns back.
  restarting:
    "M-6.2 0A6.2 6.2 0 0 1 3.9-4.8L5.6-6.4V-1.2H.4L2.5-3.4A4.2 4.2 0 0 0-4.2 0ZM6.2 0A6.2 6.2 0 0 1-3.9 4.8L-5.6 6.4V1.2H-.4L-2.5 3.4A4.2 4.2 0 0 0 4.2 0Z",
  // An arrow down to a line.
  draining: "M-1-6H1V1.2L3.4-1.2 4.8.2 0 5-4.8.2-3.4-1.2-1 1.2ZM-5 5.4H5V7H-5Z",
  // A square in a ring.
  stopping: "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6ZM0-4.6A4.6 4.6 0 1 0 0 4.6A4.6 4.6 0 1 0 0-4.6ZM-2-2H2V2H-2Z",
  stopped: "M-4.4-4.4H4.4V4.4H-4.4Z",
  // A tick.
  finished: "M-5.8.4L-4.2-1.3-1.7 1.1 4.3-4.9 5.9-3.2-1.7 4.4Z",
};

/** Signs of operator kinds; a kind that is not here gets `operator`. */
const KIND_SIGN: Readonly<Record<string, string>> = {
  source: "M-5-5H-1.5V-3.4H-3.4V3.4H-1.5V5H-5ZM-2-.8H2.4L.6-2.7 1.8-3.8 5.6 0 1.8 3.8.6 2.7 2.4.8H-2Z",
  sink: "M5-5H1.5V-3.4H3.4V3.4H1.5V5H5ZM-5.6-.8H-1.2L-3-2.7-1.8-3.8 2 0-1.8 3.8-3 2.7-1.2.8H-5.6Z",
  map: "M-5.5-.8H2.6L.2-3.2 1.4-4.4 5.8 0 1.4 4.4.2 3.2 2.6.8H-5.5Z",
  flatMap: "M-5.5-.8H-2L1.6-4.2H.2V-5.8H5.2V-.9H3.6V-3.2L.6 0 3.6 3.2V.9H5.2V5.8H.2V4.2H1.6L-2 .8H-5.5Z",
  filter: "M-5.8-5H5.8L1.4.4V5.4L-1.4 3.6V.4Z",
  window: "M-5.5-5H5.5V5H-5.5ZM-4-2.4V3.5H-.8V-2.4ZM.8-2.4V3.5H4V-2.4Z",
  rpc: "M-5.6-3.6H2L.6-5 1.8-6.1 5.2-2.8 1.8.5.6-.6 2-2H-5.6ZM5.6 3.6H-2L-.6 5-1.8 6.1-5.2 2.8-1.8-.5-.6.6-2 2H5.6Z",
  async:
    "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6ZM0-4.5A4.5 4.5 0 1 0 0 4.5A4.5 4.5 0 1 0 0-4.5ZM-.8-3.2H.8V-.4L3 1.6 2 2.8-.8.4Z",
  process:
    "M-5.6-1.2L-4.4-2.4-3.4-2-2-3.4-2.4-4.4-1.2-5.6H1.2L2.4-4.4 2-3.4 3.4-2 4.4-2.4 5.6-1.2V1.2L4.4 2.4 3.4 2 2 3.4 2.4 4.4 1.2 5.6H-1.2L-2.4 4.4-2 3.4-3.4 2-4.4 2.4-5.6 1.2ZM0-2A2 2 0 1 0 0 2A2 2 0 1 0 0-2Z",
  union: "M-5.5-5H-3.5L-.2-.8H2.6L.4-3 1.5-4.1 5.6 0 1.5 4.1.4 3 2.6.8H-.2L-3.5 5H-5.5L-1.6 0Z",
  service: "M-5.6-5.4H5.6V-.8H-5.6ZM-5.6.8H5.6V5.4H-5.6ZM-3.8-3.8V-2.4H-1.4V-3.8ZM-3.8 2.4V3.8H-1.4V2.4Z",
  operator: "M-4.5-4.5H4.5V4.5H-4.5ZM-3-3V3H3V-3Z",
};

export function kindSign(kind: string | undefined): string {
  return (kind !== undefined && Object.hasOwn(KIND_SIGN, kind) ? KIND_SIGN[kind] : undefined) ?? KIND_SIGN.operator;
}

/** Producers and consumers side by side, or every one with every one. */
export const PATTERN_SIGN = {
  POINTWISE: "M-6-3.5H6M-6 0H6M-6 3.5H6",
  ALL_TO_ALL: "M-6-3.5L6 3.5M-6 3.5L6-3.5M-6 0H6",
} as const;
