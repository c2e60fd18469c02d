/**
 * Keyed windows: tumbling, sliding, session and count, in event or processing time. Flink's `WindowOperator` with its assigners and the
 * default triggers. An element whose windows have all passed is late: dropped and counted. At the end of the data all windows in time
 * fire, those in processing time too; a count window that is not full gives nothing.
 */
import type { OperatorKind, WindowSpec } from "../graph/jobFile";
import { FaultlineError } from "../graph/errors";
import { recordText } from "./recordText";
import { stateKey } from "./stateKey";
import { StreamOperator, WORK_AT_ONCE } from "./streamOperator";
import type { OperatorContext, OperatorOutput, TaskTimer } from "./streamOperator";
import { TimerHeap } from "./timerHeap";
import { windowAggregate } from "./windowAggregate";
import type { WindowAggregate } from "./windowAggregate";

interface Pane {
  start: number;
  end: number;
  accumulator: unknown;
  /** Elements, for count windows. */
  size: number;
}

interface KeyPanes {
  readonly key: unknown;
  /** Count windows have one; sessions never overlap. */
  readonly panes: Pane[];
}

export interface WindowState {
  readonly keys: readonly (readonly [key: unknown, panes: readonly Pane[]])[];
  readonly late: number;
}

export class WindowOperator extends StreamOperator {
  private readonly window: WindowSpec;
  private readonly aggregate: WindowAggregate;
  private readonly keys = new Map<unknown, KeyPanes>();
  /** Ends of windows by key. An end may be out of date (a session grew): then no pane has it. */
  private readonly ends = new TimerHeap();
  private current: KeyPanes = { key: null, panes: [] };
  private currentKey: unknown = null;
  private currentWatermark = -Infinity;
  private lateElements = 0;
  private wakeUp: { readonly at: number; readonly timer: TaskTimer } | undefined;

  constructor(spec: Extract<OperatorKind, { kind: "window" }>, context: OperatorContext, output: OperatorOutput) {
    super(context, output);
    this.window = spec.window;
    this.aggregate = windowAggregate(spec.aggregate, context, spec.window.kind === "session");
    this.setKey(null);
  }

  override async open(state: unknown): Promise<void> {
    const snapshot = state as WindowState | undefined;
    for (const [key, panes] of snapshot?.keys ?? []) {
      const id = stateKey(key);
      this.keys.set(id, { key, panes: panes.map((pane) => ({ ...pane })) });
      if (this.window.kind !== "count") {
        for (const { end } of panes) {
          this.ends.add(end, id);
        }
      }
    }
    this.lateElements = snapshot?.late ?? 0;
    this.setKey(null);
  }

  override start(): void {
    this.armProcessingTimer();
  }

  override setKey(key: unknown): void {
    this.currentKey = stateKey(key);
    const known = this.keys.get(this.currentKey);
    this.current = known ?? { key, panes: [] };
  }

  override element(value: unknown, timestamp: number | undefined): void {
    const { window } = this;
    if (window.kind === "count") {
      this.addToCount(value, timestamp ?? Date.now(), window.size);
      return;
    }
    const time = window.time === "processing" ? Date.now() : this.eventTime(value, timestamp);
    if (window.kind === "session") {
      this.addToSession(value, time, window.gapMs);
    } else {
      const slide = window.kind === "sliding" ? window.slideMs : window.sizeMs;
      const last = time - (((time % slide) + slide) % slide);
      let late = true;
      for (let start = last; start > time - window.sizeMs; start -= slide) {
        const end = start + window.sizeMs;
        if (!this.isPast(end)) {
          late = false;
          const pane = this.current.panes.find((other) => other.start === start) ?? this.openPane(start, end);
          pane.accumulator = this.aggregate.add(pane.accumulator, value);
        }
      }
      if (late) {
        this.dropLate();
      }
    }
  }

  override watermark(timestamp: number): void {
    this.currentWatermark = timestamp;
    const isOver = timestamp === Infinity;
    if (this.window.kind !== "count" && (this.window.time === "event" || isOver)) {
      this.fireUntil(timestamp === Infinity ? Infinity : timestamp + 1, () => this.output.watermark(timestamp));
    } else {
      this.output.watermark(timestamp);
    }
  }

  override snapshot(): { state: WindowState } {
    return {
      state: { keys: [...this.keys.values()].map(({ key, panes }) => [key, panes]), late: this.lateElements },
    };
  }

  override debugView(): Readonly<Record<string, unknown>> {
    const { key, panes } = this.current;
    return { Key: key, State: panes, Watermark: this.currentWatermark, "Late records": this.lateElements };
  }

