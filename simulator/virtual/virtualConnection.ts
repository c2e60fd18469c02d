/**
 * A connection between two virtual processes: messages of one sender arrive in order, each after a latency; between senders any order is
 * possible. When a process dies, what it had sent still arrives, and then the end of the stream. A reset loses what is under way.
 */
import type { EventLoop, VirtualEvent } from "./eventLoop";
import type { VirtualProcess } from "./virtualProcess";

export interface ConnectionEnd<M> {
  readonly process: VirtualProcess;
  onMessage(message: M): void;
  /** The other side is gone. Told once. */
  onClosed(): void;
}

/** What the network between two processes is like at a time. */
export interface LinkWeather {
  /** For the next message. */
  latencyMs(): number;
  /** Nothing arrives before this time: a partition that TCP outlasts. */
  heldUntilMs(): number;
  /** What is sent in one moment arrives in one: thousands of tasks speak over a few connections. Each message still counts as an event. */
  readonly together?: boolean;
}

/** Something that arrives: one message, several that were sent in one moment, or the end of the stream. */
class Delivery<M> implements VirtualEvent {
  readonly cancelled = false;
  more: M[] | undefined;
  /** Messages beyond the first. */
  rest = 0;

  constructor(
    private readonly direction: Direction<M>,
    readonly epoch: number,
    readonly message: M | undefined,
  ) {}

  happen(): void {
    const { direction } = this;
    if (!direction.hears(this)) return;
    const { process } = direction.to;
    if (process.state === "running") direction.tell(this);
    else {
      process.run(() => {
        if (direction.hears(this)) direction.tell(this);
      });
    }
  }
}

class Direction<M> {
  private lastArrival = 0;
  private closing = false;
  /** Messages sent before the last reset are lost. */
  private epoch = 0;
  /** What is sent in the present moment, together. */
  private gathering: Delivery<M> | undefined;
  private gatheredAt = -1;

  constructor(
    private readonly loop: EventLoop,
    private readonly weather: LinkWeather,
    readonly to: ConnectionEnd<M>,
  ) {}

  send(message: M, count: number): void {
    if (this.closing) return;
    const { gathering } = this;
    if (gathering !== undefined && this.gatheredAt === this.loop.now) {
      gathering.rest += count;
      if (gathering.more === undefined) gathering.more = [message];
      else gathering.more.push(message);
      return;
    }
    const delivery = this.deliver(message);
    delivery.rest = count - 1;
    if (this.weather.together !== true) return;
    this.gathering = delivery;
    this.gatheredAt = this.loop.now;
  }

  /** Whether what was sent then may still arrive. */
  hears({ epoch }: Delivery<M>): boolean {
    return this.epoch === epoch;
  }

  tell(delivery: Delivery<M>): void {
    const { message, more } = delivery;
    if (message === undefined) {
      this.to.onClosed();
      return;
    }
    if (this.gathering === delivery) this.gathering = undefined;
    this.loop.handledTogether(delivery.rest);
    this.to.onMessage(message);
    if (more === undefined) return;
    for (const one of more) if (this.hears(delivery)) this.to.onMessage(one);
  }

  /** The end of the stream, after everything that was sent. */
  end(): void {
    if (this.closing) return;
    this.closing = true;
    this.deliver(undefined);
  }

  reset(): void {
    if (this.closing) return;
    this.closing = true;
    this.epoch++;
    this.deliver(undefined);
  }

  /** The receiver does not listen any more. */
  deafen(): void {
    this.closing = true;
    this.epoch++;
  }

  /** @param message none for the end of the stream. */
  private deliver(message: M | undefined): Delivery<M> {
    const arrival = Math.max(this.lastArrival, this.loop.now + this.weather.latencyMs(), this.weather.heldUntilMs());
    this.lastArrival = arrival;
    const delivery = new Delivery(this, this.epoch, message);
    this.loop.put(arrival, delivery);
    return delivery;
  }
}

export class VirtualConnection<Up, Down> {
  private readonly up: Direction<Up>;
  private readonly down: Direction<Down>;
  private over = false;

  /** `worker` sends `Up` and takes `Down`. */
  constructor(loop: EventLoop, weather: LinkWeather, worker: ConnectionEnd<Down>, coordinator: ConnectionEnd<Up>) {
    this.up = new Direction(loop, weather, coordinator);
    this.down = new Direction(loop, weather, worker);
    worker.process.whenDead(() => this.up.end());
    coordinator.process.whenDead(() => this.down.end());
  }

  /** @param count messages that this one stands for. */
  sendUp(message: Up, count = 1): void {
    if (!this.over) this.up.send(message, count);
  }

  sendDown(message: Down): void {
    if (!this.over) this.down.send(message, 1);
  }

  /** Both sides see it broken; what was under way is lost. */
  reset(): void {
    if (this.over) return;
    this.over = true;
    this.up.reset();
    this.down.reset();
  }

  /** The worker ends it. */
  closeByWorker(): void {
    this.down.deafen();
    this.up.end();
  }

  /** The coordinator ends it. */
  closeByCoordinator(): void {
    this.up.deafen();
    this.down.end();
  }
}
