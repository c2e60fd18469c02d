/** Random small jobs for the fuzzer: every shape of graph, deployment and setting that the JobMaster tells apart. */
import type {
  CheckpointingConfig,
  EdgeSpec,
  JobSpec,
  OperatorBase,
  OperatorSpec,
  RestartStrategyConfig,
  ServiceSpec,
  ShipStrategy,
} from "../graph/jobFile";
import { DEFAULT_OUTLIER_EJECTION } from "../graph/servicePolicies";
import type { Chance } from "./chance";

/** Bounds, so that a shrinker can ask for less. */
export interface JobSize {
  readonly maxParallelism: number;
  readonly maxStages: number;
  readonly maxRecords: number;
}

export const USUAL_JOB_SIZE: JobSize = { maxParallelism: 4, maxStages: 3, maxRecords: 160 };

export function randomJob(chance: Chance, size: JobSize = USUAL_JOB_SIZE): JobSpec {
  const taskManagers = chance.whole(1, 3);
  const services = randomServices(chance, taskManagers);
  const operators: OperatorSpec[] = [];
  const edges: EdgeSpec[] = [];
  const pipelines = chance.yes(0.25) ? 2 : 1;
  for (let pipeline = 0; pipeline < pipelines; pipeline++) addPipeline(chance, size, `p${pipeline}`, services, operators, edges);
  const widths = new Map<string, number>();
  for (const { slotSharingGroup, parallelism } of operators) widths.set(slotSharingGroup, Math.max(parallelism, widths.get(slotSharingGroup) ?? 0));
  const needed = [...widths.values()].reduce((sum, width) => sum + width, 0);
  const called = new Set(operators.flatMap((operator) => (operator.kind === "rpc" ? [operator.rpc.service] : [])));
  const checkpointing = chance.yes(0.92) ? randomCheckpointing(chance, called.size === 0) : undefined;
  const slots = Math.ceil(needed / taskManagers) + (chance.yes(0.3) ? 1 : 0);
  const heartbeatIntervalMs = chance.pick([500, 1000, 2000]);
  const kept = services
    .filter((service) => called.has(service.id))
    .map((service) => ({ ...service, queue: roomForAll(service, operators), ...randomPolicies(chance.fork(`policies of ${service.id}`), service) }));
  return {
    name: "fuzz",
    file: "/fuzz.faultline.json",
    runtime: {
      mode: "streaming",
      parallelism: needed,
      taskManagers,
      slots,
      checkpointing,
      restartStrategy: randomRestartStrategy(chance, 0.2),
      failoverStrategy: chance.yes(0.8) ? "region" : "full",
      scheduler: chance.yes(0.85) ? "default" : "adaptive",
      bufferTimeoutMs: 100,
      heartbeatIntervalMs,
      heartbeatTimeoutMs: heartbeatIntervalMs * chance.pick([3, 5]),
      chaining: chance.yes(0.6),
    },
    services: kept,
    operators: kept.some(({ autoscaler }) => autoscaler !== undefined) ? operators.map(longer) : operators,
    edges,
  };
}

/**
 * Calls of all callers that one instance alone has room for: the others may be gone. A service that its job overloads refuses calls for ever, with no
 * fault at all; the job fails at that, restarts, and makes the same calls again. Nobody promises the end of such a job.
 */
function roomForAll({ id, queue }: ServiceSpec, operators: readonly OperatorSpec[]): ServiceSpec["queue"] {
  let calls = 0;
  for (const operator of operators) if (operator.kind === "rpc" && operator.rpc.service === id) calls += operator.parallelism * operator.rpc.capacity;
  return { ...queue, maxLength: Math.max(queue.maxLength, calls) };
}

/** An autoscaler looks every half second: a job that is over before tells nothing of it. */
function longer(operator: OperatorSpec): OperatorSpec {
  if (operator.kind !== "source" || operator.source.limit === undefined) return operator;
  return { ...operator, source: { ...operator.source, limit: operator.source.limit * 4 } };
}

/**
 * Ejection that comes to its decisions within the seconds that a small job runs, and a number of instances that changes. From a stream of its own, so
 * that seeds from before keep their jobs.
 */
