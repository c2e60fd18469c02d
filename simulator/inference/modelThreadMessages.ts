/** What the thread that runs the model and the thread that serves it say to each other. */
import type { ErrorCode } from "../graph/errors";
import type { TensorData, TensorType } from "../core/tensor";
import type { ValueSignature } from "./modelSignature";

/** One way to run a model, in ONNX Runtime's word, as `openSession` tries them. */
export interface DeviceCandidate {
  /** As a person writes it: `cuda:1`. */
  readonly name: string;
  /** Name of ONNX Runtime's execution provider. */
  readonly provider: "cpu" | "cuda" | "tensorrt" | "webgpu" | "dml" | "coreml";
  readonly deviceId?: number;
  /** Known to be emulated on the CPU. */
  readonly software?: boolean;
}

export interface OpenModel {
  readonly kind: "open";
  readonly path: string;
  readonly candidates: readonly DeviceCandidate[];
  /** Threads of one operator on the CPU. */
  readonly intraOpThreads: number;
  /** Sizes for dynamic axes in the trial run. */
  readonly trialRows: number;
}

/** A tensor with its batch axis. `type` BYTES holds strings. */
export interface ModelTensor {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export type ModelThreadRequest =
  | OpenModel
  | {
      readonly kind: "run";
      readonly run: number;
      readonly inputs: readonly ModelTensor[];
    }
  /** Fault: the session is let go under whoever uses it. */
  | { readonly kind: "loseDevice" }
  /** Fault: before every run, this much more memory is asked of the model's device; 0 ends it. */
  | { readonly kind: "exhaustMemory"; readonly bytes: number; readonly allocator: Uint8Array }
  | { readonly kind: "close" };

export interface DeviceTrial {
  readonly device: string;
  readonly error: string;
}

export interface ModelOpened {
  readonly kind: "opened";
  readonly device: string;
  /** Candidates before the one that worked. */
  readonly failed: readonly DeviceTrial[];
  readonly inputs: readonly ValueSignature[];
  readonly outputs: readonly ValueSignature[];
  readonly loadMs: number;
  readonly trialMs: number;
  /** Shapes that came out of the trial run with `trialRows` rows; absent when made-up inputs are not what the model can run with. */
  readonly trialShapes?: Readonly<Record<string, readonly number[]>>;
}

export interface ModelProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

export type ModelThreadAnswer =
  | ModelOpened
  | ({ readonly kind: "notOpened" } & ModelProblem)
  | { readonly kind: "ran"; readonly run: number; readonly outputs: readonly ModelTensor[]; readonly runMs: number }
  | ({ readonly kind: "runFailed"; readonly run: number; readonly runMs: number } & ModelProblem)
  | { readonly kind: "closed" };

/** The gate that a model's thread passes before it runs native code, one shared number: what it is doing, and whether it may go on. */
export const GATE_IDLE = 0;
export const GATE_BUSY = 1;
export const GATE_STOPPED = 2;
