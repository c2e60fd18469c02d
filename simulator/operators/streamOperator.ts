/**
 * What runs inside a task: operators, chained by direct calls. Flink's `StreamOperator`, `Input` and `Output`.
 */
import type { InferenceClient } from "../inference/inferenceClient";
import type { JournalEventBody, SubtaskName } from "../observe/journalEvent";
import type { FunctionRef, OperatorSpec } from "../graph/jobFile";
import type { FaultlineError } from "../graph/errors";
import type { FunctionContext } from "./functions";

/** Takes elements in order. `timestamp` is the event time in ms, `undefined` where the source gives none. */
export interface ElementReceiver {
  element(value: unknown, timestamp: number | undefined): void;
  /** No element at or before this event time follows. */
  watermark(timestamp: number): void;
  /** No element comes for now, and none is to be waited for; or some come again. Flink's `WatermarkStatus`. */
  watermarkStatus?(idle: boolean): void;
}

/**
 * Some of a piece of work: emits until it is done (true), {@link TaskControl.blocked}, or has emitted {@link WORK_AT_ONCE} elements (false; it
 * is called again).
 */
export type Continuation = () => boolean;

/** Elements that a {@link Continuation} emits before it lets the loop look at the clock. */
export const WORK_AT_ONCE = 512;

/** What the time counts as in which a task takes no input. */
export type InputBlock = "backPressured" | "busy";

/** What an operator may ask of the task that runs it. All calls come from the task's own loop. */
export interface TaskControl {
  /** Emitting must wait: no output buffer, an operator behind at capacity, or work behind not finished. */
  readonly blocked: boolean;
  /** No output buffer is free. */
  readonly outputBlocked: boolean;
  /** Runs the work now, or, when it cannot be finished now, goes on with it before the task takes more input. */
  run(work: Continuation): void;
  /** One more, or one less, reason to take no input: an operator at capacity, or one that is at work without holding the thread. */
  blockInput(reason: InputBlock): void;
  unblockInput(reason: InputBlock): void;
  /** Calls `emit` from the task's loop as soon as output buffers are free. */
  emitSoon(emit: () => void): void;
  /** Calls back from the task's loop at or after this time (ms since the epoch). */
  setTimer(atMs: number, callback: () => void): TaskTimer;
  fail(error: unknown): void;
  journal(body: JournalEventBody): void;
  log(level: "error" | "warn" | "info", message: string): void;
}

export interface TaskTimer {
  cancel(): void;
}

/** A person's function, loaded. */
export interface LoadedFunction<F> {
  readonly call: F;
  /** What to throw when the function threw `error` on `value`: FL2004 with operator, record and position. */
  failed(error: unknown, value: unknown): FaultlineError;
}

export interface OperatorContext {
  readonly operator: OperatorSpec;
  readonly task: SubtaskName;
  readonly subtask: number;
  readonly parallelism: number;
  readonly attempt: number;
  /** Absolute path of the run's folder. */
  readonly runDirectory: string;
  /** The job has checkpoints: sinks commit when one is complete, else at the end. */
  readonly checkpointing: boolean;
  /** Field of the record that the input is keyed by, when it is a plain field. */
  readonly keyField: string | undefined;
  /** For the person's functions. */
  readonly functionContext: FunctionContext;
  readonly control: TaskControl;
  /**
   * For the element that goes in now, when work on it goes on after `element` has returned: what to call if that fails. The task fails with
   * the error; where somebody debugs, it first stops at this element. `key` is that of a keyed input.
   */
  failureOf(value: unknown, timestamp: number | undefined, key: unknown): (error: unknown) => void;
  loadFunction<F>(ref: FunctionRef): LoadedFunction<F>;
  openClient(service: string, model?: string): Promise<InferenceClient>;
}

/** State of one operator at one checkpoint. */
export interface OperatorSnapshot {
  /** What msgpack can carry; taken as it is now. */
  readonly state: unknown;
  /** Work to be done before the checkpoint may be acknowledged. */
  readonly durable?: () => Promise<void>;
}

/** Where an operator's results go: operators chained to it and channels to other tasks, by side output. */
export class OperatorOutput implements ElementReceiver {
  private readonly only: ElementReceiver | undefined;

  constructor(
    private readonly main: readonly ElementReceiver[],
    private readonly side: ReadonlyMap<string, readonly ElementReceiver[]>,
  ) {
    this.only = main.length === 1 ? main[0] : undefined;
  }

  element(value: unknown, timestamp: number | undefined): void {
    if (this.only !== undefined) {
      this.only.element(value, timestamp);
      return;
    }
    for (const receiver of this.main) {
      receiver.element(value, timestamp);
    }
  }

  /** To the edges that carry this side output; a side output that no edge carries is dropped, as in Flink. */
  sideOutput(name: string, value: unknown, timestamp: number | undefined): void {
    for (const receiver of this.side.get(name) ?? []) {
      receiver.element(value, timestamp);
    }
  }

  watermark(timestamp: number): void {
    for (const receiver of this.main) {
      receiver.watermark(timestamp);
    }
    for (const receivers of this.side.values()) {
      for (const receiver of receivers) {
        receiver.watermark(timestamp);
      }
    }
  }

  watermarkStatus(idle: boolean): void {
    for (const receiver of [...this.main, ...[...this.side.values()].flat()]) {
      receiver.watermarkStatus?.(idle);
    }
  }
}

export abstract class StreamOperator implements ElementReceiver {
  constructor(
    protected readonly context: OperatorContext,
    protected readonly output: OperatorOutput,
  ) {}

  /** Before the task runs. `state` is what `snapshot` gave, `undefined` for a fresh start. */
  async open(_state: unknown): Promise<void> {}
  /** The task runs now; elements may be emitted. */
  start(): void {}
  /** Key of the element that comes next; only for operators on a keyed input. */
  setKey(_key: unknown): void {}
  abstract element(value: unknown, timestamp: number | undefined): void;
  watermark(timestamp: number): void {
    this.output.watermark(timestamp);
  }
  watermarkStatus(idle: boolean): void {
    this.output.watermarkStatus(idle);
  }
  /** No element follows: emit what is held back. */
  finish(): void {}
  /** After `finish`: nothing is under way any more. */
  get finished(): boolean {
    return true;
  }
  snapshot(_checkpoint: number): OperatorSnapshot | undefined {
    return undefined;
  }
  /** `undefined`: the job has no checkpoints and has ended. */
  async checkpointComplete(_checkpoint: number | undefined): Promise<void> {}
  /** Batch: this attempt has ended. What it put out is made durable, and is committed once all tasks of the job have finished. */
  async prepareCommit(): Promise<void> {}
  /** For a person who debugs: what there is beside the record, by its name (`Key`, `State`, `Timers`, `Calls`). Changes nothing. */
  debugView(): Readonly<Record<string, unknown>> {
    return {};
  }
  /** Lets go of everything; also after a failure, and at any time. Must not throw. */
  async close(): Promise<void> {}
}

/** Where elements come from. The task calls `poll` in its loop. */
export interface SourcePoll {
  /**
   * Emits at most `limit` elements, fewer when {@link TaskControl.blocked}. `wait` (ms): nothing is due before; `undefined` for `end`.
   */
  poll(
    limit: number,
  ): { readonly kind: "more" } | { readonly kind: "wait"; readonly waitMs: number } | { readonly kind: "end" };
  /** Elements emitted since the very beginning. */
  readonly offset: number;
  /** Emits nothing more (`stop` with drain). */
  stop(): void;
}
