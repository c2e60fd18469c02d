/**
 * The thread in which ONNX Runtime runs a model. Its `run` blocks the thread that calls it, and requests, deadlines and health checks
 * must be answered meanwhile; also, a model loads here while the thread that serves it gets ready.
 *
 * An entry point of its own (`dist/modelThread.js`): it loads nothing but ONNX Runtime.
 */
import { parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { TensorData, TensorType } from "../core/tensor";
import type { ValueSignature } from "./modelSignature";
import {
  GATE_BUSY,
  GATE_IDLE,
  GATE_STOPPED,
  type DeviceCandidate,
  type DeviceTrial,
  type ModelProblem,
  type ModelTensor,
  type ModelThreadAnswer,
  type ModelThreadRequest,
  type OpenModel,
} from "./modelThreadMessages";

const ORT_TYPE = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
} as const satisfies Record<TensorType, OrtTensor.Type>;
const TYPE_OF_ORT = new Map(Object.entries(ORT_TYPE).map(([type, ort]) => [ort as string, type as TensorType]));

// Errors come as exceptions; the log would write them a second time to the terminal.
ort.env.logLevel = "fatal";

let session: InferenceSession | undefined;
/** Where the session runs, in ONNX Runtime's words. */
let providers: InferenceSession.SessionOptions["executionProviders"];
/** Fault: a model that does nothing but ask the device for memory, and for how much. */
let exhaustion: { readonly allocator: InferenceSession; readonly bytes: number } | undefined;
/** Runs go one after the other, in order. */
let work: Promise<void> = Promise.resolve();

if (parentPort === null) throw new Error("modelThread is started as a worker thread");
const port = parentPort;

const gate = workerData as Int32Array;

port.on("message", (request: ModelThreadRequest) => {
  work = work.then(async () => {
    // The process ends: nothing is begun that it would have to wait for.
    if (Atomics.compareExchange(gate, 0, GATE_IDLE, GATE_BUSY) === GATE_STOPPED) return;
    await handle(request);
    leaveGate();
  });
});
leaveGate();

function leaveGate(): void {
  Atomics.store(gate, 0, GATE_IDLE);
  Atomics.notify(gate, 0);
}

async function handle(request: ModelThreadRequest): Promise<void> {
  switch (request.kind) {
    case "open":
      return answer(await open(request));
    case "run":
      return run(request);
    case "loseDevice":
      await session?.release();
      return;
    case "exhaustMemory":
      await exhaustion?.allocator.release();
      exhaustion = undefined;
      if (request.bytes > 0) {
        const allocator = await ort.InferenceSession.create(request.allocator, { executionProviders: providers, logSeverityLevel: 4 });
        exhaustion = { allocator, bytes: request.bytes };
      }
      return;
    case "close":
      await session?.release();
      session = undefined;
      answer({ kind: "closed" });
      port.close();
  }
}

