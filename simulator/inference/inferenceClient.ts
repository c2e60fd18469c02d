/**
 * What an `rpc` operator calls: the RpcOperator service's client (FLIP-582's `RosClient`), or a model in the same process
 * (`deployment: embedded`). One interface, so that the operator does not know which.
 */
import type { RpcMetrics, SubtaskName } from "../observe/journalEvent";
import type { Tensors } from "../core/tensor";
import type { ModelSignature } from "./modelSignature";

export interface InferenceCallOptions {
  /** Milliseconds from now until the call fails with FL3009, all retries included. */
  readonly timeoutMs: number;
  /** For `consistent-hash` balancing. */
  readonly key?: string;
  /** Services that wait for this call, from the first; without, nobody does but the caller. */
  readonly callChain?: readonly string[];
}

export interface InferenceClient {
  /**
   * One inference of one record. Tensors are without the batch axis, in and out. Rejects with a FaultlineError (FL3xxx) when all
   * attempts failed, the time is over, or the client was closed.
   */
  call(inputs: Tensors, options: InferenceCallOptions): Promise<Tensors>;
  /** What the model is called with, once an instance has said so; rejects when the client is closed before. */
  signature(): Promise<ModelSignature>;
  /** Calls made and not yet settled. */
  readonly inFlight: number;
  /** Counts since the last call of this method; gauges as of now. */
  takeMetrics(): Omit<RpcMetrics, "service">;
  /** Rejects what is in flight, tells the instances to drop what is queued, and lets go of every connection. */
  close(): Promise<void>;
}

/** What a client tells about its dealings with instances, for the journal. */
export type InferenceClientEvent =
  | { readonly kind: "retry"; readonly instance: SubtaskName; readonly requests: number; readonly reason: string }
  | { readonly kind: "ejected"; readonly instance: SubtaskName; readonly reason: string };
