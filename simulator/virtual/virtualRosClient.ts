/**
 * A client of a service in virtual time: the rules of `inference/rosClient` over virtual connections. It balances with `core/balancer`; an
 * instance that dies has its calls issued again at once on another, and without another calls wait for the next endpoints.
 */
import { Balancer } from "../core/balancer";
import type { ServiceEndpoint } from "../core/deployment";
import type { ServiceSpec } from "../graph/jobFile";
import type { SubtaskName } from "../observe/journalEvent";
import type { Chance } from "./chance";
import type { EventLoop } from "./eventLoop";
import type { InstanceRequest, Refusal, VirtualInstance } from "./virtualInstance";
import type { VirtualProcess } from "./virtualProcess";

/** Where instances are found, and what the way to them is like. */
export interface ServiceNetwork {
  instanceAt(address: string): VirtualInstance | undefined;
  latencyMs(fromPid: number, toPid: number): number;
}

export interface RosClientOptions {
  readonly spec: ServiceSpec;
  readonly loop: EventLoop;
  readonly chance: Chance;
  readonly network: ServiceNetwork;
  readonly process: VirtualProcess;
  /** Names this client to the instances. */
  readonly origin: number;
  onRetry(instance: SubtaskName, requests: number, reason: string): void;
}

interface Call {
  readonly origin: number;
  readonly deadlineMs: number;
  readonly onResult: () => void;
  readonly onError: (message: string) => void;
  attempts: number;
  lastInstance: SubtaskName | undefined;
  settled: boolean;
}

/** Calls with one time limit, in the order in which they come to it: one timer for all of them. */
interface Deadlines {
  readonly timeoutMs: number;
  calls: Call[];
  next: number;
  armed: boolean;
}

class Connection {
  readonly calls = new Set<Call>();
  state: "connecting" | "ready" | "lost" = "connecting";

  constructor(readonly endpoint: ServiceEndpoint) {}

  get instance(): string {
    return this.endpoint.instance;
  }

  get load(): number {
    return this.calls.size;
  }
}

/** A call on its way to one instance. */
class Attempt implements InstanceRequest {
  constructor(
    private readonly client: VirtualRosClient,
    readonly call: Call,
    readonly connection: Connection,
    readonly instance: VirtualInstance,
  ) {}

  get origin(): number {
    return this.call.origin;
  }

  get deadlineMs(): number {
    return this.call.deadlineMs;
  }

  arrive(): void {
    const { process } = this.instance;
    if (process.state === "running") this.instance.request(this);
    else process.run(() => this.instance.request(this));
  }

  answered(): void {
    this.client.back(this, undefined);
  }

  refused(why: Refusal): void {
    this.client.back(this, why);
  }
}

export class VirtualRosClient {
  private readonly connections = new Map<SubtaskName, Connection>();
  private readonly retiring = new Set<Connection>();
  private readonly balancer: Balancer<Connection>;
  private candidates: readonly Connection[] = [];
  private parked: Call[] = [];
  private readonly reconnectFailures = new Map<SubtaskName, number>();
  private readonly calls = new Set<Call>();
  private readonly deadlines = new Map<number, Deadlines>();
  private closed = false;

  constructor(
    private readonly options: RosClientOptions,
    endpoints: readonly ServiceEndpoint[],
  ) {
    this.balancer = new Balancer(options.spec.balancing, () => options.chance.next());
    this.updateEndpoints(endpoints);
  }

  get inFlight(): number {
    return this.calls.size;
  }

  /** @param origin who asks, where one client asks for several: see {@link abandon}. */
  call(timeoutMs: number, onResult: () => void, onError: (message: string) => void, origin = this.options.origin): void {
    const deadlineMs = this.options.loop.now + timeoutMs;
    const call: Call = { origin, deadlineMs, onResult, onError, attempts: 0, lastInstance: undefined, settled: false };
    this.limit(call, timeoutMs);
    this.calls.add(call);
    this.route(call);
  }

