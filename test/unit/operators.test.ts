import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { FaultlineError } from "../../simulator/graph/errors";
import type { InferenceClient } from "../../simulator/inference/inferenceClient";
import { OperatorHarness } from "../fixtures/operatorHarness";
import type { HarnessOptions } from "../fixtures/operatorHarness";
import { prepareJob } from "../fixtures/miniCluster";
import type { PreparedJob } from "../fixtures/miniCluster";

const files = {
  "functions.ts": `
    interface Value { n: number }
    export function addOne(value: Value) {
      if (value.n < 0) {
        throw new RangeError("negative");
      }
      return { n: value.n + 1 };
    }
    export const later = async (value: Value) => value;
    export const isEven = (value: Value) => value.n % 2 === 0;
    export function* upTo(value: Value) {
      for (let i = 0; i < value.n; i++) yield i;
    }
    export const broken = { processElement: 1 };
    export class Summing {
      processElement(value: { n: number; timer?: number }, context: any) {
        const sum = (context.state.get("sum") ?? 0) + value.n;
        context.state.set("sum", sum);
        if (value.timer !== undefined) context.registerEventTimeTimer(value.timer);
        if (value.n === 0) context.state.delete("sum");
        if (value.n > 100) context.sideOutput("late", value.n);
        context.collect({ key: context.key, sum });
      }
      onTimer(timestamp: number, context: any) {
        context.collect({ key: context.key, timer: timestamp, sum: context.state.get("sum") });
      }
    }
    export const onClock = {
      processElement(value: { n: number }, context: any) {
        context.registerProcessingTimeTimer(Date.now() + value.n);
      },
      onTimer(timestamp: number, context: any) {
        context.collect(context.key);
      },
    };
    export const average = {
      createAccumulator: () => ({ sum: 0, count: 0 }),
      add: (a: any, value: Value) => ({ sum: a.sum + value.n, count: a.count + 1 }),
      merge: (a: any, b: any) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
      getResult: (a: any, window: any) => ({ average: a.sum / a.count, ...window }),
    };
    const waiting = new Map<number, (answer: unknown) => void>();
    export const answer = (n: number) => { waiting.get(n)!({ answer: n }); waiting.delete(n); };
    export const asked = () => [...waiting.keys()];
    export const ask = (value: Value) => new Promise((resolve) => waiting.set(value.n, resolve));
    export const toTensors = (value: Value) => ({ x: { type: "FP32", shape: [1], data: Float32Array.of(value.n) } });
    export const fromTensors = (value: Value, outputs: any) => ({ n: value.n, y: outputs.y.data[0] });
  `,
};
const window = (spec: object, aggregate = "count") => ({ type: "window", window: spec, aggregate });
const job = {
  name: "operators",
  services: { model: { model: "m.onnx" } },
  operators: {
    source: { type: "source", connector: "generator" },
    addOne: { type: "map", function: "functions.ts#addOne" },
    later: { type: "map", function: "functions.ts#later" },
    even: { type: "filter", function: "functions.ts#isEven" },
    upTo: { type: "flatMap", function: "functions.ts#upTo" },
    sums: { type: "process", function: "functions.ts#Summing" },
    broken: { type: "process", function: "functions.ts#broken" },
    onClock: { type: "process", function: "functions.ts#onClock" },
    tumbling: window({ type: "tumbling", size: "10ms", time: "event" }),
    sliding: window({ type: "sliding", size: "10ms", slide: "5ms", time: "event" }, "functions.ts#average"),
    session: window({ type: "session", gap: "10ms", time: "event" }, "functions.ts#average"),
    count: window({ type: "count", size: 3 }),
    clock: window({ type: "tumbling", size: "20ms", time: "processing" }),
    ordered: { type: "async", function: "functions.ts#ask", capacity: 3, timeout: "10s", ordered: true },
    unordered: { type: "async", function: "functions.ts#ask", capacity: 3, timeout: "10s", ordered: false },
    hasty: { type: "async", function: "functions.ts#ask", capacity: 3, timeout: "20ms" },
    rpc: {
      type: "rpc",
      service: "model",
      request: "functions.ts#toTensors",
      response: "functions.ts#fromTensors",
      capacity: 8,
      timeout: "1s",
    },
    mapped: { type: "rpc", service: "model", inputs: { x: "n" }, outputs: { score: "y" }, capacity: 8, timeout: "1s" },
    plain: { type: "rpc", service: "model" },
    end: { type: "sink", connector: "blackhole" },
  },
  edges: [
    ...["addOne", "later", "even", "upTo", "ordered", "unordered", "hasty", "rpc", "mapped", "plain"].map((to) => ({
      from: "source",
      to,
    })),
    ...["sums", "broken", "onClock", "tumbling", "sliding", "session", "count", "clock"].map((to) => ({
      from: "source",
      to,
      ship: "HASH",
      key: "key",
    })),
    { from: "source", to: "end" },
  ],
};

