/**
 * Frames of the data plane's sockets. A header of 16 bytes, little endian: length of the body (u32), type (u8), three zero bytes,
 * channel (u32, chosen by the consumer), argument (u32: backlog of a BUFFER, number of a CREDIT).
 *
 * The messages are those of Flink's `NettyMessage`: the consumer sends HELLO, REQUEST, CREDIT, CANCEL; the producer sends BUFFER, EVENT, ERROR.
 */
import { FaultlineError } from "../../graph/errors";

export const FRAME_HEADER_BYTES = 16;

export const FrameType = {
  HELLO: 1,
  REQUEST: 2,
  CREDIT: 3,
  CANCEL: 4,
  BUFFER: 5,
  EVENT: 6,
  ERROR: 7,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Everything but BUFFER is small; more is not a frame of ours. */
const MAX_CONTROL_BODY_BYTES = 1024 * 1024;

export interface FrameHeader {
  readonly length: number;
  readonly type: number;
  readonly channel: number;
  readonly argument: number;
}

export function writeFrameHeader(
  target: Buffer,
  length: number,
  type: FrameType,
  channel: number,
  argument: number,
): void {
  target.writeUInt32LE(length, 0);
  target.writeUInt32LE(type, 4);
  target.writeUInt32LE(channel, 8);
  target.writeUInt32LE(argument, 12);
}

/** A whole frame without or with a small body. */
export function controlFrame(type: FrameType, channel: number, argument: number, body?: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + (body?.length ?? 0));
  writeFrameHeader(frame, body?.length ?? 0, type, channel, argument);
  if (body !== undefined) {
    frame.set(body, FRAME_HEADER_BYTES);
  }
  return frame;
}

export interface FrameHandler {
  /** Where the body of this frame is to be written (at least `header.length` bytes), or `undefined` to skip it. */
  bodyTarget(header: FrameHeader): Buffer | undefined;
  /** `body` is what `bodyTarget` gave. */
  frame(header: FrameHeader, body: Buffer | undefined): void;
}

/** Cuts a byte stream, in whatever pieces it comes, into frames. */
export class FrameReader {
  private readonly headerBytes = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES);
  private headerFilled = 0;
  private header: FrameHeader | undefined;
  private body: Buffer | undefined;
  private bodyFilled = 0;

  constructor(
    private readonly handler: FrameHandler,
    private readonly maxBufferBytes: number,
  ) {}

  /** Takes the first `length` bytes of `chunk`; the chunk may be used again afterwards. Throws on bytes that are not frames. */
  push(chunk: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.header === undefined) {
        const wanted = FRAME_HEADER_BYTES - this.headerFilled;
        const have = Math.min(wanted, length - at);
        chunk.copy(this.headerBytes, this.headerFilled, at, at + have);
        this.headerFilled += have;
        at += have;
        if (this.headerFilled < FRAME_HEADER_BYTES) {
          return;
        }
        this.beginBody();
      }
      const header = this.header!;
      const have = Math.min(header.length - this.bodyFilled, length - at);
      if (have > 0) {
        this.body?.set(chunk.subarray(at, at + have), this.bodyFilled);
        this.bodyFilled += have;
        at += have;
      }
      if (this.bodyFilled === header.length) {
        const body = this.body;
        this.header = undefined;
        this.headerFilled = 0;
        this.body = undefined;
        this.handler.frame(header, body);
      }
    }
  }

  private beginBody(): void {
    const bytes = this.headerBytes;
    const header: FrameHeader = {
      length: bytes.readUInt32LE(0),
      type: bytes.readUInt32LE(4),
      channel: bytes.readUInt32LE(8),
      argument: bytes.readUInt32LE(12),
    };
    const limit = header.type === FrameType.BUFFER ? this.maxBufferBytes : MAX_CONTROL_BODY_BYTES;
    if (header.type < FrameType.HELLO || header.type > FrameType.ERROR || header.length > limit) {
      throw FaultlineError.of(
        "FL2003",
        `A TaskManager sent bytes that are no frame (type ${header.type}, ${header.length} bytes; at most ${limit}).`,
      );
    }
    this.header = header;
    this.bodyFilled = 0;
    this.body = this.handler.bodyTarget(header);
  }
}
