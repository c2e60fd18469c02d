/** What each service and each of its instances did over a run: a fold over phases, metrics and what clients say. */
import { rpcsOf } from "./journalEvent";
import type {
  InstanceMetrics,
  InstancePhase,
  JournalEvent,
  JournalEventOf,
  RpcMetrics,
  SubtaskName,
} from "./journalEvent";
import { LatencyHistogram } from "./latencyHistogram";
import { round, rounded } from "./rounding";
import type { InstanceFigures, ServiceFigures } from "./runReport";

interface Instance {
  readonly instance: SubtaskName;
  attempt: number;
  device: string | null;
  /** Of the latest attempt: phase → when it began. */
  phases: Map<InstancePhase, number>;
  requests: number;
  rejected: number;
  expired: number;
  retried: number;
  readonly batchSizes: Map<number, number>;
  readonly latency: LatencyHistogram;
  busyMs: number;
  wastedMs: number;
  observedMs: number;
  maxQueueDepth: number;
  maxInFlight: number;
  peakRssBytes: number | null;
  /** Sums over the metrics that told it. */
  utilisation: { sum: number; count: number };
  maxDeviceMemoryBytes: number | null;
}

interface Calls {
  expired: number;
  hedged: number;
  cacheHits: number;
  savedMs: number;
  requests: number;
}

export class ServiceFiguresFold {
  readonly #instances = new Map<SubtaskName, Instance>();
  readonly #calls = new Map<string, Calls>();

  add(event: JournalEvent): void {
    if (event.kind === "instance.phase") this.#phase(event);
    else if (event.kind === "client.retry") this.#instance(event.instance).retried += event.requests;
    else if (event.kind === "metrics") this.#metrics(event);
  }

  /** By the names of services and instances, in order. */
  report(): readonly ServiceFigures[] {
    const services = new Map<string, Instance[]>();
    for (const instance of this.#instances.values()) {
      const service = instance.instance.slice(0, instance.instance.lastIndexOf("#"));
      const list = services.get(service);
      if (list === undefined) services.set(service, [instance]);
      else list.push(instance);
    }
    const names = new Set([...services.keys(), ...this.#calls.keys()]);
    return [...names].sort().map((service) => {
      const calls = this.#callsTo(service);
      const instances = (services.get(service) ?? []).sort((a, b) => indexOf(a.instance) - indexOf(b.instance));
      return {
        service,
        hedged: calls.hedged,
        cacheHits: calls.cacheHits,
        cacheHitRate: calls.cacheHits === 0 ? null : rounded(calls.cacheHits / calls.requests),
        savedMs: round(calls.savedMs),
        instances: instances.map(figuresOf),
      };
    });
  }

  /** Over all services. */
  total(): Calls {
    const total = { expired: 0, hedged: 0, cacheHits: 0, savedMs: 0, requests: 0 };
    for (const calls of this.#calls.values()) {
      total.expired += calls.expired;
      total.hedged += calls.hedged;
      total.cacheHits += calls.cacheHits;
      total.savedMs += calls.savedMs;
      total.requests += calls.requests;
    }
    return total;
  }

  #phase(event: JournalEventOf<"instance.phase">): void {
    const instance = this.#instance(event.instance);
    if (event.attempt !== instance.attempt || event.phase === "LOADING") instance.phases = new Map();
    instance.attempt = event.attempt;
    if (!instance.phases.has(event.phase)) instance.phases.set(event.phase, event.at);
    instance.device = event.device ?? instance.device;
  }

  #metrics(event: JournalEventOf<"metrics">): void {
    // Without lists of what there is: a long journal has a metrics event in every few.
    for (const task in event.tasks) this.#called(rpcsOf(event.tasks[task]));
    for (const name in event.instances) {
      const { calls } = event.instances[name];
      if (calls !== undefined) this.#called(calls);
    }
    for (const name in event.instances) {
      const metrics = event.instances[name];
      const instance = this.#instance(name);
      addMetrics(instance, metrics);
      instance.observedMs += event.intervalMs;
      instance.peakRssBytes = Math.max(instance.peakRssBytes ?? 0, event.rssBytes);
      this.#callsTo(name.slice(0, name.lastIndexOf("#"))).savedMs += metrics.savedMs ?? 0;
    }
  }

