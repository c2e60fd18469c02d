/**
 * Where the records of one task can be held: before each operator of its chain and on each edge out of it. A record that is held is work that
 * the task's loop has begun and goes on with later (see `TaskLoop.run`), so that nothing overtakes it, timers do not fire, and no
 * checkpoint is taken in the middle. The process itself goes on: it answers its coordinator, and calls that are out come back.
 *
 * What went through is recorded, the newest of it, so that somebody who stands at a record can look at those before it.
 */
import { types } from "node:util";
import type { SubtaskName } from "../../observe/journalEvent";
import type { ElementReceiver, TaskControl } from "../../operators/streamOperator";
import type { BreakpointPlace, StopReason } from "../../observe/debuggerMessage";

/** So many steps of records through operators can be gone back; each holds a copy of the record as it was then. */
export const RECORDED_STEPS = 500;

/** A record at a place; the last of a path is where it is now. */
export interface GateFrame {
  readonly place: BreakpointPlace;
  readonly value: unknown;
  readonly timestamp: number | undefined;
  /** Of a record whose operator has taken others since: the key that came with it. */
  readonly key?: unknown;
}

/** Work on a record that failed after its operator had taken it. */
interface LateFailure {
  readonly frames: readonly GateFrame[];
  readonly error: unknown;
}

export interface Stop {
  readonly reason: StopReason;
  readonly breakpoint?: number;
  readonly text?: string;
}

/** The debugger that the gates of a process ask. */
export interface GateKeeper {
  /** Tasks are to stop at their next record. */
  readonly pausing: boolean;
  readonly stopsAtErrors: boolean;
  /** The breakpoint that holds this record, if any; log messages are written on the way. */
  hit(gate: TaskGate, frame: GateFrame): number | undefined;
  /** The same for a record that went by: nothing is written. */
  hitBefore(frame: GateFrame): number | undefined;
  onStopped(gate: TaskGate, stop: Stop): void;
}

export class TaskGate {
  /** Where the task stands, outermost first; undefined while it runs. */
  standing: readonly GateFrame[] | undefined;
  /** How many steps ago the record was that is shown; 0 is where the task stands. */
  back = 0;
  private path: readonly GateFrame[] = [];
  /** The path again, with its records as they went in: what comes later may change them. */
  private recordedPath: readonly GateFrame[] = [];
  private readonly recording: (readonly GateFrame[])[] = [];
  /** Work that waits in the task's loop because of this gate. */
  private deferred = 0;
  private stepTo: "record" | "operator" | undefined;
  private readonly seenErrors = new WeakSet();
  /** The task stands at it, and fails with it when it goes on. */
  private lateFailure: LateFailure | undefined;
  /** Those that came while the task stood somewhere. */
  private readonly moreLateFailures: LateFailure[] = [];

  constructor(
    readonly task: SubtaskName,
    private readonly keeper: GateKeeper,
    private readonly control: Pick<TaskControl, "run" | "blockInput" | "unblockInput" | "fail">,
    /** What a task's operators show of themselves. */
    readonly viewOf: (operator: string) => Readonly<Record<string, unknown>>,
  ) {}

  /** The receiver with this gate before it. */
  before(place: BreakpointPlace, receiver: ElementReceiver): ElementReceiver {
    return {
      element: (value, timestamp) => this.enter(place, value, timestamp, receiver),
      watermark: (timestamp) => this.watermark(timestamp, receiver),
    };
  }

  /** What is looked at: where the task stands, or a recorded step. */
  get shown(): readonly GateFrame[] | undefined {
    return this.back === 0 ? this.standing : this.recording.at(-this.back);
  }

  /**
   * Looks at the step before, or at the last one before that a breakpoint fits; without one, at the oldest that is recorded. The task does
   * not move.
   * @returns the breakpoint, where there was one; `beginning` when nothing before is recorded
   */
  goBack(to: "step" | "breakpoint"): { readonly breakpoint?: number } | "beginning" {
    const oldest = this.recording.length;
    if (this.back >= oldest) return "beginning";
    if (to === "step") {
      this.back++;
      return {};
    }
    for (let back = this.back + 1; back <= oldest; back++) {
      const frame = this.recording.at(-back)?.at(-1);
      const breakpoint = frame === undefined ? undefined : this.keeper.hitBefore(frame);
      if (breakpoint === undefined) continue;
      this.back = back;
      return { breakpoint };
    }
    this.back = oldest;
    return {};
  }

  /** Looks at the step after. @returns false where the task stands: only going on leads further */
  goForward(): boolean {
    if (this.back === 0) return false;
    this.back--;
    return true;
  }

