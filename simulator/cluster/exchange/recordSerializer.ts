/**
 * Records to bytes, with msgpackr. Objects of one shape share one definition of their field names (a "structure"), which travels once
 * for each channel, ahead of the first record that uses it. A field called `__proto__` arrives as `__proto_`: msgpackr never sets a
 * prototype from data.
 */
import { Packr, REUSE_BUFFER_MODE, RESET_BUFFER_MODE } from "msgpackr";
import { FaultlineError } from "../../graph/errors";
import { MAX_RECORD_BYTES } from "./bufferLayout";

/** Field names of a shape. */
export type RecordStructure = readonly string[];

/** Above this, msgpackr's scratch buffer is not kept. */
const SCRATCH_BYTES = 1024 * 1024;
/** A shape with longer field names than this is written with each record: all definitions together must fit into half a buffer. */
const MAX_STRUCTURE_BYTES = 384;

function isShared(fields: readonly string[]): boolean {
  let bytes = 0;
  for (const field of fields) {
    bytes += Buffer.byteLength(field) + 3;
  }
  return bytes <= MAX_STRUCTURE_BYTES;
}

export class RecordSerializer {
  /** Shapes seen so far; their index is their id. It only grows. */
  readonly structures: RecordStructure[] = [];
  private readonly packr = new Packr({
    structures: this.structures,
    moreTypes: true,
    shouldShareStructure: isShared,
  });
  /** Where the last record is: valid until the next call of `serialize` in this process. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;

  /** Writes a record to the scratch buffer. Throws what cannot be carried (a record over 64 MiB, an integer over 64 bits). */
  serialize(value: unknown): void {
    const scratch = this.packr.pack(value, REUSE_BUFFER_MODE | RESET_BUFFER_MODE) as Buffer & {
      start: number;
      end: number;
    };
    this.bytes = scratch;
    this.start = scratch.start;
    this.end = scratch.end;
    const length = this.end - this.start;
    if (length > SCRATCH_BYTES) {
      this.packr.useBuffer(Buffer.allocUnsafeSlow(64 * 1024));
      if (length > MAX_RECORD_BYTES) {
        throw FaultlineError.of(
          "FL2004",
          `A record has ${length} bytes; at most ${MAX_RECORD_BYTES} can be sent.`,
          "Send a reference to the data, or split the record.",
        );
      }
    }
  }
}
