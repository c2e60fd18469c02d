/**
 * Large tensors on a stream, in chunks: no message, and no buffer besides the tensor itself, is larger than a few chunks.
 *
 * An addition to `ModelStreamInfer` within the protocol's own fields. A caller that wants it says so with the header
 * {@link CHUNKS_HEADER}. A request or an answer whose tensors are chunked comes first without raw contents, each tensor with the parameter
 * {@link CHUNKED_BYTES}; then messages of the same id with the parameter {@link CHUNK}, each with the next bytes of the tensors, in
 * their order. Messages of other ids may come between.
 */
import type { InferParameters, InferTensor, ModelInferResponse } from "../proto/openInference";
import { longToNumber } from "./tensorContents";

export const CHUNKS_HEADER = "faultline-chunks";
/** Parameter of a tensor: its bytes of raw contents, which follow in chunks. */
export const CHUNKED_BYTES = "chunked_bytes";
/** Parameter of a message: it holds the next bytes; counted from 0. {@link ABANDONED}: no more will come. */
export const CHUNK = "chunk";
export const ABANDONED = -1;
export const CHUNK_BYTES = 1024 * 1024;
/** Smaller contents go in one message. */
export const CHUNKED_FROM_BYTES = 4 * 1024 * 1024;

/** Tensors as the first message carries them. */
export function chunkedTensors(tensors: readonly InferTensor[], contents: readonly Uint8Array[]): InferTensor[] {
  return tensors.map((tensor, index) => ({
    ...tensor,
    parameters: { ...tensor.parameters, [CHUNKED_BYTES]: { int64Param: contents[index]?.byteLength ?? 0 } },
  }));
}

/** The chunks of all tensors, in order; views, none over the border of two tensors. */
export function* chunksOf(contents: readonly Uint8Array[]): Generator<{ index: number; bytes: Uint8Array }> {
  let index = 0;
  for (const tensor of contents) {
    for (let at = 0; at < tensor.byteLength; at += CHUNK_BYTES) {
      yield { index: index++, bytes: tensor.subarray(at, at + CHUNK_BYTES) };
    }
  }
}

/** Bytes of each tensor that are to follow in chunks; `undefined` when the message is not chunked. */
export function chunkedBytes(tensors: readonly InferTensor[]): readonly number[] | undefined {
  const sizes = tensors.map(({ parameters }) => parameters?.[CHUNKED_BYTES]?.int64Param);
  if (sizes.length === 0 || sizes.some((size) => size === undefined)) return undefined;
  return sizes.map((size) => longToNumber(size ?? 0));
}

/** Number of the chunk that a message is; `undefined` when it is none. */
export function chunkOf(parameters: InferParameters | undefined): number | undefined {
  const chunk = parameters?.[CHUNK]?.int64Param;
  return chunk === undefined ? undefined : longToNumber(chunk);
}

/** Tensors that are coming in chunks. Memory is taken once, for exactly what was announced. */
export class ChunkAssembly {
  readonly contents: readonly Uint8Array[];
  private tensor = 0;
  private at = 0;

  /** @throws RangeError for sizes that cannot be. */
  constructor(sizes: readonly number[]) {
    this.contents = sizes.map((size) => new Uint8Array(size));
    this.skipFull();
  }

  /** Takes the next bytes; whether all have come. @throws RangeError when there are more than were announced. */
  add(bytes: Uint8Array): boolean {
    let from = 0;
    while (from < bytes.byteLength) {
      const target = this.contents[this.tensor];
      if (target === undefined) throw new RangeError("more bytes came than were announced");
      const count = Math.min(bytes.byteLength - from, target.byteLength - this.at);
      target.set(bytes.subarray(from, from + count), this.at);
      from += count;
      this.at += count;
      this.skipFull();
    }
    return this.complete;
  }

  get complete(): boolean {
    return this.tensor === this.contents.length;
  }

  private skipFull(): void {
    while (this.tensor < this.contents.length && this.at === this.contents[this.tensor]?.byteLength) {
      this.tensor += 1;
      this.at = 0;
    }
  }
}

/** The answers of one stream at the caller: those in chunks are put together. */
export class ChunkedAnswers {
  private readonly assemblies = new Map<
    string,
    { readonly response: ModelInferResponse; readonly chunks: ChunkAssembly }
  >();

  /** The answer once it is whole: at once, or with the last of its chunks. Chunks that do not fit make it an answer without contents. */
  receive(message: ModelInferResponse | undefined): ModelInferResponse | undefined {
    const id = message?.id ?? "";
    if (chunkOf(message?.parameters) === undefined) {
      const sizes = chunkedBytes(message?.outputs ?? []);
      if (sizes === undefined || message === undefined) return message;
      this.assemblies.set(id, { response: message, chunks: new ChunkAssembly(sizes) });
      return undefined;
    }
    const assembly = this.assemblies.get(id);
    if (assembly === undefined) return undefined;
    try {
      for (const bytes of message?.rawOutputContents ?? []) assembly.chunks.add(bytes);
    } catch {
      this.assemblies.delete(id);
      return { ...assembly.response, rawOutputContents: [] };
    }
    if (!assembly.chunks.complete) return undefined;
    this.assemblies.delete(id);
    return { ...assembly.response, rawOutputContents: assembly.chunks.contents };
  }

  clear(): void {
    this.assemblies.clear();
  }
}
