import assert from "node:assert/strict";
import fc from "fast-check";
import type { TensorData, TensorType } from "../../simulator/core/tensor";
import { CHUNK_BYTES, ChunkAssembly, chunksOf } from "../../simulator/inference/chunkedTensors";
import { partOutputs, stackParts, type BatchPart } from "../../simulator/inference/modelBatch";
import { modelSignature, type ValueSignature } from "../../simulator/inference/modelSignature";
import {
  dataFitsType,
  decodeBytesElements,
  decodeContents,
  encodeBytesElements,
  encodeContents,
  rawBytes,
  typedArrayOf,
} from "../../simulator/inference/tensorContents";
import type { InferTensorContents } from "../../simulator/proto/openInference";
import { protoRoot } from "../../simulator/proto/protoFiles";

const ARBITRARY: Readonly<Record<TensorType, fc.Arbitrary<TensorData>>> = {
  BOOL: fc.array(fc.constantFrom(0, 1)).map((values) => Uint8Array.from(values)),
  UINT8: fc.uint8Array(),
  UINT16: fc.uint16Array(),
  UINT32: fc.uint32Array(),
  UINT64: fc.bigUint64Array(),
  INT8: fc.int8Array(),
  INT16: fc.int16Array(),
  INT32: fc.int32Array(),
  INT64: fc.bigInt64Array(),
  FP16: fc.uint16Array(),
  FP32: fc.float32Array(),
  FP64: fc.float64Array(),
  BYTES: fc.array(fc.string({ unit: "grapheme" })),
};
const TYPES = Object.keys(ARBITRARY) as TensorType[];
const value = (name: string, type: TensorType, shape: number[]): ValueSignature => ({ name, type, shape });

describe("tensor contents", () => {
  for (const type of TYPES) {
    it(`carries ${type} raw, at any alignment`, () => {
      fc.assert(
        fc.property(ARBITRARY[type], fc.nat(9), (data, offset) => {
          const raw = rawBytes(data);
          const moved = Buffer.concat([Buffer.alloc(offset), raw]).subarray(offset);
          const back = type === "BYTES" ? decodeBytesElements(moved, data.length) : typedArrayOf(type, moved);
          assert.deepEqual(back, data);
          assert.ok(dataFitsType(type, data));
        }),
      );
    });

    it(`carries ${type} typed, through the protobuf encoding`, () => {
      const contentsType = protoRoot("open_inference_grpc.proto").lookupType("inference.InferTensorContents");
      fc.assert(
        fc.property(ARBITRARY[type], (data) => {
          const contents = encodeContents(type, data);
          if (type === "FP16") return assert.equal(contents, undefined);
          const wire = contentsType.encode(contents as object).finish();
          assert.deepEqual(decodeContents(type, contentsType.decode(wire) as InferTensorContents, data.length), data);
          assert.ok("error" in decodeContents(type, contentsType.decode(wire) as InferTensorContents, data.length + 1));
        }),
      );
    });
  }

  it("refuses BYTES whose lengths do not fit", () => {
    const bytes = encodeBytesElements(["one", "two"]);
    assert.deepEqual(decodeBytesElements(bytes, 2), ["one", "two"]);
    assert.equal(decodeBytesElements(bytes, 1), undefined);
    assert.equal(decodeBytesElements(bytes, 3), undefined);
    assert.equal(decodeBytesElements(bytes.subarray(0, bytes.length - 1), 2), undefined);
    const huge = Buffer.alloc(8);
    huge.writeUInt32LE(0xffffffff);
    assert.equal(decodeBytesElements(huge, 1), undefined);
  });

  it("refuses typed numbers out of their type's range", () => {
    assert.ok("error" in decodeContents("INT8", { intContents: [128] }, 1));
    assert.ok("error" in decodeContents("UINT16", { uintContents: [65536] }, 1));
    assert.deepEqual(decodeContents("INT8", { intContents: [-128] }, 1), Int8Array.of(-128));
  });
});

