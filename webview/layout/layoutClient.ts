/** Asks the worker for layouts. A newer request makes an older one void: its promise resolves with undefined. */
import type { LayoutAnswer, LayoutJob } from "./layoutWorker";
import type { LayoutRequest, LayoutResult, Point } from "./layoutRequest";

/** The bundled text of layoutWorker.ts; scripts/buildWebview.ts puts it here. */
declare const LAYOUT_WORKER_SOURCE: string;

export interface TimedLayout {
  readonly result: LayoutResult;
  readonly tookMs: number;
}

export class LayoutClient {
  readonly #worker: Worker;
  readonly #url: string;
  #next = 0;
  #waiting:
    | { readonly id: number; resolve: (layout: TimedLayout | undefined) => void; reject: (error: Error) => void }
    | undefined;

  constructor() {
    // A webview's own origin cannot load a worker by address; a blob can be had everywhere.
    this.#url = URL.createObjectURL(new Blob([LAYOUT_WORKER_SOURCE], { type: "text/javascript" }));
    this.#worker = new Worker(this.#url);
    this.#worker.onmessage = (message: MessageEvent<LayoutAnswer>) => this.#answered(message.data);
    this.#worker.onerror = (event) => {
      this.#waiting?.reject(new Error(`The layout worker failed: ${event.message}`));
      this.#waiting = undefined;
    };
  }

  layout(request: LayoutRequest, previous?: ReadonlyMap<string, Point>): Promise<TimedLayout | undefined> {
    this.#waiting?.resolve(undefined);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting = { id, resolve, reject };
      this.#worker.postMessage({ id, request, previous } satisfies LayoutJob);
    });
  }

  dispose(): void {
    this.#worker.terminate();
    URL.revokeObjectURL(this.#url);
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  #answered(answer: LayoutAnswer): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.id !== answer.id) return;
    this.#waiting = undefined;
    if ("failed" in answer) waiting.reject(new Error(answer.failed));
    else waiting.resolve({ result: answer.result, tookMs: answer.tookMs });
  }
}
