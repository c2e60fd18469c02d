import assert from "node:assert/strict";
import fc from "fast-check";
import { autoscale, initialAutoscaler, queueTimeMs, type ServiceLoad } from "../../simulator/core/autoscaler";
import { OutlierEjection } from "../../simulator/core/outlierEjection";
import { DEFAULT_OUTLIER_EJECTION, type AutoscalerConfig } from "../../simulator/graph/servicePolicies";
import { RetryBudget } from "../../simulator/core/retryBudget";
import { closesCallCycle } from "../../simulator/core/serviceCallCycle";

describe("OutlierEjection", () => {
  const CONFIG = {
    ...DEFAULT_OUTLIER_EJECTION,
    consecutiveFailures: 3,
    minAnswers: 5,
    baseEjectionMs: 100,
    maxEjectionMs: 300,
  };
  const of = (...instances: string[]) => {
    const ejection = new OutlierEjection(CONFIG);
    ejection.retain(instances);
    return ejection;
  };

  it("ejects after failures in a row, for a time that grows, and not for failures with answers between", () => {
    const ejection = of("a", "b");
    const fail = (nowMs: number) => ejection.answered("a", false, 1, nowMs);
    assert.equal(fail(0), undefined);
    assert.equal(fail(0), undefined);
    ejection.answered("a", true, 1, 0);
    assert.equal(fail(0), undefined);
    assert.equal(fail(0), undefined);
    assert.match(fail(0) ?? "", /3 failures in a row/);
    assert.ok(ejection.isEjected("a", 99));
    assert.ok(!ejection.isEjected("a", 100));
    assert.equal(ejection.nextReturnMs(50), 100);
    for (const [nowMs, untilMs] of [
      [200, 400],
      [500, 800],
      [900, 1200],
    ] as const) {
      fail(nowMs);
      fail(nowMs);
      fail(nowMs);
      assert.equal(ejection.nextReturnMs(nowMs), untilMs);
    }
  });

  it("ejects the slow one of two", () => {
    const ejection = of("fast", "slow");
    let reason: string | undefined;
    for (let answer = 0; answer < 10; answer++) {
      assert.equal(ejection.answered("fast", true, 10, 0), undefined);
      reason ??= ejection.answered("slow", true, 200, 0);
    }
    assert.match(reason ?? "", /answers take 200 ms, others 10 ms/);
    assert.ok(ejection.isEjected("slow", 50));
  });

  it("ejects one that does not answer any more, but not while nobody is known to answer faster", () => {
    const ejection = of("a", "b");
    assert.equal(ejection.silent("a", 60_000, 0), undefined, "the first answer may take its time");
    ejection.answered("b", true, 300, 0);
    assert.equal(ejection.silent("a", 2_900, 0), undefined);
    assert.match(ejection.silent("a", 3_100, 0) ?? "", /no answer for 3100 ms/);
  });

  it("never ejects the last one, nor more than the share", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.tuple(fc.nat(8), fc.boolean(), fc.nat(400)), { maxLength: 200 }),
        (count, outcomes) => {
          const instances = Array.from({ length: count }, (_, index) => `m#${index}`);
          const ejection = of(...instances);
          let nowMs = 0;
          for (const [index, ok, latencyMs] of outcomes) {
            nowMs += 5;
            ejection.answered(`m#${index % count}`, ok, latencyMs, nowMs);
            const out = instances.filter((instance) => ejection.isEjected(instance, nowMs)).length;
            assert.ok(out < count, "one stays in");
            assert.ok(out <= Math.max(1, Math.floor(count / 2)));
          }
        },
      ),
    );
  });
});

