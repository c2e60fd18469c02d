/**
 * The instances of a service as a client sees them: connects to those that are announced, comes back by itself to one whose connection
 * broke, lets those that are withdrawn finish, and leaves out for a while those that answer badly.
 */
import { performance } from "node:perf_hooks";
import { OutlierEjection } from "../core/outlierEjection";
import type { ServiceSpec } from "../graph/jobFile";
import {
  InstanceConnection,
  type ConnectionOwner,
  type ConnectionTransport,
  type KnownModel,
  type ServiceEndpoint,
} from "./instanceConnection";
import type { PendingCall } from "./pendingCall";

export interface PoolOwner extends ConnectionOwner {
  /** Another instance can be called than before: what waited for one may go. */
  onCandidates(): void;
  /** Calls that must go elsewhere. `sent`: an instance had them. */
  onReturned(
    connection: InstanceConnection,
    sent: readonly PendingCall[],
    unsent: readonly PendingCall[],
    reason: string,
  ): void;
  onEjected(instance: string, reason: string): void;
}

export interface PoolOptions {
  readonly spec: ServiceSpec;
  /** Of the model that is called; the first that an instance knows counts. */
  readonly modelNames: readonly string[];
  readonly transport: ConnectionTransport;
}

/** Sweeps follow one another closely, or this process was busy with something else, or stopped. */
const LATE_SWEEP_MS = 100;

export class InstancePool {
  private readonly connections = new Map<string, InstanceConnection>();
  private readonly retiring = new Set<InstanceConnection>();
  private readonly reconnects = new Map<string, { failures: number; timer: NodeJS.Timeout | undefined }>();
  private readonly outliers: OutlierEjection | undefined;
  private returnTimer: NodeJS.Timeout | undefined;
  private sweptMs = 0;
  private closed = false;
  /** Instances that the job starts have the same model, each of them. */
  private known: KnownModel | undefined;
  /** Sticky calls wait at the start until it is known which instances there are: the first to connect would get the keys of all. */
  private settled: boolean;
  /** Instances that can be called; a new array at every change, which the balancer relies on. */
  candidates: readonly InstanceConnection[] = [];

  constructor(
    private readonly options: PoolOptions,
    private readonly owner: PoolOwner,
  ) {
    this.settled = options.spec.balancing !== "consistent-hash";
    const { outlierEjection } = options.spec;
    this.outliers = outlierEjection === undefined ? undefined : new OutlierEjection(outlierEjection);
  }

  /** All instances of the service, as of now. Those that are new, or have a new attempt, get a fresh connection at once. */
  update(endpoints: readonly ServiceEndpoint[]): void {
    if (this.closed) return;
    const announced = new Map(endpoints.map((endpoint) => [endpoint.instance, endpoint]));
    for (const retired of this.retiring) if (retired.isClosed) this.retiring.delete(retired);
    for (const [instance, connection] of [...this.connections]) {
      const { attempt, address } = connection.endpoint;
      const next = announced.get(instance);
      if (next !== undefined && next.attempt === attempt && next.address === address) continue;
      this.connections.delete(instance);
      this.refresh();
      if (next === undefined || next.attempt === attempt) {
        // Drains, is gone, or is the same at another address: what it was given it may still answer.
        this.retiring.add(connection);
        this.owner.onReturned(connection, [], connection.retire(), "");
      } else {
        const { sent, unsent } = connection.close();
        this.owner.onReturned(connection, sent, unsent, "the instance was started again");
      }
    }
    for (const [instance, reconnect] of this.reconnects) {
      if (announced.has(instance) && this.connections.has(instance)) continue;
      clearTimeout(reconnect.timer);
      this.reconnects.delete(instance);
    }
    this.outliers?.retain([...announced.keys()]);
    for (const endpoint of endpoints) if (!this.connections.has(endpoint.instance)) this.connect(endpoint);
    this.refresh();
  }

  /** A connection says that its instance can be called. */
  ready(connection: InstanceConnection): void {
    if (this.options.spec.deployment !== "external") this.known = connection.model;
    const reconnect = this.reconnects.get(connection.instance);
    if (reconnect !== undefined) clearTimeout(reconnect.timer);
    this.reconnects.delete(connection.instance);
    this.outliers?.forget(connection.instance);
    this.outliers?.retain([...this.connections.keys()]);
    this.refresh();
  }

