/** Calls a service for each record: request function → tensors → service → response function. FLIP-582's `RosClient` behind `AsyncDataStream`. */
import { FaultlineError } from "../graph/errors";
import { EXPIRED_OUTPUT, type RpcSpec } from "../graph/jobFile";
import type { InferenceClient } from "../inference/inferenceClient";
import type { Tensors } from "../core/tensor";
import { AsyncWaitOperator, ToSideOutput } from "./asyncOperator";
import type { RequestFunction, ResponseFunction } from "./functions";
import { recordText } from "./recordText";
import { recordWithTensors, tensorsOf } from "./recordTensors";
import type { LoadedFunction, OperatorContext, OperatorOutput } from "./streamOperator";

/** Node's timers and the two clocks may differ by this much. */
const CLOCK_SLACK_MS = 5;

export class RpcOperator extends AsyncWaitOperator {
  private readonly request: LoadedFunction<RequestFunction> | undefined;
  private readonly response: LoadedFunction<ResponseFunction> | undefined;
  private client: InferenceClient | undefined;
  /** Tensor → field, and field → tensor, where no functions say so. */
  private inputs: Readonly<Record<string, string>>;
  private outputs: Readonly<Record<string, string>>;

  constructor(
    private readonly rpc: RpcSpec,
    context: OperatorContext,
    output: OperatorOutput,
  ) {
    super(context, output, rpc);
    this.inputs = rpc.inputs;
    this.outputs = rpc.outputs;
    this.request = rpc.request && context.loadFunction<RequestFunction>(rpc.request);
    this.response = rpc.response && context.loadFunction<ResponseFunction>(rpc.response);
  }

  override async open(state: unknown): Promise<void> {
    await super.open(state);
    this.client = await this.context.openClient(this.rpc.service, this.rpc.model);
    const namesFields = this.request === undefined && Object.keys(this.inputs).length === 0;
    const fillsFields = this.response === undefined && Object.keys(this.outputs).length === 0;
    if (!namesFields && !fillsFields) return;
    const { inputs, outputs } = await this.client.signature();
    if (namesFields) this.inputs = fieldsOfSameName(inputs);
    if (fillsFields) this.outputs = fieldsOfSameName(outputs);
  }

  protected override async call(value: unknown): Promise<unknown> {
    const deadlineMs = this.deadlineOf(value);
    const leftMs = deadlineMs - Date.now();
    if (leftMs <= 0) return new ToSideOutput(EXPIRED_OUTPUT, value);
    const inputs = this.inputsOf(value);
    let outputs: Tensors;
    try {
      const timeoutMs = Math.min(this.rpc.timeoutMs, leftMs);
      outputs = await this.client!.call(inputs, { timeoutMs, key: recordKey(value) });
    } catch (error) {
      if (error instanceof FaultlineError) {
        // Nobody wants it any more: no failure, unless it is the operator's own limit that was reached.
        if (error.code === "FL3009" && leftMs < this.rpc.timeoutMs && deadlineMs - Date.now() <= CLOCK_SLACK_MS)
          return new ToSideOutput(EXPIRED_OUTPUT, value);
        const message = `${error.message} The call was made by "${this.context.operator.id}" for the record ${recordText(value)}`;
        throw FaultlineError.of(error.code, message, error.hint, error.location, error);
      }
      throw error;
    }
    if (this.response === undefined) {
      return recordWithTensors(value, outputs, this.outputs, this.context.operator.id);
    }
    try {
      return this.response.call(value, outputs);
    } catch (error) {
      throw this.response.failed(error, value);
    }
  }

  /** Milliseconds since 1970; Infinity where nothing says so. @throws FaultlineError FL2004 for what is no time */
  private deadlineOf(value: unknown): number {
    const field = this.rpc.deadlineField;
    if (field === undefined) return Infinity;
    const written = (value as Readonly<Record<string, unknown>> | null | undefined)?.[field];
    if (written === undefined || written === null) return Infinity;
    if (typeof written === "number" && Number.isFinite(written)) return written;
    throw FaultlineError.of(
      "FL2004",
      `The field "${field}" of the record ${recordText(value)} is no deadline of "${this.context.operator.id}".`,
      "Write milliseconds since 1970-01-01 UTC, or leave the field out for none.",
      { element: `operators.${this.context.operator.id}` },
    );
  }

  private inputsOf(value: unknown): Tensors {
    if (this.request === undefined) {
      return tensorsOf(value, this.inputs, this.context.operator.id);
    }
    try {
      return this.request.call(value);
    } catch (error) {
      throw this.request.failed(error, value);
    }
  }
}

/** Each tensor of the model takes, or becomes, the field of its name. */
function fieldsOfSameName(values: readonly { readonly name: string }[]): Readonly<Record<string, string>> {
  return Object.fromEntries(values.map(({ name }) => [name, name]));
}

/** Names a record for `consistent-hash` balancing: its `id` or `key`, where it has one. */
function recordKey(value: unknown): string | undefined {
  const record = value as { readonly id?: unknown; readonly key?: unknown } | null | undefined;
  const key = record?.id ?? record?.key;
  return typeof key === "string" || typeof key === "number" ? String(key) : undefined;
}
