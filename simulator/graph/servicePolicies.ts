/**
 * How the clients of a service deal with its instances, and who decides how many there are: the switches that the discussion of FLIP-582
 * leaves open. Each is off, or at a stated default, when the job file does not say.
 */

/**
 * `streams`: many calls in a message, large tensors in chunks. `pekko-rpc`: as Flink's RPC carries a call today, one in a message; one over
 * the frame size (`pekko.framesize`, 10 MiB) vanishes, and a call ends after the ask timeout (`pekko.ask.timeout`, 10 s) at the latest.
 */
export type ServiceTransport = "streams" | "pekko-rpc";

/** A second copy of a call goes to another instance when the first takes long (Dean and Barroso, "The Tail at Scale"). */
export interface HedgingConfig {
  readonly afterMs: number;
  /** Copies for each call, at most: 0.05 is one for twenty. */
  readonly maxShare: number;
}

/** Bounds retries to a share of the calls (Finagle's `RetryBudget`). */
export interface RetryBudgetConfig {
  /** Retries for each call: 0.2 is one for five. */
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly ttlMs: number;
}

/** When an instance that answers badly is left out for a while (Envoy's outlier detection, for two or three instances as well). */
export interface OutlierEjectionConfig {
  /** Failures in a row that eject. */
  readonly consecutiveFailures: number;
  /** A mean latency of so many times the median of the others ejects … */
  readonly latencyFactor: number;
  /** … when it is also longer by this. */
  readonly minLatencyExcessMs: number;
  /** Answers of an instance before its latency counts. */
  readonly minAnswers: number;
  /** Nothing answered for so many times the mean latency of all … */
  readonly stallFactor: number;
  /** … and at least for this long is a stall. */
  readonly minStallMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Instances that may be out at the same time, as a share; always at least one may be, and at least one stays in. */
  readonly maxEjectedShare: number;
}

export interface AutoscalerConfig {
  readonly min: number;
  readonly max: number;
  /** Longest time that requests should wait in the queue. */
  readonly targetQueueMs: number;
  readonly coolDownMs: number;
  /** Share of their time that the remaining instances may be busy after one goes. */
  readonly scaleInBelow: number;
}

export const DEFAULT_OUTLIER_EJECTION: OutlierEjectionConfig = {
  consecutiveFailures: 5,
  latencyFactor: 5,
  minLatencyExcessMs: 50,
  minAnswers: 20,
  stallFactor: 10,
  minStallMs: 1_000,
  baseEjectionMs: 1_000,
  maxEjectionMs: 30_000,
  maxEjectedShare: 0.5,
};

export const DEFAULT_RETRY_BUDGET: RetryBudgetConfig = { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 };
