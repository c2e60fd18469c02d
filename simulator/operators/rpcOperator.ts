/** Calls a service for each record: request function → tensors → service → response function. FLIP-582's `RosClient` behind `AsyncDataStream`. */
import { FaultlineError } from "../graph/errors";
import type { RpcSpec } from "../graph/jobFile";
import type { InferenceClient } from "../inference/inferenceClient";
import type { Tensors } from "../core/tensor";
import { AsyncWaitOperator } from "./asyncOperator";
import type { RequestFunction, ResponseFunction } from "./functions";
import { recordText } from "./recordText";
import { recordWithTensors, tensorsOf } from "./recordTensors";
import type { LoadedFunction, OperatorContext, OperatorOutput } from "./streamOperator";

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
    const inputs = this.inputsOf(value);
    let outputs: Tensors;
    try {
      outputs = await this.client!.call(inputs, { timeoutMs: this.rpc.timeoutMs, key: recordKey(value) });
    } catch (error) {
      if (error instanceof FaultlineError) {
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
