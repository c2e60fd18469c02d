/** gRPC server reflection, v1 and v1alpha: tools such as grpcurl call an instance without having its `.proto` files. */
import {
  status,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { fileDescriptor } from "../proto/fileDescriptor";
import { HEALTH_SERVICE, INFERENCE_SERVICE } from "../proto/openInference";
import { protoRoot, serviceDefinition, type ProtoFile } from "../proto/protoFiles";

const REFLECTION_SERVICE = "grpc.reflection.v1.ServerReflection";
const FILES: readonly ProtoFile[] = ["open_inference_grpc.proto", "health.proto", "reflection.proto"];

interface ReflectionRequest {
  readonly host?: string;
  /** protobufjs: name of the field that is set. */
  readonly messageRequest?: string;
  readonly fileByFilename?: string;
  readonly fileContainingSymbol?: string;
  readonly allExtensionNumbersOfType?: string;
}

/** Definitions of both versions: the same methods under two names. */
export function reflectionDefinitions(): readonly ServiceDefinition[] {
  const v1 = serviceDefinition("reflection.proto", REFLECTION_SERVICE);
  const method = v1.ServerReflectionInfo;
  if (method === undefined) throw new Error("ServerReflectionInfo is not defined");
  const path = method.path.replace("grpc.reflection.v1.", "grpc.reflection.v1alpha.");
  return [v1, { ServerReflectionInfo: { ...method, path } }];
}

export function reflectionImplementation(): UntypedServiceImplementation {
  return {
    ServerReflectionInfo: (call: ServerDuplexStream<ReflectionRequest, object>) => {
      call.on("data", (request: ReflectionRequest) => {
        call.write({ validHost: request.host ?? "", originalRequest: request, ...answer(request) });
      });
      call.on("end", () => call.end());
      call.on("error", () => undefined);
    },
  };
}

function answer(request: ReflectionRequest): object {
  switch (request.messageRequest) {
    case "listServices":
      return {
        listServicesResponse: {
          service: [INFERENCE_SERVICE, HEALTH_SERVICE, REFLECTION_SERVICE].map((name) => ({ name })),
        },
      };
    case "fileByFilename":
      return file(
        FILES.find((name) => name === request.fileByFilename),
        request.fileByFilename,
      );
    case "fileContainingSymbol": {
      const symbol = request.fileContainingSymbol ?? "";
      return file(
        FILES.find((name) => declares(name, symbol)),
        symbol,
      );
    }
    case "allExtensionNumbersOfType":
      return {
        allExtensionNumbersResponse: { baseTypeName: request.allExtensionNumbersOfType ?? "", extensionNumber: [] },
      };
    default:
      return notFound("extensions");
  }
}

function file(found: ProtoFile | undefined, wanted = ""): object {
  return found === undefined
    ? notFound(wanted)
    : { fileDescriptorResponse: { fileDescriptorProto: [fileDescriptor(found)] } };
}

function notFound(what: string): object {
  return { errorResponse: { errorCode: status.NOT_FOUND, errorMessage: `There is no "${what}" here.` } };
}

/** Whether the file declares a service, a method, a message or an enumeration of that full name. */
function declares(name: ProtoFile, symbol: string): boolean {
  if (symbol === "") return false;
  const found = protoRoot(name).lookup(symbol);
  if (found === null || found.fullName !== `.${symbol}`) return false;
  // Otherwise it is a package, or a field.
  return "methods" in found || "requestType" in found || "fields" in found || "values" in found;
}
