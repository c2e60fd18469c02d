import assert from "node:assert/strict";
import fc from "fast-check";
import { Batcher, type BatchEntry, type BatcherConfig } from "../../simulator/core/batcher";

interface Entry extends BatchEntry {
  readonly name: string;
}
function entry(name: string, more: Partial<Entry> = {}): Entry {
  return { name, rows: 1, group: "", origin: 0, deadlineMs: Infinity, ...more };
}
const CONFIG: BatcherConfig = { maxSize: 4, maxDelayMs: 10, maxLength: 8, maxWaitMs: 1000, handOverAheadBelowMs: 0 };
const names = (entries: readonly Entry[] | undefined) => entries?.map(({ name }) => name);

describe("Batcher", () => {
  it("runs a full batch at once and a part of one after the delay of its first request", () => {
    const batcher = new Batcher<Entry>(CONFIG);
    for (const name of ["a", "b", "c", "d", "e"]) assert.equal(batcher.offer(entry(name), 100), "queued");
    assert.deepEqual(names(batcher.poll(100).batch), ["a", "b", "c", "d"]);
    batcher.finished(1);
    const waiting = batcher.poll(101);
    assert.equal(waiting.batch, undefined);
    assert.equal(waiting.wakeAtMs, 110);
    assert.deepEqual(names(batcher.poll(110).batch), ["e"]);
  });

  it("runs nothing while a batch runs, and hands one full batch ahead when runs are short", () => {
    const strict = new Batcher<Entry>(CONFIG);
    const ahead = new Batcher<Entry>({ ...CONFIG, handOverAheadBelowMs: 5 });
    for (const batcher of [strict, ahead]) {
      for (let index = 0; index < 8; index++) batcher.offer(entry(String(index)), 0);
      assert.equal(batcher.poll(0).rows, 4);
    }
    assert.equal(strict.poll(0).batch, undefined);
    assert.equal(ahead.poll(0).rows, 4);
    assert.equal(ahead.runningBatches, 2);
    ahead.finished(1);
    ahead.offer(entry("part"), 1);
    assert.equal(ahead.poll(1000).batch, undefined, "a batch that is not full stays, where it can grow");
    ahead.finished(1);
    assert.deepEqual(names(ahead.poll(1000).batch), ["part"]);
  });

  it("does not wait so long that a deadline would be missed", () => {
    const batcher = new Batcher<Entry>(CONFIG);
    batcher.offer(entry("first"), 0);
    batcher.poll(10);
    batcher.finished(6);
    batcher.offer(entry("patient"), 20);
    batcher.offer(entry("urgent", { deadlineMs: 30 }), 20);
    const decision = batcher.poll(20);
    assert.equal(decision.batch, undefined);
    assert.equal(decision.wakeAtMs, 24, "its deadline less what a run takes");
    assert.deepEqual(names(batcher.poll(24).batch), ["patient", "urgent"]);
  });

  it("drops what is over its deadline or waited too long before it costs device time", () => {
    const batcher = new Batcher<Entry>({ ...CONFIG, maxWaitMs: 50 });
    batcher.offer(entry("running"), 0);
    assert.equal(batcher.poll(10).rows, 1);
    batcher.offer(entry("dies", { deadlineMs: 30 }), 10);
    batcher.offer(entry("waits"), 10);
    batcher.offer(entry("later"), 40);
    assert.equal(batcher.poll(10).wakeAtMs, 30);
    assert.deepEqual(
      batcher.poll(60).dropped.map(({ entry: { name }, reason }) => [name, reason]),
      [
        ["dies", "deadline"],
        ["waits", "wait"],
      ],
    );
    batcher.finished(50);
    assert.deepEqual(names(batcher.poll(60).batch), ["later"]);
    assert.equal(batcher.offer(entry("late", { deadlineMs: 59 }), 60), "expired");
  });

  it("refuses one row more than may wait, and a request with more rows than a batch", () => {
    const batcher = new Batcher<Entry>(CONFIG);
    for (let index = 0; index < 8; index++) assert.equal(batcher.offer(entry(String(index)), 0), "queued");
    assert.equal(batcher.offer(entry("ninth"), 0), "queue-full");
    assert.equal(batcher.offer(entry("wide", { rows: 5 }), 0), "too-large");
    assert.equal(batcher.depth, 8);
  });

  it("cancels what an origin has in the queue and nothing else", () => {
    const batcher = new Batcher<Entry>(CONFIG);
    for (const [name, origin] of [
      ["a", 1],
      ["b", 2],
      ["c", 1],
    ] as const)
      batcher.offer(entry(name, { origin }), 0);
    assert.deepEqual(names(batcher.cancel(({ origin }) => origin === 1)), ["a", "c"]);
    assert.deepEqual(names(batcher.poll(10).batch), ["b"]);
  });

  it("never mixes groups, keeps the order within one, and loses and doubles nothing, whatever happens", () => {
    const action = fc.oneof(
      fc.record({
        do: fc.constant("offer" as const),
        rows: fc.integer({ min: 1, max: 5 }),
        group: fc.constantFrom("a", "b", "c"),
        origin: fc.integer({ min: 1, max: 3 }),
        deadlineIn: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 40 })),
      }),
      fc.record({ do: fc.constant("finish" as const) }),
      fc.record({ do: fc.constant("cancel" as const), origin: fc.integer({ min: 1, max: 3 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), action), { maxLength: 120 }),
        fc.integer({ min: 0, max: 20 }),
        fc.constantFrom(0, 100),
        (steps, maxDelayMs, handOverAheadBelowMs) => {
          const config: BatcherConfig = { maxSize: 4, maxDelayMs, maxLength: 12, maxWaitMs: 50, handOverAheadBelowMs };
          const batcher = new Batcher<Entry & { number: number; queuedAtMs: number }>(config);
          const waiting = new Set<number>();
          const lastOfGroup = new Map<string, number>();
          let running = 0;
          let nowMs = 0;
          let count = 0;
          const poll = () => {
            for (;;) {
              const { batch, rows, dropped, wakeAtMs } = batcher.poll(nowMs);
              for (const {
                entry: { number, deadlineMs, queuedAtMs },
              } of dropped) {
                assert.ok(waiting.delete(number), "dropped once, and only what waited");
                assert.ok(deadlineMs <= nowMs || queuedAtMs + config.maxWaitMs <= nowMs, "dropped too early");
              }
              if (batch === undefined) {
                if (running === 0 && waiting.size > 0)
                  assert.ok(wakeAtMs > nowMs && wakeAtMs < Infinity, "would sleep for ever");
                return;
              }
              running += 1;
              assert.ok(running <= (handOverAheadBelowMs > 0 ? 2 : 1));
              assert.ok(batch.length > 0 && rows <= config.maxSize);
              assert.equal(
                rows,
                batch.reduce((sum, { rows: own }) => sum + own, 0),
              );
              for (const one of batch) {
                assert.equal(one.group, batch[0]?.group);
                assert.ok(waiting.delete(one.number), "ran once, and only what waited");
                assert.ok(one.deadlineMs > nowMs, "ran although its time was over");
                assert.ok((lastOfGroup.get(one.group) ?? -1) < one.number, "out of order");
                lastOfGroup.set(one.group, one.number);
              }
            }
          };
          for (const [passed, step] of steps) {
            nowMs += passed;
            if (step.do === "offer") {
              const number = count++;
              const offered = {
                ...entry(String(number), { ...step, deadlineMs: nowMs + step.deadlineIn }),
                number,
                queuedAtMs: nowMs,
              };
              if (batcher.offer(offered, nowMs) === "queued") waiting.add(number);
            } else if (step.do === "cancel") {
              for (const { number } of batcher.cancel(({ origin }) => origin === step.origin))
                assert.ok(waiting.delete(number));
            } else if (running > 0) {
              running -= 1;
              batcher.finished(3);
            }
            poll();
          }
          while (waiting.size > 0 || running > 0) {
            nowMs += 60;
            if (running > 0) {
              running -= 1;
              batcher.finished(3);
            }
            poll();
          }
          assert.equal(batcher.depth, 0);
        },
      ),
      { numRuns: 500 },
    );
  });
});
