/** map, flatMap, filter, union, and the stand-in for an operator that is known only from a plan. */
import { FaultlineError } from "../graph/errors";
import type { OperatorKind } from "../graph/jobFile";
import type { FilterFunction, FlatMapFunction, MapFunction } from "./functions";
import { ServiceTime } from "./serviceTime";
import { StreamOperator, WORK_AT_ONCE } from "./streamOperator";
import type { LoadedFunction, OperatorContext, OperatorOutput } from "./streamOperator";

type Of<K extends OperatorKind["kind"]> = Extract<OperatorKind, { kind: K }>;

/** A function that was meant for `async` gives a promise where a value is expected. */
function refusePromise(result: unknown, operator: string, expected: string): void {
  if (result instanceof Promise) {
    result.catch(() => {});
    throw FaultlineError.of(
      "FL2004",
      `The function of "${operator}" gave a promise; it must give ${expected}.`,
      'Make it an operator of kind "async", or the function not async.',
      { element: `operators.${operator}` },
    );
  }
}

export class MapOperator extends StreamOperator {
  private readonly map: LoadedFunction<MapFunction>;

  constructor(spec: Of<"map">, context: OperatorContext, output: OperatorOutput) {
    super(context, output);
    this.map = context.loadFunction<MapFunction>(spec.function);
  }

  override element(value: unknown, timestamp: number | undefined): void {
    let result: unknown;
    try {
      result = this.map.call(value, this.context.functionContext);
    } catch (error) {
      throw this.map.failed(error, value);
    }
    refusePromise(result, this.context.operator.id, "a record");
    this.output.element(result, timestamp);
  }
}

export class FlatMapOperator extends StreamOperator {
  private readonly flatMap: LoadedFunction<FlatMapFunction>;

  constructor(spec: Of<"flatMap">, context: OperatorContext, output: OperatorOutput) {
    super(context, output);
    this.flatMap = context.loadFunction<FlatMapFunction>(spec.function);
  }

  override element(value: unknown, timestamp: number | undefined): void {
    const { control } = this.context;
    let results: Iterator<unknown>;
    try {
      const iterable = this.flatMap.call(value, this.context.functionContext);
      refusePromise(iterable, this.context.operator.id, "an iterable of records");
      results = iterable[Symbol.iterator]();
    } catch (error) {
      throw this.flatMap.failed(error, value);
    }
    // Taken one by one, so that an endless iterable costs no more memory than a short one, nor the thread for good.
    control.run(() => {
      for (let taken = 0; taken < WORK_AT_ONCE && !control.blocked; taken++) {
        let next: IteratorResult<unknown>;
        try {
          next = results.next();
        } catch (error) {
          throw this.flatMap.failed(error, value);
        }
        if (next.done === true) {
          return true;
        }
        this.output.element(next.value, timestamp);
      }
      return false;
    });
  }
}

export class FilterOperator extends StreamOperator {
  private readonly filter: LoadedFunction<FilterFunction>;

  constructor(spec: Of<"filter">, context: OperatorContext, output: OperatorOutput) {
    super(context, output);
    this.filter = context.loadFunction<FilterFunction>(spec.function);
  }

  override element(value: unknown, timestamp: number | undefined): void {
    let keep: unknown;
    try {
      keep = this.filter.call(value, this.context.functionContext);
    } catch (error) {
      throw this.filter.failed(error, value);
    }
    refusePromise(keep, this.context.operator.id, "true or false");
    if (keep) {
      this.output.element(value, timestamp);
    }
  }
}

/** Several inputs, one output. */
export class UnionOperator extends StreamOperator {
  override element(value: unknown, timestamp: number | undefined): void {
    this.output.element(value, timestamp);
  }
}

/** Passes on the share `selectivity` of its elements (more than one: some of them several times) and takes its time over each. */
export class StandInOperator extends StreamOperator {
  private readonly serviceTime: ServiceTime;
  private owed = 0;

  constructor(
    private readonly spec: Of<"standIn">,
    context: OperatorContext,
    output: OperatorOutput,
  ) {
    super(context, output);
    this.serviceTime = new ServiceTime(context.control, spec.serviceTimeMs);
  }

  override async open(state: unknown): Promise<void> {
    this.owed = (state as number | undefined) ?? 0;
  }

  override element(value: unknown, timestamp: number | undefined): void {
    this.serviceTime.spend();
    this.owed += this.spec.selectivity;
    const copies = Math.floor(this.owed + 1e-9);
    this.owed -= copies;
    for (let i = 0; i < copies; i++) {
      this.output.element(value, timestamp);
    }
  }

  override snapshot(): { state: unknown } {
    return { state: this.owed };
  }
}
