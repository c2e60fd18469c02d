/**
 * The client of an RpcOperator service (FLIP-582's `RosClient`): balances calls over the instances there are, and loses none when one
 * goes. Endpoints are pushed by the coordinator; a channel is never waited for that gRPC itself would try again later.
 *
 * - An instance that dies: its calls in flight are issued again at once on another. What was not sent yet goes there without counting as an
 *   attempt. Without another instance, calls wait for the next endpoints until their timeout.
 * - A queue that is full, an instance that drains, a model that failed: again after a back-off, preferably elsewhere.
 * - A request that the model cannot take (INVALID_ARGUMENT) is not retried; when it shared a message, the others are sent again by themselves.
 */
import { performance } from "node:perf_hooks";
import { basename, extname } from "node:path";
import { status } from "@grpc/grpc-js";
import { Balancer } from "../core/balancer";
import type { Tensors } from "../core/tensor";
import { ERROR_CATALOGUE, FaultlineError, type ErrorCode } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import type { RpcMetrics } from "../observe/journalEvent";
import { LatencyHistogram } from "../observe/latencyHistogram";
import type { InferenceCallOptions, InferenceClient, InferenceClientEvent } from "./inferenceClient";
import { InstanceConnection, type ConnectionOwner, type ServiceEndpoint } from "./instanceConnection";
import { PendingCall } from "./pendingCall";

export interface RosClientOptions {
  readonly spec: ServiceSpec;
  /** Instances as of now; `external` addresses when absent. */
  readonly endpoints?: readonly ServiceEndpoint[];
  /** Who calls, for messages. */
  readonly task: string;
  readonly onEvent?: (event: InferenceClientEvent) => void;
}

/** Timeouts are looked after this often. */
const SWEEP_MS = 10;

export class RosClient implements InferenceClient, ConnectionOwner {
  private readonly spec: ServiceSpec;
  private readonly connections = new Map<string, InstanceConnection>();
  /** Connections that can be called; a new array at every change, which the balancer relies on. */
  private candidates: readonly InstanceConnection[] = [];
  private readonly retiring = new Set<InstanceConnection>();
  private readonly calls = new Set<PendingCall>();
  /** Calls that no instance can take now. */
  private parked: PendingCall[] = [];
  private readonly reconnects = new Map<string, { failures: number; timer: NodeJS.Timeout | undefined }>();
  private readonly balancer: Balancer<InstanceConnection>;
  private readonly latency = new LatencyHistogram();
  private counts = { requests: 0, succeeded: 0, retried: 0, failed: 0 };
  private sweepTimer: NodeJS.Timeout | undefined;
  private readonly backoffTimers = new Set<NodeJS.Timeout>();
  private closed = false;
  /** Why the last instance was lost: what to say when a call's time is over. */
  private lastLoss: string | undefined;

  constructor(private readonly options: RosClientOptions) {
    this.spec = options.spec;
    this.balancer = new Balancer(this.spec.balancing, Math.random);
    this.updateEndpoints(options.endpoints ?? externalEndpoints(this.spec));
  }

  get inFlight(): number {
    return this.calls.size;
  }

  call(inputs: Tensors, { timeoutMs, key }: InferenceCallOptions): Promise<Tensors> {
    this.counts.requests += 1;
    return new Promise((resolve, reject) => {
      const nowMs = performance.now();
      const call = new PendingCall(inputs, key, nowMs, nowMs + timeoutMs, resolve, reject);
      if (this.closed) return this.fail(call, FaultlineError.of("FL3008", "The client is closed."));
      this.calls.add(call);
      this.sweepTimer ??= setInterval(() => this.sweep(), SWEEP_MS);
      this.route(call);
    });
  }

  /** All instances of the service, as of now. Those that are new, or have a new attempt, get a fresh connection at once. */
  updateEndpoints(endpoints: readonly ServiceEndpoint[]): void {
    if (this.closed) return;
    const announced = new Map(endpoints.map((endpoint) => [endpoint.instance, endpoint]));
    for (const [instance, connection] of this.connections) {
      const { attempt, address } = connection.endpoint;
      const next = announced.get(instance);
      if (next !== undefined && next.attempt === attempt && next.address === address) continue;
      this.connections.delete(instance);
      if (next === undefined) {
        // Drains or is gone: what it was given it may still answer.
        this.retiring.add(connection);
        this.refreshCandidates();
        this.routeAll(connection.retire());
      } else {
        this.refreshCandidates();
        this.retry(connection, connection.close(), "the instance was started again");
      }
    }
    for (const [instance, reconnect] of this.reconnects) {
      const next = announced.get(instance);
      if (next === undefined || !this.connections.has(instance)) {
        clearTimeout(reconnect.timer);
        this.reconnects.delete(instance);
      }
    }
    for (const endpoint of endpoints) {
      if (!this.connections.has(endpoint.instance)) this.connect(endpoint);
    }
    this.refreshCandidates();
  }

