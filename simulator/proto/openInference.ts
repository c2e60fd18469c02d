/** The messages of the Open Inference Protocol as protobufjs gives and takes them, and the two services' definitions. */
import type { ServiceDefinition } from "@grpc/grpc-js";
import { serviceDefinition } from "./protoFiles";

/** A 64-bit integer: a number to encode; decoded, a number or protobufjs's Long. */
export type WireLong = number | { readonly low: number; readonly high: number; readonly unsigned: boolean };

export interface InferParameter {
  readonly boolParam?: boolean;
  readonly int64Param?: WireLong;
  readonly stringParam?: string;
  readonly doubleParam?: number;
  readonly uint64Param?: WireLong;
}
export type InferParameters = Readonly<Record<string, InferParameter>>;

/** Repeated fields are always there after decoding; to encode, only the one of the tensor's type is set. */
export interface InferTensorContents {
  readonly boolContents?: readonly boolean[];
  readonly intContents?: readonly number[];
  readonly int64Contents?: readonly WireLong[];
  readonly uintContents?: readonly number[];
  readonly uint64Contents?: readonly WireLong[];
  readonly fp32Contents?: readonly number[];
  readonly fp64Contents?: readonly number[];
  readonly bytesContents?: readonly Uint8Array[];
}

export interface InferTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly WireLong[];
  readonly parameters?: InferParameters;
  readonly contents?: InferTensorContents | null;
}

export interface ModelInferRequest {
  readonly modelName: string;
  readonly modelVersion?: string;
  readonly id?: string;
  readonly parameters?: InferParameters;
  readonly inputs: readonly InferTensor[];
  readonly outputs?: readonly { readonly name: string }[];
  readonly rawInputContents?: readonly Uint8Array[];
}

export interface ModelInferResponse {
  readonly modelName: string;
  readonly modelVersion?: string;
  readonly id?: string;
  readonly parameters?: InferParameters;
  readonly outputs: readonly InferTensor[];
  readonly rawOutputContents?: readonly Uint8Array[];
}

export interface ModelStreamInferResponse {
  readonly errorMessage?: string;
  readonly inferResponse?: ModelInferResponse | null;
}

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly WireLong[];
}
export interface ModelMetadataResponse {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
export const ServingStatus = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;
export type ServingStatus = (typeof ServingStatus)[keyof typeof ServingStatus];

export const INFERENCE_SERVICE = "inference.GRPCInferenceService";
export const HEALTH_SERVICE = "grpc.health.v1.Health";

/** Parameters of an answer on a stream that carry what the status of a unary call would: the stream itself goes on. */
export const STATUS_PARAMETER = "grpc_status";
export const CODE_PARAMETER = "faultline_code";

/** Parameter of a request that a service makes while it runs one itself: the services that wait for it, from the first, separated by commas. */
export const CALL_CHAIN_PARAMETER = "call_chain";
/** Parameter of an answer: rows of it that came from the instance's result cache. */
export const CACHE_HITS_PARAMETER = "cache_hits";

export function inferenceServiceDefinition(): ServiceDefinition {
  return serviceDefinition("open_inference_grpc.proto", INFERENCE_SERVICE);
}
export function healthServiceDefinition(): ServiceDefinition {
  return serviceDefinition("health.proto", HEALTH_SERVICE);
}