  override async close(): Promise<void> {
    this.wakeUp?.timer.cancel();
    if (this.lateElements > 0) {
      this.context.control.log(
        "warn",
        `${this.context.task}: ${this.lateElements} late records were dropped by "${this.context.operator.id}".`,
      );
    }
  }

  private eventTime(value: unknown, timestamp: number | undefined): number {
    if (timestamp === undefined) {
      throw FaultlineError.of(
        "FL2004",
        `A record without event time came to the event-time window "${this.context.operator.id}": ${recordText(value)}`,
        'Give the source an "eventTime", or the window "time": "processing".',
        { element: `operators.${this.context.operator.id}` },
      );
    }
    return timestamp;
  }

  private isPast(end: number): boolean {
    return this.window.kind !== "count" && this.window.time === "event" && end - 1 <= this.currentWatermark;
  }

  private dropLate(): void {
    this.lateElements++;
  }

  private openPane(start: number, end: number): Pane {
    const pane: Pane = { start, end, accumulator: this.aggregate.create(), size: 0 };
    this.current.panes.push(pane);
    this.keys.set(this.currentKey, this.current);
    this.schedule(end);
    return pane;
  }

  private schedule(end: number): void {
    this.ends.add(end, this.currentKey);
    this.armProcessingTimer();
  }

  private addToCount(value: unknown, time: number, size: number): void {
    let pane = this.current.panes.at(0);
    if (pane === undefined) {
      pane = { start: time, end: time, accumulator: this.aggregate.create(), size: 0 };
      this.current.panes.push(pane);
      this.keys.set(this.currentKey, this.current);
    }
    pane.end = time;
    pane.size++;
    pane.accumulator = this.aggregate.add(pane.accumulator, value);
    if (pane.size === size) {
      const { key } = this.current;
      this.keys.delete(this.currentKey);
      this.current = { key, panes: [] };
      this.output.element(
        this.aggregate.result(pane.accumulator, { key, startMs: pane.start, endMs: pane.end }),
        pane.end,
      );
    }
  }

  private addToSession(value: unknown, time: number, gapMs: number): void {
    const { panes } = this.current;
    let start = time;
    let end = time + gapMs;
    const joined = panes.filter((pane) => pane.start <= end && start <= pane.end);
    if (joined.length === 0 && this.isPast(end)) {
      this.dropLate();
      return;
    }
    let accumulator: unknown = joined.length === 0 ? this.aggregate.create() : joined[0].accumulator;
    for (const pane of joined) {
      start = Math.min(start, pane.start);
      end = Math.max(end, pane.end);
      if (pane !== joined[0]) {
        accumulator = this.aggregate.merge(accumulator, pane.accumulator);
      }
    }
    accumulator = this.aggregate.add(accumulator, value);
    const rest = panes.filter((pane) => !joined.includes(pane));
    panes.splice(0, panes.length, ...rest, { start, end, accumulator, size: 0 });
    this.keys.set(this.currentKey, this.current);
    this.schedule(end);
  }

  /** Fires every window that ends at or before `time`, then does what comes after. */
  private fireUntil(time: number, then: () => void): void {
    const { control } = this.context;
    control.run(() => {
      for (let fired = 0; this.ends.next !== undefined && this.ends.next.time <= time; fired++) {
        if (control.blocked || fired === WORK_AT_ONCE) {
          return false;
        }
        const { time: end, key: id } = this.ends.pop()!;
        const key = this.keys.get(id);
        const at = key?.panes.findIndex((pane) => pane.end === end) ?? -1;
        if (key === undefined || at < 0) {
          continue;
        }
        const [pane] = key.panes.splice(at, 1);
        if (key.panes.length === 0) {
          this.keys.delete(id);
        }
        const bounds = { key: key.key, startMs: pane.start, endMs: pane.end };
        this.output.element(this.aggregate.result(pane.accumulator, bounds), end - 1);
      }
      then();
      return true;
    });
  }

  private armProcessingTimer(): void {
    const next = this.ends.next;
    if (this.window.kind === "count" || this.window.time === "event" || next === undefined) {
      return;
    }
    if (this.wakeUp !== undefined && this.wakeUp.at <= next.time) {
      return;
    }
    this.wakeUp?.timer.cancel();
    const timer = this.context.control.setTimer(next.time, () => {
      this.wakeUp = undefined;
      this.fireUntil(Date.now(), () => this.armProcessingTimer());
    });
    this.wakeUp = { at: next.time, timer };
  }
}
