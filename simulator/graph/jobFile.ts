/**
 * The job file `NAME.faultline.json` as data, after parsing, validation and defaults.
 *
 * Names and defaults are Flink's wherever Flink has one. In the file, durations are written `250ms`, `10s`, `5m`, `1h`;
 * here every duration is a number of milliseconds and its field name ends in `Ms`.
 */
import type {
  AutoscalerConfig,
  HedgingConfig,
  OutlierEjectionConfig,
  RetryBudgetConfig,
  ServiceTransport,
} from "./servicePolicies";

/** Flink's `StreamPartitioner`s by the names that its plans print. */
export type ShipStrategy = "FORWARD" | "RESCALE" | "REBALANCE" | "SHUFFLE" | "HASH" | "BROADCAST" | "GLOBAL" | "CUSTOM";

/** Flink's `ResultPartitionType`. */
export type PartitionType =
  | "BLOCKING"
  | "BLOCKING_PERSISTENT"
  | "PIPELINED"
  | "PIPELINED_BOUNDED"
  | "PIPELINED_APPROXIMATE"
  | "HYBRID_FULL"
  | "HYBRID_SELECTIVE";

/** Flink's `DistributionPattern`. */
export type DistributionPattern = "POINTWISE" | "ALL_TO_ALL";

/** How the model of a service is run (see the job file documentation for what a model failure restarts under each). */
export type Deployment = "embedded" | "sidecar" | "rpc-service" | "external";

/** `restart-strategy.type` with its options; defaults as in Flink's `RestartStrategyOptions`. */
export type RestartStrategyConfig =
  | { readonly type: "none" }
  | { readonly type: "fixed-delay"; readonly attempts: number; readonly delayMs: number }
  | {
      readonly type: "exponential-delay";
      readonly initialBackoffMs: number;
      readonly maxBackoffMs: number;
      readonly backoffMultiplier: number;
      readonly jitterFactor: number;
      readonly resetBackoffThresholdMs: number;
      /** `Infinity` when the file does not say. */
      readonly attemptsBeforeResetBackoff: number;
    }
  | {
      readonly type: "failure-rate";
      readonly maxFailuresPerInterval: number;
      readonly failureRateIntervalMs: number;
      readonly delayMs: number;
    };

/** `execution.checkpointing.*`. */
export interface CheckpointingConfig {
  /** `execution.checkpointing.interval`; checkpointing is off when `undefined` in the runtime. */
  readonly intervalMs: number;
  readonly mode: "EXACTLY_ONCE" | "AT_LEAST_ONCE";
  readonly timeoutMs: number;
  readonly minPauseMs: number;
  readonly maxConcurrent: number;
  readonly tolerableFailed: number;
  readonly unaligned: boolean;
  /** `state.checkpoints.num-retained`; default 1 in Flink, 2 here so that a damaged newest one has a predecessor. */
  readonly retained: number;
}

export interface RuntimeConfig {
  readonly mode: "streaming" | "batch";
  /** Default parallelism of operators that do not name one; at least 1. */
  readonly parallelism: number;
  readonly taskManagers: number;
  /** `taskmanager.numberOfTaskSlots`: slots of each TaskManager. */
  readonly slots: number;
  readonly checkpointing: CheckpointingConfig | undefined;
  readonly restartStrategy: RestartStrategyConfig;
  readonly failoverStrategy: "region" | "full";
  readonly scheduler: "default" | "adaptive";
  /** `execution.buffer-timeout`: a buffer that is not full is sent after this time. */
  readonly bufferTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly chaining: boolean;
}

export interface BatchingConfig {
  /** Requests in one run of the model, at most. */
  readonly maxSize: number;
  /** How long the first request of a batch may wait for others. */
  readonly maxDelayMs: number;
}

export interface ServiceQueueConfig {
  /** Requests that may wait in an instance; one more is answered RESOURCE_EXHAUSTED. */
  readonly maxLength: number;
  readonly maxWaitMs: number;
}

export type BalancingPolicy = "round-robin" | "least-request" | "power-of-two-choices" | "consistent-hash";

export interface ServiceRetryConfig {
  /** Attempts for one request, the first one included. */
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Retries are not bounded without one. */
  readonly budget?: RetryBudgetConfig | undefined;
}

/** A model as callers name it. */
export interface ServiceModel {
  readonly name: string;
  /** Absolute path of the ONNX file. */
  readonly path: string;
}

