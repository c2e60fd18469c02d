/**
 * May the job restart after a failure, and after what delay? Source: Flink's `RestartBackoffTimeStrategy` and its
 * implementations `NoRestart…`, `FixedDelay…`, `ExponentialDelay…` and `FailureRateRestartBackoffTimeStrategy`.
 */
import type { RestartStrategyConfig } from "../graph/jobFile";
import type { SeededRandom } from "./seededRandom";
import { nextRandom } from "./seededRandom";

export interface RestartStrategyState {
  /** Failures that counted (fixed delay), or attempts since the last reset (exponential delay). */
  attempts: number;
  /** Exponential delay: when the restart that is planned will happen, and when the failure before was. */
  nextRestartAtMs: number;
  lastFailureAtMs: number;
  /** Failure rate: the last `maxFailuresPerInterval + 1` failures. */
  readonly failureTimesMs: number[];
}

export type RestartDecision = { readonly restart: true; readonly delayMs: number } | { readonly restart: false; readonly reason: string };

export function newRestartStrategyState(): RestartStrategyState {
  return { attempts: 0, nextRestartAtMs: -1, lastFailureAtMs: -1, failureTimesMs: [] };
}

/**
 * Takes note of a failure at `nowMs` and decides. Exponential delay: a failure before the planned restart joins the current attempt
 * and is not counted again; the attempts start anew after `resetBackoffThreshold` without failure.
 */
export function decideRestart(
  config: RestartStrategyConfig,
  state: RestartStrategyState,
  nowMs: number,
  random: SeededRandom,
): RestartDecision {
  switch (config.type) {
    case "none":
      return { restart: false, reason: "the restart strategy is none" };
    case "fixed-delay":
      state.attempts++;
      return state.attempts <= config.attempts
        ? { restart: true, delayMs: config.delayMs }
        : { restart: false, reason: `fixed-delay allows ${config.attempts} restarts` };
    case "failure-rate": {
      state.failureTimesMs.push(nowMs);
      if (state.failureTimesMs.length > config.maxFailuresPerInterval + 1) state.failureTimesMs.shift();
      const full = state.failureTimesMs.length === config.maxFailuresPerInterval + 1;
      const oldest = state.failureTimesMs[0] ?? nowMs;
      return full && nowMs - oldest <= config.failureRateIntervalMs
        ? { restart: false, reason: `failure-rate allows ${config.maxFailuresPerInterval} failures in ${config.failureRateIntervalMs} ms` }
        : { restart: true, delayMs: config.delayMs };
    }
    case "exponential-delay": {
      if (nowMs < state.nextRestartAtMs) {
        state.lastFailureAtMs = nowMs;
        return { restart: true, delayMs: state.nextRestartAtMs - nowMs };
      }
      const quietSinceMs = Math.max(state.nextRestartAtMs, state.lastFailureAtMs);
      if (quietSinceMs >= 0 && nowMs - quietSinceMs >= config.resetBackoffThresholdMs) state.attempts = 0;
      const delayMs = exponentialDelay(config, state.attempts, random);
      state.attempts++;
      state.lastFailureAtMs = nowMs;
      if (state.attempts > config.attemptsBeforeResetBackoff) {
        return { restart: false, reason: `exponential-delay allows ${config.attemptsBeforeResetBackoff} restarts before its reset` };
      }
      state.nextRestartAtMs = nowMs + delayMs;
      return { restart: true, delayMs };
    }
  }
}

/** max(initial, min(initial · multiplier^attempt ± jitter, max)), in whole milliseconds. */
function exponentialDelay(
  config: Extract<RestartStrategyConfig, { type: "exponential-delay" }>,
  attempt: number,
  random: SeededRandom,
): number {
  const base = Math.min(config.initialBackoffMs * config.backoffMultiplier ** attempt, config.maxBackoffMs);
  const jitter = base * config.jitterFactor * (nextRandom(random) * 2 - 1);
  return Math.round(Math.max(config.initialBackoffMs, Math.min(base + jitter, config.maxBackoffMs)));
}