  #called(rpcs: readonly RpcMetrics[]): void {
    for (const rpc of rpcs) {
      const calls = this.#callsTo(rpc.service);
      calls.requests += rpc.requests;
      calls.expired += rpc.expired ?? 0;
      calls.hedged += rpc.hedged ?? 0;
      calls.cacheHits += rpc.cacheHits ?? 0;
    }
  }

  #callsTo(service: string): Calls {
    let calls = this.#calls.get(service);
    if (calls === undefined) {
      calls = { expired: 0, hedged: 0, cacheHits: 0, savedMs: 0, requests: 0 };
      this.#calls.set(service, calls);
    }
    return calls;
  }

  #instance(name: SubtaskName): Instance {
    let instance = this.#instances.get(name);
    if (instance === undefined) {
      instance = {
        instance: name,
        attempt: 0,
        device: null,
        phases: new Map(),
        requests: 0,
        rejected: 0,
        expired: 0,
        retried: 0,
        batchSizes: new Map(),
        latency: new LatencyHistogram(),
        busyMs: 0,
        wastedMs: 0,
        observedMs: 0,
        maxQueueDepth: 0,
        maxInFlight: 0,
        peakRssBytes: null,
        utilisation: { sum: 0, count: 0 },
        maxDeviceMemoryBytes: null,
      };
      this.#instances.set(name, instance);
    }
    return instance;
  }
}

function addMetrics(instance: Instance, metrics: InstanceMetrics): void {
  instance.requests += metrics.requests;
  instance.rejected += metrics.rejected;
  instance.expired += metrics.expired ?? 0;
  instance.busyMs += metrics.busyMs;
  instance.wastedMs += metrics.wastedMs;
  instance.maxQueueDepth = Math.max(instance.maxQueueDepth, metrics.queueDepth);
  instance.maxInFlight = Math.max(instance.maxInFlight, metrics.inFlight);
  instance.latency.merge(metrics.latencyMs);
  for (const [size, count] of Object.entries(metrics.batchSizes)) {
    instance.batchSizes.set(Number(size), (instance.batchSizes.get(Number(size)) ?? 0) + count);
  }
  if (metrics.deviceUtilisation !== undefined) {
    instance.utilisation.sum += metrics.deviceUtilisation;
    instance.utilisation.count += 1;
  }
  if (metrics.deviceMemoryBytes !== undefined) {
    instance.maxDeviceMemoryBytes = Math.max(instance.maxDeviceMemoryBytes ?? 0, metrics.deviceMemoryBytes);
  }
}

function figuresOf(instance: Instance): InstanceFigures {
  const { phases, utilisation, latency } = instance;
  const between = (from: InstancePhase, to: InstancePhase): number | null => {
    const [start, end] = [phases.get(from), phases.get(to)];
    return start === undefined || end === undefined ? null : round(end - start);
  };
  return {
    instance: instance.instance,
    attempt: instance.attempt,
    device: instance.device,
    loadMs: between("LOADING", "WARMING"),
    warmUpMs: between("WARMING", "READY"),
    firstCallAfterMs: between("READY", "SERVING"),
    requests: instance.requests,
    rejected: instance.rejected,
    expired: instance.expired,
    retriedElsewhere: instance.retried,
    batchSizes: Object.fromEntries([...instance.batchSizes].sort(([a], [b]) => a - b)),
    p50Ms: rounded(latency.quantile(0.5)),
    p95Ms: rounded(latency.quantile(0.95)),
    p99Ms: rounded(latency.quantile(0.99)),
    maxQueueDepth: instance.maxQueueDepth,
    maxInFlight: instance.maxInFlight,
    busyMs: round(instance.busyMs),
    busyShare: instance.observedMs === 0 ? null : rounded(Math.min(1, instance.busyMs / instance.observedMs)),
    wastedMs: round(instance.wastedMs),
    peakRssBytes: instance.peakRssBytes,
    deviceUtilisation: utilisation.count === 0 ? null : rounded(utilisation.sum / utilisation.count),
    deviceMemoryBytes: instance.maxDeviceMemoryBytes,
  };
}

function indexOf(instance: SubtaskName): number {
  return Number(instance.slice(instance.lastIndexOf("#") + 1));
}
