/**
 * Bounds retries to a share of the calls, so that a service that is overloaded is not overloaded more by its callers' insistence
 * (Finagle's `RetryBudget`): every call pays in `ratio`, a retry takes out one, and `minPerSecond` come in anyway. What was paid in is worth
 * something for `ttlMs`.
 */
import type { RetryBudgetConfig } from "../graph/servicePolicies";

export class RetryBudget {
  private balance: number;
  private atMs: number;

  constructor(
    readonly config: RetryBudgetConfig,
    nowMs: number,
  ) {
    this.balance = config.minPerSecond;
    this.atMs = nowMs;
  }

  /** A call was made. */
  deposit(nowMs: number): void {
    this.advance(nowMs);
    this.balance += this.config.ratio;
  }

  /** Takes out for as many retries as there is budget for, at most `wanted`; how many that are. */
  withdraw(wanted: number, nowMs: number): number {
    this.advance(nowMs);
    const granted = Math.min(wanted, Math.floor(this.balance));
    this.balance -= granted;
    return granted;
  }

  /** What was paid in loses its worth exponentially, which needs no record of when; `minPerSecond` is what it settles at alone. */
  private advance(nowMs: number): void {
    const { minPerSecond, ttlMs } = this.config;
    const passedMs = Math.max(0, nowMs - this.atMs);
    this.atMs = Math.max(this.atMs, nowMs);
    const kept = Math.exp(-passedMs / ttlMs);
    this.balance = this.balance * kept + ((minPerSecond * ttlMs) / 1000) * (1 - kept);
  }
}
