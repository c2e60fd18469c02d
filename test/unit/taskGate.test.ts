/** Holding the records of a task for a person who debugs: nothing is overtaken, nothing is lost, and nothing fires meanwhile. */
import assert from "node:assert/strict";
import { compileExpression } from "../../simulator/cluster/debug/recordExpression";
import { debugValue } from "../../simulator/cluster/debug/debugValue";
import type { GateFrame, Stop } from "../../simulator/cluster/debug/taskGate";
import { RECORDED_STEPS, TaskGate } from "../../simulator/cluster/debug/taskGate";
import { TaskLoop } from "../../simulator/cluster/taskLoop";
import { TaskScheduler } from "../../simulator/cluster/taskScheduler";
import type { ElementReceiver } from "../../simulator/operators/streamOperator";

/** A task `a → b` in which `a` gives every record twice; what comes out of `b` is in `log`. */
function makeTask() {
  const errors: unknown[] = [];
  const stops: (Stop & { readonly frames: readonly string[] })[] = [];
  const log: string[] = [];
  let slice = (): void => {};
  const loop = new TaskLoop({
    scheduler: new TaskScheduler(),
    step: () => "idle",
    onError: (error) => errors.push(error),
    journal: () => {},
    log: () => {},
    afterSlice: () => slice(),
  });
  const keeper = {
    pausing: false,
    stopsAtErrors: false,
    holds: (_frame: GateFrame): boolean => false,
    hit: (_gate: TaskGate, frame: GateFrame) => (keeper.holds(frame) ? 7 : undefined),
    hitBefore: (frame: GateFrame) => (keeper.holds(frame) ? 7 : undefined),
    onStopped: (gate: TaskGate, stop: Stop) =>
      stops.push({
        ...stop,
        frames: (gate.standing ?? []).map(({ place, value }) => `${placeText(place)} ${String(value)}`),
      }),
  };
  const gate = new TaskGate("a#0", keeper, loop, () => ({}));
  const sink: ElementReceiver = {
    element: (value) => {
      if (value === "bad!") throw new Error("cannot");
      log.push(String(value));
    },
    watermark: (timestamp) => log.push(`wm ${timestamp}`),
  };
  const b = gate.before({ kind: "operator", operator: "b" }, sink);
  const twice: ElementReceiver = {
    element: (value, timestamp) => {
      b.element(`${String(value)}!`, timestamp);
      b.element(`${String(value)}?`, timestamp);
    },
    watermark: (timestamp) => b.watermark(timestamp),
  };
  const head = gate.before({ kind: "operator", operator: "a" }, twice);
  const nextSlice = (): Promise<void> => new Promise((resolve) => (slice = resolve));
  return { loop, gate, keeper, head, log, stops, errors, nextSlice };
}

function placeText(place: GateFrame["place"]): string {
  return place.kind === "operator" ? place.operator : `${place.from}->${place.to}`;
}

async function started(): Promise<ReturnType<typeof makeTask>> {
  const task = makeTask();
  task.loop.start();
  await task.nextSlice();
  return task;
}

