/**
 * Dynamic batching of one model in one instance: a bounded queue, and the decision which requests run together and when.
 *
 * Rules (Triton's dynamic batcher, and the bounded queue that FLINK-39628 asks for):
 * - A batch holds requests of one `group` (equal shapes besides the batch axis), in order of arrival, at most `maxSize` rows.
 * - It runs when it is full, or when its first request has waited `maxDelayMs`, or earlier when a request's deadline would be missed
 *   otherwise; and only when no batch runs. While runs are short (`handOverAheadBelowMs`) one full batch more is handed over ahead, so
 *   that the device does not wait for the hand-over; a batch that is not full stays here, where it can still grow or be cancelled.
 * - A request that has waited `maxWaitMs`, or whose deadline has passed, is dropped before it costs device time.
 * - `maxLength` counts waiting rows; a request that finds the queue empty is always taken, however many rows it has.
 */
export interface BatcherConfig {
  /** Rows of one run of the model, at most. */
  readonly maxSize: number;
  readonly maxDelayMs: number;
  /** Rows that may wait. */
  readonly maxLength: number;
  readonly maxWaitMs: number;
  /** Runs of less than this many milliseconds get the next full batch ahead; 0 for never. */
  readonly handOverAheadBelowMs: number;
}

export interface BatchEntry {
  /** Rows along the batch axis, at least 1. */
  readonly rows: number;
  /** Only entries of one group run together. */
  readonly group: string;
  /** Who asked: the entries of one origin are cancelled together. */
  readonly origin: number;
  /** Absolute, on the clock of `now`; Infinity for none. */
  readonly deadlineMs: number;
}

export type Admission = "queued" | "queue-full" | "too-large" | "expired";
export type DropReason = "deadline" | "wait";

export interface BatcherDecision<E extends BatchEntry> {
  /** Run these together now; `finished` must be called when they are through. */
  readonly batch: readonly E[] | undefined;
  readonly rows: number;
  /** Dropped since their time is over. */
  readonly dropped: readonly { readonly entry: E; readonly reason: DropReason }[];
  /** Ask again at this time if nothing else happens before; Infinity for never. */
  readonly wakeAtMs: number;
}

interface Waiting<E> {
  readonly entry: E;
  readonly queuedAtMs: number;
  readonly expiresAtMs: number;
}
interface Group<E> {
  readonly waiting: Waiting<E>[];
  rows: number;
}

const NOTHING_DROPPED: readonly never[] = [];

export class Batcher<E extends BatchEntry> {
  private readonly groups = new Map<string, Group<E>>();
  private waitingRows = 0;
  private running = 0;
  /** Exponentially weighted mean duration of a run: what a deadline must leave room for. */
  private runEstimateMs = 0;
  /** No waiting entry expires before this time. */
  private nextExpiryMs = Infinity;

  constructor(readonly config: BatcherConfig) {}

  /** Rows that wait. */
  get depth(): number {
    return this.waitingRows;
  }
  /** Batches that run. */
  get runningBatches(): number {
    return this.running;
  }

  /** Takes an entry into the queue, or says why not. */
  offer(entry: E, nowMs: number): Admission {
    if (entry.rows > this.config.maxSize) return "too-large";
    if (entry.deadlineMs <= nowMs) return "expired";
    if (this.waitingRows > 0 && this.waitingRows + entry.rows > this.config.maxLength) return "queue-full";
    let group = this.groups.get(entry.group);
    if (group === undefined) {
      group = { waiting: [], rows: 0 };
      this.groups.set(entry.group, group);
    }
    const expiresAtMs = Math.min(entry.deadlineMs, nowMs + this.config.maxWaitMs);
    group.waiting.push({ entry, queuedAtMs: nowMs, expiresAtMs });
    group.rows += entry.rows;
    this.waitingRows += entry.rows;
    if (expiresAtMs < this.nextExpiryMs) this.nextExpiryMs = expiresAtMs;
    return "queued";
  }