describe("operators", () => {
  let prepared: PreparedJob;
  const harnesses: OperatorHarness[] = [];

  before(async () => {
    prepared = await prepareJob({ job, files });
  });
  after(() => rmSync(prepared.directory, { recursive: true }));
  afterEach(async () => {
    for (const harness of harnesses.splice(0)) await harness.close();
  });

  async function open(id: string, options: HarnessOptions = {}): Promise<OperatorHarness> {
    const harness = await OperatorHarness.open(prepared, id, options);
    harnesses.push(harness);
    return harness;
  }

  describe("map, filter, flatMap", () => {
    it("map keeps the timestamp and passes watermarks on", async () => {
      const harness = await open("addOne");
      harness.element({ n: 1 }, 7);
      harness.operator.watermark(9);
      assert.deepEqual(harness.emitted, [{ value: { n: 2 }, timestamp: 7 }, { watermark: 9 }]);
    });

    it("a function that throws names operator, record and the place in the person's own source", async () => {
      const harness = await open("addOne");
      assert.throws(
        () => harness.element({ n: -5 }),
        (error: FaultlineError) => {
          assert.equal(error.code, "FL2004");
          assert.match(
            error.message,
            /"addOne" failed at .*functions\.ts:5:15 on the record \{"n":-5\}: RangeError: negative/,
          );
          assert.equal(error.location?.line, 5);
          return true;
        },
      );
    });

    it("a promise where a record is expected is refused with what to do", async () => {
      const harness = await open("later");
      assert.throws(
        () => harness.element({ n: 1 }),
        (error: FaultlineError) => error.code === "FL2004" && /async/.test(error.hint!),
      );
    });

    it("filter keeps what it should", async () => {
      const harness = await open("even");
      [1, 2, 3, 4].forEach((n) => harness.element({ n }));
      assert.deepEqual(harness.values, [{ n: 2 }, { n: 4 }]);
    });

    it("flatMap takes from its iterable only while there is room, and goes on where it was", async () => {
      const harness = await open("upTo");
      harness.element({ n: 3 });
      harness.blockOutput(true);
      harness.element({ n: 1e9 });
      harness.element({ n: 2 });
      assert.deepEqual(harness.values, [0, 1, 2], "an endless iterable waits");
      assert.ok(harness.loop.hasPendingWork);
      harness.blockOutput(false);
      await harness.until(() => harness.values.length > 10);
      harness.blockOutput(true);
      assert.deepEqual(harness.values.slice(3, 8), [0, 1, 2, 3, 4]);
      const taken = harness.values.length;
      harness.element({ n: 5 });
      assert.equal(harness.values.length, taken);
    });
  });

  describe("keyed process function", () => {
    it("has state and timers for each key, also after a restore", async () => {
      const first = await open("sums");
      first.element({ n: 1, timer: 10 }, 1, "a");
      first.element({ n: 2, timer: 5 }, 2, "b");
      first.element({ n: 4, timer: 10 }, 3, "a");
      first.element({ n: 8 }, 3, { id: 1 });
      const second = await open("sums", { state: first.snapshot().state });
      second.element({ n: 8 }, 4, "a");
      second.element({ n: 1 }, 4, { id: 1 });
      second.operator.watermark(9);
      second.operator.watermark(10);
      assert.deepEqual(second.emitted, [
        { value: { key: "a", sum: 13 }, timestamp: 4 },
        { value: { key: { id: 1 }, sum: 9 }, timestamp: 4 },
        { value: { key: "b", timer: 5, sum: 2 }, timestamp: 5 },
        { watermark: 9 },
        { value: { key: "a", timer: 10, sum: 13 }, timestamp: 10 },
        { watermark: 10 },
      ]);
    });

    it("tells keys apart by their JSON text", async () => {
      const harness = await open("sums");
      for (const key of [1, "1", true, "true", { a: 1 }, { a: 1 }, '{"a":1}', [1], "[1]"]) {
        harness.element({ n: 1 }, undefined, key);
      }
      assert.deepEqual(
        harness.values.map((value) => (value as { sum: number }).sum),
        [1, 1, 1, 1, 1, 2, 1, 1, 1],
      );
    });

    it("gives side outputs and forgets state that is deleted", async () => {
      const harness = await open("sums");
      harness.element({ n: 101 }, undefined, "a");
      harness.element({ n: 0 }, undefined, "a");
      harness.element({ n: 1 }, undefined, "a");
      assert.deepEqual(harness.emitted[0], { side: "late", value: 101 });
      assert.deepEqual(harness.values.at(-1), { key: "a", sum: 1 });
    });

    it("fires timers of the clock", async () => {
      const harness = await open("onClock");
      harness.element({ n: 20 }, undefined, "later");
      harness.element({ n: 1 }, undefined, "sooner");
      await harness.until(() => harness.values.length === 2);
      assert.deepEqual(harness.values, ["sooner", "later"]);
    });

    it("must have processElement", async () => {
      await assert.rejects(open("broken"), (error: FaultlineError) => error.code === "FL1021");
    });
  });

  describe("windows", () => {
    it("tumbling: count per key, fired by the watermark, late records dropped", async () => {
      const harness = await open("tumbling", { keyField: "language" });
      harness.element({}, 1, "de");
      harness.element({}, 9, "de");
      harness.element({}, 10, "de");
      harness.element({}, 3, "fr");
      harness.operator.watermark(8);
      assert.deepEqual(harness.values, []);
      harness.operator.watermark(9);
      const count = (language: string, n: number, start: number) => ({
        language,
        key: language,
        count: n,
        start,
        end: start + 10,
      });
      assert.deepEqual(harness.emitted, [
        { watermark: 8 },
        { value: count("de", 2, 0), timestamp: 9 },
        { value: count("fr", 1, 0), timestamp: 9 },
        { watermark: 9 },
      ]);
      harness.element({}, 2, "de");
      harness.operator.watermark(Infinity);
      assert.deepEqual(harness.values.slice(2), [count("de", 1, 10)]);
    });

    it("sliding: an element is in each window that covers it", async () => {
      const harness = await open("sliding");
      harness.element({ n: 1 }, 4, "k");
      harness.element({ n: 3 }, 7, "k");
      harness.operator.watermark(Infinity);
      assert.deepEqual(harness.values, [
        { average: 1, key: "k", startMs: -5, endMs: 5 },
        { average: 2, key: "k", startMs: 0, endMs: 10 },
        { average: 3, key: "k", startMs: 5, endMs: 15 },
      ]);
    });

    it("session: merges what a late element joins", async () => {
      const harness = await open("session");
      harness.element({ n: 1 }, 0, "k");
      harness.element({ n: 2 }, 15, "k");
      harness.element({ n: 3 }, 30, "k");
      harness.element({ n: 6 }, 8, "k");
      harness.operator.watermark(26);
      assert.deepEqual(harness.values, [{ average: 3, key: "k", startMs: 0, endMs: 25 }]);
      harness.operator.watermark(Infinity);
      assert.deepEqual(harness.values.slice(1), [{ average: 3, key: "k", startMs: 30, endMs: 40 }]);
    });

    it("count: fires when full, and not at the end", async () => {
      const harness = await open("count");
      for (let i = 0; i < 5; i++) harness.element({}, i, "k");
      harness.operator.watermark(Infinity);
      assert.deepEqual(harness.values, [{ key: "k", count: 3, start: 0, end: 2 }]);
    });

    it("processing time: fires by the clock, also after a restore", async () => {
      const first = await open("clock");
      first.element({}, undefined, "k");
      const second = await open("clock", { state: first.snapshot().state });
      await second.until(() => second.values.length === 1);
      assert.equal((second.values[0] as { count: number }).count, 1);
    });

    it("are whole after a restore", async () => {
      for (const kind of ["tumbling", "sliding", "session", "count"]) {
        const one = await open(kind);
        const first = await open(kind);
        const times = [1, 4, 12, 13, 30];
        times.forEach((time, i) => one.element({ n: i }, time, `key ${i % 2}`));
        times.slice(0, 3).forEach((time, i) => first.element({ n: i }, time, `key ${i % 2}`));
        const second = await open(kind, { state: first.snapshot().state });
        times.slice(3).forEach((time, i) => second.element({ n: i + 3 }, time, `key ${(i + 3) % 2}`));
        one.operator.watermark(Infinity);
        second.operator.watermark(Infinity);
        const sorted = (values: unknown[]) => values.map((value) => JSON.stringify(value)).sort();
        assert.deepEqual(sorted([...first.values, ...second.values]), sorted(one.values), kind);
      }
    });

    it("in event time need event time", async () => {
      const harness = await open("tumbling");
      assert.throws(
        () => harness.element({ a: 1 }, undefined, "k"),
        (error: FaultlineError) => error.code === "FL2004" && /eventTime/.test(error.hint!),
      );
    });

    it("fire no faster than what is behind can take, and the watermark stays behind them", async () => {
      const harness = await open("tumbling");
      for (let i = 0; i < 100; i++) harness.element({}, 1, `key ${i}`);
      harness.blockOutput(true);
      harness.operator.watermark(50);
      assert.deepEqual(harness.emitted, []);
      harness.blockOutput(false);
      await harness.until(() => harness.emitted.some((item) => "watermark" in item));
      assert.equal(harness.values.length, 100);
      assert.deepEqual(harness.emitted.at(-1), { watermark: 50 });
    });
  });

  describe("async", () => {
    // The compiled module is one for all tests: each uses its own numbers.
    const functions = () => {
      const file = Object.values(prepared.modules)[0];
      // eslint-disable-next-line @typescript-eslint/no-require-imports
      return require(file) as { readonly answer: (n: number) => void; readonly asked: () => number[] };
    };

    it("ordered: results in the order of the inputs, watermarks in their place", async () => {
      const { answer } = functions();
      const harness = await open("ordered");
      harness.element({ n: 1 }, 1);
      harness.element({ n: 2 }, 2);
      harness.operator.watermark(5);
      harness.element({ n: 3 }, 6);
      answer(3);
      answer(2);
      answer(1);
      await harness.until(() => harness.values.length === 3);
      assert.deepEqual(harness.emitted, [
        { value: { answer: 1 }, timestamp: 1 },
        { value: { answer: 2 }, timestamp: 2 },
        { watermark: 5 },
        { value: { answer: 3 }, timestamp: 6 },
      ]);
    });

    it("unordered: results as they come, but not across a watermark", async () => {
      const { answer } = functions();
      const harness = await open("unordered");
      harness.element({ n: 11 }, 1);
      harness.element({ n: 12 }, 2);
      harness.operator.watermark(5);
      harness.element({ n: 13 }, 6);
      answer(13);
      answer(12);
      await harness.until(() => harness.values.length === 1);
      assert.deepEqual(harness.emitted, [{ value: { answer: 12 }, timestamp: 2 }]);
      answer(11);
      await harness.until(() => harness.values.length === 3);
      assert.deepEqual(harness.emitted.slice(1), [
        { value: { answer: 11 }, timestamp: 1 },
        { watermark: 5 },
        { value: { answer: 13 }, timestamp: 6 },
      ]);
    });

    it("takes no more than its capacity, and calls no more at once either", async () => {
      const { answer, asked } = functions();
      const harness = await open("ordered");
      for (let n = 21; n <= 23; n++) harness.element({ n });
      assert.ok(harness.loop.blocked, "at capacity, the task takes no input");
      harness.element({ n: 24 });
      assert.deepEqual(
        asked().filter((n) => n > 20 && n < 30),
        [21, 22, 23],
        "what comes nevertheless (from a flatMap before it) waits",
      );
      answer(21);
      await harness.until(() => harness.values.length === 1);
      assert.ok(harness.loop.blocked);
      answer(22);
      await harness.until(() => !harness.loop.blocked);
      [23, 24].forEach(answer);
      await harness.until(() => harness.operator.finished);
      assert.deepEqual(
        harness.values.map((value) => (value as { answer: number }).answer),
        [21, 22, 23, 24],
      );
    });

    it("a checkpoint holds what was not emitted, and it is called again after a restore", async () => {
      const { answer, asked } = functions();
      for (const kind of ["ordered", "unordered"]) {
        const first = await open(kind);
        [31, 32, 33].forEach((n) => first.element({ n }, n));
        answer(32);
        const { state } = first.snapshot();
        await first.close();
        [31, 33].forEach(answer);
        const second = await open(kind, { state });
        assert.ok(second.loop.blocked, "the restored inputs count");
        assert.deepEqual(
          asked().filter((n) => n > 30 && n < 40),
          [31, 32, 33],
        );
        [31, 32, 33].forEach(answer);
        await second.until(() => second.operator.finished);
        assert.deepEqual(
          second.emitted,
          [31, 32, 33].map((n) => ({ value: { answer: n }, timestamp: n })),
        );
      }
    });

    it("a call that takes too long fails the task and names the record", async () => {
      const harness = await open("hasty");
      harness.element({ n: 41 });
      await harness.until(() => harness.errors.length > 0);
      const error = harness.errors[0] as FaultlineError;
      assert.equal(error.code, "FL3009");
      assert.match(error.message, /\{"n":41\}/);
    });
  });

  describe("rpc", () => {
    const client = (call: InferenceClient["call"]): InferenceClient => ({
      call,
      signature: async () => ({
        inputs: [{ name: "x", type: "FP32", shape: [-1, 1] }],
        outputs: [{ name: "y", type: "FP32", shape: [-1, 1] }],
        batchAxis: { kind: "dynamic" },
      }),
      inFlight: 0,
      takeMetrics: () => ({ requests: 0, succeeded: 0, retried: 0, failed: 0, inFlight: 0, latencyMs: {} }),
      close: async () => {},
    });
    const twice = client(async ({ x }) => ({
      y: { type: "FP32", shape: [1], data: Float32Array.of(2 * (x.data[0] as number)) },
    }));

    it("goes through request and response functions", async () => {
      const harness = await open("rpc", { client: twice });
      harness.element({ n: 3 }, 1);
      await harness.until(() => harness.values.length === 1);
      assert.deepEqual(harness.emitted, [{ value: { n: 3, y: 6 }, timestamp: 1 }]);
    });

    it("maps fields to tensors and back without functions", async () => {
      const harness = await open("mapped", { client: twice });
      harness.element({ n: 4, kept: "yes" });
      await harness.until(() => harness.values.length === 1);
      assert.deepEqual(harness.values, [{ n: 4, kept: "yes", score: 8 }]);
    });

    it("takes and fills the fields of the tensors' names where the job file says nothing", async () => {
      const harness = await open("plain", { client: twice });
      harness.element({ x: 4, kept: "yes" });
      await harness.until(() => harness.values.length === 1);
      assert.deepEqual(harness.values, [{ x: 4, kept: "yes", y: 8 }]);
    });

    it("an error of the service keeps its code and names the record", async () => {
      const failing = client(async () => {
        throw FaultlineError.of("FL3009", "No answer within 1000 ms.");
      });
      const harness = await open("rpc", { client: failing });
      harness.element({ n: 5 });
      await harness.until(() => harness.errors.length > 0);
      const error = harness.errors[0] as FaultlineError;
      assert.equal(error.code, "FL3009");
      assert.match(error.message, /"rpc" for the record \{"n":5\}/);
    });
  });
});
