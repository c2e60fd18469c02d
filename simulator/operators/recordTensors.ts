/**
 * Fields of records to tensors and back, for an `rpc` operator without functions of its own. A typed array keeps its type, numbers are
 * FP32, bigints INT64, booleans BOOL, texts BYTES; arrays of arrays give the shape. A field that is a tensor already goes as it is.
 */
import type { Tensor, TensorData, TensorType, Tensors } from "../core/tensor";
import { FaultlineError } from "../graph/errors";
import { recordText } from "./recordText";

const TYPES_BY_ARRAY: readonly (readonly [new (length: number) => TensorData, TensorType])[] = [
  [Uint8Array, "UINT8"],
  [Uint16Array, "UINT16"],
  [Uint32Array, "UINT32"],
  [BigUint64Array, "UINT64"],
  [Int8Array, "INT8"],
  [Int16Array, "INT16"],
  [Int32Array, "INT32"],
  [BigInt64Array, "INT64"],
  [Float32Array, "FP32"],
  [Float64Array, "FP64"],
];

/** @param inputs tensor name → field */
export function tensorsOf(value: unknown, inputs: Readonly<Record<string, string>>, operator: string): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const [name, field] of Object.entries(inputs)) {
    const content = (value as Record<string, unknown> | null | undefined)?.[field];
    const tensor = tensorOf(content);
    if (tensor === undefined) {
      throw FaultlineError.of(
        "FL2004",
        `The field "${field}" of a record cannot be sent as the tensor "${name}" by "${operator}": ${recordText(value)}`,
        "Numbers, texts, booleans, arrays of them and typed arrays can; for anything else give the operator a request function.",
        { element: `operators.${operator}` },
      );
    }
    tensors[name] = tensor;
  }
  return tensors;
}

/** The record with, for each entry of `outputs` (field → tensor name), what came back: one element as itself, more as an array. */
export function recordWithTensors(
  value: unknown,
  tensors: Tensors,
  outputs: Readonly<Record<string, string>>,
  operator: string,
): unknown {
  const result: Record<string, unknown> = { ...(value as object) };
  for (const [field, name] of Object.entries(outputs)) {
    const tensor = tensors[name];
    if (tensor === undefined) {
      throw FaultlineError.of(
        "FL3004",
        `The model gave no tensor "${name}" to "${operator}"; it gave: ${Object.keys(tensors).join(", ")}.`,
        "Name one of these in outputs.",
        { element: `operators.${operator}` },
      );
    }
    result[field] = tensor.data.length === 1 ? tensor.data[0] : tensor.data;
  }
  return result;
}

function tensorOf(content: unknown): Tensor | undefined {
  if (typeof content === "number") {
    return { type: "FP32", shape: [1], data: Float32Array.of(content) };
  }
  if (typeof content === "bigint") {
    return { type: "INT64", shape: [1], data: BigInt64Array.of(content) };
  }
  if (typeof content === "boolean") {
    return { type: "BOOL", shape: [1], data: Uint8Array.of(content ? 1 : 0) };
  }
  if (typeof content === "string") {
    return { type: "BYTES", shape: [1], data: [content] };
  }
  if (ArrayBuffer.isView(content)) {
    const known = TYPES_BY_ARRAY.find(([array]) => content instanceof array);
    const data = content as unknown as TensorData;
    return known === undefined ? undefined : { type: known[1], shape: [data.length], data };
  }
  if (Array.isArray(content)) {
    return tensorOfArray(content);
  }
  const tensor = content as Partial<Tensor> | null | undefined;
  return typeof tensor?.type === "string" && Array.isArray(tensor.shape) && tensor.data !== undefined
    ? (tensor as Tensor)
    : undefined;
}

function tensorOfArray(content: readonly unknown[]): Tensor | undefined {
  const shape: number[] = [];
  let flat: readonly unknown[] = content;
  for (;;) {
    shape.push(flat.length / shape.reduce((product, size) => product * size, 1));
    if (!Array.isArray(flat[0])) {
      break;
    }
    const width = flat[0].length;
    if (!flat.every((row) => Array.isArray(row) && row.length === width)) {
      return undefined;
    }
    flat = flat.flat();
  }
  if (flat.every((item) => typeof item === "number")) {
    return { type: "FP32", shape, data: Float32Array.from(flat) };
  }
  if (flat.every((item) => typeof item === "bigint")) {
    return { type: "INT64", shape, data: BigInt64Array.from(flat) };
  }
  if (flat.every((item) => typeof item === "boolean")) {
    return { type: "BOOL", shape, data: Uint8Array.from(flat, (item) => (item ? 1 : 0)) };
  }
  return flat.every((item) => typeof item === "string") ? { type: "BYTES", shape, data: flat } : undefined;
}
