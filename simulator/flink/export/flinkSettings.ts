/** The runtime of a job file as settings of Flink: the same names, the same values. */
import { formatDuration } from "../../graph/durations";
import type { JobSpec, RestartStrategyConfig } from "../../graph/jobFile";

export type FlinkSettings = Readonly<Record<string, string | number | boolean>>;

/** What belongs to the cluster: slots, heartbeats, scheduler, failover strategy. */
export function clusterSettings({ runtime }: JobSpec): FlinkSettings {
  return {
    "taskmanager.numberOfTaskSlots": runtime.slots,
    "jobmanager.execution.failover-strategy": runtime.failoverStrategy,
    "jobmanager.scheduler": runtime.scheduler === "adaptive" ? "Adaptive" : "Default",
    "heartbeat.interval": formatDuration(runtime.heartbeatIntervalMs),
    "heartbeat.timeout": formatDuration(runtime.heartbeatTimeoutMs),
  };
}

/** What belongs to the job and goes with it, whichever cluster it runs on. */
export function jobSettings({ runtime }: JobSpec): FlinkSettings {
  const { checkpointing } = runtime;
  return {
    "execution.runtime-mode": runtime.mode === "batch" ? "BATCH" : "STREAMING",
    "parallelism.default": runtime.parallelism,
    "pipeline.operator-chaining.enabled": runtime.chaining,
    "execution.buffer-timeout.interval": formatDuration(runtime.bufferTimeoutMs),
    ...(checkpointing === undefined
      ? {}
      : {
          "execution.checkpointing.interval": formatDuration(checkpointing.intervalMs),
          "execution.checkpointing.mode": checkpointing.mode,
          "execution.checkpointing.timeout": formatDuration(checkpointing.timeoutMs),
          "execution.checkpointing.min-pause": formatDuration(checkpointing.minPauseMs),
          "execution.checkpointing.max-concurrent-checkpoints": checkpointing.maxConcurrent,
          "execution.checkpointing.tolerable-failed-checkpoints": checkpointing.tolerableFailed,
          "execution.checkpointing.unaligned.enabled": checkpointing.unaligned,
          "execution.checkpointing.num-retained": checkpointing.retained,
        }),
    ...restartSettings(runtime.restartStrategy),
  };
}

function restartSettings(strategy: RestartStrategyConfig): FlinkSettings {
  const prefix = `restart-strategy.${strategy.type}`;
  const type = { "restart-strategy.type": strategy.type };
  switch (strategy.type) {
    case "none":
      return type;
    case "fixed-delay":
      return {
        ...type,
        [`${prefix}.attempts`]: bounded(strategy.attempts),
        [`${prefix}.delay`]: formatDuration(strategy.delayMs),
      };
    case "failure-rate":
      return {
        ...type,
        [`${prefix}.max-failures-per-interval`]: strategy.maxFailuresPerInterval,
        [`${prefix}.failure-rate-interval`]: formatDuration(strategy.failureRateIntervalMs),
        [`${prefix}.delay`]: formatDuration(strategy.delayMs),
      };
    case "exponential-delay":
      return {
        ...type,
        [`${prefix}.initial-backoff`]: formatDuration(strategy.initialBackoffMs),
        [`${prefix}.max-backoff`]: formatDuration(strategy.maxBackoffMs),
        [`${prefix}.backoff-multiplier`]: strategy.backoffMultiplier,
        [`${prefix}.jitter-factor`]: strategy.jitterFactor,
        [`${prefix}.reset-backoff-threshold`]: formatDuration(strategy.resetBackoffThresholdMs),
        // Flink's default is infinite, and has no way to write it.
        ...(Number.isFinite(strategy.attemptsBeforeResetBackoff)
          ? { [`${prefix}.attempts-before-reset-backoff`]: strategy.attemptsBeforeResetBackoff }
          : {}),
      };
  }
}

/** Flink takes an int. */
function bounded(attempts: number): number {
  return Math.min(attempts, 2_147_483_647);
}

export function settingsYaml(settings: FlinkSettings): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
}
