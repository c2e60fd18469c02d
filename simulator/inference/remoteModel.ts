/** What a client learns of a model from the instance that serves it. */
import { status, type Client, type Metadata, type ServiceError } from "@grpc/grpc-js";
import { inferenceServiceDefinition, type ModelMetadataResponse } from "../proto/openInference";
import { modelSignature, type ModelSignature } from "./modelSignature";
import { isTensorType, longToNumber } from "./tensorContents";

const TIMEOUT_MS = 5_000;

/** The first of `names` that the instance knows, and what the model of that name is called with. Rejects with a sentence why not. */
export async function readModelMetadata(
  client: Client,
  metadata: Metadata,
  names: readonly string[],
): Promise<{ readonly name: string; readonly signature: ModelSignature }> {
  let unknown: Error | undefined;
  for (const name of names) {
    try {
      const response = await modelMetadata(client, metadata, name);
      return { name: response.name || name, signature: signatureOf(response) };
    } catch (error) {
      if ((error as ServiceError).code !== status.NOT_FOUND) throw plain(error);
      unknown = plain(error);
    }
  }
  throw unknown ?? new Error("no model was asked for");
}

function modelMetadata(client: Client, metadata: Metadata, name: string): Promise<ModelMetadataResponse> {
  const method = inferenceServiceDefinition().ModelMetadata;
  if (method === undefined) throw new Error("ModelMetadata is not defined");
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<{ name: string }, ModelMetadataResponse>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize as (bytes: Buffer) => ModelMetadataResponse,
      { name },
      metadata,
      { deadline: Date.now() + TIMEOUT_MS },
      (error: ServiceError | null, response?: ModelMetadataResponse) => {
        if (response !== undefined && error === null) resolve(response);
        else reject(error ?? new Error("no answer"));
      },
    );
  });
}

function plain(error: unknown): Error {
  return new Error((error as ServiceError).details || (error as Error).message);
}

function signatureOf(metadata: ModelMetadataResponse): ModelSignature {
  const values = (tensors: ModelMetadataResponse["inputs"]) =>
    tensors.map(({ name, datatype, shape }) => {
      if (!isTensorType(datatype)) throw new Error(`tensor "${name}" of the model has the unknown type ${datatype}`);
      return { name, type: datatype, shape: shape.map(longToNumber) };
    });
  return modelSignature(values(metadata.inputs), values(metadata.outputs));
}