  takeMetrics(): Omit<RpcMetrics, "service"> {
    const counts = this.counts;
    this.counts = { requests: 0, succeeded: 0, retried: 0, failed: 0 };
    return { ...counts, inFlight: this.calls.size, latencyMs: this.latency.take() };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const { timer } of this.reconnects.values()) clearTimeout(timer);
    for (const timer of this.backoffTimers) clearTimeout(timer);
    for (const connection of [...this.connections.values(), ...this.retiring]) connection.close();
    this.connections.clear();
    this.candidates = [];
    this.parked = [];
    for (const call of this.calls)
      this.fail(call, FaultlineError.of("FL3008", "The client was closed while the call was in flight."));
    clearInterval(this.sweepTimer);
  }

  onReady(connection: InstanceConnection): void {
    const reconnect = this.reconnects.get(connection.instance);
    if (reconnect !== undefined) clearTimeout(reconnect.timer);
    this.reconnects.delete(connection.instance);
    this.refreshCandidates();
    this.routeAll(this.parked.splice(0));
  }

  onLost(
    connection: InstanceConnection,
    sent: readonly PendingCall[],
    unsent: readonly PendingCall[],
    reason: string,
  ): void {
    this.retiring.delete(connection);
    const current = this.connections.get(connection.instance) === connection;
    if (current) this.connections.delete(connection.instance);
    this.lastLoss = `${connection.instance}: ${reason}`;
    this.refreshCandidates();
    if (current) this.planReconnect(connection.endpoint);
    this.retry(connection, sent, reason);
    this.routeAll(unsent);
  }

  onResult(_connection: InstanceConnection, call: PendingCall, outputs: Tensors): void {
    if (!this.settle(call)) return;
    this.counts.succeeded += 1;
    this.latency.record(performance.now() - call.startedMs);
    call.resolve(outputs);
  }

  onRefused(
    connection: InstanceConnection,
    calls: readonly PendingCall[],
    code: status,
    message: string,
    faultlineCode?: string,
  ): void {
    const notModelsFault = code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED;
    if (calls.length > 1 && !notModelsFault && code !== status.DEADLINE_EXCEEDED) {
      // One of them is to blame; by themselves the others are answered.
      for (const call of calls) {
        call.alone = true;
        call.attempts -= 1;
        this.route(call);
      }
      return;
    }
    const error = FaultlineError.of(
      isErrorCode(faultlineCode) ? faultlineCode : codeOfStatus(code),
      message,
      `${connection.instance} said so (${status[code]}).`,
    );
    if (code === status.UNAVAILABLE) for (const call of calls) call.attempts -= 1;
    if (notModelsFault || code === status.INTERNAL) this.retryLater(connection, calls, error);
    else for (const call of calls) this.fail(call, error);
  }

  onUnsendable(call: PendingCall, error: FaultlineError): void {
    this.fail(call, error);
  }

  private route(call: PendingCall): void {
    if (call.settled) return;
    const { candidates } = this;
    let chosen = this.balancer.pick(candidates, call.key);
    if (chosen !== undefined && call.attempts > 0 && chosen.instance === call.lastInstance && candidates.length > 1) {
      chosen = candidates[(candidates.indexOf(chosen) + 1) % candidates.length];
    }
    if (chosen === undefined) this.parked.push(call);
    else chosen.enqueue(call);
  }

  private routeAll(calls: readonly PendingCall[]): void {
    for (const call of calls) this.route(call);
  }

  /** Calls that an instance took down with it: at once elsewhere. */
  private retry(connection: InstanceConnection, calls: readonly PendingCall[], reason: string): void {
    if (calls.length === 0) return;
    this.options.onEvent?.({ kind: "retry", instance: connection.instance, requests: calls.length, reason });
    for (const call of calls) {
      if (call.attempts >= this.spec.retry.maxAttempts) {
        this.fail(call, this.gaveUp(call, `${connection.instance} was lost: ${reason}`));
      } else {
        if (call.attempts > 0) this.counts.retried += 1;
        this.route(call);
      }
    }
  }

  private retryLater(connection: InstanceConnection, calls: readonly PendingCall[], error: FaultlineError): void {
    const again = calls.filter((call) => call.attempts < this.spec.retry.maxAttempts);
    for (const call of calls) if (call.attempts >= this.spec.retry.maxAttempts) this.fail(call, error);
    if (again.length === 0) return;
    this.options.onEvent?.({
      kind: "retry",
      instance: connection.instance,
      requests: again.length,
      reason: error.message,
    });
    this.counts.retried += again.length;
    const attempts = Math.max(1, ...again.map((call) => call.attempts));
    const timer = setTimeout(() => {
      this.backoffTimers.delete(timer);
      this.routeAll(again);
    }, this.backoffMs(attempts));
    this.backoffTimers.add(timer);
  }

  /** Exponential, with full jitter: callers that were refused together do not come back together. */
  private backoffMs(failures: number): number {
    const { initialBackoffMs, maxBackoffMs } = this.spec.retry;
    const bound = Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(failures - 1, 30));
    return bound * (0.5 + 0.5 * Math.random());
  }

  private connect(endpoint: ServiceEndpoint): void {
    const { spec } = this;
    const names = spec.deployment === "external" ? [spec.id, basename(spec.model, extname(spec.model)), ""] : [spec.id];
    this.connections.set(endpoint.instance, new InstanceConnection(endpoint, spec, [...new Set(names)], this));
  }

  /** An endpoint that is still announced but whose connection broke: at once, then with back-off. A dead process refuses within a millisecond. */
  private planReconnect(endpoint: ServiceEndpoint): void {
    if (this.closed) return;
    const reconnect = this.reconnects.get(endpoint.instance) ?? { failures: 0, timer: undefined };
    this.reconnects.set(endpoint.instance, reconnect);
    const delayMs = reconnect.failures === 0 ? 0 : this.backoffMs(reconnect.failures);
    reconnect.failures += 1;
    reconnect.timer = setTimeout(() => {
      if (!this.closed && !this.connections.has(endpoint.instance)) this.connect(endpoint);
    }, delayMs);
  }

  private refreshCandidates(): void {
    this.candidates = [...this.connections.values()].filter((connection) => connection.signature !== undefined);
  }

  private sweep(): void {
    const nowMs = performance.now();
    let expired = false;
    for (const call of this.calls) {
      if (call.deadlineMs > nowMs) continue;
      expired = true;
      const timeoutMs = Math.round(call.deadlineMs - call.startedMs);
      const why =
        call.attempts === 0
          ? this.candidates.length === 0
            ? `no instance of "${this.spec.id}" was there${this.lastLoss === undefined ? "" : ` (last lost: ${this.lastLoss})`}`
            : "it was never sent: too many calls were before it"
          : `it was sent ${call.attempts} time${call.attempts === 1 ? "" : "s"}, last to ${call.lastInstance ?? "?"}`;
      this.fail(
        call,
        FaultlineError.of(
          "FL3009",
          `A call of ${this.options.task} to "${this.spec.id}" took more than ${timeoutMs} ms: ${why}.`,
        ),
      );
    }
    if (expired) this.parked = this.parked.filter((call) => !call.settled);
    if (this.calls.size === 0) {
      clearInterval(this.sweepTimer);
      this.sweepTimer = undefined;
    }
  }

  private fail(call: PendingCall, error: FaultlineError): void {
    if (call.settled) return;
    this.settle(call);
    this.counts.failed += 1;
    call.reject(error);
  }

  private settle(call: PendingCall): boolean {
    if (call.settled) return false;
    call.settled = true;
    this.calls.delete(call);
    return true;
  }

  private gaveUp(call: PendingCall, reason: string): FaultlineError {
    return FaultlineError.of(
      "FL3008",
      `A call of ${this.options.task} to "${this.spec.id}" failed after ${call.attempts} attempts: ${reason}.`,
      "retry.maxAttempts of the service says how often a call is tried.",
    );
  }
}

function externalEndpoints(spec: ServiceSpec): readonly ServiceEndpoint[] {
  return spec.addresses.map((address, index) => ({
    instance: `${spec.id}#${index}`,
    attempt: 0,
    address,
    token: spec.token,
  }));
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(ERROR_CATALOGUE, code);
}

function codeOfStatus(code: status): ErrorCode {
  switch (code) {
    case status.INVALID_ARGUMENT:
      return "FL3004";
    case status.RESOURCE_EXHAUSTED:
      return "FL3007";
    case status.DEADLINE_EXCEEDED:
      return "FL3009";
    case status.UNAVAILABLE:
    case status.NOT_FOUND:
    case status.UNAUTHENTICATED:
      return "FL3008";
    default:
      return "FL3010";
  }
}
