/**
 * Sources: which records a subtask emits, when, and with what event time. The records of all subtasks together are numbered from 0; subtask
 * `i` of `p` emits `i, i + p, i + 2p, …`, so that its state is one number; what a run that began from a savepoint has left are ranges of them.
 */
import { FaultlineError } from "../graph/errors";
import type { EventTimeConfig, SourceSpec } from "../graph/jobFile";
import { countBelow, initialAssignment } from "../graph/sourceSplits";
import type { RecordRange, SplitAssignment } from "../graph/sourceSplits";
import { FileRecords } from "./fileRecords";
import type { GeneratorFunction } from "./functions";
import { recordText } from "./recordText";
import { StreamOperator } from "./streamOperator";
import type { LoadedFunction, OperatorContext, OperatorOutput, SourcePoll, TaskTimer } from "./streamOperator";

/** Flink's `pipeline.auto-watermark-interval`. */
const WATERMARK_INTERVAL_MS = 200;
/** A source that was held up makes up for at most this long. */
const MAX_DEBT_MS = 1000;

/** Records by number. Numbers are asked for in rising order. */
interface RecordReader {
  /** How many there are; `Infinity` for an endless source. */
  readonly total: number;
  read(index: number): unknown;
  close(): void;
}

/** Records emitted; with ranges, those emitted since they were given and what is left of them. */
export type SourceState = number | { readonly emitted: number; readonly left: SplitAssignment };

export class SourceOperator extends StreamOperator implements SourcePoll {
  private reader: RecordReader | undefined;
  private emitted = 0;
  /** What is left, each range with a record to come. */
  private ranges: { from: number; readonly step: number; readonly until: number }[] = [];
  /** The ranges are those that the job began with: their state is the number of records. */
  private initial = true;
  private total = 0;
  private stopped = false;
  private highestTimestamp = -Infinity;
  private lastWatermark = -Infinity;
  private watermarkTimer: TaskTimer | undefined;
  private intervalMs: number | undefined;
  /** When record `pacedFrom` was due (monotonic ms). */
  private pacedSince = 0;
  private pacedFrom = 0;

  constructor(
    private readonly source: SourceSpec,
    context: OperatorContext,
    output: OperatorOutput,
  ) {
    super(context, output);
  }

  get offset(): number {
    return this.emitted;
  }

  override async open(state: unknown): Promise<void> {
    const { subtask, parallelism } = this.context;
    const restored = (state as SourceState | undefined) ?? 0;
    this.initial = typeof restored === "number";
    this.emitted = typeof restored === "number" ? restored : restored.emitted;
    const left = typeof restored === "number" ? initialAssignment(subtask, parallelism, restored) : restored.left;
    this.ranges = left.map((range) => ({ ...range }));
    this.reader = await this.openReader();
    const all = Math.min(this.reader.total, this.source.limit ?? Infinity);
    this.total = this.emitted + left.reduce((sum, range) => sum + countBelow(range, all), 0);
    const rate = this.source.ratePerSecond;
    this.intervalMs = rate === undefined ? undefined : (1000 * parallelism) / rate;
  }

  override start(): void {
    const { subtask, parallelism } = this.context;
    // Subtasks take turns, so that the rate of all together is even.
    this.pacedSince = performance.now() + ((this.intervalMs ?? 0) * subtask) / parallelism;
    this.pacedFrom = this.emitted;
    if (this.source.eventTime !== undefined) {
      this.armWatermark();
    }
  }

  override element(): void {
    throw new Error("a source has no input");
  }

  poll(limit: number): ReturnType<SourcePoll["poll"]> {
    const { control } = this.context;
    const reader = this.reader!;
    const end = this.stopped ? this.emitted : Math.min(this.total, this.emitted + limit);
    const due = this.intervalMs === undefined ? end : Math.min(end, this.due(this.intervalMs));
    while (this.emitted < due && !control.blocked) {
      const index = this.takeNext();
      const value = reader.read(index);
      // Counted before it is emitted: what it becomes may be under way at a checkpoint, but never missing from it.
      this.emitted++;
      this.output.element(value, this.timestampOf(value, index));
    }
    if (this.stopped || this.emitted >= this.total) {
      return { kind: "end" };
    }
    if (this.intervalMs !== undefined && !control.blocked) {
      const waitMs = this.pacedSince + (this.emitted - this.pacedFrom) * this.intervalMs - performance.now();
      if (waitMs > 0) {
        return { kind: "wait", waitMs };
      }
    }
    return { kind: "more" };
  }

