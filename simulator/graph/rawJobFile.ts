/** A job file after {@link checkAgainstSchema}: the fields as they are written, constant defaults filled in. */
import type { ServiceTransport } from "./servicePolicies";
import type { BalancingPolicy, Deployment, PartitionType, ShipStrategy } from "./jobFile";

export type RawRestartStrategy =
  | { readonly type: "none" }
  | { readonly type: "fixed-delay"; readonly attempts: number | "infinite"; readonly delay: string }
  | {
      readonly type: "exponential-delay";
      readonly initialBackoff: string;
      readonly maxBackoff: string;
      readonly backoffMultiplier: number;
      readonly jitterFactor: number;
      readonly resetBackoffThreshold: string;
      readonly attemptsBeforeResetBackoff: number | "infinite";
    }
  | {
      readonly type: "failure-rate";
      readonly maxFailuresPerInterval: number;
      readonly failureRateInterval: string;
      readonly delay: string;
    };

export interface RawRuntime {
  readonly mode: "streaming" | "batch";
  readonly parallelism: number;
  readonly taskManagers: number;
  readonly slots: number;
  readonly checkpointing?: {
    readonly interval: string;
    readonly mode: "EXACTLY_ONCE" | "AT_LEAST_ONCE";
    readonly timeout: string;
    readonly minPause: string;
    readonly maxConcurrent: number;
    readonly tolerableFailed: number;
    readonly unaligned: boolean;
    readonly retained: number;
  };
  readonly restartStrategy?: RawRestartStrategy;
  readonly failoverStrategy: "region" | "full";
  readonly scheduler: "default" | "adaptive";
  readonly bufferTimeout: string;
  readonly chaining: boolean;
  readonly heartbeat?: { readonly interval: string; readonly timeout: string };
}

export interface RawService {
  readonly model?: string;
  readonly models?: Readonly<Record<string, string>>;
  readonly function?: string;
  readonly parallelism: number;
  readonly deployment: Deployment;
  readonly device: string;
  readonly batching?: { readonly maxSize: number; readonly maxDelay: string };
  readonly queue?: { readonly maxLength: number; readonly maxWait: string };
  readonly loadDelay: string;
  readonly warmupRuns: number;
  readonly balancing: BalancingPolicy;
  readonly retry?: {
    readonly maxAttempts: number;
    readonly initialBackoff: string;
    readonly maxBackoff: string;
    readonly budget?: { readonly ratio: number; readonly minPerSecond: number; readonly ttl: string };
  };
  readonly hedging?: { readonly after: string; readonly maxShare: number };
  readonly outlierEjection?: {
    readonly enabled: boolean;
    readonly consecutiveFailures: number;
    readonly latencyFactor: number;
    readonly minLatencyExcess: string;
    readonly minAnswers: number;
    readonly stallFactor: number;
    readonly minStall: string;
    readonly baseEjection: string;
    readonly maxEjection: string;
    readonly maxEjectedShare: number;
  };
  readonly transport: ServiceTransport;
  readonly resultCache?: string;
  readonly memoryLimit?: string;
  readonly autoscaler?: {
    readonly min: number;
    readonly max: number;
    readonly targetQueueTime: string;
    readonly coolDown: string;
    readonly scaleInBelow: number;
  };
  readonly restartStrategy?: RawRestartStrategy;
  readonly addresses: readonly string[];
  readonly token?: string;
  readonly slotSharingGroup?: string;
  readonly shared: boolean;
  readonly calls: readonly string[] | "any";
}

export type RawWindow =
  | { readonly type: "tumbling"; readonly size: string; readonly time: "event" | "processing" }
  | { readonly type: "sliding"; readonly size: string; readonly slide: string; readonly time: "event" | "processing" }
  | { readonly type: "session"; readonly gap: string; readonly time: "event" | "processing" }
  | { readonly type: "count"; readonly size: number };

interface RawCommon {
  readonly name?: string;
  readonly parallelism?: number;
  readonly maxParallelism?: number;
  readonly slotSharingGroup: string;
  readonly coLocationGroup?: string;
  readonly chaining: "ALWAYS" | "HEAD" | "NEVER";
}

interface RawSourceFields {
  readonly rate?: number;
  readonly bursts?: { readonly rate: number; readonly length: string; readonly gap: string; readonly seed?: number };
  readonly limit?: number;
  readonly eventTime?: { readonly idleness?: string } & (
    { readonly field: string; readonly outOfOrderness: string } | { readonly step: string; readonly start: number }
  );
}

export type RawSource = RawSourceFields & { readonly type: "source" } & (
    | {
        readonly connector: "file";
        readonly path: string;
        readonly format: "ndjson" | "csv" | "lines";
        readonly repeat: number;
      }
    | { readonly connector: "generator"; readonly function?: string; readonly seed: number }
    | { readonly connector: "directory"; readonly path: string; readonly suffix?: string; readonly repeat: number }
  );

export type RawSink = { readonly type: "sink"; readonly identity?: string } & (
  | { readonly connector: "file"; readonly path: string }
  | { readonly connector: "stdout" }
  | { readonly connector: "blackhole"; readonly delay: string }
);

export interface RawRpc {
  readonly type: "rpc";
  readonly service: string;
  readonly model?: string;
  readonly request?: string;
  readonly response?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly capacity: number;
  readonly timeout: string;
  readonly deadline?: string;
  readonly ordered: boolean;
}

export type RawOperator = RawCommon &
  (
    | RawSource
    | { readonly type: "map" | "flatMap" | "filter" | "process"; readonly function: string }
    | {
        readonly type: "async";
        readonly function: string;
        readonly capacity: number;
        readonly timeout: string;
        readonly ordered: boolean;
      }
    | RawRpc
    | { readonly type: "window"; readonly window: RawWindow; readonly aggregate: string }
    | { readonly type: "union" }
    | { readonly type: "standIn"; readonly selectivity: number; readonly serviceTime: string }
    | RawSink
  );

export interface RawEdge {
  readonly from: string;
  readonly to: string;
  readonly ship?: ShipStrategy;
  readonly key?: string;
  readonly partitioner?: string;
  readonly partitionType?: PartitionType;
  readonly sideOutput?: string;
}

export interface RawJobFile {
  readonly name?: string;
  readonly runtime?: RawRuntime;
  readonly services?: Readonly<Record<string, RawService>>;
  readonly operators: Readonly<Record<string, RawOperator>>;
  readonly edges: readonly RawEdge[];
}