describe("the gate of a task that is debugged", () => {
  it("lets everything through while nobody asks for anything", async () => {
    const { head, log, loop, stops } = await started();
    head.element("x", 1);
    head.watermark(5);
    assert.deepEqual(log, ["x!", "x?", "wm 5"]);
    assert.equal(loop.hasPendingWork, false);
    assert.deepEqual(stops, []);
    loop.stop();
  });

  it("holds a record in the middle of a chain; what comes behind it waits, watermarks too", async () => {
    const { head, log, loop, stops, keeper, gate, nextSlice } = await started();
    keeper.holds = ({ value }) => value === "x?";
    head.element("x", 1);
    assert.deepEqual(log, ["x!"]);
    assert.deepEqual(stops, [{ reason: "breakpoint", breakpoint: 7, frames: ["a x", "b x?"] }]);
    assert.ok(loop.blocked, "the task takes no more input");
    head.watermark(5);
    head.element("y", 6);
    assert.deepEqual(log, ["x!"]);
    gate.release();
    await nextSlice();
    assert.deepEqual(log, ["x!", "x?", "wm 5", "y!", "y?"]);
    assert.equal(loop.blocked, false);
    loop.stop();
  });

  it("steps to the next operator, and to the next record", async () => {
    const { head, log, loop, stops, keeper, gate, nextSlice } = await started();
    keeper.pausing = true;
    head.element("x", 1);
    head.element("y", 2);
    assert.deepEqual(log, []);
    gate.release("operator");
    await nextSlice();
    gate.release("record");
    await nextSlice();
    assert.deepEqual(log, ["x!", "x?"]);
    assert.deepEqual(
      stops.map(({ reason, frames }) => [reason, frames.at(-1)]),
      [
        ["pause", "a x"],
        ["step", "b x!"],
        ["step", "a y"],
      ],
    );
    keeper.pausing = false;
    gate.release();
    await nextSlice();
    assert.deepEqual(log, ["x!", "x?", "y!", "y?"]);
    loop.stop();
  });

  it("goes back through what was recorded, as it was, and forth again; the task does not move", async () => {
    const { head, log, loop, keeper, gate, nextSlice } = await started();
    const changing = { name: "first", seen: 0 };
    head.element(changing, 1);
    changing.seen = 99;
    head.element("x", 2);
    keeper.holds = ({ value }) => value === "y?";
    head.element("y", 3);
    const shown = (): string => {
      const frames = gate.shown ?? [];
      const { place, value } = frames[frames.length - 1] ?? assert.fail("something is shown");
      return `${placeText(place)} ${typeof value === "string" ? value : JSON.stringify(value)}`;
    };
    assert.equal(shown(), "b y?");
    assert.deepEqual([gate.goBack("step"), shown()], [{}, "b y!"]);
    assert.deepEqual([gate.goBack("step"), shown()], [{}, "a y"]);
    assert.deepEqual([gate.goBack("step"), shown()], [{}, "b x?"]);
    assert.ok(gate.goForward());
    assert.equal(shown(), "a y");
    keeper.holds = ({ value }) => value === "x!";
    assert.deepEqual([gate.goBack("breakpoint"), shown()], [{ breakpoint: 7 }, "b x!"]);
    assert.deepEqual(gate.goBack("breakpoint"), {}, "there is no other: the oldest");
    assert.equal(shown(), 'a {"name":"first","seen":0}', "as it went in, whatever became of it");
    assert.equal(gate.goBack("step"), "beginning");
    assert.deepEqual(log.slice(-1), ["y!"], "nothing went on meanwhile");
    keeper.holds = () => false;
    gate.release();
    await nextSlice();
    assert.deepEqual(log.slice(-1), ["y?"]);
    loop.stop();
  });

  it("does not look at a record that waits to be looked at", async () => {
    const { gate, loop } = await started();
    let looks = 0;
    const look = (): undefined => void looks++;
    const record = new Proxy({}, { get: look, has: () => (look(), false), ownKeys: () => (look(), []) });
    const seen: unknown[] = [];
    const nothing: ElementReceiver = { element: (value) => seen.push(value), watermark: () => undefined };
    gate.before({ kind: "operator", operator: "c" }, nothing).element(record, 1);
    assert.equal(seen.length, 1);
    assert.equal(looks, 0);
    loop.stop();
  });

  it("keeps the newest steps alone", async () => {
    const { head, loop, keeper, gate } = await started();
    for (let i = 0; i < 3 * RECORDED_STEPS; i++) head.element(`r${i}`, i);
    keeper.holds = () => true;
    head.element("last", 0);
    let steps = 0;
    while (gate.goBack("step") !== "beginning") steps++;
    assert.ok(steps >= RECORDED_STEPS && steps <= 2 * RECORDED_STEPS, `${steps}`);
    loop.stop();
  });

  it("fires no timer while a record is held", async () => {
    const { head, log, loop, keeper, gate, nextSlice } = await started();
    keeper.holds = () => true;
    head.element("x", 1);
    loop.setTimer(0, () => log.push("timer"));
    // The timer is due and has woken the loop.
    await nextSlice();
    assert.deepEqual(log, []);
    keeper.holds = () => false;
    gate.release();
    await nextSlice();
    assert.deepEqual(log, ["x!", "x?", "timer"]);
    loop.stop();
  });

  it("stops at the record that a function throws on, and fails with its error when it goes on", async () => {
    const { head, log, loop, stops, errors, keeper, gate, nextSlice } = await started();
    keeper.stopsAtErrors = true;
    head.element("bad", 1);
    assert.deepEqual(errors, []);
    assert.deepEqual(stops, [{ reason: "exception", text: "cannot", frames: ["a bad", "b bad!"] }]);
    gate.release();
    const failed = new Promise<void>((resolve) => {
      const look = (): void => (errors.length > 0 ? resolve() : void setImmediate(look));
      look();
    });
    await Promise.race([failed, nextSlice()]);
    assert.deepEqual(errors.map(String), ["Error: cannot"]);
    assert.deepEqual(log, []);
    loop.stop();
  });

  it("stops at a record that fails after its operator took it, one such record after the other", async () => {
    const { log, loop, stops, errors, keeper, gate, nextSlice } = await started();
    keeper.stopsAtErrors = true;
    const fail: ((error: unknown) => void)[] = [];
    const taking: ElementReceiver = {
      element: (value, timestamp) => fail.push(gate.failureOf("c", value, timestamp, `key of ${String(value)}`)),
      watermark: () => undefined,
    };
    const c = gate.before({ kind: "operator", operator: "c" }, taking);
    for (const value of ["x", "y", "z"]) c.element(value, 1);
    keeper.pausing = true;
    c.element("paused", 2);
    fail[1]?.(new Error("of y"));
    assert.deepEqual(stops.at(-1)?.reason, "pause", "it stands already: the failure waits");
    keeper.pausing = false;
    gate.release();
    assert.deepEqual(stops.at(-1), { reason: "exception", text: "of y", frames: ["c y"] });
    assert.equal(gate.standing?.at(-1)?.key, "key of y", "not that of the record that came last");
    loop.setTimer(0, () => log.push("timer"));
    await nextSlice();
    assert.deepEqual([errors, log], [[], []], "nothing fails and nothing fires while somebody looks");
    // Full: its loop would take up no work that waits.
    loop.blockInput("backPressured");
    gate.release();
    assert.deepEqual(errors.map(String), ["Error: of y"]);
    loop.stop();
  });

  it("lets such a record fail at once where nobody asked for it, also one that was restored", async () => {
    const { loop, stops, errors, keeper, gate } = await started();
    gate.failureOf("c", "restored", undefined, undefined)(new Error("at once"));
    assert.deepEqual([errors.map(String), stops], [["Error: at once"], []]);
    keeper.stopsAtErrors = true;
    gate.failureOf("c", "restored", undefined, undefined)(new Error("held"));
    assert.deepEqual(stops, [{ reason: "exception", text: "held", frames: ["c restored"] }]);
    loop.stop();
  });
});

describe("what a person sees of a record", () => {
  it("is cut where it is deep or long", () => {
    const shown = debugValue("Record", {
      id: 1,
      ngrams: new Int32Array(300),
      nested: { a: { b: { c: { d: { e: 1 } } } } },
    });
    assert.equal(shown.children?.[0]?.text, "1");
    assert.equal(shown.children?.[1]?.text, "Int32Array(300)");
    assert.equal(shown.children[1].children?.at(-1)?.text, "200 more");
    assert.match(shown.text, /^\{id: 1, /);
  });

  it("answers expressions over record, key and timestamp", () => {
    const scope = { record: { id: 3, tags: ["a"] }, key: "en", timestamp: 10 };
    assert.equal(compileExpression("record.id % 2 === 1 && key === 'en'")(scope), true);
    assert.throws(() => compileExpression("record."), SyntaxError);
  });
});
