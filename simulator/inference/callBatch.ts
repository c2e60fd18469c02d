/** Calls of several records as one request, and its answer as one result for each. */
import type { Tensor, Tensors } from "../core/tensor";
import { FaultlineError } from "../graph/errors";
import { CALL_CHAIN_PARAMETER, type InferParameter, type ModelInferRequest } from "../proto/openInference";
import type { ModelTensor } from "./modelThreadMessages";
import type { ModelSignature, ValueSignature } from "./modelSignature";
import type { PendingCall } from "./pendingCall";
import { allocateData, elementCount, encodeBytesElements, rawBytes, sliceData } from "./tensorContents";

/** One `ModelInferRequest` with the calls as rows; calls must be prepared and of one group. */
export function batchRequest(
  signature: ModelSignature,
  modelName: string,
  id: string,
  calls: readonly PendingCall[],
  timeoutMs: number,
): ModelInferRequest {
  const batched = signature.batchAxis.kind !== "none";
  const first = calls[0];
  const parameters: Record<string, InferParameter> = {};
  if (Number.isFinite(timeoutMs)) parameters.timeout = { int64Param: Math.max(1, Math.ceil(timeoutMs * 1000)) };
  if (first !== undefined && first.chain !== "") parameters[CALL_CHAIN_PARAMETER] = { stringParam: first.chain };
  return {
    modelName,
    id,
    parameters,
    inputs: signature.inputs.map((input) => {
      const shape = first?.inputs[input.name]?.shape ?? [];
      return { name: input.name, datatype: input.type, shape: batched ? [calls.length, ...shape] : shape };
    }),
    rawInputContents: signature.inputs.map((input) => joinedContents(input, calls)),
  };
}

/** The contents of one input of all calls, one after the other. */
function joinedContents({ name, type }: ValueSignature, calls: readonly PendingCall[]): Uint8Array {
  const first = calls[0]?.inputs[name]?.data;
  if (type === "BYTES")
    return encodeBytesElements(calls.flatMap((call) => call.inputs[name]?.data as readonly string[]));
  if (calls.length === 1 && first !== undefined) return rawBytes(first);
  // One array of the type itself, filled from the records' own arrays: a view of bytes for each record would cost more than the copy.
  const length = first?.length ?? 0;
  const joined = allocateData(type, length * calls.length) as Float32Array;
  for (let row = 0; row < calls.length; row++) joined.set(calls[row]?.inputs[name]?.data as Float32Array, row * length);
  return rawBytes(joined);
}

/**
 * The outputs of each of `count` records, without the batch axis; data are views into the answer. FL3010 when the answer does not have
 * as many rows.
 */
export function splitOutputs(signature: ModelSignature, outputs: readonly ModelTensor[], count: number): Tensors[] {
  if (signature.batchAxis.kind === "none") {
    return [Object.fromEntries(outputs.map(({ name, type, shape, data }) => [name, { type, shape, data }]))];
  }
  const results: Record<string, Tensor>[] = Array.from({ length: count }, () => ({}));
  for (const { name, type, shape, data } of outputs) {
    if (shape[0] !== count) {
      throw FaultlineError.of("FL3010", `Output "${name}" came with ${shape[0] ?? 0} rows for ${count} records.`);
    }
    const rowShape = shape.slice(1);
    const stride = elementCount(rowShape);
    for (let row = 0; row < count; row++) {
      const result = results[row];
      if (result !== undefined)
        result[name] = { type, shape: rowShape, data: sliceData(data, row * stride, (row + 1) * stride) };
    }
  }
  return results;
}
