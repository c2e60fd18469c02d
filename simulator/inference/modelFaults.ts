/**
 * Faults of a loaded model, carried out where the model is: in an instance's process, or in a TaskManager's under `embedded`. Nothing of
 * this is on the way of a call while no fault is active.
 */
import { limitAddressSpace } from "./addressSpace";
import type { BatchedModel } from "./batchedModel";
import type { ModelRun } from "./modelSession";
import type { ModelTensor } from "./modelThreadMessages";
import { buildOnnxModel } from "./onnxModelBuilder";
import { elementCount, sliceData } from "./tensorContents";
import { runOnce } from "./warmUp";

type Values = Readonly<Record<string, number | string>>;
/** Begins the fault on a model; gives what ends it. `effective` is called once it was seen. Throws where it cannot act. */
export type ModelFault = (model: BatchedModel, values: Values, effective: (evidence: string) => void, failed: (message: string) => void) => (() => void) | void;

const number = (values: Values, name: string): number => Number(values[name]);

/** By the name of the fault. */
export const MODEL_FAULTS: Readonly<Record<string, ModelFault>> = {
  "slow-inference": (model, values, effective) =>
    model.intercept((run) => {
      // One after the other, as on a device that is slow: two runs do not wait side by side.
      let turn: Promise<unknown> = Promise.resolve();
      return (inputs, parts) => {
        if (Math.random() >= number(values, "probability")) return run(inputs, parts);
        const jitter = number(values, "jitter") * (2 * Math.random() - 1);
        const delayMs = Math.max(0, number(values, "delay") + jitter);
        const slow = turn.then(async () => {
          const startedMs = performance.now();
          await new Promise((resolve) => setTimeout(resolve, delayMs));
          const done = await run(inputs, parts);
          const runMs = performance.now() - startedMs;
          effective(`a run took ${Math.round(runMs)} ms, ${Math.round(done.runMs)} ms of them the model's own`);
          return { ...done, runMs };
        });
        turn = slow.catch(() => undefined);
        return slow;
      };
    }),

  "wrong-output": (model, values, effective) =>
    model.intercept((run) => {
      let kept: ModelRun | undefined;
      return async (inputs, parts) => {
        const right = await run(inputs, parts);
        if (values.kind === "stale") kept ??= right;
        if (Math.random() >= number(values, "probability")) return right;
        const outputs = values.kind === "nan" ? right.outputs.map(notANumber) : values.kind === "shape" ? right.outputs.map(otherShape) : staleOutputs(kept, right);
        const [first] = outputs;
        if (outputs !== right.outputs) effective(`output "${first?.name}" left with ${describeWrong(String(values.kind), first, right.outputs[0])}`);
        return { ...right, outputs };
      };
    }),

  "device-lost": (model, _values, effective, failed) => {
    model.session.loseDevice();
    // Whoever calls next would see it; a run of our own shows it at once.
    runOnce(model.session).then(
      () => failed("the model still runs."),
      (error: Error) => effective(`a run of the model failed: ${error.message}`),
    );
  },

  "device-out-of-memory": (model, values, effective, failed) => {
    const device = model.session.device;
    const onHost = device === "cpu";
    const restore = onHost ? limitAddressSpace(number(values, "headroom")) : () => undefined;
    const bytes = onHost ? number(values, "headroom") * 4 : DEVICE_BYTES;
    model.session.exhaustMemory(bytes, allocatorModel());
    runOnce(model.session).then(
      () => failed(`${device} gave ${bytes} bytes.`),
      (error: Error) => effective(`on ${onHost ? "host memory (no device of its own)" : device}, an allocation of ${bytes} bytes failed: ${error.message}`),
    );
    return () => {
      restore();
      model.session.exhaustMemory(0, new Uint8Array());
    };
  },
};

/** More than any device has. */
const DEVICE_BYTES = 2 ** 42;

/** Asks for as much memory as its input says, on the device it runs on. */
function allocatorModel(): Uint8Array {
  return buildOnnxModel({
    inputs: [{ name: "shape", type: "INT64", shape: [1] }],
    outputs: [{ name: "y", type: "FP32", shape: ["N"] }],
    nodes: [{ op: "ConstantOfShape", inputs: ["shape"], outputs: ["y"] }],
  });
}

function notANumber(tensor: ModelTensor): ModelTensor {
  const { data } = tensor;
  // A number that is none exists only among floats; elsewhere the lowest number stands for garbage.
  if (data instanceof Float32Array || data instanceof Float64Array) return { ...tensor, data: data.map(() => NaN) };
  if (tensor.type === "FP16" && data instanceof Uint16Array) return { ...tensor, data: data.map(() => 0x7e00) };
  return tensor;
}

/** One value less in each row; the batch axis stays what it is, since callers share a run. */
function otherShape(tensor: ModelTensor): ModelTensor {
  const last = tensor.shape.length - 1;
  const width = tensor.shape[last] ?? 0;
  if (last < 1 || width < 2) return { ...tensor, shape: [...tensor.shape, 1] };
  const rows = elementCount(tensor.shape) / width;
  const kept = tensor.data.slice(0, rows * (width - 1));
  return { ...tensor, shape: [...tensor.shape.slice(0, last), width - 1], data: kept };
}

/** The rows of an earlier answer, as many as this one has. */
function staleOutputs(kept: ModelRun | undefined, right: ModelRun): readonly ModelTensor[] {
  if (kept === undefined || kept === right) return right.outputs;
  return right.outputs.map((output, index) => {
    const old = kept.outputs[index];
    const rowSize = elementCount(output.shape.slice(1));
    if (old === undefined || rowSize === 0 || !ArrayBuffer.isView(output.data)) return output;
    const data = output.data.slice();
    const available = elementCount(old.shape) / rowSize;
    for (let row = 0; row < elementCount(output.shape) / rowSize; row++) {
      const from = (row % available) * rowSize;
      (data as Float32Array).set(sliceData(old.data, from, from + rowSize) as Float32Array, row * rowSize);
    }
    return { ...output, data };
  });
}

function describeWrong(kind: string, wrong: ModelTensor | undefined, right: ModelTensor | undefined): string {
  if (kind === "nan") return `[${String(wrong?.data.slice(0, 2))}, …] instead of numbers`;
  if (kind === "shape") return `shape [${wrong?.shape.join(",")}] instead of [${right?.shape.join(",")}]`;
  return "the answer to an earlier request";
}

