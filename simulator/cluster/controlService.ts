/**
 * The run's control protocol: gRPC over a Unix-domain socket in the run's private folder, with the run's token.
 *
 * `Connect` is the one stream of a worker; `Call` is for people and tools. The payload is msgpack of the types in controlMessages.ts:
 * both ends are always of one build, so the compiler checks what a schema would.
 */
import { Metadata, status } from "@grpc/grpc-js";
import type { ChannelOptions, MethodDefinition, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { Packr } from "msgpackr";
import { timingSafeEqual } from "node:crypto";
import type { CoordinatorMessage, RunReply, RunRequest, WorkerMessage } from "./controlMessages";

const packr = new Packr({ useRecords: false, moreTypes: true });
const serialize = (message: unknown): Buffer => Buffer.from(packr.pack(message));
const deserialize = <T>(bytes: Buffer): T => packr.unpack(bytes) as T;

export const connectMethod: MethodDefinition<WorkerMessage, CoordinatorMessage> = {
  path: "/faultline.Control/Connect",
  requestStream: true,
  responseStream: true,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
};

export const callMethod: MethodDefinition<RunRequest, RunReply> = {
  path: "/faultline.Control/Call",
  requestStream: false,
  responseStream: false,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
};

export const CONTROL_SERVICE: ServiceDefinition<UntypedServiceImplementation> = {
  Connect: connectMethod as MethodDefinition<unknown, unknown>,
  Call: callMethod as MethodDefinition<unknown, unknown>,
};

export const CONTROL_CHANNEL: ChannelOptions = {
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.max_send_message_length": 64 * 1024 * 1024,
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 500,
  "grpc.enable_http_proxy": 0,
};

export function tokenMetadata(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

export function hasToken(metadata: Metadata, token: string): boolean {
  const given = Buffer.from(String(metadata.get("authorization")[0] ?? ""));
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

export const UNAUTHENTICATED = { code: status.UNAUTHENTICATED, details: "The run's token is missing or wrong." };