describe("RetryBudget", () => {
  it("grants a share of the calls, and a few without any", () => {
    const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 }, 0);
    assert.equal(budget.withdraw(100, 0), 10);
    assert.equal(budget.withdraw(1, 0), 0);
    for (let call = 0; call < 1000; call++) budget.deposit(0);
    const granted = budget.withdraw(1000, 0);
    assert.ok(granted >= 199 && granted <= 200, `${granted}`);
    assert.ok(budget.withdraw(100, 1000) >= 9, "some come back with time");
  });

  it("never grants more than was paid in and comes in by time", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(500), fc.nat(50), fc.nat(50)), { maxLength: 60 }), (steps) => {
        const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 2, ttlMs: 5_000 }, 0);
        let nowMs = 0;
        let calls = 0;
        let granted = 0;
        for (const [passedMs, made, wanted] of steps) {
          nowMs += passedMs;
          for (let call = 0; call < made; call++) budget.deposit(nowMs);
          calls += made;
          granted += budget.withdraw(wanted, nowMs);
          assert.ok(granted <= 2 + calls * 0.5 + (nowMs / 1000) * 2 + 1e-6);
        }
      }),
    );
  });
});

describe("autoscale", () => {
  const CONFIG: AutoscalerConfig = { min: 1, max: 8, targetQueueMs: 100, coolDownMs: 1_000, scaleInBelow: 0.7 };
  const load = (more: Partial<ServiceLoad>): ServiceLoad => ({
    intervalMs: 250,
    serving: 2,
    wanted: 2,
    queueDepth: 0,
    requests: 100,
    busyMs: 400,
    ...more,
  });

  it("reckons how long requests wait", () => {
    assert.equal(queueTimeMs(load({ queueDepth: 40 })), 100);
    assert.equal(queueTimeMs(load({ queueDepth: 0, requests: 0 })), 0);
    assert.ok(queueTimeMs(load({ queueDepth: 1, requests: 0 })) > 1e6);
  });

  it("adds instances when requests wait twice running, and waits until they serve and the cool-down is over", () => {
    let state = initialAutoscaler(0);
    const see = (more: Partial<ServiceLoad>, nowMs: number) => {
      const decision = autoscale(CONFIG, state, load(more), nowMs);
      state = decision.state;
      return decision;
    };
    assert.equal(see({ queueDepth: 60 }, 2_000).instances, 2);
    const more = see({ queueDepth: 60 }, 2_250);
    assert.equal(more.instances, 3);
    assert.match(more.reason ?? "", /wait 150 ms, wanted are 100 ms/);
    for (let nowMs = 2_500; nowMs < 3_250; nowMs += 250)
      assert.equal(see({ wanted: 3, queueDepth: 400 }, nowMs).instances, 3);
    assert.equal(see({ wanted: 3, queueDepth: 400 }, 3_500).instances, 3, "the third does not serve yet");
    assert.equal(see({ wanted: 3, serving: 3, queueDepth: 400 }, 3_750).instances, 6, "twice as many at most");
  });

  it("takes one away only when the others stay idle enough for a whole cool-down", () => {
    let state = initialAutoscaler(0);
    const see = (busyMs: number, nowMs: number) => {
      const decision = autoscale(CONFIG, state, load({ serving: 3, wanted: 3, busyMs }), nowMs);
      state = decision.state;
      return decision.instances;
    };
    assert.equal(see(300, 5_000), 3);
    assert.equal(see(600, 5_500), 3, "busy between: begins anew");
    assert.equal(see(300, 6_000), 3);
    assert.equal(see(300, 6_999), 3);
    assert.equal(see(300, 7_000), 2);
  });

  it("stays within its bounds whatever it sees", () => {
    const observation = fc.record({
      serving: fc.nat(10),
      wanted: fc.nat(12),
      queueDepth: fc.nat(5_000),
      requests: fc.nat(1_000),
      busyMs: fc.nat(2_500),
    });
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 50 }), (observations) => {
        let state = initialAutoscaler(0);
        observations.forEach((more, index) => {
          const decision = autoscale(CONFIG, state, load(more), index * 400);
          state = decision.state;
          assert.ok(decision.instances >= CONFIG.min && decision.instances <= CONFIG.max);
          assert.equal(decision.reason === undefined, decision.instances === more.wanted);
        });
      }),
    );
  });
});

describe("services that call each other", () => {
  it("close a circle when one comes up again in the chain of a request", () => {
    assert.deepEqual(closesCallCycle(["a", "b", "c"], "b"), ["b", "c", "b"]);
    assert.equal(closesCallCycle(["a"], "b"), undefined);
  });
});
