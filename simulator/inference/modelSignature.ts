/**
 * What a model is called with: its inputs and outputs, and where its batch axis is.
 *
 * The batch axis is the first axis of every input and every output: dynamic in all of them, or of one fixed size in all of them (then
 * every input must have a second axis, so that `[10] → [10]` is a vector and not ten records). A model without one runs a record at a time.
 */
import type { TensorType } from "../core/tensor";

export interface ValueSignature {
  readonly name: string;
  readonly type: TensorType;
  /** −1 for a size that is known only when the model runs. Batch axis included. */
  readonly shape: readonly number[];
}

export type BatchAxis =
  { readonly kind: "none" } | { readonly kind: "dynamic" } | { readonly kind: "fixed"; readonly size: number };

export interface ModelSignature {
  readonly inputs: readonly ValueSignature[];
  readonly outputs: readonly ValueSignature[];
  readonly batchAxis: BatchAxis;
}

export function modelSignature(inputs: readonly ValueSignature[], outputs: readonly ValueSignature[]): ModelSignature {
  return { inputs, outputs, batchAxis: findBatchAxis(inputs, outputs) };
}

function findBatchAxis(inputs: readonly ValueSignature[], outputs: readonly ValueSignature[]): BatchAxis {
  const size = inputs[0]?.shape[0];
  if (size === undefined || [...inputs, ...outputs].some((value) => value.shape[0] !== size)) return { kind: "none" };
  if (size === -1) return { kind: "dynamic" };
  return inputs.every((value) => value.shape.length >= 2) ? { kind: "fixed", size } : { kind: "none" };
}

/** Shape of one record's part of a value: without the batch axis. */
export function recordShape(signature: ModelSignature, value: ValueSignature): readonly number[] {
  return signature.batchAxis.kind === "none" ? value.shape : value.shape.slice(1);
}

/** Whether a shape fits a declared one: same rank, and equal where a size is declared. */
export function shapeFits(declared: readonly number[], shape: readonly number[]): boolean {
  return declared.length === shape.length && declared.every((size, axis) => size === -1 || size === shape[axis]);
}
