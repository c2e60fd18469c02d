/**
 * The consumer's side of the data plane: one connection to each TaskManager that this one reads from, shared by all channels
 * between the two. Flink's `NettyPartitionRequestClient` and `CreditBasedPartitionRequestClientHandler`.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { pack } from "msgpackr";
import type { ProcessName } from "../../observe/journalEvent";
import { decodeEvent } from "./exchangeEvent";
import { FRAME_HEADER_BYTES, FrameReader, FrameType, controlFrame } from "./frame";
import type { FrameHandler, FrameHeader } from "./frame";
import type { InputChannel, ProducerLoss } from "./inputChannel";
import { BUFFERS_PER_CHANNEL, BUFFER_SIZE } from "./networkBuffer";
import type { NetworkBuffer } from "./networkBuffer";
import type { RelayRules } from "../links/linkRelay";
import { LinkShaper } from "../links/linkShaper";
import type { PartitionRequest } from "./resultPartitionManager";

/** First message of a connection. */
export interface DataHello {
  readonly process: ProcessName;
  readonly token: string;
}

/** Body of REQUEST: a `PartitionRequest`. Argument of ERROR: index in this list. */
export const ERROR_LOSSES: readonly ProducerLoss[] = ["failed", "canceled", "notFound"];

const READ_BYTES = 256 * 1024;

export class DataConnection implements FrameHandler {
  private readonly socket: Socket;
  private readonly channels = new Map<number, InputChannel>();
  private readonly reader = new FrameReader(this, BUFFER_SIZE);
  private readonly credits = new Map<number, number>();
  private nextChannel = 1;
  private incoming: NetworkBuffer | undefined;
  private lost = false;
  private shaping: { readonly in: LinkShaper; readonly out: LinkShaper } | undefined;

