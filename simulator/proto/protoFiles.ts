/**
 * The `.proto` files as gRPC service definitions, from the source tree and from the built package (`dist/proto/`) alike.
 *
 * Codecs are protobufjs's own encode and decode on the parsed schema, without a conversion to and from plain objects on each message;
 * descriptors are made only when server reflection asks for them.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { Root, type Service } from "protobufjs";
import { FaultlineError } from "../graph/errors";

export type ProtoFile = "open_inference_grpc.proto" | "health.proto" | "reflection.proto" | (string & {});

/** Absolute path of a `.proto` file; FL2002 when the package is incomplete. */
export function protoFilePath(file: ProtoFile): string {
  const candidates = [join(__dirname, "proto", file), join(__dirname, file), join(__dirname, "..", "proto", file)];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found === undefined) {
    throw FaultlineError.of("FL2002", `A part of the program is missing: ${file}.`, "Install it again.");
  }
  return found;
}

const roots = new Map<ProtoFile, Root>();
const definitions = new Map<string, ServiceDefinition>();

/** The parsed file; parsed once. */
export function protoRoot(file: ProtoFile): Root {
  let root = roots.get(file);
  if (root === undefined) {
    root = new Root().loadSync(protoFilePath(file));
    root.resolveAll();
    roots.set(file, root);
  }
  return root;
}

/**
 * The gRPC definition of a service, by its full name (`inference.GRPCInferenceService`), with one entry per method under the method's
 * own name. Messages have protobufjs's camelCase field names; 64-bit integers are numbers or Longs (`Number(x)` reads both); bytes are
 * views into the received message.
 */
export function serviceDefinition(file: ProtoFile, serviceName: string): ServiceDefinition {
  const known = definitions.get(serviceName);
  if (known !== undefined) return known;
  const service: Service = protoRoot(file).lookupService(serviceName);
  const fullName = service.fullName.slice(1);
  const definition: Record<string, MethodDefinition<object, object>> = {};
  for (const method of service.methodsArray) {
    const requestType = method.resolvedRequestType;
    const responseType = method.resolvedResponseType;
    if (requestType === null || responseType === null) throw new Error(`${fullName}.${method.name} is not resolved`);
    definition[method.name] = {
      path: `/${fullName}/${method.name}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      requestSerialize: (value) => requestType.encode(value).finish() as Buffer,
      requestDeserialize: (bytes) => requestType.decode(bytes),
      responseSerialize: (value) => responseType.encode(value).finish() as Buffer,
      responseDeserialize: (bytes) => responseType.decode(bytes),
      originalName: method.name.charAt(0).toLowerCase() + method.name.slice(1),
    };
  }
  definitions.set(serviceName, definition);
  return definition;
}
