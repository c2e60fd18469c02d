/** A worker's one connection to the coordinator: kept up, and made again when a new coordinator takes over. */
import { Client, credentials } from "@grpc/grpc-js";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { CoordinatorMessage, WorkerMessage } from "./controlMessages";
import { CONTROL_CHANNEL, connectMethod, tokenMetadata } from "./controlService";

/** How long a worker waits for a coordinator to come back before it gives up and ends. */
const GIVE_UP_MS = 30_000;
const RETRY_MS = 50;
/** How long a process that ends waits for the welcome. */
const WELCOME_LIMIT_MS = 2_000;

export interface WorkerConnectionOptions {
  readonly socket: string;
  readonly token: string;
  /** Until then no hello is said, although the connection is made: the coordinator deploys to whoever has said it, and names it to others. */
  readonly ready?: Promise<unknown>;
  /** Made anew for every connection. */
  hello(): WorkerMessage & { readonly kind: "hello" };
  onMessage(message: CoordinatorMessage): void;
  /** The coordinator is gone; the connection is being made again. */
  onDisconnected(): void;
  /** No coordinator came back. */
  onGivenUp(): void;
}

export class WorkerConnection {
  private stream: ClientDuplexStream<WorkerMessage, CoordinatorMessage> | undefined;
  private client: Client | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private disconnectedAtMs: number | undefined;
  private closed = false;
  private waiting: WorkerMessage[] = [];
  private onFlushed = (): void => undefined;

  private socket: string;

  private constructor(private readonly options: WorkerConnectionOptions) {
    this.socket = options.socket;
  }

  static open(options: WorkerConnectionOptions): WorkerConnection {
    const connection = new WorkerConnection(options);
    connection.connect();
    return connection;
  }

  /** Sends now, or as soon as a coordinator welcomes this worker; the latter only for what still means something then. */
  send(message: WorkerMessage): void {
    if (this.stream !== undefined && this.heartbeat !== undefined) this.stream.write(message);
    else if (message.kind === "journal" || message.kind === "instancePhase" || message.kind === "instanceFailed" || message.kind === "faultEffective") this.waiting.push(message);
  }

  /** Waits until what was sent has left this process. */
  async close(): Promise<void> {
    // Why a process could not start may be said before it is welcomed; lost, it would be started again and again.
    if (this.waiting.length > 0 && this.stream !== undefined) {
      await new Promise<void>((resolve) => {
        this.onFlushed = resolve;
        setTimeout(resolve, WELCOME_LIMIT_MS).unref();
      });
    }
    this.closed = true;
    clearInterval(this.heartbeat);
    const { stream, client } = this;
    if (stream !== undefined) {
      await new Promise<void>((resolve) => {
        stream.once("close", resolve).once("error", () => resolve());
        setTimeout(resolve, 500).unref();
        stream.end();
      });
    }
    client?.close();
  }

  /** Goes on over another socket that leads to the same coordinator: connects there, then lets the first connection end. */
  moveTo(socket: string, onMoved: () => void): void {
    this.socket = socket;
    const { stream, client } = this;
    if (this.closed || stream === undefined || this.heartbeat === undefined) return;
    const [newStream, newClient] = this.openStream(true, () => {
      this.stream = newStream;
      this.client = newClient;
      stream.once("close", () => client?.close());
      stream.end();
      onMoved();
    });
  }

  private connect(): void {
    if (this.closed) return;
    this.client?.close();
    const [stream, client] = this.openStream(false, () => undefined);
    this.stream = stream;
    this.client = client;
  }

  private openStream(again: boolean, onWelcomed: () => void): readonly [ClientDuplexStream<WorkerMessage, CoordinatorMessage>, Client] {
    const client = new Client(`unix:${this.socket}`, credentials.createInsecure(), CONTROL_CHANNEL);
    const stream = client.makeBidiStreamRequest<WorkerMessage, CoordinatorMessage>(
      connectMethod.path,
      connectMethod.requestSerialize,
      connectMethod.responseDeserialize,
      tokenMetadata(this.options.token),
    );
    stream.on("data", (message: CoordinatorMessage) => {
      if (message.kind === "welcome") {
        onWelcomed();
        this.onWelcome(message.heartbeatIntervalMs);
      }
      this.options.onMessage(message);
    });
    let over = false;
    const ended = (): void => {
      if (over) return;
      over = true;
      if (this.stream === stream) this.onStreamEnded();
    };
    stream.on("error", ended).on("end", ended).on("close", ended);
    const sayHello = (): void => {
      if (!over && !this.closed) stream.write({ ...this.options.hello(), ...(again ? { again } : {}) });
    };
    const { ready } = this.options;
    if (ready === undefined) sayHello();
    // A worker that cannot get ready ends; it says why by itself.
    else void ready.then(sayHello, () => undefined);
    return [stream, client];
  }

  private onWelcome(heartbeatIntervalMs: number): void {
    this.disconnectedAtMs = undefined;
    clearInterval(this.heartbeat);
    this.heartbeat = setInterval(() => this.stream?.write({ kind: "heartbeat" }), heartbeatIntervalMs);
    const waiting = this.waiting;
    this.waiting = [];
    for (const message of waiting) this.stream?.write(message);
    this.onFlushed();
  }

  private onStreamEnded(): void {
    if (this.closed) return;
    const wasConnected = this.heartbeat !== undefined;
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
    this.stream = undefined;
    this.disconnectedAtMs ??= Date.now();
    if (wasConnected) this.options.onDisconnected();
    if (Date.now() - this.disconnectedAtMs > GIVE_UP_MS) {
      this.closed = true;
      this.options.onGivenUp();
    } else setTimeout(() => this.connect(), RETRY_MS);
  }
}
