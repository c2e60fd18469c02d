/**
 * Memory for records on their way, in segments of 32 KiB as Flink's `taskmanager.memory.segment-size`, and the pools that bound it.
 *
 * A producer's pool holds two buffers for each subpartition and eight more (`taskmanager.network.memory.buffers-per-channel` and
 * `floating-buffers-per-gate`). When none is free the task waits: that is back-pressure. A record that is being emitted when the
 * last buffer goes is finished with overdraft buffers, as Flink's `max-overdraft-buffers-per-gate` allows; the task waits after it.
 */
import { FRAME_HEADER_BYTES } from "./frame";

/** Bytes of records that one buffer carries, its own small header included. */
export const BUFFER_SIZE = 32 * 1024;
export const BUFFERS_PER_CHANNEL = 2;
export const FLOATING_BUFFERS_PER_GATE = 8;
/** Flink's `taskmanager.network.memory.max-buffers-per-channel`. */
export const MAX_BUFFERS_PER_CHANNEL = 10;

/** One segment. The frame header lies in front of the payload, so that a buffer goes to a socket in one piece. */
export class NetworkBuffer {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + BUFFER_SIZE);
  /** First byte after the payload, counted from the start of `bytes`. */
  end = FRAME_HEADER_BYTES;

  constructor(private readonly pool: BufferPool) {}

  payload(): Buffer {
    return this.bytes.subarray(FRAME_HEADER_BYTES, this.end);
  }

  get payloadBytes(): number {
    return this.end - FRAME_HEADER_BYTES;
  }

  /** Gives the buffer back; it must not be touched afterwards. */
  recycle(): void {
    this.pool.recycle(this);
  }
}

/** A bounded number of buffers. */
export class BufferPool {
  private readonly free: NetworkBuffer[] = [];
  private taken = 0;

  /** @param onAvailability told `true` when a buffer is free again after none was, `false` when the last one was taken */
  constructor(
    readonly size: number,
    private readonly onAvailability: (available: boolean) => void = () => {},
  ) {}

  get inUse(): number {
    return this.taken;
  }

  get available(): boolean {
    return this.taken < this.size;
  }

  /** A buffer, beyond the pool's size if need be: who takes one must have looked at `available` before the record began. */
  take(): NetworkBuffer {
    const buffer = this.free.pop() ?? new NetworkBuffer(this);
    buffer.end = FRAME_HEADER_BYTES;
    if (++this.taken === this.size) {
      this.onAvailability(false);
    }
    return buffer;
  }

  recycle(buffer: NetworkBuffer): void {
    if (this.taken <= this.size) {
      this.free.push(buffer);
    }
    if (this.taken-- === this.size) {
      this.onAvailability(true);
    }
  }
}
