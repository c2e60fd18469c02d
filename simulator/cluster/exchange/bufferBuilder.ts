/** Fills buffers with the records of one subpartition, see `bufferLayout.ts`. Flink's `BufferBuilder`. */
import { BufferFlag, FLOAT64_MARK, TIMESTAMP_BYTES } from "./bufferLayout";
import { FRAME_HEADER_BYTES } from "./frame";
import { BUFFER_SIZE } from "./networkBuffer";
import type { BufferPool, NetworkBuffer } from "./networkBuffer";
import type { RecordSerializer, RecordStructure } from "./recordSerializer";

const BUFFER_END = FRAME_HEADER_BYTES + BUFFER_SIZE;
/** Up to so many bytes a loop copies faster than a call into the runtime. */
const SHORT_BYTES = 40;

/** As JSON: MessagePack would be written over the record that the serializer holds. */
function encodeDefinitions(first: number, structures: readonly RecordStructure[]): Buffer {
  return Buffer.from(JSON.stringify([first, ...structures]));
}

export class BufferBuilder {
  private buffer: NetworkBuffer | undefined;
  private timed = false;
  /** Structures that the receiver knows with the buffers so far. */
  private known = 0;
  /** What the receiver knows may come from an attempt before: the first buffer says that structures are numbered anew. */
  private resetPending = true;

  /** @param onBuffer takes a buffer that is finished */
  constructor(
    private readonly pool: BufferPool,
    private readonly serializer: RecordSerializer,
    private readonly onBuffer: (buffer: NetworkBuffer) => void,
  ) {}

  /** Nothing waits in a buffer that is not finished. */
  get isEmpty(): boolean {
    return this.buffer === undefined;
  }

  get knownStructures(): readonly RecordStructure[] {
    return this.serializer.structures.slice(0, this.known);
  }

  /** Appends what the serializer holds. */
  append(timestamp: number | undefined): void {
    const { serializer } = this;
    const { bytes, start, end } = serializer;
    const timed = timestamp !== undefined;
    const length = end - start + (timed ? TIMESTAMP_BYTES : 0);
    let { buffer } = this;
    if (
      buffer !== undefined &&
      (buffer.end + length > BUFFER_END || this.timed !== timed || this.known !== serializer.structures.length)
    ) {
      this.finish();
      buffer = undefined;
    }
    if (buffer === undefined) {
      if (length > BUFFER_SIZE / 2 && length > BUFFER_SIZE - this.headerBytes()) {
        this.appendSpanning(timestamp, length);
        return;
      }
      buffer = this.begin(timed ? BufferFlag.TIMED : 0);
      this.timed = timed;
    }
    let at = buffer.end;
    if (timed) {
      buffer.bytes[at] = FLOAT64_MARK;
      buffer.bytes.writeDoubleBE(timestamp, at + 1);
      at += TIMESTAMP_BYTES;
    }
    const { bytes: target } = buffer;
    if (end - start <= SHORT_BYTES) {
      for (let from = start; from < end;) target[at++] = bytes[from++];
      buffer.end = at;
    } else {
      bytes.copy(target, at, start, end);
      buffer.end = at + (end - start);
    }
  }

  finish(): void {
    const { buffer } = this;
    if (buffer !== undefined) {
      this.buffer = undefined;
      this.onBuffer(buffer);
    }
  }

  /** A buffer that defines these structures and holds nothing else. */
  definitions(structures: readonly RecordStructure[]): Buffer {
    const bytes = encodeDefinitions(0, structures);
    return Buffer.concat([Buffer.of(BufferFlag.DEFINITIONS, bytes.length >> 8, bytes.length & 0xff), bytes]);
  }

  /** A buffer of the pool with this payload. */
  copy(payload: Uint8Array): NetworkBuffer {
    const buffer = this.pool.take();
    buffer.bytes.set(payload, buffer.end);
    buffer.end += payload.length;
    return buffer;
  }

  release(): void {
    this.buffer?.recycle();
    this.buffer = undefined;
  }

  private headerBytes(): number {
    return 1 + 4 + (this.known === this.serializer.structures.length ? 0 : 2 + this.newDefinitions().length);
  }

  private newDefinitions(): Buffer {
    return encodeDefinitions(this.known, this.serializer.structures.slice(this.known));
  }

  private begin(flags: number): NetworkBuffer {
    const buffer = this.pool.take();
    let allFlags = flags;
    let at = buffer.end + 1;
    if (this.resetPending) {
      this.resetPending = false;
      allFlags |= BufferFlag.RESET;
    }
    if (this.known !== this.serializer.structures.length) {
      const definitions = this.newDefinitions();
      allFlags |= BufferFlag.DEFINITIONS;
      buffer.bytes.writeUInt16BE(definitions.length, at);
      at += 2 + definitions.copy(buffer.bytes, at + 2);
      this.known = this.serializer.structures.length;
    }
    buffer.bytes[buffer.end] = allFlags;
    buffer.end = at;
    this.buffer = buffer;
    return buffer;
  }

  private appendSpanning(timestamp: number | undefined, length: number): void {
    const { bytes, start, end } = this.serializer;
    let buffer = this.begin(BufferFlag.SPAN_START | (timestamp === undefined ? 0 : BufferFlag.TIMED));
    buffer.end = buffer.bytes.writeUInt32BE(length, buffer.end);
    if (timestamp !== undefined) {
      buffer.bytes[buffer.end] = FLOAT64_MARK;
      buffer.end = buffer.bytes.writeDoubleBE(timestamp, buffer.end + 1);
    }
    let at = start;
    for (;;) {
      const copied = bytes.copy(buffer.bytes, buffer.end, at, Math.min(end, at + BUFFER_END - buffer.end));
      buffer.end += copied;
      at += copied;
      this.finish();
      if (at === end) {
        return;
      }
      buffer = this.begin(BufferFlag.SPAN_CONTINUED);
    }
  }
}
