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
