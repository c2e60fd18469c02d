/** Puts the records of several requests into one run of a model, and takes them apart again. */
import { FaultlineError } from "../graph/errors";
import type { TensorData } from "../core/tensor";
import type { ModelTensor } from "./modelThreadMessages";
import type { ModelSignature } from "./modelSignature";
import { elementCount, sliceData, typedArrayOf } from "./tensorContents";

/** Contents of one input: bytes of its elements, or strings for BYTES. */
export type InputContents = Uint8Array | readonly string[];

/** What one request brings: as many rows for every input. */
export interface BatchPart {
  readonly rows: number;
  /** In the order of the model's inputs, batch axis included. */
  readonly shapes: readonly (readonly number[])[];
  readonly contents: readonly InputContents[];
  /** The contents are memory of their own and may be given to the model as they are. */
  readonly owned?: boolean;
}

/** Inputs of one run. Parts must have equal shapes besides the batch axis; memory is new, so that it can be given away. */
export function stackParts(signature: ModelSignature, parts: readonly BatchPart[], rows: number): ModelTensor[] {
  const { batchAxis } = signature;
  return signature.inputs.map((input, index) => {
    const declared = parts[0]?.shapes[index] ?? [];
    const runRows = batchAxis.kind === "fixed" ? batchAxis.size : rows;
    const shape = batchAxis.kind === "none" ? declared : [runRows, ...declared.slice(1)];
    const { type } = input;
    if (type === "BYTES") {
      const strings = parts.flatMap((part) => part.contents[index] as readonly string[]);
      const padding = Array.from({ length: elementCount(shape) - strings.length }, () => "");
      return { name: input.name, type, shape, data: [...strings, ...padding] };
    }
    const only =
      parts.length === 1 && parts[0]?.owned === true && batchAxis.kind !== "fixed"
        ? parts[0].contents[index]
        : undefined;
    if (only !== undefined) return { name: input.name, type, shape, data: typedArrayOf(type, only as Uint8Array) };
    let bytes = 0;
    for (const part of parts) bytes += (part.contents[index] as Uint8Array).byteLength;
    const stacked = new Uint8Array(batchAxis.kind === "fixed" ? (bytes / rows) * runRows : bytes);
    let at = 0;
    for (const part of parts) {
      const contents = part.contents[index] as Uint8Array;
      stacked.set(contents, at);
      at += contents.byteLength;
    }
    return { name: input.name, type, shape, data: typedArrayOf(type, stacked) };
  });
}

/** The outputs of rows [from, from + rows) of a run with `runRows` rows; data without a copy. FL3004 when an output has other rows. */
export function partOutputs(
  signature: ModelSignature,
  outputs: readonly ModelTensor[],
  from: number,
  rows: number,
  runRows: number,
): readonly ModelTensor[] {
  if (signature.batchAxis.kind === "none") return outputs;
  const total = signature.batchAxis.kind === "fixed" ? signature.batchAxis.size : runRows;
  if (rows === total) return outputs;
  return outputs.map((output) => {
    if (output.shape[0] !== total) {
      throw FaultlineError.of(
        "FL3004",
        `Output "${output.name}" came with shape [${output.shape.join(",")}] for a batch of ${total}; its first axis is not the batch axis.`,
        "Set batching.maxSize to 1 for this model.",
      );
    }
    const stride = elementCount(output.shape) / total;
    const data: TensorData = sliceData(output.data, from * stride, (from + rows) * stride);
    return { ...output, shape: [rows, ...output.shape.slice(1)], data };
  });
}
