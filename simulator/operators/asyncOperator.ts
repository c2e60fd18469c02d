/**
 * Calls that take their time, with a bounded number under way. Flink's `AsyncWaitOperator` with its ordered and unordered queues: ordered
 * results come in the order of the inputs; unordered ones as they are done, but never across a watermark. A checkpoint holds the
 * inputs whose results were not emitted yet; after a restore they are called again before anything new.
 */
import { FaultlineError } from "../graph/errors";
import type { OperatorKind } from "../graph/jobFile";
import type { AsyncFunction } from "./functions";
import { recordText } from "./recordText";
import { StreamOperator } from "./streamOperator";
import type { LoadedFunction, OperatorContext, OperatorOutput } from "./streamOperator";

interface Call {
  readonly value: unknown;
  readonly timestamp: number | undefined;
  readonly failed: (error: unknown) => void;
  state: "waiting" | "calling" | "done";
  result: unknown;
}

/** Calls between two watermarks. */
interface Segment {
  readonly calls: Set<Call>;
  /** In the order in which they were done; unordered only. */
  readonly done: Call[];
  /** Closes the segment. */
  watermark: number | undefined;
}

/** A result that goes to a side output. */
export class ToSideOutput {
  constructor(
    readonly name: string,
    readonly value: unknown,
  ) {}
}

export interface AsyncLimits {
  /** Inputs taken whose result was not emitted; more is back-pressure. */
  readonly capacity: number;
  readonly ordered: boolean;
}

/** Elements taken and not emitted yet: `[value, timestamp]`. */
export type AsyncState = readonly (readonly [value: unknown, timestamp: number | undefined])[];

export abstract class AsyncWaitOperator extends StreamOperator {
  private segments: Segment[] = [{ calls: new Set(), done: [], watermark: undefined }];
  /** Taken and not emitted. */
  private taken = 0;
  private readonly waiting: Call[] = [];
  private calling = 0;
  private full = false;
  private emitting = false;
  private closed = false;
  private restored: AsyncState = [];
  /** Of the element that comes next, on a keyed input. */
  private key: unknown;

  constructor(
    context: OperatorContext,
    output: OperatorOutput,
    private readonly limits: AsyncLimits,
  ) {
    super(context, output);
  }

  /** The result for one element, or {@link ToSideOutput}. A rejection fails the task. */
  protected abstract call(value: unknown): Promise<unknown>;

  override async open(state: unknown): Promise<void> {
    this.restored = (state as AsyncState | undefined) ?? [];
  }

  override start(): void {
    for (const [value, timestamp] of this.restored) {
      this.element(value, timestamp);
    }
    this.restored = [];
  }

  override setKey(key: unknown): void {
    this.key = key;
  }

  override element(value: unknown, timestamp: number | undefined): void {
    const failed = this.context.failureOf(value, timestamp, this.key);
    const call: Call = { value, timestamp, failed, state: "waiting", result: undefined };
    this.segments.at(-1)!.calls.add(call);
    this.taken++;
    this.waiting.push(call);
    this.callWaiting();
    this.checkFull();
  }

  override watermark(timestamp: number): void {
    if (this.taken === 0) {
      this.output.watermark(timestamp);
      return;
    }
    const last = this.segments.at(-1)!;
    if (last.calls.size === 0 && this.segments.length > 1) {
      this.segments.at(-2)!.watermark = timestamp;
    } else {
      last.watermark = timestamp;
      this.segments.push({ calls: new Set(), done: [], watermark: undefined });
    }
  }

  override get finished(): boolean {
    return this.taken === 0;
  }

  override snapshot(): { state: AsyncState } {
    const state: [unknown, number | undefined][] = [];
    for (const { calls } of this.segments) {
      for (const { value, timestamp } of calls) {
        state.push([value, timestamp]);
      }
    }
    return { state };
  }

  override debugView(): Readonly<Record<string, unknown>> {
    return {
      ...(this.key === undefined ? {} : { Key: this.key }),
      Calls: this.segments.flatMap(({ calls }) => [...calls].map(({ state, value }) => ({ state, record: value }))),
    };
  }

  override async close(): Promise<void> {
    this.closed = true;
  }