export interface ServiceSpec {
  readonly id: string;
  /** Absolute path of the ONNX file that is called when a caller does not say which: that of the first of {@link models}. */
  readonly model: string;
  /** All that an instance loads; none for a service of code or an `external` one. */
  readonly models: readonly ServiceModel[];
  /** Code that is run instead of a model: an `RpcService` that a module exports. */
  readonly function?: FunctionRef;
  readonly parallelism: number;
  readonly deployment: Deployment;
  /** `auto`, `cpu`, `webgpu`, `cuda`, `cuda:1`, `directml`, `coreml`, … */
  readonly device: string;
  readonly batching: BatchingConfig;
  readonly queue: ServiceQueueConfig;
  /** Extra delay added to every model load; always shown as such. */
  readonly loadDelayMs: number;
  /** Runs of the model before the instance joins the balancer. */
  readonly warmupRuns: number;
  readonly balancing: BalancingPolicy;
  readonly retry: ServiceRetryConfig;
  /** Never when `undefined`. */
  readonly hedging: HedgingConfig | undefined;
  /** Never when `undefined`. */
  readonly outlierEjection: OutlierEjectionConfig | undefined;
  readonly transport: ServiceTransport;
  /** Bytes of results that each instance keeps; 0 for none. */
  readonly resultCacheBytes: number;
  /** Bytes that an instance's process may allocate. */
  readonly memoryLimitBytes: number | undefined;
  readonly autoscaler: AutoscalerConfig | undefined;
  readonly restartStrategy: RestartStrategyConfig;
  /** `HOST:PORT` of every instance, for `deployment: external`. */
  readonly addresses: readonly string[];
  /** Bearer token for `external` addresses. */
  readonly token: string | undefined;
  readonly slotSharingGroup: string;
  /** Jobs that run together have this one in common; see `attached`. */
  readonly shared?: boolean;
  /** Set while jobs run together: another job runs the instances, this one calls them. Never in a file. */
  readonly attached?: boolean;
  /** Services that this one may call. */
  readonly calls: readonly string[];
  /** The file says `"any"`: `calls` are all others, and which of them are called shows when the code runs. */
  readonly callsAny?: boolean;
}

/** `path/to/module.ts#exportName`; the path is absolute after parsing. */
export interface FunctionRef {
  readonly module: string;
  readonly exportName: string;
}

/** Event time of a source's records: a field of the record (ms since the epoch), or a fixed step per record. */
export type EventTimeConfig = {
  /** Flink's `withIdleness`: a subtask without records for this long does not hold watermarks back. */
  readonly idlenessMs?: number;
} & (
  | { readonly kind: "field"; readonly field: string; readonly outOfOrdernessMs: number }
  | { readonly kind: "step"; readonly stepMs: number; readonly startMs: number }
);

export type SourceConnector =
  | {
      readonly kind: "file";
      /** Absolute path. */
      readonly path: string;
      readonly format: "ndjson" | "csv" | "lines";
      /** How often the file is read through. */
      readonly repeat: number;
    }
  | {
      readonly kind: "generator";
      /** Makes record `i`; without one, records are `{seq: i}`. */
      readonly function: FunctionRef | undefined;
      readonly seed: number;
    }
  | {
      /** Every file of a folder, and of those in it, is one record `{ name, bytes }`. */
      readonly kind: "directory";
      /** Absolute path. */
      readonly path: string;
      /** Only files whose name ends so. */
      readonly suffix: string | undefined;
      readonly repeat: number;
    };

/** Times in which records come at another rate. */
export interface SourceBursts {
  /** Over all subtasks. */
  readonly ratePerSecond: number;
  readonly lengthMs: number;
  /** From the end of one to the start of the next; the mean of it where there is a seed. */
  readonly gapMs: number;
  /** Bursts come at random, the same in every run. */
  readonly seed: number | undefined;
}

export interface SourceSpec {
  readonly connector: SourceConnector;
  /** Records a second over all subtasks; `undefined` is as fast as possible, or, with bursts, none between them. */
  readonly ratePerSecond: number | undefined;
  readonly bursts?: SourceBursts;
  /** Records over all subtasks; `undefined` is all there are. */
  readonly limit: number | undefined;
  readonly eventTime: EventTimeConfig | undefined;
}

