/** The client of an embedded service: the model runs in the task's own process, one call after the other. */
import type { ServiceCaller } from "./clientCalls";
import type { VirtualProcess } from "./virtualProcess";
import type { TaskClient } from "./virtualTask";

export function localClient(process: VirtualProcess, runMs: () => number): TaskClient {
  const waiting: ServiceCaller[] = [];
  let inFlight = 0;
  let running = false;
  let closed = false;
  const next = (): void => {
    const call = running || closed ? undefined : waiting.shift();
    if (call === undefined) return;
    running = true;
    process.post(runMs(), () => {
      running = false;
      if (closed) return;
      inFlight--;
      call.onResult();
      next();
    });
  };
  return {
    get inFlight() {
      return inFlight;
    },
    call: (_timeoutMs, caller) => {
      inFlight++;
      waiting.push(caller);
      next();
    },
    updateEndpoints: () => undefined,
    close: () => {
      closed = true;
    },
  };
}
