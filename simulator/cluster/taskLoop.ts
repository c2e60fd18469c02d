/**
 * The one loop of a task: everything that touches its state runs here, one piece after the other. Flink's mailbox model
 * (`StreamTask`, `MailboxProcessor`). Between records the loop looks whether output buffers are free and operators have capacity; if
 * not it waits, and that time is back-pressured.
 */
import type { JournalEventBody } from "../observe/journalEvent";
import type { Continuation, InputBlock, TaskControl, TaskTimer } from "../operators/streamOperator";
import type { Schedulable, TaskScheduler } from "./taskScheduler";

export type Activity = "busy" | "backPressured" | "idle";

/** A task lets others have the thread after this time. */
const SLICE_MS = 2;

export interface TaskLoopOptions {
  readonly scheduler: TaskScheduler;
  /** Takes some input: "progress", or "idle" when there is none. */
  readonly step: () => "progress" | "idle";
  readonly onError: (error: unknown) => void;
  readonly journal: (body: JournalEventBody) => void;
  readonly log: TaskControl["log"];
  /** After every slice. */
  readonly afterSlice: () => void;
}

export class TaskLoop implements TaskControl, Schedulable {
  scheduled = false;
  private started = false;
  private stopped = false;
  private pending: Continuation[] = [];
  private readonly messages: (() => void)[] = [];
  private emitters: (() => void)[] = [];
  private readonly due: TimerEntry[] = [];
  private readonly timers = new Set<TimerEntry>();
  private outputBlocks = 0;
  private readonly inputBlocks: Record<InputBlock, number> = { backPressured: 0, busy: 0 };
  private inputBlockCount = 0;
  private wakeTimer: NodeJS.Timeout | undefined;
  private activity: Activity = "idle";
  private activitySince = performance.now();
  private readonly times: Record<Activity, number> = { busy: 0, backPressured: 0, idle: 0 };

  constructor(private readonly options: TaskLoopOptions) {}

  get blocked(): boolean {
    return this.outputBlocks !== 0 || this.inputBlockCount !== 0 || this.pending.length !== 0;
  }

  get outputBlocked(): boolean {
    return this.outputBlocks !== 0;
  }

  /** Work that was begun for a record is not finished. */
  get hasPendingWork(): boolean {
    return this.pending.length !== 0;
  }

  run(work: Continuation): void {
    // What is behind must not be overtaken: with something pending, or no room, the work waits its turn.
    if (this.blocked || !work()) {
      this.pending.push(work);
    }
  }

  blockOutput(blocked: boolean): void {
    this.outputBlocks += blocked ? 1 : -1;
    if (!blocked) {
      this.wake();
    }
  }

  blockInput(reason: InputBlock): void {
    this.inputBlocks[reason]++;
    this.inputBlockCount++;
  }

  unblockInput(reason: InputBlock): void {
    this.inputBlocks[reason]--;
    this.inputBlockCount--;
    this.wake();
  }

  emitSoon(emit: () => void): void {
    this.emitters.push(emit);
    this.wake();
  }

  /** Runs between two records. */
  post(message: () => void): void {
    this.messages.push(message);
    this.wake();
  }

  setTimer(atMs: number, callback: () => void): TaskTimer {
    const entry = new TimerEntry(callback, () => this.timers.delete(entry));
    this.timers.add(entry);
    const delay = Math.min(2 ** 31 - 1, Math.max(0, atMs - (performance.timeOrigin + performance.now())));
    entry.handle = setTimeout(() => {
      this.due.push(entry);
      this.wake();
    }, delay);
    return entry;
  }

  /** Wakes the loop after a time; a later call replaces an earlier one. */
  wakeAfter(ms: number): void {
    clearTimeout(this.wakeTimer);
    this.wakeTimer = setTimeout(() => this.wake(), ms);
  }

  fail(error: unknown): void {
    if (!this.stopped) {
      this.options.onError(error);
    }
  }

  journal(body: JournalEventBody): void {
    this.options.journal(body);
  }

  log(level: "error" | "warn" | "info", message: string): void {
    this.options.log(level, message);
  }

  start(): void {
    this.started = true;
    this.enter("idle");
    this.wake();
  }

  stop(): void {
    this.enter("idle");
    this.stopped = true;
    clearTimeout(this.wakeTimer);
    for (const timer of this.timers) {
      timer.cancel();
    }
    this.pending = [];
    this.messages.length = 0;
    this.emitters = [];
  }

  wake(): void {
    if (this.started && !this.stopped) {
      this.options.scheduler.schedule(this);
    }
  }

  runSlice(): void {
    if (this.stopped) {
      return;
    }
    this.enter("busy");
    try {
      const activity = this.work(performance.now() + SLICE_MS);
      this.options.afterSlice();
      this.enter(activity);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Milliseconds by activity since the last call. */
  takeTimes(): Readonly<Record<Activity, number>> {
    this.enter(this.activity);
    const times = { ...this.times };
    this.times.busy = this.times.backPressured = this.times.idle = 0;
    return times;
  }

  private work(deadline: number): Activity {
    const { step } = this.options;
    for (;;) {
      if (this.stopped) {
        return "idle";
      }
      if (this.pending.length > 0) {
        if (this.outputBlocks === 0 && this.inputBlockCount === 0) {
          this.resume();
        } else if (this.outputBlocks === 0 && this.emitters.length > 0) {
          this.emit();
        } else {
          return this.blockedActivity();
        }
      } else if (this.messages.length > 0) {
        this.messages.shift()!();
      } else if (this.outputBlocks !== 0) {
        return "backPressured";
      } else if (this.emitters.length > 0) {
        this.emit();
      } else if (this.due.length > 0) {
        this.due.shift()!.fire();
      } else if (this.inputBlockCount !== 0) {
        return this.blockedActivity();
      } else if (step() === "idle") {
        return "idle";
      }
      if (performance.now() >= deadline) {
        this.wake();
        return "busy";
      }
    }
  }

  private blockedActivity(): Activity {
    return this.outputBlocks === 0 && this.inputBlocks.backPressured === 0 ? "busy" : "backPressured";
  }

  /** Goes on with the innermost piece of work; what it begins comes before what waits behind it. */
  private resume(): void {
    const [work, ...behind] = this.pending;
    this.pending = [];
    if (!work()) {
      this.pending.push(work);
    }
    this.pending.push(...behind);
  }

  private emit(): void {
    const emitters = this.emitters;
    this.emitters = [];
    for (const emit of emitters) {
      emit();
    }
  }

  private enter(activity: Activity): void {
    const now = performance.now();
    this.times[this.activity] += now - this.activitySince;
    this.activitySince = now;
    this.activity = activity;
  }
}

class TimerEntry implements TaskTimer {
  handle: NodeJS.Timeout | undefined;
  private canceled = false;

  constructor(
    private readonly callback: () => void,
    private readonly forget: () => void,
  ) {}

  fire(): void {
    this.forget();
    if (!this.canceled) {
      this.callback();
    }
  }

  cancel(): void {
    this.canceled = true;
    clearTimeout(this.handle);
    this.forget();
  }
}
