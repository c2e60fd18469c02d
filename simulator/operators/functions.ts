/**
 * What a person's own functions look like. A job file names them as `path/module.ts#export`.
 * These types ship with the package: `import type { MapFunction } from "faultline"`.
 */
import type { Tensors, TensorType } from "../core/tensor";

export type { Tensor, TensorData, Tensors, TensorType } from "../core/tensor";

/** Where a function runs. */
export interface FunctionContext {
  readonly operator: string;
  /** 0-based. */
  readonly subtask: number;
  readonly parallelism: number;
  readonly attempt: number;
}

/** One record in, one record out. */
export type MapFunction<In = unknown, Out = unknown> = (value: In, context: FunctionContext) => Out;
/** One record in, any number out. */
export type FlatMapFunction<In = unknown, Out = unknown> = (value: In, context: FunctionContext) => Iterable<Out>;
/** Keeps a record when true. */
export type FilterFunction<In = unknown> = (value: In, context: FunctionContext) => boolean;
/** Record `index` (0-based, over all subtasks) of a generator source; must depend on its arguments alone, so that a replay makes the same record. */
export type GeneratorFunction<Out = unknown> = (index: number, seed: number) => Out;
/** The key of a HASH edge. Keys are compared by their JSON text. */
export type KeyFunction<In = unknown> = (value: In) => string | number | boolean;
/** Channel of a CUSTOM edge, from 0 to `channels − 1`. */
export type PartitionerFunction<In = unknown> = (value: In, channels: number) => number;
/** Folds the records of one window and key. */
export interface AggregateFunction<In = unknown, Accumulator = unknown, Out = unknown> {
  createAccumulator(): Accumulator;
  add(accumulator: Accumulator, value: In): Accumulator;
  merge?(a: Accumulator, b: Accumulator): Accumulator;
  getResult(accumulator: Accumulator, window: { key: unknown; startMs: number; endMs: number }): Out;
}

/** Keyed process function: state and timers belong to the key of the record at hand. */
export interface ProcessFunction<In = unknown, Out = unknown> {
  open?(context: FunctionContext): void;
  processElement(value: In, context: ProcessContext<Out>): void;
  onTimer?(timestampMs: number, context: ProcessContext<Out>): void;
}

export interface ProcessContext<Out = unknown> extends FunctionContext {
  readonly key: unknown;
  /** Event time of the record, ms; `undefined` where the source gives none. */
  readonly timestampMs: number | undefined;
  readonly watermarkMs: number;
  /** State of this key; any value that msgpack can carry. */
  readonly state: { get(name: string): unknown; set(name: string, value: unknown): void; delete(name: string): void };
  collect(value: Out): void;
  sideOutput(name: string, value: unknown): void;
  registerEventTimeTimer(timestampMs: number): void;
  registerProcessingTimeTimer(timestampMs: number): void;
}

/** May take its time; the result replaces the record. */
export type AsyncFunction<In = unknown, Out = unknown> = (value: In, context: FunctionContext) => Promise<Out>;

/** The tensors to send for one record, by input name, without the batch axis. */
export type RequestFunction<In = unknown> = (value: In) => Tensors;
/** The record to go on with, from the record and the tensors that came back. */
export type ResponseFunction<In = unknown, Out = unknown> = (value: In, outputs: Tensors) => Out;

/** A tensor of one request of an {@link RpcService}, without the batch axis. */
export interface TensorDeclaration {
  readonly type: TensorType;
  /** Size of each axis; −1 for any. `[]` is a single number. */
  readonly shape: readonly number[];
}

/**
 * Code that runs as a service of the job, instead of a model: `"function": "functions/rank.ts#rank"`. FLIP-582's `RpcOperator`. Each instance is a
 * process (or as `deployment` says) with one queue and one thread: it takes the next request when the one before is answered, or, with
 * `batching.maxSize` n, up to n requests at once, whose calls of other services then share messages and batches.
 *
 * It should be stateless: an instance that fails is started again, and its requests are given to others.
 */
export interface RpcService {
  readonly inputs: Readonly<Record<string, TensorDeclaration>>;
  readonly outputs: Readonly<Record<string, TensorDeclaration>>;
  /** Before the instance takes calls. */
  open?(context: RpcServiceContext): void | Promise<void>;
  /** One request. What it throws fails the call, with the place in its source. */
  call(inputs: Tensors, context: RpcCallContext): Tensors | Promise<Tensors>;
  close?(): void | Promise<void>;
}

/** Where a service's code runs. */
export interface RpcServiceContext {
  readonly service: string;
  /** 0-based. */
  readonly instance: number;
  readonly attempt: number;
}

export interface RpcCallContext extends RpcServiceContext {
  /** Milliseconds until nobody waits for the answer any more. */
  readonly remainingMs: number;
  /** Services that wait for this request, from the first; the last called it. Empty when a task of the job did. */
  readonly callChain: readonly string[];
  /** The client of a service that `calls` of the job file names; calls made through it end with this request at the latest. */
  client(service: string, options?: { readonly model?: string }): RpcClient;
}

/** FLIP-582's `RosClient`, in the hands of another service. */
export interface RpcClient {
  /**
   * One request, tensors without the batch axis, in and out. Rejects with an error that has a `code` (FL3xxx) when every attempt failed or the
   * time is over, and FL1011 when the called service waits for this very request.
   */
  call(inputs: Tensors, options?: { readonly timeoutMs?: number; readonly key?: string }): Promise<Tensors>;
}
