/** Whether a restart is allowed and after what delay, by the words of the documentation alone. What the JobMaster decides is held against it. */
import type { RestartStrategyConfig } from "../graph/jobFile";

/** What a decision may be. */
export type AllowedRestart = { readonly restart: false } | { readonly restart: true; readonly leastMs: number; readonly mostMs: number };

export class RestartOracle {
  private readonly failures: number[] = [];
  private attempt = 0;
  private restartAtMs = -Infinity;
  private lastFailureMs = -Infinity;

  constructor(private readonly config: RestartStrategyConfig) {}

  /** A failure at this time: what may be decided. Tell {@link decided} what was. */
  onFailure(nowMs: number): AllowedRestart {
    const { config } = this;
    switch (config.type) {
      case "none":
        return { restart: false };
      case "fixed-delay":
        this.failures.push(nowMs);
        return this.failures.length > config.attempts ? { restart: false } : exactly(config.delayMs);
      case "failure-rate": {
        this.failures.push(nowMs);
        const recent = this.failures.filter((at) => nowMs - at <= config.failureRateIntervalMs);
        return recent.length > config.maxFailuresPerInterval ? { restart: false } : exactly(config.delayMs);
      }
      case "exponential-delay": {
        if (nowMs < this.restartAtMs) {
          this.lastFailureMs = nowMs;
          return exactly(this.restartAtMs - nowMs);
        }
        const since = Math.max(this.restartAtMs, this.lastFailureMs);
        if (nowMs - since >= config.resetBackoffThresholdMs) this.attempt = 0;
        this.lastFailureMs = nowMs;
        this.attempt++;
        if (this.attempt > config.attemptsBeforeResetBackoff) return { restart: false };
        const middle = Math.min(config.initialBackoffMs * config.backoffMultiplier ** (this.attempt - 1), config.maxBackoffMs);
        return {
          restart: true,
          leastMs: Math.max(config.initialBackoffMs, middle * (1 - config.jitterFactor)) - 1,
          mostMs: Math.max(config.initialBackoffMs, Math.min(middle * (1 + config.jitterFactor), config.maxBackoffMs)) + 1,
        };
      }
    }
  }

  decided(nowMs: number, delayMs: number): void {
    if (nowMs >= this.restartAtMs) this.restartAtMs = nowMs + delayMs;
  }
}

function exactly(delayMs: number): AllowedRestart {
  return { restart: true, leastMs: delayMs - 1e-6, mostMs: delayMs + 1e-6 };
}
