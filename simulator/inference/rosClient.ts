/**
 * The client of an RpcOperator service (FLIP-582's `RosClient`): balances calls over the instances there are, and loses none when one
 * goes. Endpoints are pushed by the coordinator; a channel is never waited for that gRPC itself would try again later.
 *
 * - An instance that dies or hangs: its calls in flight are issued again at once on another. What was not sent yet goes there without
 *   counting as an attempt. Without another instance, calls wait for the next endpoints until their timeout.
 * - A queue that is full, an instance that drains, a model that failed: again after a back-off, preferably elsewhere.
 * - Each call has a deadline of its own. A message goes by the earliest of its calls, so that none is computed for nobody; those of it that
 *   still have time when the instance drops it are sent again.
 * - A request that the model cannot take (INVALID_ARGUMENT) is not retried; when it shared a message, the others are sent again by themselves.
 */
import { basename, extname } from "node:path";
import { performance } from "node:perf_hooks";
import { status } from "@grpc/grpc-js";
import { Balancer } from "../core/balancer";
import { RetryBudget } from "../core/retryBudget";
import type { Tensors } from "../core/tensor";
import { ERROR_CATALOGUE, FaultlineError, type ErrorCode } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import type { HedgingConfig } from "../graph/servicePolicies";
import type { RpcMetrics } from "../observe/journalEvent";
import { LatencyHistogram } from "../observe/latencyHistogram";
import { CACHE_HITS_PARAMETER, type InferParameters } from "../proto/openInference";
import { contentKey } from "./contentKey";
import type { InferenceCallOptions, InferenceClient, InferenceClientEvent } from "./inferenceClient";
import type { InstanceConnection, ServiceEndpoint } from "./instanceConnection";
import { backoffMs, InstancePool, type PoolOwner } from "./instancePool";
import type { ModelSignature } from "./modelSignature";
import { PendingCall } from "./pendingCall";
import { longToNumber } from "./tensorContents";

export interface RosClientOptions {
  readonly spec: ServiceSpec;
  /** Of the service's models; the first when absent. */
  readonly model?: string;
  /** Instances as of now; `external` addresses when absent. */
  readonly endpoints?: readonly ServiceEndpoint[];
  /** Who calls, for messages. */
  readonly task: string;
  readonly onEvent?: (event: InferenceClientEvent) => void;
}

/** Timeouts are looked after this often. */
const SWEEP_MS = 10;
/** `pekko.framesize` and `pekko.ask.timeout`, Flink's defaults. */
const PEKKO_FRAME_BYTES = 10_485_760;
const PEKKO_ASK_TIMEOUT_MS = 10_000;

export class RosClient implements InferenceClient, PoolOwner {
  private readonly spec: ServiceSpec;
  private readonly pool: InstancePool;
  private readonly calls = new Set<PendingCall>();
  /** Calls that no instance can take now. */
  private parked: PendingCall[] = [];
  private readonly balancer: Balancer<InstanceConnection>;
  private readonly latency = new LatencyHistogram();
  private counts = noCounts();
  private sweepTimer: NodeJS.Timeout | undefined;
  private readonly backoffTimers = new Set<NodeJS.Timeout>();
  private readonly hedging: HedgingConfig | undefined;
  private readonly hedgeBudget: RetryBudget | undefined;
  private readonly retryBudget: RetryBudget | undefined;
  private readonly pekko: boolean;
  private closed = false;
  private tellSignature!: (signature: ModelSignature) => void;
  private giveUpSignature!: (error: FaultlineError) => void;
  private readonly known = new Promise<ModelSignature>((resolve, reject) => {
    this.tellSignature = resolve;
    this.giveUpSignature = reject;
  });
  /** Why the last instance was lost: what to say when a call's time is over. */
  private lastLoss: string | undefined;

  constructor(private readonly options: RosClientOptions) {
    this.spec = options.spec;
    // Nobody may have asked.
    this.known.catch(() => undefined);
    const { hedging, transport } = this.spec;
    const { budget } = this.spec.retry;
    const nowMs = performance.now();
    this.hedging = hedging;
    this.hedgeBudget = hedging && new RetryBudget({ ratio: hedging.maxShare, minPerSecond: 1, ttlMs: 10_000 }, nowMs);
    this.retryBudget = budget && new RetryBudget(budget, nowMs);
    this.pekko = transport === "pekko-rpc";
    this.balancer = new Balancer(this.spec.balancing, Math.random);
    this.pool = new InstancePool(
      {
        spec: this.spec,
        modelNames: modelNames(this.spec, options.model),
        transport: this.pekko ? { kind: "pekko-rpc", frameBytes: PEKKO_FRAME_BYTES } : { kind: "streams" },
      },
      this,
    );
    this.updateEndpoints(options.endpoints ?? externalEndpoints(this.spec));
  }

  signature(): Promise<ModelSignature> {
    return this.known;
  }

  get inFlight(): number {
    return this.calls.size;
  }

