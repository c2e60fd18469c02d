/** What an instance and the thread that runs its code say to each other. Times are durations: each thread has a clock of its own. */
import type { Tensor, Tensors } from "../core/tensor";
import type { ErrorLocation, Problem } from "../graph/errors";
import type { FunctionRef } from "../graph/jobFile";
import type { ValueSignature } from "../inference/modelSignature";
import type { ModelTensor } from "../inference/modelThreadMessages";
import type { FunctionModules } from "./functionModule";

/** `workerData` of the thread. */
export interface RpcTaskStart {
  readonly service: string;
  readonly instance: number;
  readonly attempt: number;
  readonly function: FunctionRef;
  readonly modules: FunctionModules;
  /** Services that it may call. */
  readonly calls: readonly string[];
}

/** An error that crosses from one thread to the other. */
export type PlainProblem = Pick<Problem, "code" | "message" | "hint"> & { readonly location?: ErrorLocation };

export type RpcTaskRequest =
  | {
      readonly kind: "run";
      readonly run: number;
      readonly inputs: readonly ModelTensor[];
      readonly rows: readonly {
        readonly rows: number;
        /** Infinity for any time. */
        readonly remainingMs: number;
        readonly callChain: readonly string[];
      }[];
    }
  | { readonly kind: "answered"; readonly call: number; readonly outputs: Tensors }
  | { readonly kind: "callFailed"; readonly call: number; readonly problem: PlainProblem }
  | { readonly kind: "close" };

export type RpcTaskAnswer =
  /** Shapes without the batch axis. */
  | { readonly kind: "opened"; readonly inputs: readonly ValueSignature[]; readonly outputs: readonly ValueSignature[] }
  | { readonly kind: "notOpened"; readonly problem: PlainProblem }
  | { readonly kind: "ran"; readonly run: number; readonly outputs: readonly ModelTensor[]; readonly runMs: number }
  | { readonly kind: "runFailed"; readonly run: number; readonly problem: PlainProblem }
  /** A call of another service. */
  | {
      readonly kind: "call";
      readonly call: number;
      readonly service: string;
      readonly model: string | undefined;
      readonly inputs: Tensors;
      readonly timeoutMs: number;
      readonly key: string | undefined;
      /** Services that wait for the request at hand; this one is added. */
      readonly callChain: readonly string[];
    };

/** Copies of the tensors' own elements: a view would take the whole message that it lies in along. */
export function compact(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]): [string, Tensor] => [
      name,
      { type: tensor.type, shape: [...tensor.shape], data: tensor.data.slice() },
    ]),
  );
}

/** Memory of numeric tensors, each once, to be given to the other thread. */
export function buffersOf(tensors: readonly Pick<Tensor, "data">[]): readonly ArrayBuffer[] {
  return [...new Set(tensors.flatMap(({ data }) => (ArrayBuffer.isView(data) ? [data.buffer as ArrayBuffer] : [])))];
}