  /** A connection says that it is gone. */
  lost(connection: InstanceConnection): void {
    this.retiring.delete(connection);
    if (this.connections.get(connection.instance) !== connection) return;
    this.connections.delete(connection.instance);
    this.refresh();
    this.planReconnect(connection.endpoint);
  }

  /** An answer to a message came; `ok` when the instance did what it could. */
  answered(connection: InstanceConnection, ok: boolean, latencyMs: number): void {
    // One that drains is no candidate any more, and must not count among those of whom a share may be out.
    if (this.connections.get(connection.instance) !== connection) return;
    const nowMs = performance.now();
    const reason = this.outliers?.answered(connection.instance, ok, latencyMs, nowMs);
    if (reason !== undefined) this.ejected(connection, reason);
  }

  /** Looks for instances that hang: their calls go elsewhere long before anything else would show it. */
  sweep(nowMs: number): void {
    // After a while in which this process itself stood still, answers are there that it has yet to read.
    const isLate = nowMs - this.sweptMs > LATE_SWEEP_MS;
    this.sweptMs = nowMs;
    if (this.outliers === undefined || isLate) return;
    for (const connection of this.candidates) {
      const reason = this.outliers.silent(connection.instance, connection.silentMs(nowMs), nowMs);
      if (reason === undefined) continue;
      const { sent, unsent } = connection.abandon();
      this.ejected(connection, reason);
      this.owner.onReturned(connection, sent, unsent, reason);
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.returnTimer);
    for (const { timer } of this.reconnects.values()) clearTimeout(timer);
    for (const connection of [...this.connections.values(), ...this.retiring]) connection.close();
    this.connections.clear();
    this.candidates = [];
  }

  private ejected(connection: InstanceConnection, reason: string): void {
    this.refresh();
    this.owner.onEjected(connection.instance, reason);
  }

  /** Until nobody is left out any more: several may be, and a timer may come a moment too early. */
  private awaitReturn(nowMs: number): void {
    clearTimeout(this.returnTimer);
    const nextMs = this.outliers?.nextReturnMs(nowMs) ?? Infinity;
    if (nextMs < Infinity && !this.closed) this.returnTimer = setTimeout(() => this.refresh(), Math.max(1, nextMs - nowMs));
  }

  private refresh(): void {
    const nowMs = performance.now();
    const before = this.candidates;
    this.awaitReturn(nowMs);
    this.settled ||= [...this.connections.values()].every(({ signature }) => signature !== undefined);
    if (!this.settled) return;
    const callable = [...this.connections.values()].filter(({ signature }) => signature !== undefined);
    const wellBehaved = callable.filter(({ instance }) => this.outliers?.isEjected(instance, nowMs) !== true);
    // When all that are left are ejected, a bad instance is better than none.
    this.candidates = wellBehaved.length > 0 ? wellBehaved : callable;
    if (this.candidates.some((connection) => !before.includes(connection))) this.owner.onCandidates();
  }

  private connect(endpoint: ServiceEndpoint): void {
    const { spec, modelNames, transport } = this.options;
    const connection = new InstanceConnection(endpoint, spec, modelNames, transport, this.owner, this.known);
    this.connections.set(endpoint.instance, connection);
  }

  /** An endpoint that is still announced but whose connection broke: at once, then with back-off. A dead process refuses within a millisecond. */
  private planReconnect(endpoint: ServiceEndpoint): void {
    if (this.closed) return;
    const reconnect = this.reconnects.get(endpoint.instance) ?? { failures: 0, timer: undefined };
    this.reconnects.set(endpoint.instance, reconnect);
    const delayMs = reconnect.failures === 0 ? 0 : backoffMs(this.options.spec.retry, reconnect.failures);
    reconnect.failures += 1;
    reconnect.timer = setTimeout(() => {
      if (!this.closed && !this.connections.has(endpoint.instance)) this.connect(endpoint);
    }, delayMs);
  }
}

/** Exponential, with jitter: those that failed together do not come back together. */
export function backoffMs({ initialBackoffMs, maxBackoffMs }: ServiceSpec["retry"], failures: number): number {
  const bound = Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(failures - 1, 30));
  return bound * (0.5 + 0.5 * Math.random());
}
