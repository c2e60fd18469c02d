/**
 * The stop of the coordinator itself (SIGSTOP). Who is stopped cannot let itself go on, so the process that owns the run does both, as its
 * parent: no other process can have the coordinator's process id while its parent has not seen it end. It is asked with a line of JSON
 * over the lifeline, on which nothing else is written.
 */
import { writeSync } from "node:fs";
import type { Readable } from "node:stream";
import { LIFELINE_FD } from "./lifeline";

/** The answer to who asked for the stop has this long to leave the process. */
const ANSWER_MS = 20;

interface StopOrder {
  readonly kind: "stop";
  /** Absent where it is stopped until somebody lets it go on. */
  readonly durationMs?: number;
}

export interface StopOver {
  readonly injection: number;
  readonly evidence: string;
  readonly by: "command" | "duration";
}

/** In the coordinator: has it stopped, and sees that it goes on. */
export class OwnStop {
  private stop: { readonly injection: number; readonly durationMs: number; readonly timer: NodeJS.Timeout; sentMs: number | undefined } | undefined;

  constructor(
    private readonly onOver: (over: StopOver) => void,
    private readonly onFailed: (injection: number, error: Error) => void,
  ) {}

  /** @param durationMs 0 for until somebody lets it go on. @throws Error where a stop is on its way */
  order(injection: number, durationMs: number): void {
    if (this.stop !== undefined) throw new Error("it is about to be stopped already");
    process.on("SIGCONT", this.onContinued);
    this.stop = { injection, durationMs, timer: setTimeout(() => this.send(), ANSWER_MS), sentMs: undefined };
  }

  /** The owner was asked: whether it has stopped this process is seen when it goes on. */
  isOnItsWay(injection: number): boolean {
    return this.stop?.injection === injection && this.stop.sentMs !== undefined;
  }

  cancel(injection: number): void {
    if (this.stop?.injection === injection) this.forget();
  }

  private send(): void {
    const { stop } = this;
    if (stop === undefined) return;
    const order: StopOrder = { kind: "stop", ...(stop.durationMs > 0 ? { durationMs: stop.durationMs } : {}) };
    stop.sentMs = performance.now();
    try {
      writeSync(LIFELINE_FD, `${JSON.stringify(order)}\n`);
    } catch (error) {
      this.forget();
      this.onFailed(stop.injection, error as Error);
    }
  }

  private readonly onContinued = (): void => {
    const { stop } = this;
    if (stop?.sentMs === undefined) return;
    this.forget();
    // The clock goes on while the process does not. The owner's timer may fire a fraction of a millisecond early.
    const stoppedMs = performance.now() - stop.sentMs;
    this.onOver({
      injection: stop.injection,
      evidence: `coordinator (process ${process.pid}) went on (SIGCONT) ${Math.round(stoppedMs)} ms after it was to be stopped (SIGSTOP)`,
      by: stop.durationMs > 0 && stoppedMs >= stop.durationMs - 1 ? "duration" : "command",
    });
  };

  private forget(): void {
    clearTimeout(this.stop?.timer);
    this.stop = undefined;
    process.off("SIGCONT", this.onContinued);
  }
}

/** In the owner: stops the coordinator when it asks for it, and lets it go on when the time is over. */
export function obeyStops(lifeline: Readable, signal: (which: "SIGSTOP" | "SIGCONT") => void): void {
  let rest = "";
  let timer: NodeJS.Timeout | undefined;
  lifeline.setEncoding("utf8");
  lifeline.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const { durationMs } = JSON.parse(line) as StopOrder;
      // One before may have been healed before its time.
      clearTimeout(timer);
      signal("SIGSTOP");
      if (durationMs !== undefined) timer = setTimeout(() => signal("SIGCONT"), durationMs);
    }
  });
  lifeline.once("close", () => clearTimeout(timer));
}
