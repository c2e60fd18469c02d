/** Keyed process function: state and timers for each key. Flink's `KeyedProcessOperator`. */
import { FaultlineError } from "../graph/errors";
import type { OperatorKind } from "../graph/jobFile";
import type { ProcessContext, ProcessFunction } from "./functions";
import { stateKey } from "./stateKey";
import { StreamOperator, WORK_AT_ONCE } from "./streamOperator";
import type { LoadedFunction, OperatorContext, OperatorOutput, TaskTimer } from "./streamOperator";
import { TimerHeap } from "./timerHeap";

type KeyState = Map<string, unknown>;

export interface ProcessState {
  readonly keys: readonly (readonly [key: unknown, state: readonly (readonly [name: string, value: unknown])[]])[];
  readonly eventTimers: readonly (readonly [time: number, key: unknown])[];
  readonly processingTimers: readonly (readonly [time: number, key: unknown])[];
}

export class ProcessOperator extends StreamOperator {
  private readonly loaded: LoadedFunction<unknown>;
  private readonly process: ProcessFunction;
  private readonly states = new Map<unknown, KeyState>();
  /** What the person's code calls a key, by the key of the maps. */
  private readonly keys = new Map<unknown, unknown>();
  private readonly eventTimers = new TimerHeap();
  private readonly processingTimers = new TimerHeap();
  private wakeUp: { readonly at: number; readonly timer: TaskTimer } | undefined;
  private currentKey: unknown = null;
  private currentTimestamp: number | undefined;
  private currentWatermark = -Infinity;
  private readonly view: ProcessContext;

  constructor(spec: Extract<OperatorKind, { kind: "process" }>, context: OperatorContext, output: OperatorOutput) {
    super(context, output);
    this.loaded = context.loadFunction<unknown>(spec.function);
    this.process = instantiate(this.loaded.call, spec.function.exportName, context.operator.id);
    this.view = this.makeView();
  }

  override async open(state: unknown): Promise<void> {
    const { process } = this;
    if (process.open !== undefined) {
      try {
        process.open(this.context.functionContext);
      } catch (error) {
        throw this.loaded.failed(error, undefined);
      }
    }
    const snapshot = state as ProcessState | undefined;
    for (const [key, values] of snapshot?.keys ?? []) {
      this.setKey(key);
      this.states.set(stateKey(key), new Map<string, unknown>(values));
    }
    for (const [time, key] of snapshot?.eventTimers ?? []) {
      this.setKey(key);
      this.eventTimers.add(time, stateKey(key));
    }
    for (const [time, key] of snapshot?.processingTimers ?? []) {
      this.setKey(key);
      this.processingTimers.add(time, stateKey(key));
    }
  }

  override start(): void {
    this.armProcessingTimer();
  }

  override setKey(key: unknown): void {
    this.currentKey = stateKey(key);
    if (typeof key === "object" && key !== null && !this.keys.has(this.currentKey)) {
      this.keys.set(this.currentKey, key);
    }
  }

  override element(value: unknown, timestamp: number | undefined): void {
    this.currentTimestamp = timestamp;
    try {
      this.process.processElement(value, this.view);
    } catch (error) {
      throw this.loaded.failed(error, value);
    }
  }

  override watermark(timestamp: number): void {
    this.currentWatermark = timestamp;
    const { control } = this.context;
    control.run(() => {
      for (let fired = 0; this.eventTimers.next !== undefined && this.eventTimers.next.time <= timestamp; fired++) {
        if (control.blocked || fired === WORK_AT_ONCE) {
          return false;
        }
        this.fire(this.eventTimers);
      }
      this.output.watermark(timestamp);
      return true;
    });
  }

  override snapshot(): { state: ProcessState } {
    const named = (timers: TimerHeap): [number, unknown][] =>
      timers.all.map(({ time, key }) => [time, this.keyOf(key)]);
    return {
      state: {
        keys: [...this.states].map(([key, values]) => [this.keyOf(key), [...values]]),
        eventTimers: named(this.eventTimers),
        processingTimers: named(this.processingTimers),
      },
    };
  }

