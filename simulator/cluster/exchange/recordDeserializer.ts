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

/** A deserializer between two payloads. */
export interface DeserializerState {
  readonly structures: readonly RecordStructure[];
  /** A record of which only the beginning has arrived. */
  readonly span: { readonly total: number; readonly begun: Uint8Array; readonly timed: boolean } | undefined;
}

const NOTHING: DecodedElements = { values: [], timed: false };

export class RecordDeserializer {
  private structures: RecordStructure[] = [];
  private unpackr = this.newUnpackr();
  private span: { readonly bytes: Buffer; filled: number; readonly timed: boolean } | undefined;

  /** The elements that are whole with this payload. Nothing of the payload is referred to afterwards. */
  decode(payload: Buffer): DecodedElements {
    const flags = payload[0];
    let at = 1;
    if ((flags & BufferFlag.RESET) !== 0) {
      this.structures = [];
      this.unpackr = this.newUnpackr();
    }
    if ((flags & BufferFlag.DEFINITIONS) !== 0) {
      const length = payload.readUInt16BE(at);
      at += 2;
      const [first, ...structures] = JSON.parse(payload.toString("utf8", at, at + length)) as [
        number,
        ...RecordStructure[],
      ];
      structures.forEach((fields, i) => {
        this.structures[first + i] = fields;
      });
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

  /** What the next payload is read with, for a checkpoint of data in flight. */
  snapshot(): DeserializerState {
    const { span } = this;
    return {
      structures: [...this.structures],
      span: span && {
        total: span.bytes.length,
        begun: Buffer.from(span.bytes.subarray(0, span.filled)),
        timed: span.timed,
      },
    };
  }

  restore({ structures, span }: DeserializerState): void {
    this.structures = [...structures];
    if (span !== undefined) {
      const bytes = Buffer.allocUnsafeSlow(span.total);
      bytes.set(span.begun);
      this.span = { bytes, filled: span.begun.length, timed: span.timed };
    }
  }

  private newUnpackr(): Unpackr {
    return new Unpackr({
      getStructures: () => this.structures.map((fields) => [...fields]),
      moreTypes: true,
      copyBuffers: true,
    });
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
