/** Calls of several records as one request, and its answer as one result for each. */
import type { Tensor, Tensors } from "../core/tensor";
import { FaultlineError } from "../graph/errors";
import type { ModelInferRequest } from "../proto/openInference";
import type { ModelTensor } from "./modelThreadMessages";
import type { ModelSignature } from "./modelSignature";
import type { PendingCall } from "./pendingCall";
import { elementCount, encodeBytesElements, sliceData } from "./tensorContents";

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
  return {
    modelName,
    id,
    ...(Number.isFinite(timeoutMs)
      ? { parameters: { timeout: { int64Param: Math.max(1, Math.ceil(timeoutMs * 1000)) } } }
      : {}),
    inputs: signature.inputs.map((input, index) => {
      const shape = first?.shapes[index] ?? [];
      return { name: input.name, datatype: input.type, shape: batched ? [calls.length, ...shape] : shape };
    }),
    rawInputContents: signature.inputs.map((input, index) => {
      if (input.type === "BYTES") {
        return encodeBytesElements(calls.flatMap((call) => call.contents?.[index] as readonly string[]));
      }
      const only = calls.length === 1 ? first?.contents?.[index] : undefined;
      if (only !== undefined) return only as Uint8Array;
      let bytes = 0;
      for (const call of calls) bytes += (call.contents?.[index] as Uint8Array).byteLength;
      const joined = Buffer.allocUnsafe(bytes);
      let at = 0;
      for (const call of calls) {
        const contents = call.contents?.[index] as Uint8Array;
        joined.set(contents, at);
        at += contents.byteLength;
      }
      return joined;
    }),
  };
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
