/**
 * The layout's worker. It works in slices and looks for messages between them, so that a newer request ends an older one at once; only the
 * newest is ever answered.
 */
import type { LayoutRequest, LayoutResult, Point } from "./layoutRequest";
import { layoutRegions } from "./regionLayout";

export interface LayoutJob {
  readonly id: number;
  readonly request: LayoutRequest;
  readonly previous: ReadonlyMap<string, Point> | undefined;
}

export type LayoutAnswer =
  | { readonly id: number; readonly result: LayoutResult; readonly tookMs: number }
  | { readonly id: number; readonly failed: string };

const SLICE_MS = 24;

let newest = -1;
const turn = new MessageChannel();
let resume: (() => void) | undefined;
turn.port1.onmessage = () => resume?.();

self.onmessage = (message: MessageEvent<LayoutJob>) => {
  newest = message.data.id;
  void work(message.data);
};

async function work(job: LayoutJob): Promise<void> {
  const start = performance.now();
  try {
    const steps = layoutRegions(job.request, job.previous);
    let sliceStart = start;
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) {
        self.postMessage({ id: job.id, result: step.value, tookMs: performance.now() - start } satisfies LayoutAnswer);
        return;
      }
      if (performance.now() - sliceStart < SLICE_MS) continue;
      await nextTurn();
      if (newest !== job.id) return;
      sliceStart = performance.now();
    }
  } catch (error) {
    self.postMessage({
      id: job.id,
      failed: error instanceof Error ? error.message : String(error),
    } satisfies LayoutAnswer);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    resume = resolve;
    turn.port2.postMessage(undefined);
  });
}

/** Lays a small graph out that nobody asked for: the first one that somebody waits for finds its code compiled. */
function warmUp(): void {
  const nodes = Array.from({ length: 12 }, (_, i) => ({
    id: `${i}`,
    width: 180,
    height: 90,
    band: i === 11,
    group: i === 11 ? undefined : `${i % 2}`,
  }));
  const lines = nodes.slice(0, -2).flatMap(({ id }, i) => [
    { id: `a ${id}`, source: id, target: `${Math.min(10, i + 2)}`, labelWidth: 60 },
    { id: `b ${id}`, source: id, target: `${Math.min(10, i + 3)}`, labelWidth: 60 },
  ]);
  const edges = [...lines, { id: "call", source: "4", target: "11", call: true }];
  const groups = ["0", "1"].map((id) => ({ id, header: 31, padding: 14 }));
  const band = { side: "below", header: 31, padding: 14 } as const;
  for (const orientation of ["right", "down"] as const) {
    const steps = layoutRegions({ nodes, edges, groups, orientation, aspect: 1.6, band }, undefined);
    while (steps.next().done !== true);
  }
}

warmUp();
