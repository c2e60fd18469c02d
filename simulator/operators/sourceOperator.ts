/**
 * Sources: which records a subtask emits, when, and with what event time. The records of all subtasks together are numbered from 0; subtask
 * `i` of `p` emits `i, i + p, i + 2p, …`, so that its state is one number; what a run that began from a savepoint has left are ranges of them.
 */
import { FaultlineError } from "../graph/errors";
import type { EventTimeConfig, SourceSpec } from "../graph/jobFile";
import { countBelow, initialAssignment } from "../graph/sourceSplits";
import type { RecordRange, SplitAssignment } from "../graph/sourceSplits";
import { DirectoryRecords } from "./directoryRecords";
import { FileRecords } from "./fileRecords";
import type { GeneratorFunction } from "./functions";
import { recordText } from "./recordText";
import { SourcePace } from "./sourcePace";
import { StreamOperator } from "./streamOperator";
import type { LoadedFunction, OperatorContext, OperatorOutput, SourcePoll, TaskTimer } from "./streamOperator";

/** Flink's `pipeline.auto-watermark-interval`. */
const WATERMARK_INTERVAL_MS = 200;
/** Records by number. Numbers are asked for in rising order. */
interface RecordReader {
  /** How many there are; `Infinity` for an endless source. */
  readonly total: number;
  /** What a record's number stands for, where that can change from one time to the next. */
  readonly listing?: string;
  read(index: number): unknown;
  close(): void;
}

/** Records emitted; with ranges, those emitted since they were given and what is left of them. */
export type SourceState =
  number | { readonly emitted: number; readonly left: SplitAssignment; readonly listing?: string };

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
  private pace: SourcePace | undefined;
  /** Records that are due and not emitted yet. */
  private due = 0;
  /** When a record was emitted last, or could not be. */
  private activeAt = 0;
  private idle = false;

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
    this.initial = typeof restored === "number" && this.source.connector.kind !== "directory";
    this.emitted = typeof restored === "number" ? restored : restored.emitted;
    const left = typeof restored === "number" ? initialAssignment(subtask, parallelism, restored) : restored.left;
    this.ranges = left.map((range) => ({ ...range }));
    this.reader = await this.openReader();
    if (typeof restored === "object" && restored.listing !== this.reader.listing) {
      throw FaultlineError.of(
        "FL2010",
        `The folder of "${this.context.operator.id}" holds other files than when the checkpoint was taken.`,
        "Put the files back as they were, or start without the checkpoint.",
        { element: `operators.${this.context.operator.id}` },
      );
    }
    const all = Math.min(this.reader.total, this.source.limit ?? Infinity);
    this.total = this.emitted + left.reduce((sum, range) => sum + countBelow(range, all), 0);
  }

  override start(): void {
    const { subtask, parallelism } = this.context;
    const { ratePerSecond, bursts } = this.source;
    this.activeAt = performance.now();
    if (ratePerSecond !== undefined || bursts !== undefined) {
      this.pace = new SourcePace(this.activeAt, ratePerSecond ?? 0, bursts, subtask, parallelism);
    }
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
    if (this.pace !== undefined) {
      this.due += this.pace.take(performance.now(), Math.max(0, end - this.emitted - this.due));
    }
    const stop = this.pace === undefined ? end : Math.min(end, this.emitted + this.due);
    const first = this.emitted;
    while (this.emitted < stop && !control.blocked) {
      if (this.idle) {
        this.setIdle(false);
      }
      const index = this.takeNext();
      const value = reader.read(index);
      // Counted before it is emitted: what it becomes may be under way at a checkpoint, but never missing from it.
      this.emitted++;
      this.output.element(value, this.timestampOf(value, index));
    }
    const emitted = this.emitted - first;
    this.due -= Math.min(this.due, emitted);
    if (emitted > 0 || control.blocked) {
      this.activeAt = performance.now();
    }
    if (this.stopped || this.emitted >= this.total) {
      return { kind: "end" };
    }
    if (this.pace !== undefined && this.due === 0 && !control.blocked) {
      const waitMs = this.pace.nextMs - performance.now();
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
    this.setIdle(false);
    this.output.watermark(Infinity);
  }

  override snapshot(): { state: SourceState } {
    const { emitted } = this;
    const left = this.ranges.map((range): RecordRange => ({ ...range }));
    const listing = this.reader?.listing;
    return { state: this.initial ? emitted : { emitted, left, ...(listing === undefined ? {} : { listing }) } };
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
    if (connector.kind === "directory") {
      const folder = await DirectoryRecords.open(connector.path, connector.suffix);
      if (folder.count === 0) {
        throw FaultlineError.of(
          "FL1022",
          `The source "${this.context.operator.id}" has no records: ${connector.path} holds no file${connector.suffix === undefined ? "" : ` that ends with ${connector.suffix}`}.`,
          "Give it a folder with at least one.",
          { file: connector.path, element: `operators.${this.context.operator.id}` },
        );
      }
      return {
        total: folder.count * connector.repeat,
        listing: folder.listing,
        read: (index) => folder.read(index % folder.count),
        close: () => {},
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

  private setIdle(idle: boolean): void {
    if (idle !== this.idle) {
      this.idle = idle;
      this.output.watermarkStatus(idle);
    }
  }

  private armWatermark(): void {
    this.watermarkTimer = this.context.control.setTimer(Date.now() + WATERMARK_INTERVAL_MS, () => {
      const { eventTime } = this.source;
      if (eventTime?.idlenessMs !== undefined && performance.now() - this.activeAt > eventTime.idlenessMs) {
        this.setIdle(true);
      }
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