  /** What to do now. Call again after every `offer`, `finished` and `cancel`, at `wakeAtMs`, and until it gives no batch. */
  poll(nowMs: number): BatcherDecision<E> {
    const dropped = nowMs >= this.nextExpiryMs ? this.dropExpired(nowMs) : NOTHING_DROPPED;
    const ahead = this.running === 1 && this.runEstimateMs < this.config.handOverAheadBelowMs;
    if (this.running > 0 && !ahead) return { batch: undefined, rows: 0, dropped, wakeAtMs: this.nextExpiryMs };
    let chosen: Group<E> | undefined;
    let wakeAtMs = this.nextExpiryMs;
    for (const group of this.groups.values()) {
      const head = group.waiting[0];
      if (head === undefined) continue;
      const dueAtMs = ahead && group.rows < this.config.maxSize ? Infinity : this.dueAt(group);
      if (dueAtMs > nowMs) {
        if (dueAtMs < wakeAtMs) wakeAtMs = dueAtMs;
      } else if (chosen === undefined || head.queuedAtMs < (chosen.waiting[0]?.queuedAtMs ?? Infinity)) {
        chosen = group;
      }
    }
    if (chosen === undefined) return { batch: undefined, rows: 0, dropped, wakeAtMs };
    const { batch, rows } = this.take(chosen);
    this.running += 1;
    return { batch, rows, dropped, wakeAtMs: nowMs };
  }

  /** A batch is through, well or not. */
  finished(runMs: number): void {
    if (this.running === 0) throw new Error("a batch finished that was not running");
    this.running -= 1;
    this.runEstimateMs = this.runEstimateMs === 0 ? runMs : this.runEstimateMs * 0.8 + runMs * 0.2;
  }

  /** Takes out of the queue what `matches`; entries that run already are not touched. */
  cancel(matches: (entry: E) => boolean): readonly E[] {
    const cancelled: E[] = [];
    for (const group of this.groups.values()) {
      this.keep(group, (waiting) => {
        if (!matches(waiting.entry)) return true;
        cancelled.push(waiting.entry);
        return false;
      });
    }
    return cancelled;
  }

  /** When the group's next batch is to run: at once when it is full, else when the first has waited or a deadline is near. */
  private dueAt(group: Group<E>): number {
    if (group.rows >= this.config.maxSize) return -Infinity;
    const head = group.waiting[0];
    if (head === undefined) return Infinity;
    let dueAtMs = head.queuedAtMs + this.config.maxDelayMs;
    for (const waiting of group.waiting) {
      const latest = waiting.entry.deadlineMs - this.runEstimateMs;
      if (latest < dueAtMs) dueAtMs = latest;
    }
    return dueAtMs;
  }

  private take(group: Group<E>): { batch: readonly E[]; rows: number } {
    let rows = 0;
    let count = 0;
    for (const { entry } of group.waiting) {
      if (rows + entry.rows > this.config.maxSize) break;
      rows += entry.rows;
      count += 1;
    }
    const all = count === group.waiting.length;
    const batch = (all ? group.waiting : group.waiting.splice(0, count)).map((waiting) => waiting.entry);
    if (all) group.waiting.length = 0;
    group.rows -= rows;
    this.waitingRows -= rows;
    this.forgetIfEmpty(group, batch[0]?.group);
    return { batch, rows };
  }

  private dropExpired(nowMs: number): { entry: E; reason: DropReason }[] {
    const dropped: { entry: E; reason: DropReason }[] = [];
    this.nextExpiryMs = Infinity;
    for (const group of this.groups.values()) {
      this.keep(group, (waiting) => {
        if (waiting.expiresAtMs > nowMs) {
          if (waiting.expiresAtMs < this.nextExpiryMs) this.nextExpiryMs = waiting.expiresAtMs;
          return true;
        }
        dropped.push({ entry: waiting.entry, reason: waiting.entry.deadlineMs <= nowMs ? "deadline" : "wait" });
        return false;
      });
    }
    return dropped;
  }

  private keep(group: Group<E>, wanted: (waiting: Waiting<E>) => boolean): void {
    const name = group.waiting[0]?.entry.group;
    let kept = 0;
    for (const waiting of group.waiting) {
      if (wanted(waiting)) {
        group.waiting[kept++] = waiting;
      } else {
        group.rows -= waiting.entry.rows;
        this.waitingRows -= waiting.entry.rows;
      }
    }
    group.waiting.length = kept;
    this.forgetIfEmpty(group, name);
  }

  /** Groups come from the callers' shapes: those that nobody waits in must not stay in memory. Where there is but one, it comes again at once. */
  private forgetIfEmpty(group: Group<E>, name: string | undefined): void {
    if (group.waiting.length === 0 && name !== undefined && this.groups.size > 1) this.groups.delete(name);
  }
}
