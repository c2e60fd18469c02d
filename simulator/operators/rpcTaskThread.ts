/**
 * The thread of a service of code: takes runs one after the other, and gives the rows of one run to the code at once.
 *
 * An entry point of its own (`dist/rpcTaskThread.js`).
 */
import { performance } from "node:perf_hooks";
import { parentPort, workerData } from "node:worker_threads";
import type { Tensor, TensorData, Tensors, TensorType } from "../core/tensor";
import { FaultlineError } from "../graph/errors";
import { shapeFits, type ValueSignature } from "../inference/modelSignature";
import type { ModelTensor } from "../inference/modelThreadMessages";
import {
  allocateData,
  dataFitsType,
  elementCount,
  isTensorType,
  sliceData,
  tensorText,
} from "../inference/tensorContents";
import { errorText, formatPosition, loadFunction, positionInSource } from "./functionModule";
import type { RpcCallContext, RpcClient, RpcService, RpcServiceContext, TensorDeclaration } from "./functions";
import { buffersOf, compact } from "./rpcTaskMessages";
import type { PlainProblem, RpcTaskAnswer, RpcTaskRequest, RpcTaskStart } from "./rpcTaskMessages";

const start = workerData as RpcTaskStart;
const { service, instance, attempt, modules, calls } = start;
const context: RpcServiceContext = { service, instance, attempt };
/** Of a call whose caller named no time. */
const DEFAULT_CALL_MS = 10_000;

if (parentPort === null) throw new Error("rpcTaskThread is started as a worker thread");
const port = parentPort;
const say = (answer: RpcTaskAnswer, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(answer, transfer);

interface PendingCall {
  /** Where in the person's source the call was made. */
  readonly site: Error;
  readonly resolve: (outputs: Tensors) => void;
  readonly reject: (error: FaultlineError) => void;
}
const pending = new Map<number, PendingCall>();
let nextCall = 0;
let code: RpcService;
let inputs: readonly ValueSignature[] = [];
let outputs: readonly ValueSignature[] = [];
/** Runs go one after the other, in order. */
let work: Promise<void> = open();

port.on("message", (request: RpcTaskRequest) => {
  switch (request.kind) {
    case "run":
      work = work.then(() => run(request));
      return;
    case "answered":
      take(request.call)?.resolve(request.outputs);
      return;
    case "callFailed": {
      const { code: errorCode, message, hint } = request.problem;
      const call = take(request.call);
      const error = FaultlineError.of(errorCode, message, hint);
      if (call !== undefined) error.stack = call.site.stack;
      call?.reject(error);
      return;
    }
    case "close":
      work = work.then(close);
  }
});

function take(call: number): PendingCall | undefined {
  const found = pending.get(call);
  pending.delete(call);
  return found;
}

async function open(): Promise<void> {
  try {
    code = checkedService(loadFunction(start.function, modules));
    inputs = declared(code.inputs, "inputs");
    outputs = declared(code.outputs, "outputs");
    await code.open?.(context);
    say({ kind: "opened", inputs, outputs });
  } catch (error) {
    say({ kind: "notOpened", problem: failure(error) });
  }
}

async function close(): Promise<void> {
  try {
    await code?.close?.();
  } finally {
    port.close();
  }
}

/** @throws FaultlineError FL1020 for what is no `RpcService` */
function checkedService(value: unknown): RpcService {
  const found = value as Partial<RpcService> | null | undefined;
  if (typeof found === "object" && found !== null && typeof found.call === "function") return found as RpcService;
  throw notAService(`"${start.function.exportName}" has no function "call"`);
}

function declared(tensors: Readonly<Record<string, TensorDeclaration>> | undefined, field: string): ValueSignature[] {
  const entries = Object.entries(tensors ?? {});
  if (entries.length === 0) throw notAService(`its ${field} are not declared`);
  return entries.map(([name, { type, shape }]) => {
    if (!isTensorType(type)) throw notAService(`${field}.${name} has the type ${String(type)}, which no tensor has`);
    if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size >= -1))
      throw notAService(`the shape of ${field}.${name} is no list of sizes`);
    return { name, type, shape };
  });
}

function notAService(why: string): FaultlineError {
  return FaultlineError.of(
    "FL1020",
    `${start.function.module}#${start.function.exportName} is no RpcService: ${why}.`,
    'Export an object { inputs: { x: { type: "FP32", shape: [4] } }, outputs: {…}, call(inputs, context) {…} }.',
    { file: start.function.module, element: `services.${service}.function` },
  );
}