  /**
   * @param address path of the producer's socket
   * @param onClosed told once when the connection is no more
   */
  constructor(
    address: string,
    hello: DataHello,
    private readonly onClosed: () => void,
  ) {
    this.socket = connect({
      path: address,
      // One buffer for all reads: what arrives is copied to the buffers of its channels at once.
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (length, chunk) => {
          // One look for a whole read: a link without a fault costs nothing else.
          if (this.shaping === undefined) this.read(chunk as Buffer, length);
          else this.shaping.in.push(Buffer.from((chunk as Buffer).subarray(0, length)));
          return true;
        },
      },
    });
    // An error is followed by close; which error it was makes no difference to the consumer.
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.closed());
    this.write(controlFrame(FrameType.HELLO, 0, 0, pack(hello)));
  }

  get isLost(): boolean {
    return this.lost;
  }

  request(channel: InputChannel, consumer: number, consumerAttempt: number): void {
    const id = this.nextChannel++;
    this.channels.set(id, channel);
    const { task, attempt } = channel.producer;
    const request: PartitionRequest = {
      partition: { task, attempt, edge: channel.edge },
      consumer,
      consumerAttempt,
      initialCredit: BUFFERS_PER_CHANNEL,
    };
    channel.connect({
      addCredit: (credit) => this.addCredit(id, credit),
      close: () => {
        if (this.channels.delete(id) && !this.lost) {
          this.credits.delete(id);
          this.write(controlFrame(FrameType.CANCEL, id, 0));
        }
      },
    });
    this.write(controlFrame(FrameType.REQUEST, id, 0, pack(request)));
  }

  bodyTarget(header: FrameHeader): Buffer | undefined {
    if (header.type !== FrameType.BUFFER) {
      return Buffer.allocUnsafe(header.length);
    }
    const channel = this.channels.get(header.channel);
    if (channel === undefined) {
      return undefined;
    }
    const buffer = channel.gate.pool.take();
    buffer.end = FRAME_HEADER_BYTES + header.length;
    this.incoming = buffer;
    return buffer.payload();
  }

  frame(header: FrameHeader, body: Buffer | undefined): void {
    const buffer = this.incoming;
    this.incoming = undefined;
    const channel = this.channels.get(header.channel);
    if (channel === undefined) {
      buffer?.recycle();
    } else if (buffer !== undefined) {
      channel.onBuffer(buffer, header.argument);
    } else if (header.type === FrameType.EVENT) {
      channel.onEvent(decodeEvent(body!));
    } else if (header.type === FrameType.ERROR) {
      this.channels.delete(header.channel);
      channel.onProducerLost(ERROR_LOSSES[header.argument] ?? "failed");
    }
  }

  close(): void {
    this.channels.clear();
    this.socket.destroy();
  }

  /** Faults on this link, as of now; without any, bytes go straight through again. */
  shape(rules: RelayRules): void {
    const reset = (): void => void this.socket.destroy();
    const onFull = (): void => undefined;
    this.shaping ??= {
      in: new LinkShaper(() => rules.in(), { deliver: (chunk) => this.read(chunk, chunk.length), reset, onFull }),
      out: new LinkShaper(() => rules.out(), { deliver: (chunk) => void this.socket.write(chunk), reset, onFull }),
    };
    this.shaping.in.rulesChanged();
    this.shaping.out.rulesChanged();
    if (rules.in().length + rules.out().length === 0) this.shaping = undefined;
  }

  private write(bytes: Buffer): void {
    if (this.shaping === undefined) this.socket.write(bytes);
    else this.shaping.out.push(bytes);
  }

  private read(chunk: Buffer, length: number): void {
    try {
      this.reader.push(chunk, length);
    } catch {
      // Not our protocol, or a buffer without credit: whatever comes next cannot be trusted, and the channels break.
      this.socket.destroy();
    }
  }

  /** Credit goes out once a turn of the event loop, not once a buffer. */
  private addCredit(channel: number, credit: number): void {
    if (this.lost) {
      return;
    }
    if (this.credits.size === 0) {
      setImmediate(() => this.flushCredits());
    }
    this.credits.set(channel, (this.credits.get(channel) ?? 0) + credit);
  }

  private flushCredits(): void {
    if (!this.lost && this.credits.size > 0) {
      this.write(
        Buffer.concat([...this.credits].map(([channel, credit]) => controlFrame(FrameType.CREDIT, channel, credit))),
      );
    }
    this.credits.clear();
  }

  private closed(): void {
    if (this.lost) {
      return;
    }
    this.lost = true;
    this.incoming?.recycle();
    this.incoming = undefined;
    this.onClosed();
    const channels = [...this.channels.values()];
    this.channels.clear();
    for (const channel of channels) {
      channel.onProducerLost("disconnected");
    }
  }
}

/** The connections of this TaskManager to others, by address. */
export class DataConnections {
  private readonly connections = new Map<string, DataConnection>();
  /** Faults on links, by the part of an address that names the TaskManager. */
  private readonly shapes = new Map<string, RelayRules>();

  constructor(private readonly hello: DataHello) {}

  to(address: string): DataConnection {
    let connection = this.connections.get(address);
    if (connection === undefined || connection.isLost) {
      connection = new DataConnection(address, this.hello, () => {
        if (this.connections.get(address) === connection) {
          this.connections.delete(address);
        }
      });
      this.connections.set(address, connection);
      const rules = [...this.shapes].find(([peer]) => address.includes(peer))?.[1];
      if (rules !== undefined) connection.shape(rules);
    }
    return connection;
  }

  /** @param peer what its addresses have in common: see `dataSocket`. */
  shape(peer: string, rules: RelayRules): void {
    this.shapes.set(peer, rules);
    for (const [address, connection] of this.connections) if (address.includes(peer)) connection.shape(rules);
    if (rules.in().length + rules.out().length === 0) this.shapes.delete(peer);
  }

  close(): void {
    for (const connection of this.connections.values()) {
      connection.close();
    }
    this.connections.clear();
  }
}
