/**
 * `ModelInferRequest` → what a model can be called with, and a model's outputs → `ModelInferResponse`.
 *
 * Everything that a caller claims is checked against the model and against the bytes that really came before memory is taken for it.
 */
import { status } from "@grpc/grpc-js";
import type { TensorData } from "../core/tensor";
import { FaultlineError, type ErrorCode } from "../graph/errors";
import type { InferParameters, InferTensor, ModelInferRequest, ModelInferResponse } from "../proto/openInference";
import type { BatchPart, InputContents } from "./modelBatch";
import type { ModelTensor } from "./modelThreadMessages";
import { shapeFits, type ModelSignature, type ValueSignature } from "./modelSignature";
import {
  decodeBytesElements,
  decodeContents,
  ELEMENT_BYTES,
  elementCount,
  encodeContents,
  isTensorType,
  longToNumber,
  rawBytes,
  tensorText,
  typedArrayOf,
} from "./tensorContents";

/** A refusal with its gRPC status. */
export class CallRefused extends Error {
  constructor(
    readonly status: status,
    message: string,
    readonly code?: ErrorCode,
  ) {
    super(message);
  }
}

export interface ParsedRequest extends BatchPart {
  /** Requests of one group have equal shapes besides the batch axis. */
  readonly group: string;
  /** Names of the outputs that are asked for; all of them when `undefined`. */
  readonly outputs: readonly string[] | undefined;
  /** The caller sent raw contents and gets raw contents. */
  readonly raw: boolean;
  /** From the `timeout` parameter (microseconds, Triton's name); Infinity without. */
  readonly timeoutMs: number;
}

function invalid(message: string): CallRefused {
  return new CallRefused(status.INVALID_ARGUMENT, message, "FL3004");
}

/** @throws CallRefused INVALID_ARGUMENT when the request is not one that the model can be called with. */
export function parseInferRequest(
  request: ModelInferRequest,
  signature: ModelSignature,
  maxRows: number,
): ParsedRequest {
  const rawContents = request.rawInputContents ?? [];
  const raw =
    rawContents.length > 0 || request.inputs.every((input) => input.contents === undefined || input.contents === null);
  if (rawContents.length > 0) {
    if (rawContents.length !== request.inputs.length) {
      throw invalid(
        `${request.inputs.length} inputs came with ${rawContents.length} raw contents; there must be one for each.`,
      );
    }
    const typed = request.inputs.find((input) => input.contents !== undefined && input.contents !== null);
    if (typed !== undefined) {
      throw invalid(`Input "${typed.name}" has typed contents although the request uses raw contents.`);
    }
  }
  const { positions, ...shaped } = checkInputs(request, signature, maxRows);
  return {
    ...shaped,
    contents: signature.inputs.map((declared, index) => {
      const position = positions[index] ?? -1;
      const input = request.inputs[position];
      if (input === undefined) throw invalid(`Input "${declared.name}" is missing.`);
      return checkedContents(input, declared, shaped.shapes[index] ?? [], rawContents[position]);
    }),
    outputs: wantedOutputs(request, signature),
    raw,
    timeoutMs: timeoutOf(request.parameters),
  };
}

/**
 * What a request says of its inputs, without their contents: their names, types and shapes are those of the model, and it has not too many rows.
 * @throws CallRefused INVALID_ARGUMENT
 */
export function checkInputs(
  request: ModelInferRequest,
  signature: ModelSignature,
  maxRows: number,
): Pick<ParsedRequest, "rows" | "group" | "shapes"> & { readonly positions: readonly number[] } {
  const positions = matchInputs(request.inputs, signature);
  let rows: number | undefined;
  let group = "";
  const shapes: number[][] = [];
  signature.inputs.forEach((declared, index) => {
    const input = request.inputs[positions[index] ?? -1];
    if (input === undefined) throw invalid(`Input "${declared.name}" is missing.`);
    const shape = checkedShape(input, declared, signature);
    const inputRows = signature.batchAxis.kind === "none" ? 1 : (shape[0] ?? 1);
    if (rows !== undefined && rows !== inputRows) {
      throw invalid(`Input "${declared.name}" has ${inputRows} rows, another input has ${rows}.`);
    }
    rows = inputRows;
    shapes.push(shape);
    if (hasDynamicAxis(declared)) group += `${shape.slice(1).join(",")};`;
  });
  if (rows === undefined || rows < 1) throw invalid("The batch is empty.");
  if (rows > maxRows) {
    throw invalid(`A request may have at most ${maxRows} rows (batching.maxSize), this one has ${rows}.`);
  }
  return { rows, group, shapes, positions };
}

/** Positions in the request of the model's inputs, in the model's order; any order is taken. */
function matchInputs(inputs: readonly InferTensor[], signature: ModelSignature): readonly number[] {
  for (const [position, input] of inputs.entries()) {
    if (!signature.inputs.some((declared) => declared.name === input.name)) {
      const known = signature.inputs.map((declared) => declared.name).join(", ");
      throw invalid(`The model has no input "${input.name}"; its inputs are: ${known}.`);
    }
    if (inputs.findIndex((other) => other.name === input.name) !== position) {
      throw invalid(`Input "${input.name}" came twice.`);
    }
  }
  return signature.inputs.map((declared) => inputs.findIndex((input) => input.name === declared.name));
}