async function run(request: Extract<RpcTaskRequest, { kind: "run" }>): Promise<void> {
  const startedMs = performance.now();
  try {
    const parts = request.rows.flatMap(({ rows, remainingMs, callChain }) =>
      Array.from({ length: rows }, () => ({ untilMs: startedMs + remainingMs, callChain })),
    );
    // All are waited for, also when one fails: the next run begins when nothing of this one is under way.
    const results = await Promise.allSettled(
      parts.map(async ({ untilMs, callChain }, row) =>
        checkedOutputs(await code.call(rowOf(request.inputs, row), callContext(untilMs, callChain))),
      ),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    const rows = results.map((result) => (result as PromiseFulfilledResult<Tensors>).value);
    const batch = stacked(rows);
    say({ kind: "ran", run: request.run, outputs: batch, runMs: performance.now() - startedMs }, buffersOf(batch));
  } catch (error) {
    say({ kind: "runFailed", run: request.run, problem: failure(error) });
  }
}

function rowOf(batch: readonly ModelTensor[], row: number): Tensors {
  return Object.fromEntries(
    batch.map(({ name, type, shape, data }): [string, Tensor] => {
      const own = shape.slice(1);
      const stride = elementCount(own);
      return [name, { type, shape: own, data: sliceData(data, row * stride, (row + 1) * stride) }];
    }),
  );
}

function callContext(untilMs: number, callChain: readonly string[]): RpcCallContext {
  return {
    ...context,
    callChain,
    get remainingMs() {
      return Math.max(0, untilMs - performance.now());
    },
    client: (called, { model } = {}) => clientOf(called, model, untilMs, callChain),
  };
}

function clientOf(called: string, model: string | undefined, untilMs: number, callChain: readonly string[]): RpcClient {
  if (!calls.includes(called) && called !== service) {
    throw FaultlineError.of(
      "FL1010",
      `"${service}" calls "${called}", which its calls do not name.`,
      `Add "${called}" to the calls of the service "${service}" in the job file.`,
    );
  }
  return {
    call: (tensors, { timeoutMs = DEFAULT_CALL_MS, key } = {}) =>
      new Promise((resolve, reject) => {
        const call = nextCall++;
        pending.set(call, { site: new Error("call"), resolve, reject });
        const limitMs = Math.min(timeoutMs, untilMs - performance.now());
        const own = compact(tensors);
        say(
          { kind: "call", call, service: called, model, inputs: own, timeoutMs: limitMs, key, callChain },
          buffersOf(Object.values(own)),
        );
      }),
  };
}

/** @throws FaultlineError FL2004 for an answer that is not what was declared */
function checkedOutputs(answer: Tensors): Tensors {
  for (const { name, type, shape } of outputs) {
    const tensor = (answer as Tensors | undefined)?.[name];
    const wanted = tensorText({ type, shape }).replaceAll("-1", "?");
    if (tensor === undefined) throw wrongAnswer(`without the output "${name}" (${wanted})`);
    const fits = tensor.type === type && shapeFits(shape, tensor.shape) && dataFitsType(type, tensor.data);
    if (!fits || tensor.data.length !== elementCount(tensor.shape))
      throw wrongAnswer(`with ${tensorText(tensor)} as "${name}", where ${wanted} is declared`);
  }
  return answer;
}

function wrongAnswer(how: string): FaultlineError {
  return FaultlineError.of(
    "FL2004",
    `The function "${start.function.exportName}" of the service "${service}" answered ${how}.`,
    "Return every declared output, with data of the type's own array class and as many elements as the shape says.",
    { file: start.function.module, element: `services.${service}.function` },
  );
}

/** @throws FaultlineError FL3004 when rows differ in the size of an open axis */
function stacked(rows: readonly Tensors[]): ModelTensor[] {
  return outputs.map(({ name, type }) => {
    const first = rows[0]?.[name] ?? { type, shape: [], data: [] };
    const other = rows.find((row) => !shapeFits(first.shape, row[name]?.shape ?? []));
    if (other !== undefined) {
      throw FaultlineError.of(
        "FL3004",
        `Output "${name}" of one request is ${tensorText(first)}, of another in the same batch ${tensorText(other[name] ?? first)}.`,
        `Set batching.maxSize of "${service}" to 1.`,
      );
    }
    return {
      name,
      type,
      shape: [rows.length, ...first.shape],
      data: joined(
        type,
        rows.map((row) => row[name]?.data ?? []),
      ),
    };
  });
}

function joined(type: TensorType, parts: readonly TensorData[]): TensorData {
  if (type === "BYTES") return (parts as (readonly string[])[]).flat();
  const length = parts[0]?.length ?? 0;
  const data = allocateData(type, length * parts.length);
  parts.forEach((part, row) => (data as Float32Array).set(part as Float32Array, row * length));
  return data;
}

/** What went wrong, with the code, the service and the place in the person's source. */
function failure(error: unknown): PlainProblem {
  const position = positionInSource(error, modules);
  const at = position === undefined ? "" : ` at ${formatPosition(position)}`;
  const location = { element: `services.${service}.function`, ...(position ?? { file: start.function.module }) };
  if (error instanceof FaultlineError) {
    const { message, hint } = error;
    const place = position === undefined ? "" : ` The call was made by the service "${service}"${at}.`;
    return {
      code: error.code,
      message: `${message}${place}`,
      location: { ...location, ...error.location },
      ...(hint === undefined ? {} : { hint }),
    };
  }
  return {
    code: "FL2004",
    message: `The function "${start.function.exportName}" of the service "${service}" failed${at}: ${errorText(error)}`,
    location,
  };
}