describe("the batch axis of a model", () => {
  it("is the first axis where it is dynamic in every input and output", () => {
    assert.equal(modelSignature([value("x", "FP32", [-1, 4])], [value("y", "FP32", [-1])]).batchAxis.kind, "dynamic");
    assert.equal(modelSignature([value("x", "FP32", [-1, 4])], [value("y", "FP32", [4])]).batchAxis.kind, "none");
  });
  it("is fixed where all have the same size and inputs have a second axis", () => {
    assert.deepEqual(modelSignature([value("x", "FP32", [8, 4])], [value("y", "FP32", [8])]).batchAxis, {
      kind: "fixed",
      size: 8,
    });
    assert.equal(modelSignature([value("x", "FP32", [10])], [value("y", "FP32", [10])]).batchAxis.kind, "none");
    assert.equal(modelSignature([value("x", "FP32", [3, 8])], [value("y", "FP32", [10])]).batchAxis.kind, "none");
  });
});

describe("batches of requests", () => {
  const part = (rows: number, first: number): BatchPart => ({
    rows,
    shapes: [[rows, 2]],
    contents: [rawBytes(Float32Array.from({ length: rows * 2 }, (_, at) => first + at))],
  });

  it("give every request its own rows back", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }), (sizes) => {
        const signature = modelSignature([value("x", "FP32", [-1, 2])], [value("y", "FP32", [-1, 2])]);
        let next = 0;
        const parts = sizes.map((rows) => part(rows, (next += 100)));
        const total = sizes.reduce((sum, rows) => sum + rows, 0);
        const stacked = stackParts(signature, parts, total);
        let from = 0;
        for (const own of parts) {
          const [output] = partOutputs(signature, stacked, from, own.rows, total);
          assert.deepEqual(output?.shape, [own.rows, 2]);
          assert.deepEqual(rawBytes(output.data).slice(), (own.contents[0] as Uint8Array).slice());
          from += own.rows;
        }
      }),
    );
  });

  it("fill a fixed batch axis with zeros and cut the filling off", () => {
    const signature = modelSignature([value("x", "FP32", [4, 2])], [value("y", "FP32", [4, 2])]);
    const stacked = stackParts(signature, [part(1, 1), part(2, 11)], 3);
    assert.deepEqual(stacked[0]?.shape, [4, 2]);
    assert.deepEqual([...(stacked[0]?.data as Float32Array)], [1, 2, 11, 12, 13, 14, 0, 0]);
    assert.deepEqual([...(partOutputs(signature, stacked, 1, 2, 3)[0]?.data as Float32Array)], [11, 12, 13, 14]);
  });

  it("refuse an output whose first axis is not the batch axis", () => {
    const signature = modelSignature([value("x", "FP32", [-1, 2])], [value("y", "FP32", [-1])]);
    const output = { name: "y", type: "FP32" as const, shape: [7], data: new Float32Array(7) };
    assert.throws(() => partOutputs(signature, [output], 0, 1, 2), { code: "FL3004" });
  });
});

describe("tensors in chunks", () => {
  it("come together whatever their sizes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3 * CHUNK_BYTES), { maxLength: 4 }), (sizes) => {
        const contents = sizes.map((size, index) => new Uint8Array(size).fill(index + 1));
        const assembly = new ChunkAssembly(sizes);
        let next = 0;
        for (const { index, bytes } of chunksOf(contents)) {
          assert.equal(index, next++);
          assert.ok(bytes.byteLength > 0 && bytes.byteLength <= CHUNK_BYTES);
          assert.equal(assembly.complete, false);
          assembly.add(bytes);
        }
        assert.equal(assembly.complete, true);
        assembly.contents.forEach((bytes, index) => assert.ok(Buffer.from(bytes).equals(contents[index])));
      }),
      { numRuns: 30 },
    );
  });

  it("refuse more than was announced", () => {
    const assembly = new ChunkAssembly([4, 0, 2]);
    assert.equal(assembly.add(new Uint8Array(5)), false);
    assert.throws(() => assembly.add(new Uint8Array(2)), RangeError);
  });
});
