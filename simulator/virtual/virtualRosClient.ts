/**
 * A client of a service in virtual time: the rules of `inference/rosClient` and `inference/instancePool` over virtual connections. It balances
 * with `core/balancer`; an instance that dies has its calls issued again at once on another, and without another calls wait for the next
 * endpoints. One that answers badly, or not at all, is left out for a while (`core/outlierEjection`).
 */
import { Balancer } from "../core/balancer";
import type { ServiceEndpoint } from "../core/deployment";
import { OutlierEjection } from "../core/outlierEjection";
import type { ServiceSpec } from "../graph/jobFile";
import type { SubtaskName } from "../observe/journalEvent";
import type { Chance } from "./chance";
import type { AttemptOwner, ServiceCaller } from "./clientCalls";
import { Attempt, Call, Connection, Deadlines } from "./clientCalls";
import type { EventLoop, VirtualTimer } from "./eventLoop";
import { cancelTimer } from "./eventLoop";
import type { Refusal, VirtualInstance } from "./virtualInstance";
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
  /** The instance is left out for a while. */
  onEjected(instance: SubtaskName, reason: string): void;
}

/** Since when an instance that could be called is left out, and how long the client itself had stood still by then. */
export interface LeftOut {
  readonly instance: SubtaskName;
  readonly sinceMs: number;
  readonly stoppedMs: number;
}

/** A real client looks for instances that hang this often. Here it is enough to look when one may have been silent for long enough. */
const SWEEP_MS = 10;
/** A look that comes later than this finds that the client itself stood still: answers are there that it has yet to read. */
const LATE_MS = 100;

export class VirtualRosClient implements AttemptOwner {
  private readonly connections = new Map<SubtaskName, Connection>();
  private readonly retiring = new Set<Connection>();
  private readonly balancer: Balancer<Connection>;
  private candidates: readonly Connection[] = [];
  private parked: Call[] = [];
  private readonly reconnectFailures = new Map<SubtaskName, number>();
  private open = 0;
  /** By time limit. */
  private readonly deadlines = new Map<number, Deadlines>();
  /** Of each origin that is not the client's own. */
  private readonly latestOf = new Map<number, Call>();
  private closed = false;
  private readonly outliers: OutlierEjection | undefined;
  /** When it looks for instances that hang; Infinity while it need not. */
  private sweepAtMs = Infinity;
  private returnTimer: VirtualTimer | undefined;
  private leftOutNow: readonly LeftOut[] = [];

  constructor(
    private readonly options: RosClientOptions,
    endpoints: readonly ServiceEndpoint[],
  ) {
    const { balancing, outlierEjection } = options.spec;
    this.balancer = new Balancer(balancing, () => options.chance.next());
    this.outliers = outlierEjection === undefined ? undefined : new OutlierEjection(outlierEjection);
    this.updateEndpoints(endpoints);
  }

  get inFlight(): number {
    return this.open;
  }

  get service(): ServiceSpec {
    return this.options.spec;
  }

