/**
 * A process of the virtual machine: what happens to it waits while it is stopped, and is lost when it is dead. `kill` is SIGKILL, `stop`
 * SIGSTOP, `resume` SIGCONT.
 */
import type { EventLoop, VirtualEvent, VirtualTimer } from "./eventLoop";
import type { ProcessName } from "../observe/journalEvent";

export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export class VirtualProcess {
  private stateNow: "running" | "stopped" | "dead" = "running";
  /** Timers come before messages when a stopped process goes on: an event loop looks at its clock first. */
  private dueTimers: (() => void)[] = [];
  private stoppedMs = 0;
  private stoppedSince = 0;
  private backlog: (() => void)[] = [];
  private readonly onDeath: ((exit: ProcessExit) => void)[] = [];

  constructor(
    private readonly loop: EventLoop,
    readonly name: ProcessName,
    readonly pid: number,
  ) {}

  /** Milliseconds since the world began. */
  get now(): number {
    return this.loop.now;
  }

  get state(): "running" | "stopped" | "dead" {
    return this.stateNow;
  }

  /** How long it has stood still, all in all. */
  get stoppedForMs(): number {
    return this.stoppedMs + (this.stateNow === "stopped" ? this.loop.now - this.stoppedSince : 0);
  }

  get alive(): boolean {
    return this.stateNow !== "dead";
  }

  /** A message, a signal or the end of some I/O reaches the process. */
  run(work: () => void): void {
    if (this.stateNow === "running") work();
    else if (this.stateNow === "stopped") this.backlog.push(work);
  }

  /** Work that the process does after a time, if it lives. */
  post(delayMs: number, work: () => void): VirtualTimer {
    return this.loop.after(delayMs, () => this.run(work));
  }

  /** {@link post} for an event that hands itself to {@link run}. */
  put(delayMs: number, event: VirtualEvent): void {
    this.loop.put(this.loop.now + delayMs, event);
  }

  /** A timer of the process. */
  timer(atMs: number, work: () => void): VirtualTimer {
    const timer = this.loop.at(atMs, () => {
      if (this.stateNow === "running") work();
      else if (this.stateNow === "stopped") {
        // Cancelled while it was due: it must not fire after all.
        timer.run = work;
        this.dueTimers.push(() => {
          const { run } = timer;
          timer.run = undefined;
          run?.();
        });
      }
    });
    return timer;
  }

  whenDead(tell: (exit: ProcessExit) => void): void {
    this.onDeath.push(tell);
  }

  stop(): void {
    if (this.stateNow !== "running") return;
    this.stateNow = "stopped";
    this.stoppedSince = this.loop.now;
  }

  resume(): void {
    if (this.stateNow !== "stopped") return;
    this.stoppedMs += this.loop.now - this.stoppedSince;
    this.stateNow = "running";
    const work = [...this.dueTimers, ...this.backlog];
    this.dueTimers = [];
    this.backlog = [];
    for (const item of work) this.run(item);
  }

  kill(): void {
    this.die({ exitCode: null, signal: "SIGKILL" });
  }

  exit(exitCode: number): void {
    this.die({ exitCode, signal: null });
  }

  private die(exit: ProcessExit): void {
    if (this.stateNow === "dead") return;
    this.stateNow = "dead";
    this.backlog = [];
    this.dueTimers = [];
    for (const tell of this.onDeath) tell(exit);
  }
}
