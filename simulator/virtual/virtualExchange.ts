/**
 * Records between virtual tasks. A partition belongs to one attempt of its producer and is read by one attempt of each consumer; buffers
 * of one channel arrive in order. The rules are those of `cluster/exchange`: a consumer may ask before its producer is there and waits with
 * a limit; it is told when the producer failed, was cancelled, or when the connection broke.
 */
import type { SubtaskName } from "../observe/journalEvent";
import type { EventLoop } from "./eventLoop";
import type { VirtualProcess } from "./virtualProcess";

export type ChannelItem =
  | { readonly kind: "record"; readonly record: number }
  | { readonly kind: "barrier"; readonly checkpoint: number; readonly final: boolean }
  /** `final`: a final barrier follows, although the job has no checkpoints. */
  | { readonly kind: "endOfData"; readonly final: boolean }
  | { readonly kind: "endOfPartition" };

export type ProducerLoss = "failed" | "canceled" | "disconnected" | "notFound";

/** The end of a channel in a consumer. */
export interface ChannelReader {
  readonly process: VirtualProcess;
  /** From now on items come; each record that was taken is to be told by `taken`. */
  onAttached(taken: () => void): void;
  receive(item: ChannelItem): void;
  onProducerLost(loss: ProducerLoss): void;
}

/** Records under way or not taken yet in one channel; more is back-pressure. Stands for the credit of real buffers. */
const CHANNEL_CAPACITY = 32;

/** Flink's `taskmanager.network.partition-request-timeout`. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface ExchangeWeather {
  latencyMs(fromPid: number, toPid: number): number;
  /** Nothing arrives before this time: a partition that TCP outlasts. */
  heldUntilMs(fromPid: number, toPid: number): number;
}

/** When what is sent now arrives. */
function arrivalMs(loop: EventLoop, weather: ExchangeWeather, fromPid: number, toPid: number): number {
  return Math.max(loop.now + weather.latencyMs(fromPid, toPid), weather.heldUntilMs(fromPid, toPid));
}

/** What one subtask writes for one consumer over one edge. */
export class Subpartition {
  private readonly waiting: ChannelItem[] = [];
  private reader: ChannelReader | undefined;
  private lastArrival = 0;
  private over = false;
  private untaken = 0;

  /** @param onRoom called when the channel is not full any more. */
  constructor(
    private readonly loop: EventLoop,
    private readonly weather: ExchangeWeather,
    private readonly producer: VirtualProcess,
    private readonly onRoom: () => void,
  ) {}

  get full(): boolean {
    return this.untaken >= CHANNEL_CAPACITY && !this.over;
  }

  add(item: ChannelItem): void {
    if (this.over) return;
    if (item.kind === "record") this.untaken++;
    this.pass(item);
  }

  private pass(item: ChannelItem): void {
    if (this.reader === undefined) this.waiting.push(item);
    else this.transmit((reader) => reader.receive(item));
  }

  attach(reader: ChannelReader): void {
    this.reader = reader;
    reader.onAttached(() => this.onTaken());
    for (const item of this.waiting.splice(0)) this.pass(item);
  }

  private onTaken(): void {
    const { full } = this;
    this.untaken--;
    if (full) this.loop.at(arrivalMs(this.loop, this.weather, this.reader?.process.pid ?? 0, this.producer.pid), () => this.producer.run(this.onRoom));
  }

  /** The producer is gone without an orderly end; what was sent still arrives before. */
  lose(loss: ProducerLoss): void {
    if (this.over) return;
    this.over = true;
    this.transmit((reader) => reader.onProducerLost(loss));
  }

  /** The connection between the two processes broke; what was under way is lost. */
  breakFrom(otherPid: number): void {
    const { reader } = this;
    if (reader === undefined || reader.process.pid !== otherPid || this.over) return;
    this.over = true;
    this.reader = undefined;
    this.loop.after(this.weather.latencyMs(this.producer.pid, otherPid), () =>
      reader.process.run(() => reader.onProducerLost("disconnected")),
    );
  }

  private transmit(tell: (reader: ChannelReader) => void): void {
    const { reader } = this;
    if (reader === undefined) return;
    const arrival = Math.max(this.lastArrival, arrivalMs(this.loop, this.weather, this.producer.pid, reader.process.pid));
    this.lastArrival = arrival;
    this.loop.at(arrival, () => {
      if (this.reader === reader) reader.process.run(() => tell(reader));
    });
  }
}

interface Request {
  readonly key: string;
  readonly reader: ChannelReader;
  over: boolean;
}

/** The partitions of one TaskManager process, and the requests that wait for theirs. */
export class PartitionTable {
  private readonly subpartitions = new Map<string, Subpartition>();
  private readonly waiting: Request[] = [];

  constructor(
    private readonly loop: EventLoop,
    private readonly weather: ExchangeWeather,
    readonly process: VirtualProcess,
  ) {
    process.whenDead(() => {
      for (const subpartition of this.subpartitions.values()) subpartition.lose("disconnected");
      for (const request of this.waiting) this.refuse(request, "disconnected");
    });
  }

  register(key: string, onRoom: () => void): Subpartition {
    const subpartition = new Subpartition(this.loop, this.weather, this.process, onRoom);
    this.subpartitions.set(key, subpartition);
    for (const request of this.waiting) {
      if (request.key !== key || request.over) continue;
      request.over = true;
      subpartition.attach(request.reader);
    }
    return subpartition;
  }

  /** A consumer asks; the answer comes over the network too. */
  request(key: string, reader: ChannelReader): void {
    this.loop.at(arrivalMs(this.loop, this.weather, reader.process.pid, this.process.pid), () => {
      const request: Request = { key, reader, over: false };
      if (!this.process.alive) {
        this.refuse(request, "disconnected");
        return;
      }
      this.process.run(() => {
        const there = this.subpartitions.get(key);
        if (there !== undefined) {
          there.attach(reader);
          return;
        }
        this.waiting.push(request);
        this.process.post(REQUEST_TIMEOUT_MS, () => this.refuse(request, "notFound"));
      });
    });
  }

  release(key: string, loss: ProducerLoss | undefined): void {
    const subpartition = this.subpartitions.get(key);
    if (subpartition === undefined || loss === undefined) return;
    this.subpartitions.delete(key);
    subpartition.lose(loss);
  }

  breakFrom(otherPid: number): void {
    for (const subpartition of this.subpartitions.values()) subpartition.breakFrom(otherPid);
  }

  private refuse(request: Request, loss: ProducerLoss): void {
    if (request.over) return;
    request.over = true;
    const { reader } = request;
    this.loop.at(arrivalMs(this.loop, this.weather, this.process.pid, reader.process.pid), () =>
      reader.process.run(() => reader.onProducerLost(loss)),
    );
  }
}

export function subpartitionKey(edge: number, producer: SubtaskName, attempt: number, consumer: number): string {
  return `${edge}/${producer}/${attempt}/${consumer}`;
}
