/** What ejection decides without a look at every other instance is what it would decide with one. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { OutlierEjection } from "../../simulator/core/outlierEjection";
import { DEFAULT_OUTLIER_EJECTION, type OutlierEjectionConfig } from "../../simulator/graph/servicePolicies";

interface Record {
  failuresInRow: number;
  answers: number;
  meanMs: number;
  ejections: number;
  ejectedUntilMs: number;
}

/** The rules as they are written down: all of the others are looked at each time. */
class Plain {
  readonly records = new Map<string, Record>();

  constructor(private readonly config: OutlierEjectionConfig) {}

  retain(instances: readonly string[]): void {
    for (const instance of [...this.records.keys()]) if (!instances.includes(instance)) this.records.delete(instance);
    for (const instance of instances) this.of(instance);
  }

  forget(instance: string): void {
    this.records.delete(instance);
  }

  answered(instance: string, ok: boolean, latencyMs: number, nowMs: number): string | undefined {
    const record = this.of(instance);
    if (!ok) {
      record.failuresInRow += 1;
      if (record.failuresInRow < this.config.consecutiveFailures) return undefined;
      return this.eject(record, nowMs, `${record.failuresInRow} failures in a row`);
    }
    record.failuresInRow = 0;
    record.meanMs = record.answers === 0 ? latencyMs : record.meanMs + 0.1 * (latencyMs - record.meanMs);
    record.answers += 1;
    const others = [...this.records].filter(([other, { answers }]) => other !== instance && answers >= this.config.minAnswers);
    const means = others.map(([, { meanMs }]) => meanMs).sort((a, b) => a - b);
    const usual = means[Math.floor(means.length / 2)];
    if (usual === undefined || record.answers < this.config.minAnswers) return undefined;
    if (record.meanMs <= usual * this.config.latencyFactor || record.meanMs <= usual + this.config.minLatencyExcessMs) return undefined;
    return this.eject(record, nowMs, `answers take ${record.meanMs.toFixed(0)} ms, others ${usual.toFixed(0)} ms`);
  }

  silent(instance: string, silentMs: number, nowMs: number): string | undefined {
    const means = [...this.records.values()].filter(({ answers }) => answers > 0).map(({ meanMs }) => meanMs);
    if (means.length === 0) return undefined;
    if (silentMs < Math.max(this.config.minStallMs, Math.max(...means) * this.config.stallFactor)) return undefined;
    return this.eject(this.of(instance), nowMs, `no answer for ${silentMs.toFixed(0)} ms`);
  }

  private eject(record: Record, nowMs: number, reason: string): string | undefined {
    if (record.ejectedUntilMs > nowMs) return undefined;
    const total = this.records.size;
    const out = [...this.records.values()].filter(({ ejectedUntilMs }) => ejectedUntilMs > nowMs).length;
    if (out >= Math.min(total - 1, Math.max(1, Math.floor(total * this.config.maxEjectedShare)))) return undefined;
    record.ejectedUntilMs = nowMs + Math.min(this.config.maxEjectionMs, this.config.baseEjectionMs * 2 ** record.ejections);
    record.ejections += 1;
    record.failuresInRow = 0;
    record.answers = 0;
    return reason;
  }

  private of(instance: string): Record {
    let record = this.records.get(instance);
    if (record === undefined) this.records.set(instance, (record = { failuresInRow: 0, answers: 0, meanMs: 0, ejections: 0, ejectedUntilMs: 0 }));
    return record;
  }
}

type Step =
  | { readonly kind: "answer"; readonly instance: number; readonly ok: boolean; readonly latencyMs: number }
  | { readonly kind: "silent"; readonly instance: number; readonly silentMs: number }
  | { readonly kind: "forget"; readonly instance: number }
  | { readonly kind: "retain"; readonly count: number };

const latency = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 40 }) }, { weight: 1, arbitrary: fc.integer({ min: 100, max: 900 }) });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 60, arbitrary: fc.record({ kind: fc.constant("answer" as const), instance: fc.nat(39), ok: fc.constant(true), latencyMs: latency }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("answer" as const), instance: fc.nat(39), ok: fc.boolean(), latencyMs: latency }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("silent" as const), instance: fc.nat(39), silentMs: fc.nat(3_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), instance: fc.nat(39) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retain" as const), count: fc.integer({ min: 1, max: 40 }) }) },
);

const CONFIG: fc.Arbitrary<OutlierEjectionConfig> = fc
  .record({
    latencyFactor: fc.constantFrom(1.2, 2, 5),
    minLatencyExcessMs: fc.constantFrom(0, 5, 50),
    minAnswers: fc.constantFrom(1, 3),
    minStallMs: fc.constantFrom(100, 1_000),
    maxEjectedShare: fc.constantFrom(0.2, 0.5, 1),
  })
  .map((drawn) => ({ ...DEFAULT_OUTLIER_EJECTION, ...drawn, baseEjectionMs: 50, maxEjectionMs: 400 }));

describe("ejection of outliers", () => {
  it("decides as if it looked at all the others each time", () => {
    let ejected = 0;
    fc.assert(
      fc.property(CONFIG, fc.integer({ min: 1, max: 40 }), fc.array(STEP, { minLength: 200, maxLength: 1_200, size: "max" }), (config, count, steps) => {
        const [real, plain] = [new OutlierEjection(config), new Plain(config)];
        let names = Array.from({ length: count }, (_, index) => `m#${index}`);
        real.retain(names);
        plain.retain(names);
        steps.forEach((step, nowMs) => {
          const name = "instance" in step ? names[step.instance % names.length] : "";
          const both = [real, plain].map((one) => {
            switch (step.kind) {
              case "answer":
                if (one instanceof OutlierEjection && nowMs % 2 === 0) return one.answeredBy(one.recordOf(name), step.ok, step.latencyMs, nowMs);
                return one.answered(name, step.ok, step.latencyMs, nowMs);
              case "silent":
                return one.silent(name, step.silentMs, nowMs);
              case "forget":
                return one.forget(name);
              case "retain":
                names = Array.from({ length: step.count }, (_, index) => `m#${index}`);
                return one.retain(names);
            }
          });
          assert.equal(both[0], both[1], `step ${nowMs}: ${JSON.stringify(step)}`);
          if (both[0] !== undefined) ejected++;
          if (step.kind === "silent") assert.equal(real.isEjected(name, nowMs), (plain.records.get(name)?.ejectedUntilMs ?? 0) > nowMs);
        });
      }),
      { numRuns: 150 },
    );
    assert.ok(ejected > 500, `only ${ejected} were ejected`);
  });
});
