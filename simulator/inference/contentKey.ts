/** The identity of a request by its content: a record that is replayed goes to the instance that computed it before. */
import { createHash } from "node:crypto";
import type { Tensors } from "../core/tensor";
import type { InputContents } from "./modelBatch";
import { encodeBytesElements, rawBytes } from "./tensorContents";

/** Equal for equal names, types, shapes and data. */
export function contentKey(inputs: Tensors): string {
  const hash = createHash("sha1");
  for (const name of Object.keys(inputs).sort()) {
    const tensor = inputs[name];
    if (tensor !== undefined)
      hash.update(`${name}:${tensor.type}:${tensor.shape.join(",")};`).update(rawBytes(tensor.data));
  }
  return hash.digest("base64");
}

/** Digest of one row's contents of all inputs; what stands for the row in a cache. */
export function rowDigest(group: string, contents: readonly InputContents[]): string {
  const hash = createHash("sha256").update(group);
  for (const part of contents) hash.update(part instanceof Uint8Array ? part : encodeBytesElements(part)).update("|");
  return hash.digest("base64");
}
