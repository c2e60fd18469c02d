/**
 * Writes small ONNX models from a description: for the probes of `doctor`, tests and benchmarks.
 *
 * Field numbers are those of the ONNX schema (onnx.proto, IR version 8); the wire format is written with protobufjs.
 */
import { Writer } from "protobufjs/minimal";
import type { TensorType } from "../core/tensor";

/** `TensorProto.DataType`. */
export const ELEMENT_TYPE = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} as const satisfies Record<TensorType, number>;

/** A dimension: a size, or the name of one that is known only when the model runs. */
export type OnnxDimension = number | string;
export interface OnnxValue {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly OnnxDimension[];
}
export interface OnnxInitializer {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
  /** Little-endian elements, row-major. */
  readonly data: Uint8Array;
}
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers are written as INT, lists as INTS; `{float}` as FLOAT. */
  readonly attributes?: Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;
}
export interface OnnxGraph {
  readonly name?: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers?: readonly OnnxInitializer[];
  readonly nodes: readonly OnnxNode[];
  /** Operator set of the default domain; default 17. */
  readonly opset?: number;
}

/** `ModelProto` bytes of the graph. */
export function buildOnnxModel(graph: OnnxGraph): Uint8Array {
  const writer = Writer.create();
  writer.uint32(tag(1, 0)).int64(8);
  writer.uint32(tag(2, 2)).string("faultline");
  writeGraph(writer.uint32(tag(7, 2)).fork(), graph).ldelim();
  writer
    .uint32(tag(8, 2))
    .fork()
    .uint32(tag(2, 0))
    .int64(graph.opset ?? 17)
    .ldelim();
  return writer.finish();
}

/** FP32 initializer from numbers. */
export function floatInitializer(name: string, shape: readonly number[], values: Float32Array): OnnxInitializer {
  return { name, type: "FP32", shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** INT64 initializer from whole numbers. */
export function int64Initializer(name: string, shape: readonly number[], values: readonly number[]): OnnxInitializer {
  const data = new BigInt64Array(values.map((value) => BigInt(value)));
  return { name, type: "INT64", shape, data: new Uint8Array(data.buffer) };
}

function tag(field: number, wireType: 0 | 2 | 5): number {
  return (field << 3) | wireType;
}

function writeGraph(writer: Writer, graph: OnnxGraph): Writer {
  for (const node of graph.nodes) writeNode(writer.uint32(tag(1, 2)).fork(), node).ldelim();
  writer.uint32(tag(2, 2)).string(graph.name ?? "graph");
  for (const tensor of graph.initializers ?? []) {
    const inner = writer.uint32(tag(5, 2)).fork();
    for (const dimension of tensor.shape) inner.uint32(tag(1, 0)).int64(dimension);
    inner.uint32(tag(2, 0)).int32(ELEMENT_TYPE[tensor.type]);
    inner.uint32(tag(8, 2)).string(tensor.name);
    inner.uint32(tag(9, 2)).bytes(tensor.data).ldelim();
  }
  for (const value of graph.inputs) writeValue(writer.uint32(tag(11, 2)).fork(), value).ldelim();
  for (const value of graph.outputs) writeValue(writer.uint32(tag(12, 2)).fork(), value).ldelim();
  return writer;
}

function writeNode(writer: Writer, node: OnnxNode): Writer {
  for (const input of node.inputs) writer.uint32(tag(1, 2)).string(input);
  for (const output of node.outputs) writer.uint32(tag(2, 2)).string(output);
  writer.uint32(tag(4, 2)).string(node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    const inner = writer.uint32(tag(5, 2)).fork();
    inner.uint32(tag(1, 2)).string(name);
    if (typeof value === "number") {
      inner.uint32(tag(3, 0)).int64(value).uint32(tag(20, 0)).int32(2);
    } else if ("float" in value) {
      inner.uint32(tag(2, 5)).float(value.float).uint32(tag(20, 0)).int32(1);
    } else {
      for (const item of value) inner.uint32(tag(8, 0)).int64(item);
      inner.uint32(tag(20, 0)).int32(7);
    }
    inner.ldelim();
  }
  return writer;
}

function writeValue(writer: Writer, value: OnnxValue): Writer {
  writer.uint32(tag(1, 2)).string(value.name);
  const tensorType = writer.uint32(tag(2, 2)).fork().uint32(tag(1, 2)).fork();
  tensorType.uint32(tag(1, 0)).int32(ELEMENT_TYPE[value.type]);
  const shape = tensorType.uint32(tag(2, 2)).fork();
  for (const dimension of value.shape) {
    const inner = shape.uint32(tag(1, 2)).fork();
    if (typeof dimension === "number") inner.uint32(tag(1, 0)).int64(dimension);
    else inner.uint32(tag(2, 2)).string(dimension);
    inner.ldelim();
  }
  shape.ldelim();
  tensorType.ldelim().ldelim();
  return writer;
}
