/**
 * Writes the softmax model as an ONNX file. The messages below are the part of the public ONNX schema (onnx.proto3) that
 * the model needs, with its field numbers; field names are in the form protobufjs uses.
 */

import { Field, Root, Type } from "protobufjs";
import { NGRAM_BUCKETS, NGRAM_SLOTS } from "../functions/ngrams";
import type { SoftmaxModel } from "./softmaxModel";

/** ONNX IR version 8, of ONNX 1.10. */
const IR_VERSION = 8;

/** The first opset whose ReduceSum takes its axes as an input, as all later ones do. */
const OPSET = 13;

/** The values of `TensorProto.DataType` that are used. */
const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;

/** The values of `AttributeProto.AttributeType` that are used. */
const INT_ATTRIBUTE = 2;

/** Names of the model's one input and one output. */
export const INPUT = "ngrams";
export const OUTPUT = "probabilities";

type FieldRow = readonly [name: string, number: number, type: string, rule?: "repeated"];

const SCHEMA: Readonly<Record<string, readonly FieldRow[]>> = {
  ModelProto: [
    ["irVersion", 1, "int64"],
    ["producerName", 2, "string"],
    ["producerVersion", 3, "string"],
    ["modelVersion", 5, "int64"],
    ["docString", 6, "string"],
    ["graph", 7, "GraphProto"],
    ["opsetImport", 8, "OperatorSetIdProto", "repeated"],
    ["metadataProps", 14, "StringStringEntryProto", "repeated"],
  ],
  OperatorSetIdProto: [
    ["domain", 1, "string"],
    ["version", 2, "int64"],
  ],
  StringStringEntryProto: [
    ["key", 1, "string"],
    ["value", 2, "string"],
  ],
  GraphProto: [
    ["node", 1, "NodeProto", "repeated"],
    ["name", 2, "string"],
    ["initializer", 5, "TensorProto", "repeated"],
    ["input", 11, "ValueInfoProto", "repeated"],
    ["output", 12, "ValueInfoProto", "repeated"],
  ],
  NodeProto: [
    ["input", 1, "string", "repeated"],
    ["output", 2, "string", "repeated"],
    ["name", 3, "string"],
    ["opType", 4, "string"],
    ["attribute", 5, "AttributeProto", "repeated"],
  ],
  AttributeProto: [
    ["name", 1, "string"],
    ["i", 3, "int64"],
    ["type", 20, "int32"],
  ],
  TensorProto: [
    ["dims", 1, "int64", "repeated"],
    ["dataType", 2, "int32"],
    ["name", 8, "string"],
    ["rawData", 9, "bytes"],
  ],
  ValueInfoProto: [
    ["name", 1, "string"],
    ["type", 2, "TypeProto"],
    ["docString", 3, "string"],
  ],
  TypeProto: [["tensorType", 1, "TensorTypeProto"]],
  TensorTypeProto: [
    ["elemType", 1, "int32"],
    ["shape", 2, "TensorShapeProto"],
  ],
  TensorShapeProto: [["dim", 1, "DimensionProto", "repeated"]],
  DimensionProto: [
    ["dimValue", 1, "int64"],
    ["dimParam", 2, "string"],
  ],
};

/**
 * The bytes of the ONNX file; the same model gives the same bytes.
 *
 * @param labels the names of the model's labels, in order; they go into the metadata under `labels`
 * @param description one sentence on the model, for its metadata
 */
export function encodeOnnxModel(model: SoftmaxModel, labels: readonly string[], description: string): Uint8Array {
  const modelType = onnxSchema().lookupType("ModelProto");
  return modelType
    .encode({
      irVersion: IR_VERSION,
      producerName: "faultline-example-language-detection",
      producerVersion: "1",
      modelVersion: 1,
      docString: description,
      graph: {
        name: "language_detection",
        node: [
          node("Gather", ["ngram_weights", INPUT], "rows", [integer("axis", 0)]),
          node("ReduceSum", ["rows", "ngram_axis"], "sums", [integer("keepdims", 0)]),
          node("Add", ["sums", "bias"], "logits", []),
          node("Softmax", ["logits"], OUTPUT, [integer("axis", -1)]),
        ],
        initializer: [
          tensor("ngram_weights", FLOAT, [NGRAM_BUCKETS, model.labels], floatBytes(model.weights)),
          tensor("ngram_axis", INT64, [1], int64Bytes(1)),
          tensor("bias", FLOAT, [model.labels], floatBytes(model.bias)),
        ],
        input: [
          value(INPUT, INT32, NGRAM_SLOTS, "Hashed character n-grams of one text each, padded with 0 at the end."),
        ],
        output: [value(OUTPUT, FLOAT, model.labels, `The probability of each language: ${labels.join(", ")}.`)],
      },
      opsetImport: [{ domain: "", version: OPSET }],
      metadataProps: [
        { key: "labels", value: labels.join(",") },
        { key: "description", value: description },
      ],
    })
    .finish();
}

function onnxSchema(): Root {
  const root = new Root();
  for (const [name, fields] of Object.entries(SCHEMA)) {
    const type = new Type(name);
    for (const [field, number, fieldType, rule] of fields) {
      type.add(new Field(field, number, fieldType, rule));
    }
    root.add(type);
  }
  return root;
}

function node(opType: string, input: readonly string[], output: string, attribute: readonly object[]): object {
  return { input, output: [output], name: output, opType, attribute };
}

function integer(name: string, i: number): object {
  return { name, i, type: INT_ATTRIBUTE };
}

function tensor(name: string, dataType: number, dims: readonly number[], rawData: Uint8Array): object {
  return { dims, dataType, name, rawData };
}

/** A tensor of the graph's border; its first axis, the batch, has any length. */
function value(name: string, elemType: number, width: number, docString: string): object {
  const shape = { dim: [{ dimParam: "batch" }, { dimValue: width }] };
  return { name, type: { tensorType: { elemType, shape } }, docString };
}

/** Raw tensor data is little-endian in every ONNX file, whatever the machine. */
function floatBytes(numbers: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(numbers.length * 4));
  numbers.forEach((number, index) => view.setFloat32(index * 4, number, true));
  return new Uint8Array(view.buffer);
}

function int64Bytes(number: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, BigInt(number), true);
  return new Uint8Array(view.buffer);
}
