/**
 * Results of an instance by the content of what was asked: a data-plane task that restarts asks again for what was computed before. With
 * `consistent-hash` balancing the same request comes to the same instance; without, a hit is luck.
 *
 * Sound for models that compute the same from the same inputs, which the person says by switching it on.
 */
import type { Tensor, Tensors } from "../core/tensor";
import type { BatchedModel, CallOutcome, ModelCall } from "./batchedModel";
import { rowDigest } from "./contentKey";
import type { InputContents } from "./modelBatch";
import type { ModelTensor } from "./modelThreadMessages";
import { allocateData, elementCount, sliceData } from "./tensorContents";

interface CachedRow {
  readonly outputs: Tensors;
  readonly bytes: number;
}

/** What an entry takes besides its data. */
const ENTRY_BYTES = 300;

export class ResultCache {
  /** In order of use: the first was not used for longest. */
  private readonly rows = new Map<string, CachedRow>();
  private usedBytes = 0;
  private hits = 0;
  private savedMs = 0;

  /** @param maxBytes of results; the least recently used go first. */
  constructor(
    private readonly model: BatchedModel,
    private readonly maxBytes: number,
  ) {}

  /** As `BatchedModel.submit`; only rows that are not known run. */
  submit(call: ModelCall): void {
    const { signature } = this.model.session;
    if (signature.batchAxis.kind === "none") return this.model.submit(call);
    const rows = Array.from({ length: call.rows }, (_, row) =>
      signature.inputs.map((_input, index) => rowOf(call, index, row)),
    );
    const keys = rows.map((contents) => rowDigest(call.group, contents));
    const known = keys.map((key) => this.take(key));
    const missing = known.flatMap((found, row) => (found === undefined ? [row] : []));
    const hits = call.rows - missing.length;
    this.hits += hits;
    this.savedMs += hits * this.model.meanRowMs;
    if (missing.length === 0) return call.settle({ kind: "ok", outputs: this.join(known), cacheHits: hits });
    const settle = (outcome: CallOutcome) => {
      if (outcome.kind !== "ok") return call.settle(outcome);
      missing.forEach((row, position) => {
        known[row] = this.put(keys[row] ?? "", outcome.outputs, position, missing.length);
      });
      call.settle(hits === 0 ? outcome : { kind: "ok", outputs: this.join(known), cacheHits: hits });
    };
    if (hits === 0) return this.model.submit({ ...call, settle });
    this.model.submit({
      ...call,
      rows: missing.length,
      owned: false,
      shapes: call.shapes.map((shape) => [missing.length, ...shape.slice(1)]),
      contents: signature.inputs.map((input, index) => {
        const parts = missing.map((row) => rows[row]?.[index] ?? []);
        return input.type === "BYTES" ? (parts as (readonly string[])[]).flat() : Buffer.concat(parts as Uint8Array[]);
      }),
      settle,
    });
  }

  /** Rows that were known since the last call of this method, and the device time that they would have cost at the model's mean. */
  takeMetrics(): { readonly cacheHits: number; readonly savedMs: number } {
    const taken = { cacheHits: this.hits, savedMs: this.savedMs };
    this.hits = 0;
    this.savedMs = 0;
    return taken;
  }

  private take(key: string): CachedRow | undefined {
    const found = this.rows.get(key);
    if (found === undefined) return undefined;
    this.rows.delete(key);
    this.rows.set(key, found);
    return found;
  }

  private put(key: string, outputs: readonly ModelTensor[], position: number, rows: number): CachedRow {
    const own: Record<string, Tensor> = {};
    let bytes = ENTRY_BYTES;
    for (const { name, type, shape, data } of outputs) {
      const stride = elementCount(shape) / rows;
      const view = sliceData(data, position * stride, (position + 1) * stride);
      // A copy: a view would keep the whole batch in memory.
      const copy = view.slice() as Tensor["data"];
      own[name] = { type, shape: shape.slice(1), data: copy };
      bytes += ArrayBuffer.isView(copy) ? copy.byteLength : copy.reduce((sum, text) => sum + 2 * text.length, 0);
    }
    const row = { outputs: own, bytes };
    if (bytes > this.maxBytes) return row;
    this.usedBytes += bytes - (this.rows.get(key)?.bytes ?? 0);
    this.rows.delete(key);
    this.rows.set(key, row);
    for (const [oldest, { bytes: freed }] of this.rows) {
      if (this.usedBytes <= this.maxBytes) break;
      this.rows.delete(oldest);
      this.usedBytes -= freed;
    }
    return row;
  }

  private join(rows: readonly (CachedRow | undefined)[]): ModelTensor[] {
    const first = rows[0]?.outputs ?? {};
    return Object.entries(first).map(([name, { type, shape }]) => {
      const whole = { name, type, shape: [rows.length, ...shape] };
      const parts = rows.map((row) => row?.outputs[name]?.data ?? []);
      if (type === "BYTES") return { ...whole, data: (parts as (readonly string[])[]).flat() };
      const stride = elementCount(shape);
      const data = allocateData(type, stride * rows.length);
      parts.forEach((part, row) => (data as Float32Array).set(part as Float32Array, row * stride));
      return { ...whole, data };
    });
  }
}

/** Contents of one row of one input, without a copy. */
function rowOf(call: ModelCall, input: number, row: number): InputContents {
  const contents = call.contents[input] ?? [];
  const stride = contents instanceof Uint8Array ? contents.byteLength / call.rows : contents.length / call.rows;
  return contents instanceof Uint8Array
    ? contents.subarray(row * stride, (row + 1) * stride)
    : contents.slice(row * stride, (row + 1) * stride);
}
