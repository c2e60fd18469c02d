/** `restartStrategy` of a job file as data. */
import { parseDuration } from "./durations";
import type { RestartStrategyConfig } from "./jobFile";
import type { RawRestartStrategy } from "./rawJobFile";

/** Defaults of Flink's `RestartStrategyOptions`. */
export const DEFAULT_EXPONENTIAL_DELAY: RestartStrategyConfig = {
  type: "exponential-delay",
  initialBackoffMs: 1000,
  maxBackoffMs: 60_000,
  backoffMultiplier: 1.5,
  jitterFactor: 0.1,
  resetBackoffThresholdMs: 3_600_000,
  attemptsBeforeResetBackoff: Infinity,
};

/** An instance of a service is started again at once, as often as it takes: its failure costs nobody else a restart. */
export const DEFAULT_SERVICE_RESTART: RestartStrategyConfig = { type: "fixed-delay", attempts: Infinity, delayMs: 0 };

export function readRestartStrategy(raw: RawRestartStrategy): RestartStrategyConfig {
  switch (raw.type) {
    case "none":
      return { type: "none" };
    case "fixed-delay":
      return { type: "fixed-delay", attempts: attempts(raw.attempts), delayMs: ms(raw.delay) };
    case "exponential-delay":
      return {
        type: "exponential-delay",
        initialBackoffMs: ms(raw.initialBackoff),
        maxBackoffMs: ms(raw.maxBackoff),
        backoffMultiplier: raw.backoffMultiplier,
        jitterFactor: raw.jitterFactor,
        resetBackoffThresholdMs: ms(raw.resetBackoffThreshold),
        attemptsBeforeResetBackoff: attempts(raw.attemptsBeforeResetBackoff),
      };
    case "failure-rate":
      return {
        type: "failure-rate",
        maxFailuresPerInterval: raw.maxFailuresPerInterval,
        failureRateIntervalMs: ms(raw.failureRateInterval),
        delayMs: ms(raw.delay),
      };
  }
}

function attempts(raw: number | "infinite"): number {
  return raw === "infinite" ? Infinity : raw;
}

function ms(duration: string): number {
  return parseDuration(duration) ?? 0;
}