  private limit(call: Call, timeoutMs: number): void {
    let deadlines = this.deadlines.get(timeoutMs);
    if (deadlines === undefined) this.deadlines.set(timeoutMs, (deadlines = { timeoutMs, calls: [], next: 0, armed: false }));
    deadlines.calls.push(call);
    if (!deadlines.armed) this.arm(deadlines);
  }

  /** Waits for the first call that is still open. */
  private arm(deadlines: Deadlines): void {
    const { calls } = deadlines;
    while (deadlines.next < calls.length && calls[deadlines.next].settled) deadlines.next++;
    if (deadlines.next * 2 >= calls.length) {
      deadlines.calls = calls.slice(deadlines.next);
      deadlines.next = 0;
    }
    const first = deadlines.calls.at(deadlines.next);
    deadlines.armed = first !== undefined && !this.closed;
    if (first === undefined || this.closed) return;
    this.options.process.timer(first.deadlineMs, () => {
      const { now } = this.options.loop;
      for (;;) {
        const due = deadlines.calls.at(deadlines.next);
        if (due === undefined || (!due.settled && due.deadlineMs > now)) break;
        deadlines.next++;
        if (!due.settled) this.fail(due, `it took more than ${deadlines.timeoutMs} ms`);
      }
      this.arm(deadlines);
    });
  }

  updateEndpoints(endpoints: readonly ServiceEndpoint[]): void {
    if (this.closed) return;
    const announced = new Map(endpoints.map((endpoint) => [endpoint.instance, endpoint]));
    for (const [instance, connection] of this.connections) {
      const next = announced.get(instance);
      if (next?.attempt === connection.endpoint.attempt && next.address === connection.endpoint.address) continue;
      this.connections.delete(instance);
      this.reconnectFailures.delete(instance);
      if (next === undefined) this.retiring.add(connection);
      else this.lose(connection, "the instance was started again");
    }
    for (const instance of this.reconnectFailures.keys()) if (!announced.has(instance)) this.reconnectFailures.delete(instance);
    for (const endpoint of endpoints) if (!this.connections.has(endpoint.instance)) this.connect(endpoint);
    this.refreshCandidates();
  }

  /** Calls of one origin are given up without a word, and the instances that have them drop those that do not run yet. */
  abandon(origin: number): void {
    const { network, process, loop } = this.options;
    const asked = new Set<Connection>();
    for (const call of this.calls) {
      if (call.origin !== origin) continue;
      const connection = call.lastInstance === undefined ? undefined : this.connections.get(call.lastInstance);
      if (connection?.calls.delete(call) === true) asked.add(connection);
      this.settle(call);
    }
    this.parked = this.parked.filter((call) => !call.settled);
    for (const connection of asked) {
      const instance = network.instanceAt(connection.endpoint.address);
      if (instance === undefined) continue;
      loop.after(network.latencyMs(process.pid, instance.process.pid), () => instance.process.run(() => instance.cancel(origin)));
    }
  }