  call(inputs: Tensors, { timeoutMs, key, callChain }: InferenceCallOptions): Promise<Tensors> {
    this.counts.requests += 1;
    return new Promise((resolve, reject) => {
      const nowMs = performance.now();
      const limitMs = this.pekko ? Math.min(timeoutMs, PEKKO_ASK_TIMEOUT_MS) : timeoutMs;
      const sticky = key ?? (this.spec.balancing === "consistent-hash" ? contentKey(inputs) : undefined);
      const call = new PendingCall(inputs, sticky, nowMs, nowMs + limitMs, resolve, reject);
      if (callChain !== undefined) call.chain = callChain.join(",");
      if (this.closed) return this.fail(call, FaultlineError.of("FL3008", "The client is closed."));
      this.hedgeBudget?.deposit(nowMs);
      this.retryBudget?.deposit(nowMs);
      this.calls.add(call);
      this.sweepTimer ??= setInterval(() => this.sweep(), SWEEP_MS);
      this.route(call);
    });
  }

  /** All instances of the service, as of now. Those that are new, or have a new attempt, get a fresh connection at once. */
  updateEndpoints(endpoints: readonly ServiceEndpoint[]): void {
    this.pool.update(endpoints);
  }

  takeMetrics(): Omit<RpcMetrics, "service"> {
    const counts = this.counts;
    this.counts = noCounts();
    return { ...counts, inFlight: this.calls.size, latencyMs: this.latency.take() };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.giveUpSignature(FaultlineError.of("FL3008", "The client was closed before an instance was there."));
    this.pool.close();
    for (const timer of this.backoffTimers) clearTimeout(timer);
    this.parked = [];
    for (const call of this.calls) {
      this.fail(call, FaultlineError.of("FL3008", "The client was closed while the call was in flight."));
    }
    clearInterval(this.sweepTimer);
  }

  onReady(connection: InstanceConnection): void {
    if (connection.signature !== undefined) this.tellSignature(connection.signature);
    this.pool.ready(connection);
  }

  onCandidates(): void {
    this.routeAll(this.parked.splice(0));
  }

  onLost(
    connection: InstanceConnection,
    sent: readonly PendingCall[],
    unsent: readonly PendingCall[],
    reason: string,
  ): void {
    this.pool.lost(connection);
    this.onReturned(connection, sent, unsent, reason);
  }

  onReturned(
    { instance }: InstanceConnection,
    sent: readonly PendingCall[],
    unsent: readonly PendingCall[],
    reason: string,
  ): void {
    if (reason !== "") this.lastLoss = `${instance}: ${reason}`;
    this.retry(instance, sent, reason);
    this.routeAll(unsent);
  }

  onEjected(instance: string, reason: string): void {
    this.options.onEvent?.({ kind: "ejected", instance, reason });
  }

  onAnswered(
    connection: InstanceConnection,
    ok: boolean,
    latencyMs: number,
    parameters: InferParameters | undefined,
  ): void {
    const hits = parameters?.[CACHE_HITS_PARAMETER]?.int64Param;
    if (hits !== undefined) this.counts.cacheHits += longToNumber(hits);
    this.pool.answered(connection, ok, latencyMs);
  }

  onResult(_connection: InstanceConnection, call: PendingCall, outputs: Tensors): void {
    if (!this.settle(call)) return;
    this.counts.succeeded += 1;
    this.latency.record(performance.now() - call.startedMs);
    call.resolve(outputs);
  }