function answer(message: ModelThreadAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function open(request: OpenModel): Promise<ModelThreadAnswer> {
  const failed: DeviceTrial[] = [];
  let problem: ModelProblem | undefined;
  for (const candidate of request.candidates) {
    const startedMs = performance.now();
    let opened: InferenceSession | undefined;
    try {
      opened = await createSession(request, candidate);
      const signature = readSignature(opened);
      const loadedMs = performance.now();
      const trial = needsTrial(candidate, signature.outputs)
        ? await tryRun(opened, signature.inputs, request.trialRows)
        : { shapes: {} };
      if ("error" in trial && candidate.provider !== "cpu" && !(await failsOnCpuToo(request, signature.inputs))) {
        throw new Error(trial.error);
      }
      session = opened;
      providers = providersOf(candidate);
      return {
        kind: "opened",
        device: candidate.name + (candidate.software === true ? " (software)" : ""),
        failed,
        ...signature,
        loadMs: loadedMs - startedMs,
        trialMs: performance.now() - loadedMs,
        ...("shapes" in trial ? { trialShapes: trial.shapes } : {}),
      };
    } catch (error) {
      await opened?.release().catch(() => undefined);
      const text = errorText(error);
      failed.push({ device: candidate.name, error: text });
      problem = loadProblem(request, candidate, text);
      if (problem.code === "FL3002" || problem.code === "FL3004") break;
    }
  }
  return { kind: "notOpened", ...(problem ?? { code: "FL3003", message: "There is no device to try." }) };
}

function providersOf(candidate: DeviceCandidate): InferenceSession.SessionOptions["executionProviders"] {
  const provider =
    candidate.deviceId === undefined ? candidate.provider : { name: candidate.provider, deviceId: candidate.deviceId };
  return candidate.provider === "cpu" ? ["cpu"] : [provider, "cpu"];
}

function createSession(request: OpenModel, candidate: DeviceCandidate): Promise<InferenceSession> {
  return ort.InferenceSession.create(request.path, {
    executionProviders: providersOf(candidate),
    intraOpNumThreads: request.intraOpThreads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
}

function readSignature(opened: InferenceSession): { inputs: ValueSignature[]; outputs: ValueSignature[] } {
  const read = (metadata: readonly InferenceSession.ValueMetadata[]) =>
    metadata.flatMap((value): ValueSignature[] => {
      if (!value.isTensor) return [];
      const type = TYPE_OF_ORT.get(value.type);
      if (type === undefined)
        throw new Unusable(`"${value.name}" is of type ${value.type}, which has no tensor type here.`);
      return [{ name: value.name, type, shape: value.shape.map((size) => (typeof size === "number" ? size : -1)) }];
    });
  const noTensor = opened.inputMetadata.find((value) => !value.isTensor);
  if (noTensor !== undefined) throw new Unusable(`Input "${noTensor.name}" is not a tensor.`);
  const outputs = read(opened.outputMetadata);
  if (outputs.length === 0) throw new Unusable("It has no output that is a tensor.");
  return { inputs: read(opened.inputMetadata), outputs };
}

/** A model that is sound, but cannot be served. */
class Unusable extends Error {}

/**
 * An accelerator works when it has run the model. On the CPU the warm-up is the first run, unless an output does not declare its
 * number of dimensions.
 */
function needsTrial(candidate: DeviceCandidate, outputs: readonly ValueSignature[]): boolean {
  return candidate.provider !== "cpu" || outputs.some((output) => output.shape.length === 0);
}

async function tryRun(
  opened: InferenceSession,
  inputs: readonly ValueSignature[],
  rows: number,
): Promise<{ shapes: Record<string, readonly number[]> } | { error: string }> {
  try {
    const feeds = Object.fromEntries(inputs.map((input) => [input.name, zeros(input, rows)]));
    const results = await opened.run(feeds);
    return { shapes: Object.fromEntries(Object.entries(results).map(([name, value]) => [name, value.dims])) };
  } catch (error) {
    return { error: errorText(error) };
  }
}

async function failsOnCpuToo(request: OpenModel, inputs: readonly ValueSignature[]): Promise<boolean> {
  const cpu = await createSession(request, { name: "cpu", provider: "cpu" });
  const trial = await tryRun(cpu, inputs, request.trialRows);
  await cpu.release();
  return "error" in trial;
}

/** A tensor of zeros: `rows` along a dynamic first axis, 1 along other dynamic axes. */
function zeros(input: ValueSignature, rows: number): OrtTensor {
  const shape = input.shape.map((size, axis) => (size !== -1 ? size : axis === 0 ? rows : 1));
  const count = shape.reduce((product, size) => product * size, 1);
  return ortTensor({ name: input.name, type: input.type, shape, data: zeroData(input.type, count) });
}

function zeroData(type: TensorType, count: number): TensorData {
  switch (type) {
    case "BYTES":
      return Array.from({ length: count }, () => "");
    case "BOOL":
    case "UINT8":
      return new Uint8Array(count);
    case "INT8":
      return new Int8Array(count);
    case "FP16":
    case "UINT16":
      return new Uint16Array(count);
    case "INT16":
      return new Int16Array(count);
    case "UINT32":
      return new Uint32Array(count);
    case "INT32":
      return new Int32Array(count);
    case "UINT64":
      return new BigUint64Array(count);
    case "INT64":
      return new BigInt64Array(count);
    case "FP32":
      return new Float32Array(count);
    case "FP64":
      return new Float64Array(count);
  }
}

function ortTensor(tensor: ModelTensor): OrtTensor {
  // The types of the constructor say which data goes with which type name; here the pair comes from one table.
  const construct = ort.Tensor as unknown as new (type: string, data: TensorData, dims: readonly number[]) => OrtTensor;
  return new construct(ORT_TYPE[tensor.type], tensor.data, tensor.shape);
}

async function run(request: Extract<ModelThreadRequest, { kind: "run" }>): Promise<void> {
  const startedMs = performance.now();
  try {
    if (session === undefined) throw new Error("no model is loaded");
    if (exhaustion !== undefined) await exhaust(exhaustion);
    const feeds: Record<string, OrtTensor> = {};
    for (const input of request.inputs) feeds[input.name] = ortTensor(input);
    const results = await session.run(feeds);
    const runMs = performance.now() - startedMs;
    const outputs: ModelTensor[] = [];
    const transfer = new Set<ArrayBuffer>();
    for (const [name, value] of Object.entries(results)) {
      const type = TYPE_OF_ORT.get(value.type);
      if (type === undefined) continue;
      const data = ownData(type, value.data);
      if (ArrayBuffer.isView(data)) transfer.add(data.buffer as ArrayBuffer);
      outputs.push({ name, type, shape: value.dims, data });
    }
    answer({ kind: "ran", run: request.run, outputs, runMs }, [...transfer]);
  } catch (error) {
    const message = errorText(error);
    answer({ kind: "runFailed", run: request.run, runMs: performance.now() - startedMs, ...runProblem(message) });
  }
}

/** As many numbers as the fault says are asked of the device: ONNX Runtime's own allocation, which fails or does not. */
async function exhaust({ allocator, bytes }: NonNullable<typeof exhaustion>): Promise<void> {
  const shape = new ort.Tensor("int64", BigInt64Array.from([BigInt(Math.ceil(bytes / 4))]), [1]);
  const outputs = await allocator.run({ shape });
  for (const output of Object.values(outputs)) output.dispose();
}

function runProblem(message: string): ModelProblem {
  if (outOfMemory(message)) return { code: "FL3006", message: `The device has not enough memory for this run: ${message}` };
  if (deviceLost(message)) return { code: "FL3011", message: `The device is lost: ${message}`, hint: "The instance has to be started again." };
  return { code: "FL3010", message: `The model failed: ${message}` };
}

/** A session whose device is gone never runs again: CUDA's sticky errors, a GPU that was reset or removed, a session that was let go. */
function deviceLost(text: string): boolean {
  return /session already disposed|device (?:was |is )?(?:lost|removed|reset)|DEVICE_LOST|DEVICE_REMOVED|CUDA (?:failure|error) (?:4|46|700|702|709|710|714|718|719|720)\b|cudaErrorDevicesUnavailable/i.test(
    text,
  );
}

/** Float16Array exists in newer Nodes; between threads and on the wire FP16 is Uint16Array everywhere. */
function ownData(type: TensorType, data: TensorData): TensorData {
  if (type === "FP16" && ArrayBuffer.isView(data) && !(data instanceof Uint16Array)) {
    return new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  }
  return data;
}

function loadProblem(request: OpenModel, candidate: DeviceCandidate, text: string): ModelProblem {
  if (/protobuf parsing failed|does not have a graph|invalid protobuf|INVALID_PROTOBUF/i.test(text)) {
    return {
      code: "FL3002",
      message: `Not an ONNX model: ${request.path}.`,
      hint: "Give a file that an ONNX exporter wrote; Git LFS pointers and other formats must be turned into one first.",
    };
  }
  if (outOfMemory(text)) {
    return {
      code: "FL3006",
      message: `Device ${candidate.name} has not enough memory to load the model: ${text}`,
      hint: "Run fewer instances on it, or take a smaller model.",
    };
  }
  if (candidate.provider !== "cpu") {
    return {
      code: "FL3003",
      message: `Device ${candidate.name} does not work here: ${text}`,
      hint: "`faultline doctor` shows the devices that work; `auto` takes the best of them.",
    };
  }
  return {
    code: "FL3004",
    message: `ONNX Runtime cannot use this model (${request.path}): ${text}`,
    hint: "Export it for an operator set that ONNX Runtime 1.30 knows, with tensors as inputs.",
  };
}

function outOfMemory(text: string): boolean {
  return /bad_alloc|out of memory|failed to allocate memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|BFCArena/i.test(
    text,
  );
}

/** The sentence of an ONNX Runtime error, without its source position and colours. */
function errorText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^Can't create a session\.\s*ERROR_CODE: \d+, ERROR_MESSAGE:\s*/i, "")
    .replace(/\/onnxruntime_src\/\S+:\d+ [^\n]*?\(.*?\)(?:::<lambda\(\)>)?(?: const)? /g, "")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 600);
}