  /** Calls in flight are given up without a word: their task is gone. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { network, process, loop, origin } = this.options;
    for (const connection of [...this.connections.values(), ...this.retiring]) {
      const instance = network.instanceAt(connection.endpoint.address);
      if (instance === undefined) continue;
      loop.after(network.latencyMs(process.pid, instance.process.pid), () => instance.process.run(() => instance.cancel(origin)));
    }
    for (const call of this.calls) this.settle(call);
  }

  private connect(endpoint: ServiceEndpoint): void {
    const { network, process, loop } = this.options;
    const connection = new Connection(endpoint);
    this.connections.set(endpoint.instance, connection);
    const instance = network.instanceAt(endpoint.address);
    const latency = (): number => network.latencyMs(process.pid, instance?.process.pid ?? 0);
    loop.after(latency() + latency(), () => {
      process.run(() => {
        if (this.closed || connection.state === "lost") return;
        if (instance === undefined || !instance.process.alive) {
          this.onLost(connection, "refused");
          return;
        }
        connection.state = "ready";
        this.reconnectFailures.delete(endpoint.instance);
        this.refreshCandidates();
        for (const call of this.parked.splice(0)) this.route(call);
        instance.process.whenDead(() =>
          loop.after(latency(), () => process.run(() => this.onLost(connection, "the connection broke"))),
        );
      });
    });
  }

  private onLost(connection: Connection, reason: string): void {
    if (this.closed || connection.state === "lost") return;
    this.retiring.delete(connection);
    const { instance } = connection.endpoint;
    if (this.connections.get(instance) === connection) {
      this.connections.delete(instance);
      const failures = this.reconnectFailures.get(instance) ?? 0;
      this.reconnectFailures.set(instance, failures + 1);
      this.options.process.post(failures === 0 ? 0 : this.backoffMs(failures), () => {
        if (!this.closed && this.reconnectFailures.has(instance) && !this.connections.has(instance)) this.connect(connection.endpoint);
      });
    }
    this.lose(connection, reason);
  }

  private lose(connection: Connection, reason: string): void {
    connection.state = "lost";
    this.refreshCandidates();
    const calls = [...connection.calls];
    connection.calls.clear();
    if (calls.length > 0) this.options.onRetry(connection.instance, calls.length, reason);
    for (const call of calls) this.again(call, `${connection.instance} was lost: ${reason}`);
  }

  private again(call: Call, why: string): void {
    if (call.settled) return;
    if (call.attempts >= this.options.spec.retry.maxAttempts) this.fail(call, `${why}, after ${call.attempts} attempts`);
    else this.route(call);
  }

  private route(call: Call): void {
    if (call.settled || this.closed) return;
    let chosen = this.balancer.pick(this.candidates);
    if (chosen !== undefined && call.attempts > 0 && chosen.instance === call.lastInstance && this.candidates.length > 1) {
      chosen = this.candidates[(this.candidates.indexOf(chosen) + 1) % this.candidates.length];
    }
    if (chosen === undefined) this.parked.push(call);
    else this.send(call, chosen);
  }

  private send(call: Call, connection: Connection): void {
    const { network, process, loop } = this.options;
    const instance = network.instanceAt(connection.endpoint.address);
    call.attempts++;
    call.lastInstance = connection.instance;
    connection.calls.add(call);
    if (instance === undefined) return;
    const request = new Attempt(this, call, connection, instance);
    loop.after(network.latencyMs(process.pid, instance.process.pid), () => request.arrive());
  }

  /** An answer is on its way. */
  back({ call, connection, instance }: Attempt, refusal: Refusal | undefined): void {
    const { network, process, loop } = this.options;
    const come = (): void => {
      if (this.closed || !connection.calls.delete(call) || call.settled) return;
      if (refusal === undefined) this.succeed(call);
      else this.onRefused(call, connection, refusal);
    };
    loop.after(network.latencyMs(instance.process.pid, process.pid), () => {
      if (process.state === "running") come();
      else process.run(come);
    });
  }

  private onRefused(call: Call, connection: Connection, why: Refusal): void {
    if (why === "too-late") {
      this.fail(call, `${connection.instance} could not answer in time`);
      return;
    }
    if (why === "unavailable") call.attempts--;
    else if (call.attempts >= this.options.spec.retry.maxAttempts) {
      this.fail(call, `${connection.instance} was overloaded`);
      return;
    }
    this.options.onRetry(connection.instance, 1, why);
    this.options.process.post(this.backoffMs(Math.max(1, call.attempts)), () => this.route(call));
  }

  private backoffMs(failures: number): number {
    const { initialBackoffMs, maxBackoffMs } = this.options.spec.retry;
    const bound = Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(failures - 1, 30));
    return bound * (0.5 + 0.5 * this.options.chance.next());
  }

  private refreshCandidates(): void {
    this.candidates = [...this.connections.values()].filter((connection) => connection.state === "ready");
  }

  private succeed(call: Call): void {
    if (this.settle(call)) call.onResult();
  }

  private fail(call: Call, message: string): void {
    if (this.closed || !this.settle(call)) return;
    this.parked = this.parked.filter((other) => other !== call);
    call.onError(message);
  }

  private settle(call: Call): boolean {
    if (call.settled) return false;
    call.settled = true;
    this.calls.delete(call);
    return true;
  }
}