  stop(): void {
    this.stopped = true;
  }

  override finish(): void {
    this.watermarkTimer?.cancel();
    this.output.watermark(Infinity);
  }

  override snapshot(): { state: SourceState } {
    const { emitted } = this;
    const left = this.ranges.map((range): RecordRange => ({ ...range }));
    return { state: this.initial ? emitted : { emitted, left } };
  }

  override async close(): Promise<void> {
    this.watermarkTimer?.cancel();
    this.reader?.close();
  }

  /** The number of the next record. */
  private takeNext(): number {
    let [next] = this.ranges;
    if (this.ranges.length > 1) {
      for (const range of this.ranges) {
        if (range.from < next.from) {
          next = range;
        }
      }
    }
    const index = next.from;
    next.from += next.step;
    if (next.from >= next.until) {
      this.ranges = this.ranges.filter((range) => range !== next);
    }
    return index;
  }

  /** Up to how many records may be emitted by now. */
  private due(intervalMs: number): number {
    const now = performance.now();
    const nextDue = this.pacedSince + (this.emitted - this.pacedFrom) * intervalMs;
    if (now - nextDue > MAX_DEBT_MS) {
      this.pacedSince = now - MAX_DEBT_MS;
      this.pacedFrom = this.emitted;
    }
    return now < this.pacedSince ? this.emitted : this.pacedFrom + Math.floor((now - this.pacedSince) / intervalMs) + 1;
  }

  private async openReader(): Promise<RecordReader> {
    const { connector } = this.source;
    if (connector.kind === "file") {
      const file = await FileRecords.open(connector.path, connector.format);
      if (file.count === 0) {
        file.close();
        throw FaultlineError.of(
          "FL1022",
          `The source "${this.context.operator.id}" has no records: ${connector.path} holds none.`,
          connector.format === "csv"
            ? "After its header, the file needs at least one line."
            : "Give it a file with at least one line.",
          { file: connector.path, element: `operators.${this.context.operator.id}` },
        );
      }
      return {
        total: file.count * connector.repeat,
        read: (index) => file.read(index % file.count),
        close: () => file.close(),
      };
    }
    if (connector.function === undefined) {
      return { total: Infinity, read: (index) => ({ seq: index }), close: () => {} };
    }
    const loaded: LoadedFunction<GeneratorFunction> = this.context.loadFunction(connector.function);
    return {
      total: Infinity,
      read: (index) => {
        try {
          return loaded.call(index, connector.seed);
        } catch (error) {
          throw loaded.failed(error, { index, seed: connector.seed });
        }
      },
      close: () => {},
    };
  }

  private timestampOf(value: unknown, index: number): number | undefined {
    const { eventTime } = this.source;
    if (eventTime === undefined) {
      return undefined;
    }
    const timestamp =
      eventTime.kind === "step" ? eventTime.startMs + index * eventTime.stepMs : this.field(eventTime, value);
    if (timestamp > this.highestTimestamp) {
      this.highestTimestamp = timestamp;
    }
    return timestamp;
  }

  private field({ field }: Extract<EventTimeConfig, { kind: "field" }>, value: unknown): number {
    const content = (value as Record<string, unknown> | null | undefined)?.[field];
    const timestamp = typeof content === "string" && content.trim() !== "" ? Number(content) : content;
    if (typeof timestamp !== "number" || !Number.isFinite(timestamp)) {
      throw FaultlineError.of(
        "FL2010",
        `A record of "${this.context.operator.id}" has no event time in its field "${field}": ${recordText(value)}`,
        "The field must be a number: milliseconds since the epoch.",
        { element: `operators.${this.context.operator.id}` },
      );
    }
    return timestamp;
  }

  private armWatermark(): void {
    this.watermarkTimer = this.context.control.setTimer(Date.now() + WATERMARK_INTERVAL_MS, () => {
      const { eventTime } = this.source;
      const behind = eventTime?.kind === "field" ? eventTime.outOfOrdernessMs : 0;
      const watermark = this.highestTimestamp - behind - 1;
      if (watermark > this.lastWatermark) {
        this.lastWatermark = watermark;
        this.output.watermark(watermark);
      }
      this.armWatermark();
    });
  }
}
