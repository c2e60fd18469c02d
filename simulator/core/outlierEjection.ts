/**
 * Takes an instance that answers badly out of the balancer for a while, also when there are only two or three.
 *
 * After Envoy's outlier detection: a row of failures ejects, the time out grows with each ejection, and a share of the instances always
 * stays in. Unlike gRPC's `outlier_detection` (at least five hosts) an instance is held against the others there are, one being enough:
 * its mean latency against the median of theirs, and the age of what it has not answered against what answers take at all.
 */
import { DEFAULT_OUTLIER_EJECTION, type OutlierEjectionConfig } from "../graph/servicePolicies";

/** What is known of an instance; nobody else looks into it. */
export interface InstanceRecord {
  failuresInRow: number;
  answers: number;
  /** Exponentially weighted mean. */
  meanMs: number;
  ejections: number;
  ejectedUntilMs: number;
}

/** New answers weigh as much as this in the mean latency. */
const WEIGHT = 0.1;

export class OutlierEjection {
  private readonly records = new Map<string, InstanceRecord>();
  /** The median of the others is not below this, whoever asks, as long as {@link changesLeft} is not below 0. */
  private usualAtLeastMs = 0;
  private changesLeft = -1;

  constructor(readonly config: OutlierEjectionConfig = DEFAULT_OUTLIER_EJECTION) {}

  /** Forgets all instances but these. A new attempt of an instance begins anew: call {@link forget}. */
  retain(instances: readonly string[]): void {
    for (const instance of instances) this.recordOf(instance);
    if (this.records.size === instances.length) return;
    const kept = new Set(instances);
    for (const instance of this.records.keys()) if (!kept.has(instance)) this.forget(instance);
  }

  forget(instance: string): void {
    this.changesLeft -= 1;
    this.records.delete(instance);
  }

  isEjected(instance: string, nowMs: number): boolean {
    return (this.records.get(instance)?.ejectedUntilMs ?? 0) > nowMs;
  }

  anyEjected(nowMs: number): boolean {
    for (const { ejectedUntilMs } of this.records.values()) if (ejectedUntilMs > nowMs) return true;
    return false;
  }

  /** When the next ejection ends; Infinity when none is. */
  nextReturnMs(nowMs: number): number {
    let next = Infinity;
    for (const { ejectedUntilMs } of this.records.values())
      if (ejectedUntilMs > nowMs) next = Math.min(next, ejectedUntilMs);
    return next;
  }

  /** An answer, well or not. Says why when the instance is ejected for it. */
  answered(instance: string, ok: boolean, latencyMs: number, nowMs: number): string | undefined {
    return this.answeredBy(this.recordOf(instance), ok, latencyMs, nowMs);
  }

  /** {@link answered} for who hears of the instance often and keeps its record, until it is forgotten. */
  answeredBy(record: InstanceRecord, ok: boolean, latencyMs: number, nowMs: number): string | undefined {
    if (!ok) {
      record.failuresInRow += 1;
      if (record.failuresInRow < this.config.consecutiveFailures) return undefined;
      return this.eject(record, nowMs, `${record.failuresInRow} failures in a row`);
    }
    record.failuresInRow = 0;
    record.meanMs = record.answers === 0 ? latencyMs : record.meanMs + WEIGHT * (latencyMs - record.meanMs);
    record.answers += 1;
    this.changesLeft -= 1;
    if (record.answers < this.config.minAnswers || !this.mayBeTooSlow(record.meanMs)) return undefined;
    if (!this.mayEject(record, nowMs)) return undefined;
    const usual = this.medianOfOthers(record);
    if (usual === undefined || !this.isTooSlow(record.meanMs, usual)) return undefined;
    return this.eject(
      record,
      nowMs,
      `answers take ${record.meanMs.toFixed(0)} ms, others ${usual.toFixed(0)} ms`,
    );
  }

  /**
   * The instance has not answered anything for `silentMs` although it has something to answer. Says why when it is ejected for it.
   */
  silent(instance: string, silentMs: number, nowMs: number): string | undefined {
    if (silentMs < this.config.minStallMs || silentMs < this.stallLimitMs) return undefined;
    return this.eject(this.recordOf(instance), nowMs, `no answer for ${silentMs.toFixed(0)} ms`);
  }

  /** Without an answer for so long an instance stalls; Infinity while nobody is known to answer. */
  get stallLimitMs(): number {
    let slowestMs = -1;
    for (const { answers, meanMs } of this.records.values()) if (answers > 0) slowestMs = Math.max(slowestMs, meanMs);
    return slowestMs < 0 ? Infinity : Math.max(this.config.minStallMs, slowestMs * this.config.stallFactor);
  }

  private mayEject(record: InstanceRecord, nowMs: number): boolean {
    if (record.ejectedUntilMs > nowMs) return false;
    const total = this.records.size;
    let out = 0;
    for (const { ejectedUntilMs } of this.records.values()) if (ejectedUntilMs > nowMs) out += 1;
    return out < Math.min(total - 1, Math.max(1, Math.floor(total * this.config.maxEjectedShare)));
  }

  private eject(record: InstanceRecord, nowMs: number, reason: string): string | undefined {
    if (!this.mayEject(record, nowMs)) return undefined;
    const { baseEjectionMs, maxEjectionMs } = this.config;
    record.ejectedUntilMs = nowMs + Math.min(maxEjectionMs, baseEjectionMs * 2 ** record.ejections);
    record.ejections += 1;
    // It comes back with a clean sheet: what it did before it was out says nothing of how it is then.
    record.failuresInRow = 0;
    record.answers = 0;
    this.changesLeft -= 1;
    return reason;
  }

  private isTooSlow(meanMs: number, usualMs: number): boolean {
    return meanMs > usualMs * this.config.latencyFactor && meanMs > usualMs + this.config.minLatencyExcessMs;
  }

  /** Says no to nearly all of a thousand instances without a look at the others. */
  private mayBeTooSlow(meanMs: number): boolean {
    if (meanMs <= this.config.minLatencyExcessMs) return false;
    if (this.changesLeft < 0) this.boundUsual();
    return this.isTooSlow(meanMs, this.usualAtLeastMs);
  }

  /** Each change of one record moves the median by one place at most: one far enough below it bounds it for a while. */
  private boundUsual(): void {
    const means: number[] = [];
    for (const { answers, meanMs } of this.records.values()) if (answers >= this.config.minAnswers) means.push(meanMs);
    this.changesLeft = Math.floor(means.length / 4);
    this.usualAtLeastMs = Float64Array.from(means).sort()[Math.floor((means.length - this.changesLeft - 1) / 2) - this.changesLeft] ?? 0;
  }

  private medianOfOthers(record: InstanceRecord): number | undefined {
    const means: number[] = [];
    for (const other of this.records.values()) {
      if (other !== record && other.answers >= this.config.minAnswers) means.push(other.meanMs);
    }
    means.sort((a, b) => a - b);
    return means[Math.floor(means.length / 2)];
  }

  recordOf(instance: string): InstanceRecord {
    let record = this.records.get(instance);
    if (record === undefined) {
      record = { failuresInRow: 0, answers: 0, meanMs: 0, ejections: 0, ejectedUntilMs: 0 };
      this.records.set(instance, record);
    }
    return record;
  }
}