  onRefused(
    { instance }: InstanceConnection,
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
      `${instance} said so (${status[code]}).`,
    );
    if (code === status.DEADLINE_EXCEEDED) {
      const nowMs = performance.now();
      for (const call of calls) {
        if (call.deadlineMs <= nowMs) {
          this.fail(call, error);
          continue;
        }
        // Another of its message was late.
        call.attempts -= 1;
        this.route(call);
      }
      return;
    }
    if (code === status.UNAVAILABLE) for (const call of calls) call.attempts -= 1;
    if (notModelsFault || code === status.INTERNAL) this.retryLater(instance, calls, error);
    else for (const call of calls) this.fail(call, error);
  }

  onUnsendable(call: PendingCall, error: FaultlineError): void {
    this.fail(call, error);
  }

  private route(call: PendingCall): void {
    if (call.settled) return;
    const { candidates } = this.pool;
    const chosen = this.balancer.pick(candidates, call.key);
    if (chosen === undefined) this.parked.push(call);
    else if (call.attempts > 0 && chosen.instance === call.lastInstance) this.after(chosen).enqueue(call);
    else chosen.enqueue(call);
  }

  /** Another candidate, where there is one. */
  private after(connection: InstanceConnection): InstanceConnection {
    const { candidates } = this.pool;
    return candidates[(candidates.indexOf(connection) + 1) % candidates.length] ?? connection;
  }

  private routeAll(calls: readonly PendingCall[]): void {
    for (const call of calls) this.route(call);
  }

  /** Calls that an instance took down with it: at once elsewhere. */
  private retry(instance: string, calls: readonly PendingCall[], reason: string): void {
    if (calls.length === 0) return;
    this.options.onEvent?.({ kind: "retry", instance, requests: calls.length, reason });
    for (const call of calls) {
      if (call.attempts >= this.spec.retry.maxAttempts) {
        this.fail(call, this.gaveUp(call, `${instance} was lost: ${reason}`));
      } else {
        this.counts.retried += 1;
        this.route(call);
      }
    }
  }

  private retryLater(instance: string, calls: readonly PendingCall[], error: FaultlineError): void {
    const may = calls.filter((call) => call.attempts < this.spec.retry.maxAttempts);
    const granted = this.retryBudget?.withdraw(may.length, performance.now()) ?? may.length;
    const again = may.slice(0, granted);
    for (const call of calls) if (!again.includes(call)) this.fail(call, error);
    if (again.length === 0) return;
    this.options.onEvent?.({ kind: "retry", instance, requests: again.length, reason: error.message });
    this.counts.retried += again.length;
    const attempts = again.reduce((most, call) => Math.max(most, call.attempts), 1);
    const timer = setTimeout(
      () => {
        this.backoffTimers.delete(timer);
        this.routeAll(again);
      },
      backoffMs(this.spec.retry, attempts),
    );
    this.backoffTimers.add(timer);
  }

  private sweep(): void {
    const nowMs = performance.now();
    let expired = false;
    for (const call of this.calls) {
      if (call.deadlineMs <= nowMs) {
        expired = true;
        this.fail(call, this.timedOut(call));
      } else if (this.hedging !== undefined) this.hedge(call, this.hedging, nowMs);
    }
    if (expired) this.parked = this.parked.filter((call) => !call.settled);
    this.pool.sweep(nowMs);
    if (this.calls.size === 0) {
      clearInterval(this.sweepTimer);
      this.sweepTimer = undefined;
    }
  }

  private hedge(call: PendingCall, { afterMs }: HedgingConfig, nowMs: number): void {
    if (call.hedged || call.attempts === 0 || nowMs - call.sentMs < afterMs) return;
    const other = this.pool.candidates.find(({ instance }) => instance !== call.lastInstance);
    if (other === undefined || this.hedgeBudget?.withdraw(1, nowMs) !== 1) return;
    call.hedged = true;
    // The copy is no attempt of its own: whichever answers first settles the call.
    call.attempts -= 1;
    this.counts.hedged += 1;
    other.enqueue(call);
  }

  private fail(call: PendingCall, error: FaultlineError): void {
    if (!this.settle(call)) return;
    this.counts.failed += 1;
    if (error.code === "FL3009") this.counts.expired += 1;
    call.reject(error);
  }

  private settle(call: PendingCall): boolean {
    if (call.settled) return false;
    call.settled = true;
    this.calls.delete(call);
    return true;
  }

  private timedOut(call: PendingCall): FaultlineError {
    const who = `A call of ${this.options.task} to "${this.spec.id}" took more than ${Math.round(call.deadlineMs - call.startedMs)} ms`;
    if (this.pekko && call.bytes > PEKKO_FRAME_BYTES) {
      return FaultlineError.of(
        "FL3009",
        `${who}: its ${call.bytes} bytes are over the frame size of ${PEKKO_FRAME_BYTES}, and such a message vanishes.`,
        "The transport `streams` sends it in chunks.",
      );
    }
    if (call.attempts > 0) {
      const times = call.attempts === 1 ? "once" : `${call.attempts} times`;
      return FaultlineError.of("FL3009", `${who}: it was sent ${times}, last to ${call.lastInstance ?? "?"}.`);
    }
    if (this.pool.candidates.length > 0) {
      return FaultlineError.of("FL3009", `${who}: it was never sent, too many calls were before it.`);
    }
    const lost = this.lastLoss === undefined ? "" : ` (last lost: ${this.lastLoss})`;
    return FaultlineError.of("FL3009", `${who}: no instance of "${this.spec.id}" was there${lost}.`);
  }

  private gaveUp(call: PendingCall, reason: string): FaultlineError {
    return FaultlineError.of(
      "FL3008",
      `A call of ${this.options.task} to "${this.spec.id}" failed after ${call.attempts} attempts: ${reason}.`,
      "retry.maxAttempts of the service says how often a call is tried.",
    );
  }
}

function noCounts() {
  return { requests: 0, succeeded: 0, retried: 0, failed: 0, expired: 0, hedged: 0, cacheHits: 0 };
}

/**
 * By what name instances may know the model; the first that they know counts. A server of others may know it by the service's name, by its
 * file's, or have only one.
 */
function modelNames({ id, deployment, model, models }: ServiceSpec, chosen: string | undefined): readonly string[] {
  if (deployment !== "external") return [chosen ?? models[0]?.name ?? id];
  return chosen !== undefined ? [chosen] : [...new Set([id, basename(model, extname(model)), ""])];
}

function externalEndpoints({ id, addresses, token }: ServiceSpec): readonly ServiceEndpoint[] {
  return addresses.map((address, index) => ({ instance: `${id}#${index}`, attempt: 0, address, token }));
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
