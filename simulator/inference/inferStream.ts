/** One `ModelStreamInfer` stream at the instance: what came in chunks is put together, and large answers go out in chunks. */
import { status, type ServerDuplexStream } from "@grpc/grpc-js";
import type { ModelInferRequest, ModelInferResponse, ModelStreamInferResponse } from "../proto/openInference";
import {
  ABANDONED,
  CHUNK,
  CHUNKED_FROM_BYTES,
  CHUNKS_HEADER,
  ChunkAssembly,
  chunkedBytes,
  chunkedTensors,
  chunksOf,
  chunkOf,
} from "./chunkedTensors";
import { CallRefused } from "./inferRequest";
import { ELEMENT_BYTES, elementCount, isTensorType, longToNumber } from "./tensorContents";

export type InferStreamCall = ServerDuplexStream<ModelInferRequest, ModelStreamInferResponse>;

export interface IncomingRequest {
  readonly request: ModelInferRequest;
  /** Its raw contents are memory of its own, which may be given away. */
  readonly owned: boolean;
}

interface Assembly {
  readonly request: ModelInferRequest;
  readonly chunks: ChunkAssembly;
}

export class InferStream {
  private readonly assemblies = new Map<string, Assembly>();
  private assembledBytes = 0;
  private readonly takesChunks: boolean;
  private gone = false;

  /**
   * @param maxTensorBytes of all requests that are being put together.
   * @param announced looks at a request whose contents are to come in chunks, before memory is taken for them. @throws CallRefused
   */
  constructor(
    private readonly call: InferStreamCall,
    private readonly maxTensorBytes: number,
    private readonly announced: (request: ModelInferRequest) => void,
  ) {
    this.takesChunks = call.metadata.get(CHUNKS_HEADER).length > 0;
  }

  /** A message from the caller: a request that is whole now, or `undefined`. @throws CallRefused for the request that the message begins. */
  receive(message: ModelInferRequest): IncomingRequest | undefined {
    const id = message.id ?? "";
    const chunk = chunkOf(message.parameters);
    if (chunk !== undefined) return this.receiveChunk(id, chunk, message.rawInputContents ?? []);
    const sizes = chunkedBytes(message.inputs);
    if (sizes === undefined) return { request: message, owned: false };
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    this.announced(message);
    this.check(message, sizes, bytes);
    const assembly = { request: message, chunks: new ChunkAssembly(sizes) };
    this.assemblies.set(id, assembly);
    this.assembledBytes += bytes;
    return assembly.chunks.complete ? this.finish(id, assembly) : undefined;
  }

  /** Resolves when the answer has been written; one that goes in chunks waits for the caller to read. */
  async send(answer: ModelStreamInferResponse): Promise<void> {
    const response = answer.inferResponse ?? undefined;
    const contents = response?.rawOutputContents ?? [];
    const bytes = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (response === undefined || !this.takesChunks || bytes < CHUNKED_FROM_BYTES) {
      this.write(answer);
      return;
    }
    const { rawOutputContents: _, ...first } = response;
    await this.written({ inferResponse: { ...first, outputs: chunkedTensors(response.outputs, contents) } });
    for (const chunk of chunksOf(contents)) {
      const next: ModelInferResponse = {
        modelName: "",
        id: response.id ?? "",
        outputs: [],
        parameters: { [CHUNK]: { int64Param: chunk.index } },
        rawOutputContents: [chunk.bytes],
      };
      await this.written({ inferResponse: next });
    }
  }

  /** The caller has gone: nothing more is sent or put together. */
  drop(): void {
    this.gone = true;
    this.assemblies.clear();
  }

  private write(answer: ModelStreamInferResponse): void {
    if (this.gone) return;
    // A caller that does not read its answers is not read from either.
    if (!this.call.write(answer) && !this.call.isPaused()) {
      this.call.pause();
      this.call.once("drain", () => this.call.resume());
    }
  }

  /** Resolves when the message has left this process's memory, or the caller has gone. */
  private written(answer: ModelStreamInferResponse): Promise<void> {
    if (this.gone) return Promise.resolve();
    return new Promise((resolve) => {
      this.call.once("cancelled", resolve);
      this.call.write(answer, () => {
        this.call.off("cancelled", resolve);
        resolve();
      });
    });
  }

  private receiveChunk(id: string, chunk: number, contents: readonly Uint8Array[]): IncomingRequest | undefined {
    const assembly = this.assemblies.get(id);
    // Chunks of a request that was refused are still on their way when the caller learns of it.
    if (assembly === undefined) return undefined;
    try {
      for (const bytes of contents) assembly.chunks.add(bytes);
    } catch (error) {
      this.finish(id, assembly);
      throw new CallRefused(status.INVALID_ARGUMENT, `Request "${id}": ${(error as Error).message}.`, "FL3004");
    }
    if (chunk === ABANDONED) this.finish(id, assembly);
    else if (assembly.chunks.complete) return this.finish(id, assembly);
    return undefined;
  }

  private finish(id: string, { request, chunks }: Assembly): IncomingRequest {
    this.assemblies.delete(id);
    for (const { byteLength } of chunks.contents) this.assembledBytes -= byteLength;
    return { request: { ...request, rawInputContents: chunks.contents }, owned: true };
  }

  private check({ inputs }: ModelInferRequest, sizes: readonly number[], bytes: number): void {
    inputs.forEach(({ name, datatype, shape }, index) => {
      const size = sizes[index] ?? -1;
      const expected = isTensorType(datatype) ? elementCount(shape.map(longToNumber)) * ELEMENT_BYTES[datatype] : NaN;
      if (datatype === "BYTES" ? size < 0 : size !== expected) {
        throw new CallRefused(
          status.INVALID_ARGUMENT,
          `Input "${name}" announces ${size} bytes, its shape says ${expected}.`,
          "FL3004",
        );
      }
    });
    if (this.assembledBytes + bytes <= this.maxTensorBytes) return;
    const alone = bytes > this.maxTensorBytes;
    throw new CallRefused(
      alone ? status.INVALID_ARGUMENT : status.RESOURCE_EXHAUSTED,
      `Requests that are being received may have ${this.maxTensorBytes} bytes together; this one has ${bytes}.`,
      alone ? "FL3004" : "FL3007",
    );
  }
}
