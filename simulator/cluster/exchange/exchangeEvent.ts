/** What travels between records, in band and in order. Flink's `AbstractEvent`s, `Watermark` and `WatermarkStatus`. */
import { pack, unpack } from "msgpackr";

export interface CheckpointBarrier {
  readonly kind: "barrier";
  readonly checkpoint: number;
  /** No data follows; tasks finish when this checkpoint is complete. */
  readonly final: boolean;
  /** Overtakes the data before it, which goes into the checkpoint. */
  readonly unaligned: boolean;
  /** Stop-with-savepoint: whoever took it takes no input until it is complete (then it finishes) or aborted (then it goes on). */
  readonly suspend?: boolean;
}

export type ExchangeEvent =
  | CheckpointBarrier
  /** No element with this timestamp (ms) or an older one follows. `Infinity` at the end of the data. */
  | { readonly kind: "watermark"; readonly timestamp: number }
  /** The channel gives no watermarks for now and must not hold the others back. */
  | { readonly kind: "watermarkStatus"; readonly idle: boolean }
  /** No element follows. Barriers may. */
  | { readonly kind: "endOfData" }
  /** Nothing follows. */
  | { readonly kind: "endOfPartition" };

export function encodeEvent(event: ExchangeEvent): Buffer {
  return pack(event);
}

export function decodeEvent(bytes: Buffer): ExchangeEvent {
  return unpack(bytes) as ExchangeEvent;
}
