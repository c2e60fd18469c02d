/**
 * The producer's side of the data plane: other TaskManagers connect here and read partitions. Flink's `PartitionRequestQueue` and
 * `PartitionRequestServerHandler`.
 */
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { unpack } from "msgpackr";
import { FaultlineError } from "../../graph/errors";
import { ERROR_LOSSES } from "./dataConnection";
import type { DataHello } from "./dataConnection";
import { encodeEvent } from "./exchangeEvent";
import { FRAME_HEADER_BYTES, FrameReader, FrameType, controlFrame, writeFrameHeader } from "./frame";
import type { FrameHandler, FrameHeader } from "./frame";
import type { ProducerLoss } from "./inputChannel";
import type { PartitionItem, PartitionLoss, PartitionReader, Subpartition } from "./subpartition";
import type { PartitionRequest, ResultPartitionManager } from "./resultPartitionManager";

/** Bytes handed to one socket and not taken by the system yet; buffers beyond stay with their subpartitions. */
const SOCKET_BYTES = 256 * 1024;

class RemoteReader implements PartitionReader {
  queued = false;
  subpartition: Subpartition | undefined;
  cancel: () => void = () => {};

  constructor(
    readonly channel: number,
    private readonly connection: ServedConnection,
  ) {}

  dataAvailable(): void {
    this.connection.enqueue(this);
  }

  producerLost(loss: PartitionLoss): void {
    this.connection.sendError(this, loss);
  }
}

class ServedConnection implements FrameHandler {
  private readonly readers = new Map<number, RemoteReader>();
  private readonly ready: RemoteReader[] = [];
  private readonly reader = new FrameReader(this, 0);
  private known = false;
  private inFlight = 0;

  constructor(
    private readonly socket: Socket,
    private readonly token: string,
    private readonly partitions: ResultPartitionManager,
  ) {
    socket.on("data", (chunk: Buffer) => {
      try {
        this.reader.push(chunk, chunk.length);
      } catch {
        socket.destroy();
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const reader of this.readers.values()) {
        reader.cancel();
      }
      this.readers.clear();
      this.ready.length = 0;
    });
  }

  bodyTarget(header: FrameHeader): Buffer | undefined {
    return Buffer.allocUnsafe(header.length);
  }

  frame(header: FrameHeader, body: Buffer | undefined): void {
    if (!this.known) {
      if (header.type !== FrameType.HELLO || (unpack(body!) as DataHello).token !== this.token) {
        this.socket.destroy();
        return;
      }
      this.known = true;
      return;
    }
    const reader = this.readers.get(header.channel);
    switch (header.type) {
      case FrameType.REQUEST:
        this.open(header.channel, unpack(body!) as PartitionRequest);
        break;
      case FrameType.CREDIT:
        reader?.subpartition?.addCredit(reader, header.argument);
        break;
      case FrameType.CANCEL:
        this.readers.delete(header.channel);
        reader?.cancel();
        break;
    }
  }

  enqueue(reader: RemoteReader): void {
    if (!reader.queued) {
      reader.queued = true;
      this.ready.push(reader);
      this.pump();
    }
  }

  sendError(reader: RemoteReader, loss: ProducerLoss): void {
    if (this.readers.delete(reader.channel) && !this.socket.destroyed) {
      this.socket.write(controlFrame(FrameType.ERROR, reader.channel, ERROR_LOSSES.indexOf(loss)));
    }
  }

  private poll(reader: RemoteReader): PartitionItem | undefined {
    try {
      return reader.subpartition?.poll(reader);
    } catch {
      // A partition on disk that cannot be read any more is as good as one whose producer failed.
      this.sendError(reader, "failed");
      return undefined;
    }
  }

  private open(channel: number, request: PartitionRequest): void {
    const reader = new RemoteReader(channel, this);
    this.readers.set(channel, reader);
    reader.cancel = this.partitions.request(
      request,
      reader,
      (subpartition) => {
        reader.subpartition = subpartition;
      },
      () => this.sendError(reader, "notFound"),
    );
  }

  private pump(): void {
    while (this.inFlight < SOCKET_BYTES) {
      const reader = this.ready.shift();
      if (reader === undefined) {
        return;
      }
      reader.queued = false;
      const item = this.readers.has(reader.channel) ? this.poll(reader) : undefined;
      if (item === undefined) {
        continue;
      }
      if (item.kind === "buffer") {
        const { buffer } = item;
        writeFrameHeader(buffer.bytes, buffer.end - FRAME_HEADER_BYTES, FrameType.BUFFER, reader.channel, item.backlog);
        this.inFlight += buffer.end;
        this.socket.write(buffer.bytes.subarray(0, buffer.end), () => {
          this.inFlight -= buffer.end;
          buffer.recycle();
          this.pump();
        });
      } else {
        this.socket.write(controlFrame(FrameType.EVENT, reader.channel, 0, encodeEvent(item.event)));
      }
      if (reader.subpartition!.canPoll(reader) && !reader.queued) {
        reader.queued = true;
        this.ready.push(reader);
      }
    }
  }
}

export class DataServer {
  private constructor(
    private readonly server: Server,
    private readonly sockets: Set<Socket>,
    private readonly address: string,
  ) {}

  /** Listens on a Unix-domain socket (a named pipe on Windows). Throws FL2002 when it cannot. */
  static async listen(address: string, token: string, partitions: ResultPartitionManager): Promise<DataServer> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      new ServedConnection(socket, token, partitions);
    });
    if (process.platform !== "win32") {
      // A process of this name that was killed leaves its socket behind.
      await rm(address, { force: true });
    }
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) =>
        reject(
          FaultlineError.of(
            "FL2002",
            `The socket ${address} for records cannot be opened: ${error.message}.`,
            "Check that the run's folder can be written and that its path is not too long.",
            undefined,
            error,
          ),
        ),
      );
      server.listen(address, resolve);
    });
    return new DataServer(server, sockets, address);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) {
      socket.destroy();
    }
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    if (process.platform !== "win32") {
      await rm(this.address, { force: true });
    }
  }
}
