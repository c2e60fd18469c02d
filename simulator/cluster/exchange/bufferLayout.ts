/**
 * The payload of a buffer: one byte of flags; for DEFINITIONS a u16 length and, as JSON, the record structures that the receiver does not
 * know yet, after the id of the first: `[first, [field, …], …]`; for SPAN_START a u32 with the length of the record that begins here and goes on in the buffers after it; then
 * MessagePack values one after the other: `value value …`, or `timestamp value timestamp value …` for TIMED. Big endian, as MessagePack.
 */
export const BufferFlag = {
  /** Every value has an event timestamp (a float64) before it. */
  TIMED: 1,
  DEFINITIONS: 2,
  SPAN_START: 4,
  SPAN_CONTINUED: 8,
  /** Structures are numbered anew from here: what came before was in flight at a checkpoint. */
  RESET: 16,
} as const;

/** Bytes of a timestamp: MessagePack's float64. */
export const TIMESTAMP_BYTES = 9;
export const FLOAT64_MARK = 0xcb;

/** A record may be no longer than this. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024;
