/**
 * Tensors on the wire of the Open Inference Protocol v2: raw contents (little-endian elements, row-major; BYTES elements preceded by
 * their length in four bytes) and typed contents (`InferTensorContents`), to and from what a model is called with.
 */
import { endianness } from "node:os";
import type { Tensor, TensorData, TensorType } from "../core/tensor";
import type { InferTensorContents, WireLong } from "../proto/openInference";

if (endianness() !== "LE") throw new Error("tensors are little-endian on the wire and in memory");

/** Bytes of one element; BYTES has none of its own. */
export const ELEMENT_BYTES = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const satisfies Record<TensorType, number>;

export function isTensorType(name: string): name is TensorType {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

/** Product of the dimensions; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dimension of shape) count *= dimension;
  return count;
}

/** The elements of `data` as bytes, without a copy where memory has them already. */
export function rawBytes(data: TensorData): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return encodeBytesElements(data);
}

/** BYTES elements in raw form: each as UTF-8, preceded by its length. */
export function encodeBytesElements(elements: readonly string[]): Uint8Array {
  const encoded = elements.map((element) => Buffer.from(element, "utf8"));
  const out = Buffer.allocUnsafe(encoded.reduce((sum, element) => sum + 4 + element.length, 0));
  let at = 0;
  for (const element of encoded) {
    at = out.writeUInt32LE(element.length, at);
    at += element.copy(out, at);
  }
  return out;
}

/** Bytes of {@link encodeBytesElements}. */
export function bytesElementsLength(elements: readonly string[]): number {
  return elements.reduce((sum, element) => sum + 4 + Buffer.byteLength(element, "utf8"), 0);
}

/** BYTES elements from raw form; `undefined` when lengths and bytes do not fit together or there are not `count` of them. */
export function decodeBytesElements(bytes: Uint8Array, count: number): string[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: string[] = [];
  let at = 0;
  while (at < buffer.length) {
    if (at + 4 > buffer.length || elements.length === count) return undefined;
    const length = buffer.readUInt32LE(at);
    at += 4;
    if (at + length > buffer.length) return undefined;
    elements.push(buffer.toString("utf8", at, at + length));
    at += length;
  }
  return elements.length === count ? elements : undefined;
}

/** A typed array of `type` on memory of its own or, where it lies aligned, on `bytes` itself. BYTES is not a typed array. */
export function typedArrayOf(
  type: Exclude<TensorType, "BYTES">,
  bytes: Uint8Array,
): Exclude<TensorData, readonly string[]> {
  const size = ELEMENT_BYTES[type];
  // Not slice(): that of a Buffer is a view.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  const length = aligned.byteLength / size;
  switch (type) {
    case "BOOL":
    case "UINT8":
      return new Uint8Array(buffer, byteOffset, length);
    case "UINT16":
    case "FP16":
      return new Uint16Array(buffer, byteOffset, length);
    case "UINT32":
      return new Uint32Array(buffer, byteOffset, length);
    case "UINT64":
      return new BigUint64Array(buffer, byteOffset, length);
    case "INT8":
      return new Int8Array(buffer, byteOffset, length);
    case "INT16":
      return new Int16Array(buffer, byteOffset, length);
    case "INT32":
      return new Int32Array(buffer, byteOffset, length);
    case "INT64":
      return new BigInt64Array(buffer, byteOffset, length);
    case "FP32":
      return new Float32Array(buffer, byteOffset, length);
    case "FP64":
      return new Float64Array(buffer, byteOffset, length);
  }
}

/** New memory for `count` elements of `type`. */
export function allocateData(
  type: Exclude<TensorType, "BYTES">,
  count: number,
): Exclude<TensorData, readonly string[]> {
  return typedArrayOf(type, new Uint8Array(count * ELEMENT_BYTES[type]));
}

/** Whether `data` is what tensors of `type` hold in memory. */
export function dataFitsType(type: TensorType, data: TensorData): boolean {
  if (type === "BYTES") return Array.isArray(data);
  if (!ArrayBuffer.isView(data)) return false;
  // Cheaper than constructing: the tag names the class, also across realms.
  return (
    data[Symbol.toStringTag] === ARRAY_NAME[type] || (data instanceof Uint8Array && ARRAY_NAME[type] === "Uint8Array")
  );
}

const ARRAY_NAME: Readonly<Record<Exclude<TensorType, "BYTES">, string>> = {
  BOOL: "Uint8Array",
  UINT8: "Uint8Array",
  UINT16: "Uint16Array",
  FP16: "Uint16Array",
  UINT32: "Uint32Array",
  UINT64: "BigUint64Array",
  INT8: "Int8Array",
  INT16: "Int16Array",
  INT32: "Int32Array",
  INT64: "BigInt64Array",
  FP32: "Float32Array",
  FP64: "Float64Array",
};