  override debugView(): Readonly<Record<string, unknown>> {
    const mine = (timers: TimerHeap): readonly string[] =>
      timers.all.filter(({ key }) => key === this.currentKey).map(({ time }) => new Date(time).toISOString());
    return {
      Key: this.keyOf(this.currentKey),
      State: this.states.get(this.currentKey) ?? new Map(),
      Timers: { event: mine(this.eventTimers), processing: mine(this.processingTimers) },
      Watermark: this.currentWatermark,
    };
  }

  override async close(): Promise<void> {
    this.wakeUp?.timer.cancel();
  }

  private keyOf(key: unknown): unknown {
    return this.keys.get(key) ?? key;
  }

  private fire(timers: TimerHeap): void {
    const timer = timers.pop()!;
    this.currentKey = timer.key;
    this.currentTimestamp = timer.time;
    try {
      this.process.onTimer?.(timer.time, this.view);
    } catch (error) {
      throw this.loaded.failed(error, { timer: timer.time, key: this.keyOf(timer.key) });
    }
  }

  private armProcessingTimer(): void {
    const next = this.processingTimers.next;
    if (next === undefined || (this.wakeUp !== undefined && this.wakeUp.at <= next.time)) {
      return;
    }
    this.wakeUp?.timer.cancel();
    const { control } = this.context;
    const timer = control.setTimer(next.time, () => {
      this.wakeUp = undefined;
      control.run(() => {
        const now = Date.now();
        for (
          let fired = 0;
          this.processingTimers.next !== undefined && this.processingTimers.next.time <= now;
          fired++
        ) {
          if (control.blocked || fired === WORK_AT_ONCE) {
            return false;
          }
          this.fire(this.processingTimers);
        }
        this.armProcessingTimer();
        return true;
      });
    });
    this.wakeUp = { at: next.time, timer };
  }

  private makeView(): ProcessContext {
    const currentState = (): KeyState | undefined => this.states.get(this.currentKey);
    const key = (): unknown => this.keyOf(this.currentKey);
    const timestamp = (): number | undefined => this.currentTimestamp;
    const watermark = (): number => this.currentWatermark;
    return {
      ...this.context.functionContext,
      get key() {
        return key();
      },
      get timestampMs() {
        return timestamp();
      },
      get watermarkMs() {
        return watermark();
      },
      state: {
        get: (name) => currentState()?.get(name),
        set: (name, value) => {
          let state = currentState();
          if (state === undefined) {
            state = new Map<string, unknown>();
            this.states.set(this.currentKey, state);
          }
          state.set(name, value);
        },
        delete: (name) => {
          const state = currentState();
          if (state?.delete(name) === true && state.size === 0) {
            this.states.delete(this.currentKey);
          }
        },
      },
      collect: (value) => this.output.element(value, this.currentTimestamp),
      sideOutput: (name, value) => this.output.sideOutput(name, value, this.currentTimestamp),
      registerEventTimeTimer: (time) => {
        this.eventTimers.add(time, this.currentKey);
      },
      registerProcessingTimeTimer: (time) => {
        this.processingTimers.add(time, this.currentKey);
        this.armProcessingTimer();
      },
    };
  }
}

function instantiate(exported: unknown, name: string, operator: string): ProcessFunction {
  let candidate = exported;
  if (typeof exported === "function") {
    const prototype = exported.prototype as Partial<ProcessFunction> | undefined;
    candidate =
      typeof prototype?.processElement === "function"
        ? new (exported as new () => ProcessFunction)()
        : (exported as () => ProcessFunction)();
  }
  if (typeof (candidate as Partial<ProcessFunction> | undefined)?.processElement !== "function") {
    throw FaultlineError.of(
      "FL1021",
      `"${name}", the process function of "${operator}", has no method processElement.`,
      "Export an object or a class with processElement(value, context).",
      { element: `operators.${operator}` },
    );
  }
  return candidate as ProcessFunction;
}
