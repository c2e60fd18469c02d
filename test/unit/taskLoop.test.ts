import assert from "node:assert/strict";
import { TaskLoop } from "../../simulator/cluster/taskLoop";
import { TaskScheduler } from "../../simulator/cluster/taskScheduler";

function makeLoop(step: () => "progress" | "idle" = () => "idle") {
  const errors: unknown[] = [];
  let slice = (): void => {};
  const loop = new TaskLoop({
    scheduler: new TaskScheduler(),
    step,
    onError: (error) => errors.push(error),
    journal: () => {},
    log: () => {},
    afterSlice: () => slice(),
  });
  const nextSlice = (): Promise<void> => new Promise((resolve) => (slice = resolve));
  return { loop, errors, nextSlice };
}

describe("task loop", () => {
  it("goes on with suspended work in order: what is behind first, what came later last", async () => {
    const { loop, nextSlice } = makeLoop();
    const log: string[] = [];
    // Two operators that emit several elements each, one behind the other.
    const emit = (name: string, times: number, behind: (i: number) => void) => {
      let i = 0;
      loop.run(() => {
        while (i < times) {
          if (loop.blocked) return false;
          const n = i++;
          log.push(`${name}${n}`);
          behind(n);
        }
        return true;
      });
    };
    loop.start();
    await nextSlice();
    let room = 3;
    const leaf = (): void => {
      if (--room === 0) loop.blockOutput(true);
    };
    emit("a", 3, (n) => emit(`a${n}b`, 2, leaf));
    assert.deepEqual(log, ["a0", "a0b0", "a0b1", "a1", "a1b0"]);
    assert.ok(loop.hasPendingWork);
    room = 2;
    loop.blockOutput(false);
    await nextSlice();
    assert.deepEqual(log.slice(5), ["a1b1", "a2", "a2b0"]);
    room = 100;
    loop.blockOutput(false);
    await nextSlice();
    assert.deepEqual(log.slice(8), ["a2b1"]);
    assert.ok(!loop.hasPendingWork);
    loop.stop();
  });

  it("takes messages between records also when there is no room, but never in the middle of one", async () => {
    const { loop, nextSlice } = makeLoop();
    loop.start();
    await nextSlice();
    const log: string[] = [];
    loop.blockOutput(true);
    loop.post(() => log.push("message"));
    await nextSlice();
    assert.deepEqual(log, ["message"]);
    let done = false;
    loop.run(() => done);
    loop.post(() => log.push("after the record"));
    await nextSlice();
    assert.deepEqual(log, ["message"]);
    done = true;
    loop.blockOutput(false);
    await nextSlice();
    assert.deepEqual(log, ["message", "after the record"]);
    loop.stop();
  });

  it("an operator at capacity takes no input and still emits", async () => {
    let steps = 0;
    const { loop, nextSlice } = makeLoop(() => (steps++ < 1 ? "progress" : "idle"));
    loop.blockInput("backPressured");
    loop.start();
    await nextSlice();
    assert.equal(steps, 0);
    let emitted = false;
    loop.emitSoon(() => {
      emitted = true;
      loop.unblockInput("backPressured");
    });
    await nextSlice();
    assert.ok(emitted && steps > 0);
    loop.stop();
  });

  it("tells busy, back-pressured and idle time apart, and they add up", async () => {
    let work = 5;
    const { loop, nextSlice } = makeLoop(() => {
      if (work-- <= 0) return "idle";
      const until = performance.now() + 4;
      while (performance.now() < until);
      return "progress";
    });
    const beforeFirst = performance.now();
    loop.takeTimes();
    const afterFirst = performance.now();
    loop.start();
    while (work > 0) await nextSlice();
    loop.blockOutput(true);
    loop.wake();
    await nextSlice();
    await new Promise((resolve) => setTimeout(resolve, 20));
    loop.blockOutput(false);
    await nextSlice();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const beforeLast = performance.now();
    const times = loop.takeTimes();
    const afterLast = performance.now();
    assert.ok(times.busy >= 19 && times.backPressured >= 15 && times.idle >= 15, JSON.stringify(times));
    const sum = times.busy + times.backPressured + times.idle;
    assert.ok(sum >= beforeLast - afterFirst - 0.001 && sum <= afterLast - beforeFirst + 0.001, `${sum} ms`);
    loop.stop();
  });

  it("hands an error over and does nothing after stop", async () => {
    let failing = true;
    const { loop, errors } = makeLoop(() => {
      if (failing) {
        failing = false;
        throw new Error("broken");
      }
      return "idle";
    });
    loop.start();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal((errors[0] as Error).message, "broken");
    loop.stop();
    loop.post(() => assert.fail("ran after stop"));
    loop.setTimer(0, () => assert.fail("fired after stop"));
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("gives every task of the process its turn", async () => {
    const scheduler = new TaskScheduler();
    const turns: string[] = [];
    const loops = ["a", "b"].map((name) => {
      const loop = new TaskLoop({
        scheduler,
        step: () => {
          const until = performance.now() + 3;
          while (performance.now() < until);
          turns.push(name);
          return "progress";
        },
        onError: (error) => assert.fail(String(error)),
        journal: () => {},
        log: () => {},
        afterSlice: () => {},
      });
      loop.start();
      return loop;
    });
    while (turns.length < 6) await new Promise((resolve) => setImmediate(resolve));
    loops.forEach((loop) => loop.stop());
    assert.deepEqual(turns.slice(0, 6), ["a", "b", "a", "b", "a", "b"]);
  });
});