  /** Goes on: to wherever, or to the next stop of a step. */
  release(stepTo?: "record" | "operator"): void {
    this.stepTo = stepTo;
    this.back = 0;
    if (this.standing === undefined) return;
    this.standing = undefined;
    this.control.unblockInput("busy");
    const { lateFailure } = this;
    this.lateFailure = undefined;
    if (lateFailure !== undefined) {
      // Not by the task's loop: it may wait for the very call that failed.
      this.control.fail(lateFailure.error);
      return;
    }
    const next = this.moreLateFailures.shift();
    if (next !== undefined) this.holdLate(next);
  }

  /** The record that goes into this operator now: what to call when work on it fails after the operator has taken it. */
  failureOf(operator: string, value: unknown, timestamp: number | undefined, key: unknown): (error: unknown) => void {
    // A restored record goes in without having come through here.
    const path =
      this.path.length > 0 ? this.path : [{ place: { kind: "operator", operator } as const, value, timestamp }];
    const frames = path.map((frame, index) => (index === path.length - 1 ? { ...frame, key } : frame));
    return (error) => {
      const failure = { frames, error };
      if (!this.keeper.stopsAtErrors) this.control.fail(error);
      else if (this.standing === undefined) this.holdLate(failure);
      else this.moreLateFailures.push(failure);
    };
  }

  private enter(
    place: BreakpointPlace,
    value: unknown,
    timestamp: number | undefined,
    receiver: ElementReceiver,
  ): void {
    const frames = [...this.path, { place, value, timestamp }];
    const recorded = [...this.recordedPath, { place, value: copyOf(value), timestamp }];
    const go = (): void => this.pass(frames, recorded, () => receiver.element(value, timestamp));
    let looked = false;
    const stops = (): boolean => {
      if (looked) return false;
      looked = true;
      const stop = this.stopAt(frames);
      if (stop !== undefined) this.hold(frames, stop);
      return stop !== undefined;
    };
    if (this.standing === undefined && this.deferred === 0 && !stops()) go();
    else this.defer(() => stops(), go);
  }

  private watermark(timestamp: number, receiver: ElementReceiver): void {
    if (this.deferred === 0) receiver.watermark(timestamp);
    else
      this.defer(
        () => false,
        () => receiver.watermark(timestamp),
      );
  }

  /** Does it in its turn, once this task stands nowhere. */
  private defer(stops: () => boolean, work: () => void): void {
    this.deferred++;
    this.control.run(() => {
      if (this.standing !== undefined || stops()) return false;
      this.deferred--;
      work();
      return true;
    });
  }

  private pass(frames: readonly GateFrame[], recorded: readonly GateFrame[], deliver: () => void): void {
    const before = [this.path, this.recordedPath] as const;
    this.path = frames;
    this.recordedPath = recorded;
    if (recorded.at(-1)?.place.kind === "operator") {
      this.recording.push(recorded);
      // Cut now and then, so that a step does not move the whole recording.
      if (this.recording.length >= 2 * RECORDED_STEPS) this.recording.splice(0, RECORDED_STEPS);
    }
    try {
      deliver();
    } catch (error) {
      if (!this.keeper.stopsAtErrors || typeof error !== "object" || error === null || this.seenErrors.has(error)) {
        throw error;
      }
      this.seenErrors.add(error);
      this.hold(frames, exceptionOf(error));
      // The task fails with it when it goes on.
      this.defer(
        () => false,
        () => {
          throw error as Error;
        },
      );
    } finally {
      [this.path, this.recordedPath] = before;
    }
  }

  private stopAt(frames: readonly GateFrame[]): Stop | undefined {
    const frame = frames[frames.length - 1];
    if (frame === undefined) return undefined;
    const breakpoint = this.keeper.hit(this, frame);
    if (breakpoint !== undefined) return { reason: "breakpoint", breakpoint };
    if (this.stepTo === "operator" && frame.place.kind === "operator") return { reason: "step" };
    if (this.stepTo === "record" && frames.length === 1) return { reason: "step" };
    return this.keeper.pausing && this.stepTo === undefined ? { reason: "pause" } : undefined;
  }

  private holdLate(failure: LateFailure): void {
    this.lateFailure = failure;
    this.hold(failure.frames, exceptionOf(failure.error));
    // Timers do not fire and no checkpoint is taken meanwhile.
    this.control.run(() => this.standing === undefined);
  }

  private hold(frames: readonly GateFrame[], stop: Stop): void {
    this.stepTo = undefined;
    this.back = 0;
    if (this.standing === undefined) this.control.blockInput("busy");
    this.standing = frames;
    this.keeper.onStopped(this, stop);
  }
}

function exceptionOf(error: unknown): Stop {
  return { reason: "exception", text: error instanceof Error ? error.message : "An error." };
}

/** What cannot be copied (it holds a function, say) is kept as it is; a proxy is not even looked at, since a look may be what it waits for. */
function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return value;
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}
