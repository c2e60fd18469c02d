/** The payload of buffers back to elements; the other end of `RecordSerializer`. One for each channel. */
import { Unpackr } from "msgpackr";
import { FaultlineError } from "../../graph/errors";
import { BufferFlag, MAX_RECORD_BYTES } from "./bufferLayout";
import type { RecordStructure } from "./recordSerializer";

/** Elements of one buffer: `timed` says whether `values` is `value …` or `timestamp value …`. */
export interface DecodedElements {
  readonly values: readonly unknown[];
  readonly timed: boolean;
}

const NOTHING: DecodedElements = { values: [], timed: false };

export class RecordDeserializer {
  private readonly structures: RecordStructure[] = [];
  private readonly unpackr = new Unpackr({
    getStructures: () => this.structures.map((fields) => [...fields]),
    moreTypes: true,
    copyBuffers: true,
  });
  private span: { readonly bytes: Buffer; filled: number; readonly timed: boolean } | undefined;

  /** The elements that are whole with this payload. Nothing of the payload is referred to afterwards. */
  decode(payload: Buffer): DecodedElements {
    const flags = payload[0];
    let at = 1;
    if ((flags & BufferFlag.DEFINITIONS) !== 0) {
      const length = payload.readUInt16BE(at);
      at += 2;
      this.structures.push(...(JSON.parse(payload.toString("utf8", at, at + length)) as RecordStructure[]));
      at += length;
    }
    const timed = (flags & BufferFlag.TIMED) !== 0;
    if ((flags & (BufferFlag.SPAN_START | BufferFlag.SPAN_CONTINUED)) !== 0) {
      return this.decodeSpan(payload, at, flags, timed);
    }
    if (at >= payload.length) {
      return NOTHING;
    }
    return { values: this.unpackr.unpackMultiple(payload.subarray(at)), timed };
  }

  /** What has arrived of a record that is not whole yet, for a checkpoint of data in flight. */
  get unfinishedBytes(): number {
    return this.span?.filled ?? 0;
  }

  private decodeSpan(payload: Buffer, offset: number, flags: number, timed: boolean): DecodedElements {
    let at = offset;
    if ((flags & BufferFlag.SPAN_START) !== 0) {
      const total = payload.readUInt32BE(at);
      at += 4;
      if (total > MAX_RECORD_BYTES + 16) {
        throw FaultlineError.of(
          "FL2003",
          `A record of ${total} bytes arrived; at most ${MAX_RECORD_BYTES} can be sent.`,
        );
      }
      this.span = { bytes: Buffer.allocUnsafeSlow(total), filled: 0, timed };
    }
    const span = this.span;
    if (span === undefined) {
      throw FaultlineError.of("FL2003", "The middle of a record arrived without its beginning.");
    }
    payload.copy(span.bytes, span.filled, at);
    span.filled += payload.length - at;
    if (span.filled < span.bytes.length) {
      return NOTHING;
    }
    this.span = undefined;
    return { values: this.unpackr.unpackMultiple(span.bytes), timed: span.timed };
  }
}
