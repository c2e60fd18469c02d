import assert from "node:assert/strict";
import fc from "fast-check";
import { Balancer, hash32 } from "../../simulator/core/balancer";
import { nextRandom } from "../../simulator/core/seededRandom";

const candidates = (...loads: number[]) => loads.map((load, index) => ({ instance: `m#${index}`, load }));
describe("Balancer", () => {
  it("goes in turn under round-robin", () => {
    const balancer = new Balancer("round-robin", () => 0);
    const three = candidates(9, 0, 0);
    const picks = Array.from({ length: 6 }, () => balancer.pick(three)?.instance);
    assert.deepEqual(new Set(picks.slice(0, 3)).size, 3);
    assert.deepEqual(picks.slice(0, 3), picks.slice(3));
  });

  it("takes the least loaded under least-request, and spreads ties", () => {
    const balancer = new Balancer("least-request", () => 0);
    assert.equal(balancer.pick(candidates(3, 1, 2))?.instance, "m#1");
    const even = candidates(0, 0, 0);
    assert.equal(new Set(Array.from({ length: 3 }, () => balancer.pick(even)?.instance)).size, 3);
  });

  it("never takes the more loaded of its two under power-of-two-choices", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 2, maxLength: 8 }), fc.integer(), (loads, seed) => {
        const random = { seed };
        const balancer = new Balancer("power-of-two-choices", () => nextRandom(random));
        const picked = balancer.pick(candidates(...loads));
        const most = Math.max(...loads);
        assert.ok(picked !== undefined);
        if (loads.filter((load) => load === most).length === 1) assert.notEqual(picked.load, most);
      }),
    );
  });

  it("has nothing to choose from nothing, and one from one", () => {
    for (const policy of ["round-robin", "least-request", "power-of-two-choices", "consistent-hash"] as const) {
      const balancer = new Balancer(policy, () => 0.5);
      assert.equal(balancer.pick([], "k"), undefined);
      assert.equal(balancer.pick(candidates(7), "k")?.load, 7);
    }
  });

  describe("consistent-hash", () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `key-${index}`);
    const homes = (instances: number) => {
      const balancer = new Balancer("consistent-hash", () => 0);
      const all = candidates(...Array.from({ length: instances }, () => 0));
      return keys.map((key) => balancer.pick(all, key)?.instance);
    };

    it("moves only the keys of the instance that left", () => {
      const before = homes(4);
      const after = homes(3);
      before.forEach((home, index) => {
        if (home !== "m#3") assert.equal(after[index], home);
      });
    });

    it("gives every instance a fair share", () => {
      const counts = new Map<string | undefined, number>();
      for (const home of homes(3)) counts.set(home, (counts.get(home) ?? 0) + 1);
      assert.equal(counts.size, 3);
      for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 250, `${count} of 3000 keys`);
    });

    it("does not depend on the order of the instances", () => {
      const balancer = new Balancer("consistent-hash", () => 0);
      const all = candidates(0, 0, 0);
      const turned = [...all].reverse();
      for (const key of keys.slice(0, 200))
        assert.equal(balancer.pick(all, key)?.instance, balancer.pick(turned, key)?.instance);
    });
  });

  it("spreads hashes of short keys over 32 bits", () => {
    const high = Array.from({ length: 1000 }, (_, index) => hash32(String(index))).filter(
      (hash) => hash >= 2 ** 31,
    ).length;
    assert.ok(high > 400 && high < 600, `${high} of 1000 in the upper half`);
  });
});
