/**
 * A connection between two virtual processes: messages of one sender arrive in order, each after a latency; between senders any order is
 * possible. When a process dies, what it had sent still arrives, and then the end of the stream. A reset loses what is under way.
 */
import type { EventLoop } from "./eventLoop";
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

class Direction<M> {
  private lastArrival = 0;
  private closing = false;
  /** Messages sent before the last reset are lost. */
  private epoch = 0;
  private batch: M[] = [];
  private batchAt = -1;

  constructor(
    private readonly loop: EventLoop,
    private readonly weather: LinkWeather,
    private readonly to: ConnectionEnd<M>,
  ) {}

  send(message: M): void {
    if (this.closing) return;
    if (this.weather.together !== true) {
      this.deliver(() => this.to.onMessage(message));
      return;
    }
    if (this.batchAt === this.loop.now && this.batch.length > 0) {
      this.batch.push(message);
      return;
    }
    const batch = [message];
    this.batch = batch;
    this.batchAt = this.loop.now;
    this.deliver(() => {
      if (this.batch === batch) this.batch = [];
      this.loop.handledTogether(batch.length - 1);
      const { epoch } = this;
      for (const one of batch) if (this.epoch === epoch) this.to.onMessage(one);
    });
  }

  /** The end of the stream, after everything that was sent. */
  end(): void {
    if (this.closing) return;
    this.closing = true;
    this.deliver(() => this.to.onClosed());
  }

  reset(): void {
    if (this.closing) return;
    this.closing = true;
    this.epoch++;
    this.deliver(() => this.to.onClosed());
  }

  /** The receiver does not listen any more. */
  deafen(): void {
    this.closing = true;
    this.epoch++;
  }

  private deliver(tell: () => void): void {
    const arrival = Math.max(this.lastArrival, this.loop.now + this.weather.latencyMs(), this.weather.heldUntilMs());
    this.lastArrival = arrival;
    const { epoch } = this;
    this.loop.at(arrival, () => {
      if (this.epoch === epoch) {
        this.to.process.run(() => {
          if (this.epoch === epoch) tell();
        });
      }
    });
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

  sendUp(message: Up): void {
    if (!this.over) this.up.send(message);
  }

  sendDown(message: Down): void {
    if (!this.over) this.down.send(message);
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