  get process(): VirtualProcess {
    return this.options.process;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Instances that could be called and are not. */
  get leftOut(): readonly LeftOut[] {
    return this.leftOutNow;
  }

  /** @param origin who asks, where one client asks for several: see {@link abandon}. */
  call(timeoutMs: number, caller: ServiceCaller, origin = this.options.origin): void {
    let list = this.deadlines.get(timeoutMs);
    if (list === undefined) this.deadlines.set(timeoutMs, (list = new Deadlines(timeoutMs)));
    const call = new Call(origin, this.options.loop.now + timeoutMs, caller, list);
    list.append(call);
    this.open++;
    if (origin !== this.options.origin) this.appendTo(origin, call);
    if (!list.armed) this.arm(list);
    this.route(call);
  }

  private appendTo(origin: number, call: Call): void {
    call.earlier = this.latestOf.get(origin);
    if (call.earlier !== undefined) call.earlier.later = call;
    this.latestOf.set(origin, call);
  }

  private takeFrom(origin: number, call: Call): void {
    const { earlier, later } = call;
    if (later !== undefined) later.earlier = earlier;
    else if (earlier !== undefined) this.latestOf.set(origin, earlier);
    else this.latestOf.delete(origin);
    if (earlier !== undefined) earlier.later = later;
    call.earlier = undefined;
    call.later = undefined;
  }

  /** Of one origin, the first one first. */
  private callsOf(origin: number): readonly Call[] {
    if (origin === this.options.origin) return this.openCalls().filter((call) => call.origin === origin);
    const calls: Call[] = [];
    for (let call = this.latestOf.get(origin); call !== undefined; call = call.earlier) calls.push(call);
    return calls.reverse();
  }

  /** Waits for the first call that is still open. */
  private arm(deadlines: Deadlines): void {
    const { first } = deadlines;
    deadlines.armed = first !== undefined && !this.closed;
    if (first === undefined || this.closed) return;
    this.options.process.timer(first.deadlineMs, () => {
      const { now } = this.options.loop;
      for (let due = deadlines.first; due !== undefined && due.deadlineMs <= now && !this.closed; due = deadlines.first) {
        this.fail(due, `it took more than ${deadlines.timeoutMs} ms`);
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
      if (next === undefined) this.retire(connection);
      else this.lose(connection, "the instance was started again");
    }
    for (const instance of this.reconnectFailures.keys()) if (!announced.has(instance)) this.reconnectFailures.delete(instance);
    this.outliers?.retain([...announced.keys()]);
    for (const endpoint of endpoints) if (!this.connections.has(endpoint.instance)) this.connect(endpoint);
    this.refreshCandidates();
  }

  /** What it was given it may still answer. */
  private retire(connection: Connection): void {
    this.retiring.add(connection);
    connection.state = "retired";
  }

  /** Calls of one origin are given up without a word, and the instances that have them drop those that do not run yet. */
  abandon(origin: number): void {
    const { network, process, loop } = this.options;
    const asked = new Set<Connection>();
    for (const call of this.callsOf(origin)) {
      const { attempt } = call;
      if (attempt?.open === true && this.connections.get(attempt.connection.instance) === attempt.connection) {
        attempt.connection.remove(attempt);
        asked.add(attempt.connection);
      }
      this.settle(call);
    }
    this.forgetParked();
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
    cancelTimer(this.returnTimer);
    this.leftOutNow = [];
    const { network, process, loop, origin } = this.options;
    for (const connection of [...this.connections.values(), ...this.retiring]) {
      const instance = network.instanceAt(connection.endpoint.address);
      if (instance === undefined) continue;
      loop.after(network.latencyMs(process.pid, instance.process.pid), () => instance.process.run(() => instance.cancel(origin)));
    }
    for (const call of this.openCalls()) this.settle(call);
  }

  private openCalls(): Call[] {
    const calls: Call[] = [];
    for (const list of this.deadlines.values()) for (let call = list.first; call !== undefined; call = call.after) calls.push(call);
    return calls;
  }

  private connect(endpoint: ServiceEndpoint): void {
    const { network, process, loop } = this.options;
    const instance = network.instanceAt(endpoint.address);
    const connection = new Connection(endpoint, instance);
    this.connections.set(endpoint.instance, connection);
    const latency = (): number => network.latencyMs(process.pid, instance?.process.pid ?? 0);
    loop.after(latency() + latency(), () => {
      process.run(() => {
        if (this.closed || connection.state !== "connecting") return;
        if (instance === undefined || !instance.process.alive) {
          this.onLost(connection, "refused");
          return;
        }
        connection.state = "ready";
        this.reconnectFailures.delete(endpoint.instance);
        this.outliers?.forget(endpoint.instance);
        this.outliers?.retain([...this.connections.keys()]);
        connection.record = this.outliers?.recordOf(endpoint.instance);
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
    this.giveElsewhere(connection, reason);
  }

  private giveElsewhere(connection: Connection, reason: string): void {
    const attempts = connection.takeAll();
    if (attempts.length > 0) this.options.onRetry(connection.instance, attempts.length, reason);
    for (const { call } of attempts) this.again(call, `${connection.instance} was lost: ${reason}`);
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
    const { target } = connection;
    call.attempts++;
    call.lastInstance = connection.instance;
    // Only instances that were there became candidates.
    if (target === undefined) return;
    const attempt = new Attempt(this, call, connection, loop.now);
    call.attempt = attempt;
    connection.append(attempt);
    if (this.outliers !== undefined && this.sweepAtMs === Infinity) this.sweepAt(loop.now + this.outliers.config.minStallMs);
    if (target.process.alive) loop.put(loop.now + network.latencyMs(process.pid, target.process.pid), attempt);
  }

  back(attempt: Attempt): void {
    const { network, process, loop } = this.options;
    loop.put(loop.now + network.latencyMs(attempt.instance.process.pid, process.pid), attempt);
  }

  onBack(attempt: Attempt, refusal: Refusal | undefined): void {
    const { process } = this.options;
    if (process.state === "running") this.settleBy(attempt, refusal);
    else process.run(() => this.settleBy(attempt, refusal));
  }

  private settleBy(attempt: Attempt, refusal: Refusal | undefined): void {
    const { call, connection } = attempt;
    if (this.closed || !connection.remove(attempt)) return;
    if (this.outliers !== undefined) this.judge(connection, attempt, this.outliers);
    if (call.settled) return;
    if (refusal === undefined) this.succeed(call);
    else this.onRefused(call, connection, refusal);
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

  /** An answer of an instance that is still wanted counts for or against it, refusals too. */
  private judge(connection: Connection, attempt: Attempt, outliers: OutlierEjection): void {
    const { now } = this.options.loop;
    const latencyMs = connection.answered(attempt, now);
    const { record } = connection;
    if (connection.state !== "ready" || record === undefined) return;
    const reason = outliers.answeredBy(record, true, latencyMs, now);
    if (reason !== undefined) this.eject(connection, reason);
  }

  private eject(connection: Connection, reason: string): void {
    this.refreshCandidates();
    this.options.onEjected(connection.instance, reason);
  }

  private sweepAt(atMs: number): void {
    this.sweepAtMs = atMs;
    this.options.process.timer(atMs, this.lookForSilence);
  }

  private readonly lookForSilence = (): void => {
    if (this.outliers !== undefined && !this.closed) this.sweep(this.outliers);
  };

  /** Looks for instances that hang: their calls go elsewhere long before anything else would show it. */
  private sweep(outliers: OutlierEjection): void {
    const { now } = this.options.loop;
    if (now > this.sweepAtMs + LATE_MS) {
      this.sweepAt(now + SWEEP_MS);
      return;
    }
    const { minStallMs } = outliers.config;
    let limitMs = outliers.stallLimitMs;
    let nextMs = Infinity;
    for (const connection of [...this.connections.values()]) {
      if (connection.first === undefined) continue;
      // The limit falls when the slowest goes: nobody is left alone for longer than the least time.
      nextMs = Math.min(nextMs, minStallMs);
      if (outliers.isEjected(connection.instance, now)) continue;
      const silentMs = connection.silentMs(now);
      if (silentMs < limitMs) {
        nextMs = Math.min(nextMs, Math.max(SWEEP_MS, limitMs - silentMs));
        continue;
      }
      const reason = outliers.silent(connection.instance, silentMs, now);
      if (reason === undefined) {
        // Others are out already; until one of them is back there is nothing to be done.
        nextMs = Math.min(nextMs, Math.max(SWEEP_MS, minStallMs / 10));
        continue;
      }
      this.eject(connection, reason);
      this.giveElsewhere(connection, reason);
      nextMs = Math.min(nextMs, minStallMs);
      limitMs = outliers.stallLimitMs;
    }
    if (nextMs < Infinity) this.sweepAt(now + nextMs);
    else this.sweepAtMs = Infinity;
  }

  /** Until nobody is left out any more: several may be, and each comes back at a time of its own. */
  private awaitReturn(outliers: OutlierEjection): void {
    const { loop, process } = this.options;
    cancelTimer(this.returnTimer);
    const nextMs = outliers.nextReturnMs(loop.now);
    if (nextMs < Infinity && !this.closed) this.returnTimer = process.timer(nextMs, () => this.refreshCandidates());
  }

  private refreshCandidates(): void {
    const callable = [...this.connections.values()].filter((connection) => connection.state === "ready");
    this.candidates = callable;
    const { outliers } = this;
    if (outliers === undefined) return;
    this.awaitReturn(outliers);
    const before = this.leftOutNow;
    this.leftOutNow = [];
    const { now } = this.options.loop;
    if (!outliers.anyEjected(now)) return;
    const wellBehaved = callable.filter(({ instance }) => !outliers.isEjected(instance, now));
    // When all that are left are ejected, a bad instance is better than none.
    if (wellBehaved.length === 0 || wellBehaved.length === callable.length) return;
    this.candidates = wellBehaved;
    this.leftOutNow = callable.flatMap(({ instance }) =>
      outliers.isEjected(instance, now)
        ? [before.find((other) => other.instance === instance) ?? { instance, sinceMs: now, stoppedMs: this.options.process.stoppedForMs }]
        : [],
    );
  }

  /** Calls that are over are not routed; they are looked for only when they are most of those that wait. */
  private forgetParked(): void {
    if (this.parked.length > 2 * this.open) this.parked = this.parked.filter((call) => !call.settled);
  }

  private succeed(call: Call): void {
    if (this.settle(call)) call.caller.onResult();
  }

  private fail(call: Call, message: string): void {
    if (this.closed || !this.settle(call)) return;
    this.forgetParked();
    call.caller.onError(message);
  }

  private settle(call: Call): boolean {
    if (call.settled) return false;
    call.settled = true;
    call.list.remove(call);
    this.open--;
    if (call.origin !== this.options.origin) this.takeFrom(call.origin, call);
    return true;
  }
}