  private callWaiting(): void {
    while (this.calling < this.limits.capacity) {
      const call = this.waiting.shift();
      if (call === undefined) {
        return;
      }
      call.state = "calling";
      this.calling++;
      this.call(call.value).then(
        (result) => this.completed(call, result),
        (error: unknown) => {
          if (!this.closed) {
            call.failed(error);
          }
        },
      );
    }
  }

  private completed(call: Call, result: unknown): void {
    if (this.closed) {
      return;
    }
    this.calling--;
    call.state = "done";
    call.result = result;
    if (!this.limits.ordered) {
      this.segments.find(({ calls }) => calls.has(call))!.done.push(call);
    }
    if (!this.emitting) {
      this.emitting = true;
      this.context.control.emitSoon(() => this.emit());
    }
  }

  /** Runs in the task's loop. */
  private emit(): void {
    const { control } = this.context;
    this.emitting = false;
    for (;;) {
      if (control.outputBlocked) {
        this.emitting = true;
        control.emitSoon(() => this.emit());
        break;
      }
      const segment = this.segments[0];
      const call = this.limits.ordered ? first(segment.calls) : segment.done.shift();
      if (call?.state === "done") {
        segment.calls.delete(call);
        this.taken--;
        const { result, timestamp } = call;
        if (result instanceof ToSideOutput) this.output.sideOutput(result.name, result.value, timestamp);
        else this.output.element(result, timestamp);
      } else if (segment.calls.size === 0 && segment.watermark !== undefined) {
        this.segments.shift();
        this.output.watermark(segment.watermark);
      } else {
        break;
      }
    }
    this.callWaiting();
    this.checkFull();
  }

  private checkFull(): void {
    const full = this.taken >= this.limits.capacity;
    if (full !== this.full) {
      this.full = full;
      if (full) {
        this.context.control.blockInput("backPressured");
      } else {
        this.context.control.unblockInput("backPressured");
      }
    }
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const item of set) {
    return item;
  }
  return undefined;
}

/** A person's async function. */
export class AsyncFunctionOperator extends AsyncWaitOperator {
  private readonly loaded: LoadedFunction<AsyncFunction>;
  private readonly timeoutMs: number;
  /** Calls under way in the order of their deadlines: all have the same time. */
  private readonly deadlines: { readonly at: number; readonly value: unknown; settled: boolean }[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(spec: Extract<OperatorKind, { kind: "async" }>, context: OperatorContext, output: OperatorOutput) {
    super(context, output, spec);
    this.loaded = context.loadFunction<AsyncFunction>(spec.function);
    this.timeoutMs = spec.timeoutMs;
  }

  override async close(): Promise<void> {
    clearTimeout(this.timer);
    await super.close();
  }

  protected override async call(value: unknown): Promise<unknown> {
    const deadline = { at: performance.now() + this.timeoutMs, value, settled: false };
    this.deadlines.push(deadline);
    this.arm();
    try {
      return await this.loaded.call(value, this.context.functionContext);
    } catch (error) {
      throw this.loaded.failed(error, value);
    } finally {
      deadline.settled = true;
    }
  }

  private arm(): void {
    if (this.timer !== undefined) {
      return;
    }
    while (this.deadlines.length > 0 && this.deadlines[0].settled) {
      this.deadlines.shift();
    }
    if (this.deadlines.length > 0) {
      this.timer = setTimeout(() => this.checkDeadlines(), Math.max(1, this.deadlines[0].at - performance.now()));
    }
  }

  private checkDeadlines(): void {
    this.timer = undefined;
    const late = this.deadlines.find(({ settled, at }) => !settled && at <= performance.now() + 1);
    if (late !== undefined) {
      this.context.control.fail(timedOut(this.context.operator.id, this.timeoutMs, late.value));
      return;
    }
    this.arm();
  }
}

export function timedOut(operator: string, timeoutMs: number, value: unknown): FaultlineError {
  return FaultlineError.of(
    "FL3009",
    `"${operator}" had no answer within ${timeoutMs} ms for the record ${recordText(value)}`,
    "Give it a longer timeout, or find out what keeps the answer.",
    { element: `operators.${operator}` },
  );
}
