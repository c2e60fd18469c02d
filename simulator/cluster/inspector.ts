/**
 * Debug runs: every TaskManager listens for a debugger (V8's inspector protocol) on a loopback port that the system gives, and waits for one
 * before it does anything else, so that a breakpoint in code that runs at once is hit too.
 *
 * A process that waits or stands at a breakpoint hears of nothing, the lifeline included: a coordinator that loses its owner kills it, and
 * one that stands at a breakpoint goes on when its debugger is gone.
 */
import { open, url, waitForDebugger } from "node:inspector";
import { closeSync, writeSync } from "node:fs";
import type { JobSpec } from "../graph/jobFile";

/** The pipe on which a process tells its coordinator the port: written without the event loop, which stands still from then on. */
export const INSPECTOR_FD = 4;

/** A week: under what timers and 64-bit microseconds can hold, and longer than anybody looks at a breakpoint. */
const NO_TIMEOUT_MS = 7 * 24 * 3_600_000;

/** What is told to people where a debug run begins. */
export const DEBUG_RUN_NOTE =
  "Debug run: TaskManagers wait for a debugger, and heartbeat, checkpoint and call timeouts do not fire while somebody looks at a breakpoint.";

/** Opens the inspector, tells the coordinator where, and returns when a debugger has attached and has set its breakpoints. */
export function waitUntilDebugged(): void {
  open(0, "127.0.0.1");
  writeSync(INSPECTOR_FD, `${new URL(url() ?? "").port}\n`);
  closeSync(INSPECTOR_FD);
  waitForDebugger();
}

/** The job with no timeout that standing at a breakpoint could set off. */
export function withoutTimeouts(job: JobSpec): JobSpec {
  const { checkpointing } = job.runtime;
  return {
    ...job,
    runtime: {
      ...job.runtime,
      heartbeatTimeoutMs: NO_TIMEOUT_MS,
      checkpointing: checkpointing === undefined ? undefined : { ...checkpointing, timeoutMs: NO_TIMEOUT_MS },
    },
    services: job.services.map((service) => ({
      ...service,
      queue: { ...service.queue, maxWaitMs: NO_TIMEOUT_MS },
      // Each would take the person's pause for slowness or for an idle job, or (the transport) has a timeout of its own.
      hedging: undefined,
      outlierEjection: undefined,
      autoscaler: undefined,
      transport: "streams",
    })),
    operators: job.operators.map((operator) => {
      if (operator.kind === "source" && operator.source.eventTime?.idlenessMs !== undefined) {
        const eventTime = { ...operator.source.eventTime, idlenessMs: NO_TIMEOUT_MS };
        return { ...operator, source: { ...operator.source, eventTime } };
      }
      if (operator.kind === "rpc") return { ...operator, rpc: { ...operator.rpc, timeoutMs: NO_TIMEOUT_MS } };
      return operator.kind === "async" ? { ...operator, timeoutMs: NO_TIMEOUT_MS } : operator;
    }),
  };
}