export type WindowSpec =
  | { readonly kind: "tumbling"; readonly sizeMs: number; readonly time: "event" | "processing" }
  | {
      readonly kind: "sliding";
      readonly sizeMs: number;
      readonly slideMs: number;
      readonly time: "event" | "processing";
    }
  | { readonly kind: "session"; readonly gapMs: number; readonly time: "event" | "processing" }
  | { readonly kind: "count"; readonly size: number };

export type SinkConnector =
  | { readonly kind: "file"; /** Relative to the run's `output` folder, or absolute. */ readonly path: string }
  | { readonly kind: "stdout" }
  | { readonly kind: "blackhole"; readonly delayMs: number };

export interface SinkSpec {
  readonly connector: SinkConnector;
  /** Field whose value names a record; loss and duplication are then counted record by record. */
  readonly identity: string | undefined;
}

/** Side output of an `rpc` operator for records whose deadline passed. */
export const EXPIRED_OUTPUT = "expired";

export interface RpcSpec {
  readonly service: string;
  /** Of the service's models; the first when `undefined`. */
  readonly model?: string | undefined;
  /** Record → tensors by input name, without the batch axis. */
  readonly request: FunctionRef | undefined;
  /** (record, tensors by output name) → record. */
  readonly response: FunctionRef | undefined;
  /** Without functions: tensor name → field of the record. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Without functions: field of the result record → tensor name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Calls in flight for one subtask; more is back-pressure. Flink's `AsyncDataStream` capacity. */
  readonly capacity: number;
  readonly timeoutMs: number;
  readonly ordered: boolean;
  /** Field of the record: milliseconds since 1970 from which on nobody wants its result any more. */
  readonly deadlineField?: string;
}

export type OperatorKind =
  | { readonly kind: "source"; readonly source: SourceSpec }
  | { readonly kind: "map"; readonly function: FunctionRef }
  | { readonly kind: "flatMap"; readonly function: FunctionRef }
  | { readonly kind: "filter"; readonly function: FunctionRef }
  | { readonly kind: "process"; readonly function: FunctionRef }
  | {
      readonly kind: "async";
      readonly function: FunctionRef;
      readonly capacity: number;
      readonly timeoutMs: number;
      readonly ordered: boolean;
    }
  | { readonly kind: "window"; readonly window: WindowSpec; readonly aggregate: "count" | FunctionRef }
  | { readonly kind: "union" }
  | { readonly kind: "rpc"; readonly rpc: RpcSpec }
  /** A stand-in for an operator known only from a plan: passes records on at `selectivity`, taking `serviceTimeMs` each. */
  | { readonly kind: "standIn"; readonly selectivity: number; readonly serviceTimeMs: number }
  | { readonly kind: "sink"; readonly sink: SinkSpec };

export interface OperatorBase {
  readonly id: string;
  /** Shown to people; the id when the file does not say. */
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number | undefined;
  readonly slotSharingGroup: string;
  readonly coLocationGroup: string | undefined;
  /** Flink's `ChainingStrategy`: ALWAYS, HEAD (starts a chain), NEVER. */
  readonly chaining: "ALWAYS" | "HEAD" | "NEVER";
}

export type OperatorSpec = OperatorBase & OperatorKind;

/** How the key of a HASH edge is read: a field of the record, or a function of it. */
export type KeySelector =
  { readonly kind: "field"; readonly field: string } | { readonly kind: "function"; readonly function: FunctionRef };

export interface EdgeSpec {
  readonly from: string;
  readonly to: string;
  /** When the file does not say: HASH with a key, CUSTOM with a partitioner, else FORWARD between equal parallelism and REBALANCE otherwise. */
  readonly ship: ShipStrategy;
  /** Set for HASH. */
  readonly key: KeySelector | undefined;
  /** Set for CUSTOM: (key or value, number of channels) → channel. */
  readonly partitioner: FunctionRef | undefined;
  /** PIPELINED_BOUNDED in streaming; in batch BLOCKING, but PIPELINED_BOUNDED where the two operators are chained. */
  readonly partitionType: PartitionType;
  /** Name of the side output that this edge carries; `undefined` is the main output. */
  readonly sideOutput: string | undefined;
}

/** A validated job with every default filled in. */
export interface JobSpec {
  readonly name: string;
  /** Absolute path of the job file; relative paths in it were resolved against its folder. */
  readonly file: string;
  readonly runtime: RuntimeConfig;
  readonly services: readonly ServiceSpec[];
  readonly operators: readonly OperatorSpec[];
  readonly edges: readonly EdgeSpec[];
}
