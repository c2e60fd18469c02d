/** The event loop of virtual time against the plainest that there can be: a list that is sorted anew for each event. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { VirtualTimer } from "../../simulator/virtual/eventLoop";
import { cancelTimer, EventLoop } from "../../simulator/virtual/eventLoop";

interface Planned {
  readonly delayMs: number;
  /** What it makes when it happens. */
  readonly then: readonly Planned[];
  /** It is cancelled as soon as it was made. */
  readonly cancelled: boolean;
}

/** Many at one time, some far away. */
const delays = fc.oneof(fc.constantFrom(0, 0.001, 7.999, 8, 8.0005, 16, 4_096), fc.integer({ min: 0, max: 40 }), fc.double({ min: 0, max: 100_000, noNaN: true }));

const plannedTo = (depth: number): fc.Arbitrary<Planned> =>
  fc.record({ delayMs: delays, then: depth === 0 ? fc.constant([]) : fc.array(plannedTo(depth - 1), { maxLength: 3 }), cancelled: fc.boolean() });
const planned = plannedTo(3);

describe("the event loop of virtual time", () => {
  it("lets everything happen in the order of its time, and of its making where times are equal", () => {
    fc.assert(
      fc.property(fc.array(planned, { maxLength: 40 }), (plans) => {
        const loop = new EventLoop();
        const happened: { readonly at: number; readonly order: number; readonly wanted: number }[] = [];
        let order = 0;
        const make = ({ delayMs, then, cancelled }: Planned): void => {
          const own = order++;
          const wanted = loop.now + delayMs;
          const timer: VirtualTimer = loop.after(delayMs, () => {
            happened.push({ at: loop.now, order: own, wanted });
            then.forEach(make);
          });
          if (cancelled) cancelTimer(timer);
        };
        plans.forEach(make);
        while (loop.step());
        assert.equal(loop.waiting, 0);
        for (const { at, wanted } of happened) assert.ok(at >= wanted && at < wanted + 0.0011, `${at} for ${wanted}`);
        assert.deepEqual(happened, [...happened].sort((a, b) => a.at - b.at || a.order - b.order));
        assert.equal(happened.length, loop.count);
        const count = (list: readonly Planned[]): number => list.reduce((sum, one) => sum + (one.cancelled ? 0 : 1 + count(one.then)), 0);
        assert.equal(happened.length, count(plans));
      }),
      { numRuns: 300 },
    );
  });

  it("goes no further than it is told to, and takes nothing that comes meanwhile out of its order", () => {
    const loop = new EventLoop();
    const seen: string[] = [];
    loop.at(20_000, () => seen.push("far"));
    assert.equal(loop.step(100), false);
    assert.equal(loop.now, 0);
    loop.at(19_990, () => seen.push("before it"));
    loop.at(5, () => seen.push("near"));
    while (loop.step());
    assert.deepEqual(seen, ["near", "before it", "far"]);
  });

  it("keeps thousands that wait", () => {
    const loop = new EventLoop();
    const at: number[] = [];
    for (let index = 0; index < 20_000; index++) loop.at((index * 7_919) % 60_000, () => at.push(loop.now));
    while (loop.step());
    assert.equal(at.length, 20_000);
    assert.deepEqual(at, [...at].sort((a, b) => a - b));
  });
});