function randomPolicies(chance: Chance, { deployment, parallelism }: ServiceSpec): Pick<ServiceSpec, "outlierEjection" | "autoscaler"> {
  const baseEjectionMs = chance.pick([20, 200, 1_000]);
  const quick = {
    ...DEFAULT_OUTLIER_EJECTION,
    latencyFactor: chance.pick([1.5, 3]),
    minLatencyExcessMs: chance.pick([0.5, 5]),
    minAnswers: chance.pick([2, 8]),
    minStallMs: chance.pick([150, 600]),
    baseEjectionMs,
    maxEjectionMs: baseEjectionMs * chance.pick([1, 4]),
    maxEjectedShare: chance.pick([0.3, 0.5, 1]),
  };
  const scaled = deployment === "rpc-service" && chance.yes(0.7);
  const min = chance.whole(1, parallelism);
  const max = chance.whole(Math.max(2, parallelism), 4);
  const autoscaler = { min, max, targetQueueMs: chance.pick([0.5, 5, 50]), coolDownMs: chance.pick([100, 600, 2_000]), scaleInBelow: chance.pick([0.3, 0.7, 0.95]) };
  return { outlierEjection: chance.yes(0.6) ? quick : DEFAULT_OUTLIER_EJECTION, autoscaler: scaled ? autoscaler : undefined };
}

function addPipeline(
  chance: Chance,
  size: JobSize,
  prefix: string,
  services: readonly ServiceSpec[],
  operators: OperatorSpec[],
  edges: EdgeSpec[],
): void {
  const parallelism = chance.whole(1, size.maxParallelism);
  const widthOf = (): number => (chance.yes(0.6) ? parallelism : chance.whole(1, size.maxParallelism));
  const endless = chance.yes(0.08);
  const source: OperatorSpec = {
    ...base(chance, `${prefix}Source`, parallelism),
    kind: "source",
    source: {
      connector: { kind: "generator", function: undefined, seed: 0 },
      ratePerSecond: chance.pick([20, 50, 200, 1000]),
      limit: endless ? undefined : chance.whole(1, size.maxRecords),
      eventTime: undefined,
    },
  };
  operators.push(source);
  let ends: OperatorSpec[] = [source];
  const stages = chance.whole(0, size.maxStages);
  for (let stage = 0; stage < stages; stage++) {
    const branches = chance.yes(0.15) ? 2 : 1;
    const next: OperatorSpec[] = [];
    for (let branch = 0; branch < branches; branch++) {
      const operator = randomTransform(chance, `${prefix}S${stage}${branch === 0 ? "" : "b"}`, widthOf(), services);
      operators.push(operator);
      for (const end of ends) edges.push(randomEdge(chance, end, operator));
      next.push(operator);
    }
    ends = chance.yes(0.8) ? next : [...next, ends[0]];
  }
  const sinks = chance.yes(0.2) ? 2 : 1;
  for (let index = 0; index < sinks; index++) {
    const sink: OperatorSpec = {
      ...base(chance, `${prefix}Sink${index}`, widthOf()),
      kind: "sink",
      sink: { connector: { kind: "file", path: "out" }, identity: undefined },
    };
    operators.push(sink);
    for (const end of ends) edges.push(randomEdge(chance, end, sink));
  }
}

function randomTransform(chance: Chance, id: string, parallelism: number, services: readonly ServiceSpec[]): OperatorSpec {
  if (services.length > 0 && chance.yes(0.5)) {
    const rpc = {
      service: chance.pick(services).id,
      request: undefined,
      response: undefined,
      inputs: {},
      outputs: {},
      capacity: chance.pick([1, 4, 32]),
      timeoutMs: chance.pick([3_000, 10_000]),
      ordered: chance.yes(0.5),
    };
    return { ...base(chance, id, parallelism), kind: "rpc", rpc };
  }
  return { ...base(chance, id, parallelism), kind: "map", function: { module: "/f.ts", exportName: "f" } };
}

function base(chance: Chance, id: string, parallelism: number): OperatorBase {
  return {
    id,
    name: id,
    parallelism,
    maxParallelism: undefined,
    slotSharingGroup: chance.yes(0.9) ? "default" : "other",
    coLocationGroup: undefined,
    chaining: chance.yes(0.8) ? "ALWAYS" : "HEAD",
  };
}

