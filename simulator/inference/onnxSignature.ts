/**
 * What an ONNX file says of its inputs and outputs, read from its bytes without loading the model: names, types and shapes.
 * Field numbers are those of the ONNX schema (onnx.proto).
 */
import { Reader } from "protobufjs/minimal";
import type { TensorType } from "../core/tensor";
import { FaultlineError } from "../graph/errors";
import { modelSignature, type ModelSignature, type ValueSignature } from "./modelSignature";
import { ELEMENT_TYPE } from "./onnxModelBuilder";

const TYPE_NAMES = new Map<number, TensorType>(
  (Object.entries(ELEMENT_TYPE) as [TensorType, number][]).map(([name, number]) => [number, name]),
);

/** @throws FaultlineError FL3002 when the bytes are no ONNX model */
export function onnxSignature(bytes: Uint8Array, file: string): ModelSignature {
  try {
    const graph = message(bytes).get(7)?.[0];
    if (!(graph instanceof Uint8Array)) throw new RangeError("no graph");
    const fields = message(graph);
    const weights = new Set(submessages(fields, 5).map((tensor) => textOf(message(tensor).get(8)?.[0])));
    const inputs = submessages(fields, 11)
      .map(valueOf)
      .filter(({ name }) => !weights.has(name));
    const outputs = submessages(fields, 12).map(valueOf);
    if (inputs.length === 0 || outputs.length === 0) throw new RangeError("no inputs or outputs");
    return modelSignature(inputs, outputs);
  } catch (error) {
    throw FaultlineError.of(
      "FL3002",
      "This is not an ONNX model that can be read.",
      "Export the model to ONNX again.",
      { file },
      error,
    );
  }
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

function message(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | number)[]>();
  const reader = Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const values = fields.get(tag >>> 3) ?? [];
    fields.set(tag >>> 3, values);
    if ((tag & 7) === 2) values.push(reader.bytes());
    else if ((tag & 7) === 0) values.push(Number(reader.int64()));
    else reader.skipType(tag & 7);
  }
  return fields;
}

function submessages(fields: Fields, number: number): readonly Uint8Array[] {
  return (fields.get(number) ?? []).filter((value) => value instanceof Uint8Array);
}

function textOf(value: Uint8Array | number | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : "";
}

function valueOf(bytes: Uint8Array): ValueSignature {
  const fields = message(bytes);
  const type = message(submessages(fields, 2)[0] ?? new Uint8Array());
  const tensor = message(submessages(type, 1)[0] ?? new Uint8Array());
  const name = TYPE_NAMES.get(Number(tensor.get(1)?.[0] ?? 0));
  if (name === undefined) throw new RangeError("a value that is no tensor");
  const shape = submessages(message(submessages(tensor, 2)[0] ?? new Uint8Array()), 1).map((dimension) => {
    const size = message(dimension).get(1)?.[0];
    return typeof size === "number" && size > 0 ? size : -1;
  });
  return { name: textOf(fields.get(1)?.[0]), type: name, shape };
}