/** Exact up to 2^53. */
export function longToNumber(value: WireLong): number {
  if (typeof value === "number") return value;
  return (value.unsigned ? value.high >>> 0 : value.high) * 4294967296 + (value.low >>> 0);
}

function longToBigInt(value: WireLong): bigint {
  if (typeof value === "number") return BigInt(value);
  return (BigInt(value.unsigned ? value.high >>> 0 : value.high) << 32n) | BigInt(value.low >>> 0);
}

function bigIntToLong(value: bigint, unsigned: boolean): WireLong {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned };
}

const CONTENTS_FIELD = {
  BOOL: "boolContents",
  INT8: "intContents",
  INT16: "intContents",
  INT32: "intContents",
  INT64: "int64Contents",
  UINT8: "uintContents",
  UINT16: "uintContents",
  UINT32: "uintContents",
  UINT64: "uint64Contents",
  FP32: "fp32Contents",
  FP64: "fp64Contents",
  BYTES: "bytesContents",
} as const satisfies Record<Exclude<TensorType, "FP16">, keyof InferTensorContents>;

/** Typed contents → data; a sentence why not when they do not hold `count` elements of `type`. */
export function decodeContents(
  type: TensorType,
  contents: InferTensorContents,
  count: number,
): TensorData | { error: string } {
  if (type === "FP16") return { error: "FP16 has no typed contents; send it raw" };
  const field = CONTENTS_FIELD[type];
  const values = contents[field] ?? [];
  if (values.length !== count) {
    return { error: `${count} elements of ${type} are expected in ${snakeCase(field)}, ${values.length} came` };
  }
  const numbers = values as readonly number[];
  switch (type) {
    case "BOOL":
      return Uint8Array.from(numbers, (value) => (value ? 1 : 0));
    case "BYTES":
      return (values as readonly Uint8Array[]).map((value) =>
        Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8"),
      );
    case "INT64":
      return BigInt64Array.from(values as readonly WireLong[], longToBigInt);
    case "UINT64":
      return BigUint64Array.from(values as readonly WireLong[], (value) => BigInt.asUintN(64, longToBigInt(value)));
    case "INT8":
      return outOfRange(numbers, -128, 127, type) ?? Int8Array.from(numbers);
    case "INT16":
      return outOfRange(numbers, -32768, 32767, type) ?? Int16Array.from(numbers);
    case "UINT8":
      return outOfRange(numbers, 0, 255, type) ?? Uint8Array.from(numbers);
    case "UINT16":
      return outOfRange(numbers, 0, 65535, type) ?? Uint16Array.from(numbers);
    case "INT32":
      return Int32Array.from(numbers);
    case "UINT32":
      return Uint32Array.from(numbers);
    case "FP32":
      return Float32Array.from(numbers);
    case "FP64":
      return Float64Array.from(numbers);
  }
}

/** Data → typed contents; `undefined` for FP16, which travels raw. */
export function encodeContents(type: TensorType, data: TensorData): InferTensorContents | undefined {
  switch (type) {
    case "FP16":
      return undefined;
    case "BOOL":
      return { boolContents: Array.from(data as Uint8Array, (value) => value !== 0) };
    case "BYTES":
      return { bytesContents: (data as readonly string[]).map((value) => Buffer.from(value, "utf8")) };
    case "INT64":
      return { int64Contents: Array.from(data as BigInt64Array, (value) => bigIntToLong(value, false)) };
    case "UINT64":
      return { uint64Contents: Array.from(data as BigUint64Array, (value) => bigIntToLong(value, true)) };
    default:
      return { [CONTENTS_FIELD[type]]: Array.from(data as Float32Array) };
  }
}

function outOfRange(
  values: readonly number[],
  low: number,
  high: number,
  type: TensorType,
): { error: string } | undefined {
  const bad = values.find((value) => value < low || value > high);
  return bad === undefined ? undefined : { error: `${bad} is out of the range of ${type}` };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Elements [from, to) without a copy. */
export function sliceData(data: TensorData, from: number, to: number): TensorData {
  return ArrayBuffer.isView(data) ? data.subarray(from, to) : data.slice(from, to);
}

/** A tensor for an error message: `FP32[2,4]`. */
export function tensorText(tensor: Pick<Tensor, "type" | "shape">): string {
  return `${tensor.type}[${tensor.shape.join(",")}]`;
}