function randomEdge(chance: Chance, from: OperatorSpec, to: OperatorSpec): EdgeSpec {
  const ships: readonly ShipStrategy[] =
    from.parallelism === to.parallelism
      ? ["FORWARD", "FORWARD", "FORWARD", "REBALANCE", "HASH", "RESCALE", "BROADCAST"]
      : ["REBALANCE", "HASH", "RESCALE", "RESCALE", "BROADCAST", "GLOBAL"];
  const ship = chance.pick(ships);
  return {
    from: from.id,
    to: to.id,
    ship,
    key: ship === "HASH" ? { kind: "field", field: "k" } : undefined,
    partitioner: undefined,
    partitionType: "PIPELINED_BOUNDED",
    sideOutput: undefined,
  };
}

function randomServices(chance: Chance, taskManagers: number): ServiceSpec[] {
  return Array.from({ length: chance.pick([0, 1, 1, 1, 2]) }, (_, index) => {
    const id = `model${index}`;
    const deployment = chance.pick(["rpc-service", "rpc-service", "rpc-service", "sidecar", "embedded", "external"] as const);
    const parallelism = deployment === "sidecar" ? taskManagers : chance.whole(1, 3);
    return {
      id,
      model: "/model.onnx",
      models: [{ name: id, path: "/model.onnx" }],
      parallelism,
      deployment,
      device: "auto",
      batching: { maxSize: chance.pick([1, 8]), maxDelayMs: chance.pick([0, 5]) },
      queue: { maxLength: chance.pick([200, 1000]), maxWaitMs: 10_000 },
      loadDelayMs: 0,
      warmupRuns: 1,
      balancing: chance.pick(["round-robin", "least-request", "power-of-two-choices"] as const),
      retry: { maxAttempts: chance.pick([3, 8]), initialBackoffMs: 10, maxBackoffMs: 200 },
      hedging: undefined,
      outlierEjection: DEFAULT_OUTLIER_EJECTION,
      transport: "streams",
      resultCacheBytes: 0,
      memoryLimitBytes: undefined,
      autoscaler: undefined,
      restartStrategy: randomRestartStrategy(chance, 0.1),
      addresses: deployment === "external" ? Array.from({ length: parallelism }, (__, i) => `${id}:${i}`) : [],
      token: undefined,
      slotSharingGroup: id,
      calls: [],
    };
  });
}

/** @param brief no call holds a barrier up, so that it may have to be there soon. */
function randomCheckpointing(chance: Chance, brief: boolean): CheckpointingConfig {
  return {
    intervalMs: chance.pick([50, 50, 200, 500, 2000]),
    mode: chance.yes(0.95) ? "EXACTLY_ONCE" : "AT_LEAST_ONCE",
    timeoutMs: brief ? chance.pick([2_000, 20_000]) : chance.pick([20_000, 60_000]),
    minPauseMs: chance.pick([0, 0, 30, 500]),
    maxConcurrent: chance.pick([1, 1, 2, 3]),
    tolerableFailed: chance.pick([0, 1, 5]),
    unaligned: false,
    retained: chance.pick([1, 2, 3]),
  };
}

/** @param limited probability of one that gives up in the end. */
function randomRestartStrategy(chance: Chance, limited: number): RestartStrategyConfig {
  if (!chance.yes(limited)) {
    return chance.yes(0.5)
      ? { type: "fixed-delay", attempts: Infinity, delayMs: chance.pick([0, 10, 300]) }
      : exponentialDelay(chance, Infinity);
  }
  switch (chance.whole(0, 3)) {
    case 0:
      return { type: "none" };
    case 1:
      return { type: "fixed-delay", attempts: chance.whole(0, 3), delayMs: chance.pick([0, 200]) };
    case 2:
      return {
        type: "failure-rate",
        maxFailuresPerInterval: chance.whole(1, 3),
        failureRateIntervalMs: chance.pick([1_000, 20_000]),
        delayMs: chance.pick([0, 100]),
      };
    default:
      return exponentialDelay(chance, chance.whole(1, 4));
  }
}

function exponentialDelay(chance: Chance, attemptsBeforeResetBackoff: number): RestartStrategyConfig {
  return {
    type: "exponential-delay",
    initialBackoffMs: chance.pick([5, 50, 200]),
    maxBackoffMs: chance.pick([200, 1_000]),
    backoffMultiplier: chance.pick([1, 1.5, 2]),
    jitterFactor: chance.pick([0, 0.1, 0.5]),
    resetBackoffThresholdMs: chance.pick([500, 5_000]),
    attemptsBeforeResetBackoff,
  };
}
