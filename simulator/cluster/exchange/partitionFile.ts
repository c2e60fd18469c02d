/** Buffers of one partition on disk, in the order in which they were finished; the subpartitions know where theirs are. Flink's `PartitionedFile`. */
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { FaultlineError } from "../../graph/errors";
import type { NetworkBuffer } from "./networkBuffer";

export interface StoredBuffer {
  readonly offset: number;
  readonly length: number;
}

export class PartitionFile {
  private descriptor: number | undefined;
  private size = 0;

  constructor(private readonly path: string) {}

  /** Throws FL2001 when the run's folder cannot be written. */
  append(buffer: NetworkBuffer): StoredBuffer {
    const payload = buffer.payload();
    const stored = { offset: this.size, length: payload.length };
    try {
      if (this.descriptor === undefined) {
        mkdirSync(dirname(this.path), { recursive: true });
        this.descriptor = openSync(this.path, "w+");
      }
      for (let at = 0; at < payload.length;) {
        at += writeSync(this.descriptor, payload, at, payload.length - at, this.size + at);
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw FaultlineError.of(
        "FL2001",
        `A partition cannot be written to ${this.path}: ${code === "ENOSPC" ? "the disk is full" : message}.`,
        code === "ENOSPC" ? "Free some space." : undefined,
        { file: this.path },
        error,
      );
    }
    this.size += payload.length;
    return stored;
  }

  read({ offset, length }: StoredBuffer, buffer: NetworkBuffer): void {
    for (let at = 0; at < length;) {
      const read = readSync(this.descriptor!, buffer.bytes, buffer.end + at, length - at, offset + at);
      if (read === 0) {
        throw FaultlineError.of("FL2001", `The partition ${this.path} was cut while it was read.`, undefined, {
          file: this.path,
        });
      }
      at += read;
    }
    buffer.end += length;
  }

  remove(): void {
    if (this.descriptor !== undefined) {
      closeSync(this.descriptor);
      this.descriptor = undefined;
      rmSync(this.path, { force: true });
    }
  }
}