function checkedShape(input: InferTensor, declared: ValueSignature, signature: ModelSignature): number[] {
  if (input.datatype !== declared.type) {
    throw invalid(`Input "${declared.name}" is of type ${declared.type}, ${input.datatype || "no type"} came.`);
  }
  const shape = input.shape.map(longToNumber);
  if (shape.some((size) => size < 0 || !Number.isSafeInteger(size))) {
    throw invalid(`Input "${declared.name}" came with shape [${shape.join(",")}]; every size must be known.`);
  }
  // With a fixed batch axis fewer rows are taken, too: the run is filled up with zeros.
  const { batchAxis } = signature;
  const expected = batchAxis.kind === "fixed" ? [-1, ...declared.shape.slice(1)] : declared.shape;
  if (!shapeFits(expected, shape) || (batchAxis.kind === "fixed" && (shape[0] ?? 0) > batchAxis.size)) {
    const wanted = tensorText(declared).replaceAll("-1", "?");
    throw invalid(`Input "${declared.name}" must be ${wanted}, ${tensorText({ type: declared.type, shape })} came.`);
  }
  return shape;
}

function checkedContents(
  input: InferTensor,
  declared: ValueSignature,
  shape: readonly number[],
  raw: Uint8Array | undefined,
): InputContents {
  const count = elementCount(shape);
  const { type } = declared;
  if (raw !== undefined) {
    if (type === "BYTES") {
      const strings = decodeBytesElements(raw, count);
      if (strings !== undefined) return strings;
      throw invalid(`The raw contents of input "${declared.name}" are not ${count} BYTES elements with their lengths.`);
    }
    const expected = count * ELEMENT_BYTES[type];
    if (raw.byteLength === expected) return raw;
    throw invalid(`Input "${declared.name}" must have ${expected} bytes of raw contents, ${raw.byteLength} came.`);
  }
  if (input.contents === undefined || input.contents === null) {
    if (count === 0) return type === "BYTES" ? [] : new Uint8Array(0);
    throw invalid(`Input "${declared.name}" has no contents.`);
  }
  const data = decodeContents(type, input.contents, count);
  if ("error" in data) throw invalid(`Input "${declared.name}": ${data.error}.`);
  return type === "BYTES" ? (data as readonly string[]) : rawBytes(data);
}

function hasDynamicAxis(value: ValueSignature): boolean {
  for (let axis = 1; axis < value.shape.length; axis++) if (value.shape[axis] === -1) return true;
  return false;
}

function wantedOutputs(request: ModelInferRequest, signature: ModelSignature): readonly string[] | undefined {
  if (request.outputs === undefined || request.outputs.length === 0) return undefined;
  return request.outputs.map(({ name }) => {
    if (signature.outputs.some((output) => output.name === name)) return name;
    throw invalid(
      `The model has no output "${name}"; its outputs are: ${signature.outputs.map((o) => o.name).join(", ")}.`,
    );
  });
}

function timeoutOf(parameters: InferParameters | undefined): number {
  const value = parameters?.timeout;
  const microseconds = value?.int64Param ?? value?.uint64Param;
  if (microseconds === undefined) return Infinity;
  const ms = longToNumber(microseconds) / 1000;
  // Zero is Triton's "no timeout".
  return ms > 0 ? ms : Infinity;
}

/** The answer to a request: raw where the request was, typed where it was typed (FP16 is always raw). */
export function inferResponse(
  modelName: string,
  id: string,
  request: Pick<ParsedRequest, "outputs" | "raw">,
  outputs: readonly ModelTensor[],
): ModelInferResponse {
  const wanted =
    request.outputs === undefined
      ? outputs
      : request.outputs.flatMap((name) => outputs.filter((output) => output.name === name));
  const raw = request.raw || wanted.some((output) => output.type === "FP16");
  return {
    modelName,
    modelVersion: "1",
    id,
    outputs: wanted.map((output) => ({
      name: output.name,
      datatype: output.type,
      shape: output.shape,
      ...(raw ? {} : { contents: encodeContents(output.type, output.data) }),
    })),
    ...(raw ? { rawOutputContents: wanted.map((output) => rawBytes(output.data)) } : {}),
  };
}

/** Outputs of a response as tensors with their batch axis. FL3010 when the answer does not fit itself. */
export function responseTensors(response: ModelInferResponse): readonly ModelTensor[] {
  const raw = response.rawOutputContents ?? [];
  return response.outputs.map((output, index) => {
    const type = output.datatype;
    const shape = output.shape.map(longToNumber);
    const count = elementCount(shape);
    const wrong = (what: string) =>
      FaultlineError.of("FL3010", `The service's answer for output "${output.name}" ${what}.`);
    if (!isTensorType(type)) throw wrong(`has the unknown type ${type}`);
    const bytes = raw[index];
    let data: TensorData | { error: string } | undefined;
    if (bytes === undefined) data = decodeContents(type, output.contents ?? {}, count);
    else if (type === "BYTES") data = decodeBytesElements(bytes, count);
    else if (bytes.byteLength === count * ELEMENT_BYTES[type]) data = typedArrayOf(type, bytes);
    if (data === undefined || "error" in data) throw wrong(`does not have the ${count} elements that its shape says`);
    return { name: output.name, type, shape, data };
  });
}
