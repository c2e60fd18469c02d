/** Injects the faults of a schedule into a run when their triggers come. */
import type { FaultTrigger, ScheduledFault } from "../faults/experiment";
import { randomTimes } from "../faults/randomTimes";
import { FaultlineError } from "../graph/errors";
import type { Problem } from "../graph/errors";
import type { JournalEvent } from "../observe/journalEvent";
import type { Run } from "./run";

/** A target that is just being started again cannot be hit; it is tried again until it can. */
const RETRY_MS = 50;
const RETRY_LIMIT_MS = 30_000;

export class FaultScheduler {
  /** What could not be injected, and why. */
  readonly problems: Problem[] = [];
  private readonly waiting: { readonly fault: ScheduledFault; readonly trigger: FaultTrigger }[];
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly sourceOffsets = new Map<string, number>();
  private running = false;
  private ended = false;
  private gateAsked = false;

  constructor(
    private readonly run: Pick<Run, "inject">,
    faults: readonly ScheduledFault[],
    /** Asked once, before the first injection: why nothing is to be injected. */
    private readonly gate?: () => string | undefined,
  ) {
    this.waiting = faults.map((fault) => ({ fault, trigger: fault.trigger }));
  }

  /** To be given every event of the run's journal. */
  observe(event: JournalEvent): void {
    if (this.ended) return;
    if (event.kind === "job.state" && event.to === "RUNNING" && !this.running) {
      this.running = true;
      this.take((trigger) => trigger.kind === "after" || trigger.kind === "random").forEach(({ fault, trigger }) => this.start(fault, trigger));
    }
    if (event.kind === "metrics") {
      for (const [task, { sourceOffset }] of Object.entries(event.tasks ?? {})) {
        if (sourceOffset !== undefined) this.sourceOffsets.set(task, sourceOffset);
      }
    }
    this.take((trigger) => this.isDue(trigger, event)).forEach(({ fault }) => void this.inject(fault));
  }

  end(): void {
    this.ended = true;
    for (const timer of this.timers) clearTimeout(timer);
  }

  private isShut(fault: ScheduledFault): boolean {
    if (this.gateAsked || this.gate === undefined) return false;
    this.gateAsked = true;
    const message = this.gate();
    if (message === undefined) return false;
    this.problems.push({ code: "FL2003", message, location: fault.location });
    this.end();
    return true;
  }

  private take(fits: (trigger: FaultTrigger) => boolean): { readonly fault: ScheduledFault; readonly trigger: FaultTrigger }[] {
    const taken = this.waiting.filter(({ trigger }) => fits(trigger));
    for (const one of taken) this.waiting.splice(this.waiting.indexOf(one), 1);
    return taken;
  }

  private isDue(trigger: FaultTrigger, event: JournalEvent): boolean {
    switch (trigger.kind) {
      case "checkpoint":
        return event.kind === "checkpoint.completed" && event.checkpoint >= trigger.checkpoint;
      case "record":
        return event.kind === "metrics" && [...this.sourceOffsets.values()].reduce((sum, offset) => sum + offset, 0) >= trigger.record;
      case "event":
        return event.kind === trigger.event && Object.entries(trigger.where).every(([field, value]) => (event as unknown as Record<string, unknown>)[field] === value);
      default:
        return false;
    }
  }

  private start(fault: ScheduledFault, trigger: FaultTrigger): void {
    if (trigger.kind === "after") this.later(trigger.delayMs, () => void this.inject(fault));
    if (trigger.kind !== "random") return;
    // Of several targets that a pattern names, one is hit each time, and the seed says which.
    const isPattern = fault.target.includes("*");
    for (const { atMs, pick } of randomTimes(trigger)) this.later(atMs, () => void this.inject(fault, isPattern ? pick : undefined));
  }

  private later(delayMs: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, delayMs);
    this.timers.add(timer);
  }

  private async inject(fault: ScheduledFault, pick?: number, since = Date.now()): Promise<void> {
    if (this.ended || this.isShut(fault)) return;
    try {
      await this.run.inject({ fault: fault.fault, target: fault.target, parameters: fault.parameters, by: "schedule", ...(fault.command === undefined ? {} : { command: fault.command }), ...(fault.heal === undefined ? {} : { heal: fault.heal }), ...(pick === undefined ? {} : { pick }) });
    } catch (error) {
      if (this.ended) return;
      const problem = error instanceof FaultlineError ? error.problems[0] : { code: "FL1033" as const, message: String(error) };
      if (problem.code === "FL1033" && Date.now() - since < RETRY_LIMIT_MS) this.later(RETRY_MS, () => void this.inject(fault, pick, since));
      else this.problems.push({ ...problem, location: fault.location });
    }
  }
}
