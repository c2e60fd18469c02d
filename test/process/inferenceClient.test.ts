import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { FaultlineError } from "../../simulator/graph/errors";
import type { Tensors } from "../../simulator/core/tensor";
import { EmbeddedClient } from "../../simulator/inference/embeddedClient";
import type { InferenceClientEvent } from "../../simulator/inference/inferenceClient";
import type { ServiceEndpoint } from "../../simulator/inference/instanceConnection";
import { RosClient } from "../../simulator/inference/rosClient";
import type { ServiceSpec } from "../../simulator/graph/jobFile";
import { DEFAULT_OUTLIER_EJECTION } from "../../simulator/graph/servicePolicies";
import { affineModel, denseModel, identityModel, lookupModel, raggedSumModel, writeModel } from "../fixtures/onnxModel";
import { InstanceProcess, serviceSpec } from "../fixtures/serviceInstances";

const row = (value: number): Tensors => ({
  x: { type: "FP32", shape: [4], data: Float32Array.of(value, value + 1, value + 2, value + 3) },
});
const first = (outputs: Tensors): unknown => outputs.y?.data[0];

class Cluster {
  readonly processes: InstanceProcess[] = [];
  readonly events: InferenceClientEvent[] = [];
  readonly client: RosClient;

  private constructor(
    readonly spec: ServiceSpec,
    readonly endpoints: readonly ServiceEndpoint[],
  ) {
    this.client = new RosClient({ spec, endpoints, task: "classify#0", onEvent: (event) => this.events.push(event) });
  }

  static async start(spec: ServiceSpec, instances: number): Promise<Cluster> {
    const processes = Array.from({ length: instances }, (_, index) => InstanceProcess.start(spec, index));
    const cluster = new Cluster(spec, await Promise.all(processes.map((process) => process.ready())));
    cluster.processes.push(...processes);
    return cluster;
  }

  async stop(): Promise<void> {
    await this.client.close();
    await Promise.all(this.processes.map((process) => process.kill()));
  }

  /** Keeps `capacity` calls in flight until `count` are made; answers checked one by one. */
  async load(
    count: number,
    capacity: number,
    at: (sent: number) => void = () => undefined,
  ): Promise<{ answers: number[]; failed: unknown[] }> {
    const answers = new Array<number>(count).fill(0);
    const failed: unknown[] = [];
    let sent = 0;
    const worker = async () => {
      while (sent < count) {
        const index = sent++;
        at(index);
        try {
          const outputs = await this.client.call(row(index), { timeoutMs: 20_000 });
          assert.equal(first(outputs), 2 * index + 1);
          answers[index] = (answers[index] ?? 0) + 1;
        } catch (error) {
          failed.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: capacity }, worker));
    return { answers, failed };
  }
}

describe("RosClient", function () {
  this.timeout(90_000);

  it("loses and doubles nothing when one of two instances is killed under load, and again when it is back", async () => {
    const cluster = await Cluster.start(serviceSpec(writeModel(affineModel())), 2);
    try {
      const [victim, other] = cluster.processes as [InstanceProcess, InstanceProcess];
      let back: Promise<void> | undefined;
      const { answers, failed } = await cluster.load(20_000, 200, (sent) => {
        // Stopped first, so that calls are in flight for certain when it is killed.
        if (sent === 5_000) victim.child.kill("SIGSTOP");
        if (sent !== 5_050) return;
        back = (async () => {
          await victim.kill("SIGKILL");
          const again = InstanceProcess.start(cluster.spec, 0, 1);
          cluster.processes.push(again);
          cluster.client.updateEndpoints(cluster.endpoints.slice(1));
          cluster.client.updateEndpoints([await again.ready(), ...cluster.endpoints.slice(1)]);
        })();
      });
      await back;
      assert.equal(victim.child.signalCode, "SIGKILL", "the kill happened");
      assert.deepEqual(failed, []);
      assert.ok(answers.every((count) => count === 1));
      const retry = cluster.events.find(({ kind }) => kind === "retry");
      assert.equal(retry?.instance, "model#0");
      const metrics = cluster.client.takeMetrics();
      assert.equal(metrics.requests, 20_000);
      assert.equal(metrics.succeeded, 20_000);
      assert.equal(metrics.failed, 0);
      assert.equal(metrics.inFlight, 0);
      assert.ok(metrics.retried > 0, "calls were in flight when it was killed");
      const { answers: after } = await cluster.load(2_000, 100);
      assert.ok(after.every((count) => count === 1));
      const again = cluster.processes[2];
      assert.ok((await again.metrics()).requests > 0, "the new attempt is called");
      assert.ok((await other.metrics()).requests > 0);
    } finally {
      await cluster.stop();
    }
  });

  it("keeps calls while there is no instance at all, and makes them when one comes", async () => {
    const spec = serviceSpec(writeModel(affineModel()));
    const client = new RosClient({ spec, endpoints: [], task: "classify#0" });
    const instance = InstanceProcess.start(spec);
    try {
      const calls = Array.from({ length: 100 }, (_, index) => client.call(row(index), { timeoutMs: 30_000 }));
      const endpoint = await instance.ready();
      assert.equal(client.inFlight, 100);
      client.updateEndpoints([endpoint]);
      assert.deepEqual(
        (await Promise.all(calls)).map(first),
        Array.from({ length: 100 }, (_, index) => 2 * index + 1),
      );
    } finally {
      await client.close();
      await instance.kill();
    }
  });

  it("fails a call with FL3009 when its time is over, and says why", async () => {
    const client = new RosClient({ spec: serviceSpec("/nowhere.onnx"), endpoints: [], task: "classify#0" });
    await assert.rejects(client.call(row(1), { timeoutMs: 50 }), {
      code: "FL3009",
      message: /took more than 50 ms: no instance of "model" was there/,
    });
    assert.equal(client.takeMetrics().failed, 1);
    await client.close();
  });

  it("gives an instance time to drain, and sends it nothing more", async () => {
    const cluster = await Cluster.start(serviceSpec(writeModel(affineModel())), 2);
    try {
      let drained: Promise<unknown> | undefined;
      const { answers, failed } = await cluster.load(10_000, 100, (sent) => {
        if (sent !== 3_000) return;
        cluster.client.updateEndpoints(cluster.endpoints.slice(1));
        cluster.processes[0].send("drain");
        drained = cluster.processes[0].line((line) => line.drained === true);
      });
      await drained;
      assert.deepEqual(failed, []);
      assert.ok(answers.every((count) => count === 1));
    } finally {
      await cluster.stop();
    }
  });

  it("takes over what a new attempt says of its model, although it calls it as the one before at first", async () => {
    const spec = serviceSpec(writeModel(affineModel(4)));
    const before = InstanceProcess.start(spec);
    const client = new RosClient({ spec, endpoints: [await before.ready()], task: "classify#0" });
    const after = InstanceProcess.start(serviceSpec(writeModel(affineModel(8))), 0, 1);
    const call = (width: number): Promise<Tensors> =>
      client.call({ x: { type: "FP32", shape: [width], data: new Float32Array(width).fill(1) } }, { timeoutMs: 5_000 });
    try {
      assert.equal((await call(4)).y?.data.length, 4);
      client.updateEndpoints([await after.ready()]);
      // The answer with the new model's signature comes right after the first calls have left.
      let wide: Tensors | undefined;
      while (wide === undefined) {
        await new Promise(setImmediate);
        wide = await call(8).catch((error: FaultlineError) => void assert.equal(error.code, "FL3004"));
      }
      assert.equal(wide.y?.data.length, 8);
      await assert.rejects(call(4), { code: "FL3004" });
    } finally {
      await client.close();
      await Promise.all([before.kill(), after.kill()]);
    }
  });

  it("comes back by itself to an instance whose connection broke, without being told", async () => {
    const spec = serviceSpec(writeModel(affineModel()), { deployment: "external" });
    const before = InstanceProcess.start(spec);
    const endpoint = await before.ready();
    const client = new RosClient({ spec: { ...spec, addresses: [endpoint.address] }, task: "classify#0" });
    let after: InstanceProcess | undefined;
    try {
      assert.equal(first(await client.call(row(1), { timeoutMs: 5_000 })), 3);
      await before.kill();
      const call = client.call(row(2), { timeoutMs: 30_000 });
      after = InstanceProcess.start(spec, 0, 0, { port: Number(endpoint.address.split(":")[1]) });
      assert.equal(first(await call), 5);
    } finally {
      await client.close();
      await before.kill();
      await after?.kill();
    }
  });

  it("refuses a record that does not fit the model before it is sent, and answers the others", async () => {
    const cluster = await Cluster.start(serviceSpec(writeModel(affineModel())), 1);
    try {
      const call = (inputs: Tensors) => cluster.client.call(inputs, { timeoutMs: 5_000 });
      const outcomes = await Promise.allSettled([
        call(row(1)),
        call({}),
        call({ x: { type: "FP32", shape: [3], data: new Float32Array(3) } }),
        call({ x: { type: "FP32", shape: [4], data: new Float32Array(3) } }),
        call({ x: { type: "FP64", shape: [4], data: new Float64Array(4) } }),
        call({ x: { type: "FP32", shape: [4], data: new Float64Array(4) } }),
        call({ ...row(1), z: row(1).x }),
        call(row(2)),
      ]);
      const codes = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? "ok" : (outcome.reason as { code: string }).code,
      );
      assert.deepEqual(codes, ["ok", "FL3004", "FL3004", "FL3004", "FL3004", "FL3004", "FL3004", "ok"]);
    } finally {
      await cluster.stop();
    }
  });

  it("fails only the record that the model itself fails on, after its attempts", async () => {
    const spec = serviceSpec(writeModel(lookupModel()), {
      retry: { maxAttempts: 2, initialBackoffMs: 5, maxBackoffMs: 5 },
    });
    const cluster = await Cluster.start(spec, 1);
    try {
      const calls = [3, 99, 5].map((index) =>
        cluster.client.call(
          { i: { type: "INT64", shape: [1], data: BigInt64Array.of(BigInt(index)) } },
          { timeoutMs: 10_000 },
        ),
      );
      const outcomes = await Promise.allSettled(calls);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.equal((outcomes[1] as PromiseRejectedResult).reason.code, "FL3010");
      assert.deepEqual(
        [...((outcomes[2] as PromiseFulfilledResult<Tensors>).value.row.data as Float32Array)],
        [10, 11],
      );
    } finally {
      await cluster.stop();
    }
  });

  it("groups records by their shapes where a model leaves axes open", async () => {
    const cluster = await Cluster.start(serviceSpec(writeModel(raggedSumModel())), 1);
    try {
      const lengths = Array.from({ length: 60 }, (_, index) => 1 + (index % 5));
      const sums = await Promise.all(
        lengths.map(async (length, index) => {
          const data = new Float32Array(length).fill(index);
          const outputs = await cluster.client.call(
            { x: { type: "FP32", shape: [length], data } },
            { timeoutMs: 10_000 },
          );
          return outputs.sum?.data[0];
        }),
      );
      assert.deepEqual(
        sums,
        lengths.map((length, index) => length * index),
      );
    } finally {
      await cluster.stop();
    }
  });

  it("waits and comes again when the queue is full: more callers than the queue holds, and none fails", async () => {
    const spec = serviceSpec(writeModel(denseModel(512, 4)), {
      batching: { maxSize: 4, maxDelayMs: 0 },
      queue: { maxLength: 8, maxWaitMs: 60_000 },
      retry: { maxAttempts: 20, initialBackoffMs: 5, maxBackoffMs: 100 },
    });
    const cluster = await Cluster.start(spec, 1);
    const others = Array.from(
      { length: 4 },
      () => new RosClient({ spec, endpoints: cluster.endpoints, task: "classify#1" }),
    );
    try {
      const record: Tensors = { x: { type: "FP32", shape: [512], data: new Float32Array(512).fill(1) } };
      const calls = others.flatMap((client) =>
        Array.from({ length: 50 }, () => client.call(record, { timeoutMs: 60_000 })),
      );
      assert.equal((await Promise.all(calls)).length, 200);
    } finally {
      for (const client of others) await client.close();
      await cluster.stop();
    }
  });

  it("sends a key to one instance under consistent-hash", async () => {
    const cluster = await Cluster.start(serviceSpec(writeModel(affineModel()), { balancing: "consistent-hash" }), 2);
    try {
      await Promise.all(
        Array.from({ length: 200 }, (_, index) => cluster.client.call(row(index), { timeoutMs: 10_000, key: "one" })),
      );
      const counts = await Promise.all(cluster.processes.map(async (process) => (await process.metrics()).requests));
      assert.deepEqual(counts.sort(), [0, 200]);
    } finally {
      await cluster.stop();
    }
  });

  it("rejects what is in flight when it is closed, and the instance drops what it had queued", async () => {
    const spec = serviceSpec(writeModel(denseModel(1024, 24)), { batching: { maxSize: 1, maxDelayMs: 0 } });
    const cluster = await Cluster.start(spec, 1);
    try {
      const record: Tensors = { x: { type: "FP32", shape: [1024], data: new Float32Array(1024) } };
      const outcomes = Promise.allSettled(
        Array.from({ length: 100 }, () => cluster.client.call(record, { timeoutMs: 60_000 })),
      );
      await cluster.processes[0].line(({ phase }) => phase === "SERVING");
      await cluster.client.close();
      const codes = (await outcomes)
        .filter(({ status }) => status === "rejected")
        .map((outcome) => (outcome as PromiseRejectedResult).reason.code);
      assert.ok(codes.length > 0 && codes.every((code) => code === "FL3008"));
      const metrics = await cluster.processes[0].metrics();
      assert.ok(metrics.requests < 100);
      await assert.rejects(cluster.client.call(record, { timeoutMs: 10 }), { code: "FL3008" });
    } finally {
      await cluster.stop();
    }
  });

  it("sends a tensor of 40 MB in chunks and gets it back, small calls passing meanwhile", async () => {
    const cluster = await Cluster.start(serviceSpec(writeModel(identityModel("FP32", ["N", "L"]))), 1);
    try {
      const large = Float32Array.from({ length: 10_000_000 }, (_, index) => index % 1000);
      const call = (data: Float32Array) =>
        cluster.client.call({ x: { type: "FP32", shape: [data.length], data } }, { timeoutMs: 60_000 });
      let largeIsBack = false;
      const sending = call(large).then((outputs) => {
        largeIsBack = true;
        return outputs;
      });
      let between = 0;
      while (!largeIsBack) {
        assert.equal((await call(Float32Array.of(7))).y?.data[0], 7);
        if (!largeIsBack) between += 1;
      }
      assert.ok(between > 0, "small calls were answered while the large one was on its way");
      const back = (await sending).y?.data as Float32Array;
      assert.equal(
        Buffer.compare(Buffer.from(back.buffer, back.byteOffset, back.byteLength), Buffer.from(large.buffer)),
        0,
      );
      await assert.rejects(call(new Float32Array(300_000_000)), { code: "FL3004", message: /bytes together/ });
    } finally {
      await cluster.stop();
    }
  });

  it("notices an instance that hangs, issues its calls again elsewhere, and says why", async () => {
    const spec = serviceSpec(writeModel(affineModel()));
    const cluster = await Cluster.start(spec, 2);
    try {
      let hung = false;
      const { answers, failed } = await cluster.load(20_000, 100, (sent) => {
        if (sent === 4_000) hung = cluster.processes[0].child.kill("SIGSTOP");
      });
      assert.ok(hung);
      assert.deepEqual(failed, []);
      assert.ok(answers.every((count) => count === 1));
      const ejected = cluster.events.find(({ kind }) => kind === "ejected");
      assert.equal(ejected?.instance, "model#0");
      assert.match(ejected?.reason ?? "", /no answer for \d+ ms/);
    } finally {
      cluster.processes[0].child.kill("SIGCONT");
      await cluster.stop();
    }
  });

  it("calls every instance again that it had left out, also when the time of several is over one after the other", async () => {
    const outlierEjection = { ...DEFAULT_OUTLIER_EJECTION, minStallMs: 100, baseEjectionMs: 1_500 };
    const cluster = await Cluster.start(serviceSpec(writeModel(affineModel()), { outlierEjection }), 4);
    const hung = cluster.processes.slice(0, 2);
    const leftOut = (): string[] => cluster.events.flatMap((event) => (event.kind === "ejected" ? [event.instance] : []));
    const callUntil = async (isEnough: () => boolean | Promise<boolean>): Promise<void> => {
      while (!(await isEnough())) assert.deepEqual((await cluster.load(100, 20)).failed, []);
    };
    try {
      await callUntil(async () => (await Promise.all(cluster.processes.map((process) => process.metrics()))).every(({ requests }) => requests > 0));
      for (const [index, process] of hung.entries()) {
        process.child.kill("SIGSTOP");
        await callUntil(() => leftOut().includes(`model#${index}`));
      }
      for (const process of hung) process.child.kill("SIGCONT");
      // What it was asked before it stood still is counted once; who is called again is called again and again.
      const rounds = hung.map(() => 0);
      await callUntil(async () => {
        for (const [index, process] of hung.entries()) if ((await process.metrics()).requests > 0) rounds[index]++;
        return rounds.every((count) => count >= 5);
      });
    } finally {
      for (const process of hung) process.child.kill("SIGCONT");
      await cluster.stop();
    }
  });

  it("leaves no instance out for the time that its own process stood still", async () => {
    const outlierEjection = { ...DEFAULT_OUTLIER_EJECTION, minStallMs: 150, latencyFactor: 1_000 };
    const cluster = await Cluster.start(serviceSpec(writeModel(affineModel()), { outlierEjection }), 2);
    try {
      await cluster.load(200, 20);
      for (let round = 0; round < 3; round++) {
        const calls = Array.from({ length: 20 }, (_, value) => cluster.client.call(row(value), { timeoutMs: 10_000 }));
        // Sent, but for the answers.
        await new Promise((resolve) => setImmediate(resolve));
        for (const until = performance.now() + 400; performance.now() < until; );
        await Promise.all(calls);
      }
      assert.deepEqual(cluster.events, []);
    } finally {
      await cluster.stop();
    }
  });

  it("sends a copy elsewhere when an answer takes long, and takes the first that comes", async () => {
    const spec = serviceSpec(writeModel(affineModel()), {
      balancing: "round-robin",
      outlierEjection: undefined,
      hedging: { afterMs: 30, maxShare: 1 },
    });
    const processes = [0, 1].map((index) => InstanceProcess.start(spec, index));
    const endpoints = await Promise.all(processes.map((process) => process.ready()));
    const client = new RosClient({ spec, endpoints, task: "classify#0" });
    try {
      // One that is not connected yet is not called, and one that is not called cannot take long.
      while ((await processes[0].metrics()).requests === 0) await client.call(row(1), { timeoutMs: 10_000 });
      client.takeMetrics();
      processes[0].child.kill("SIGSTOP");
      await stopped(processes[0].child.pid);
      const outputs = await Promise.all([1, 2, 3, 4].map((value) => client.call(row(value), { timeoutMs: 10_000 })));
      assert.deepEqual(outputs.map(first), [3, 5, 7, 9]);
      const { hedged, retried, failed } = client.takeMetrics();
      assert.deepEqual({ retried, failed }, { retried: 0, failed: 0 });
      assert.ok((hedged ?? 0) >= 1, "at least one of the four went to the one that hangs");
    } finally {
      processes[0].child.kill("SIGCONT");
      await client.close();
      await Promise.all(processes.map((process) => process.kill()));
    }
  });

  it("gives up within its retry budget when a service is overloaded", async () => {
    const spec = serviceSpec(writeModel(denseModel(1024, 12)), {
      batching: { maxSize: 1, maxDelayMs: 0 },
      queue: { maxLength: 1, maxWaitMs: 60_000 },
      retry: {
        maxAttempts: 1000,
        initialBackoffMs: 1,
        maxBackoffMs: 1,
        budget: { ratio: 0, minPerSecond: 1, ttlMs: 1_000 },
      },
    });
    const instance = InstanceProcess.start(spec);
    const endpoints = [await instance.ready()];
    const clients = Array.from({ length: 8 }, () => new RosClient({ spec, endpoints, task: "classify#0" }));
    try {
      const record: Tensors = { x: { type: "FP32", shape: [1024], data: new Float32Array(1024) } };
      const outcomes = await Promise.allSettled(
        clients.flatMap((client) => [1, 2, 3].map(() => client.call(record, { timeoutMs: 60_000 }))),
      );
      const codes = new Set(
        outcomes.map((outcome) => (outcome.status === "fulfilled" ? "ok" : (outcome.reason as { code: string }).code)),
      );
      assert.deepEqual([...codes].sort(), ["FL3007", "ok"]);
    } finally {
      for (const client of clients) await client.close();
      await instance.kill();
    }
  });

  it("asks the instance that knows: results are kept by content, and replayed requests cost no device time", async () => {
    const spec = serviceSpec(writeModel(affineModel()), { balancing: "consistent-hash", resultCacheBytes: 1_000_000 });
    const processes = [0, 1].map((index) => InstanceProcess.start(spec, index));
    const endpoints = await Promise.all(processes.map((process) => process.ready()));
    const replay = async () => {
      const client = new RosClient({ spec, endpoints, task: "classify#0" });
      const outputs = await Promise.all(
        Array.from({ length: 300 }, (_, index) => client.call(row(index), { timeoutMs: 10_000 })),
      );
      assert.deepEqual(
        outputs.map(first),
        Array.from({ length: 300 }, (_, index) => 2 * index + 1),
      );
      const { cacheHits } = client.takeMetrics();
      await client.close();
      return cacheHits;
    };
    try {
      assert.equal(await replay(), 0);
      const ran = (await Promise.all(processes.map((process) => process.metrics()))).map(({ requests }) => requests);
      assert.equal(ran[0] + ran[1], 300);
      assert.ok(ran[0] > 0 && ran[1] > 0);
      assert.equal(await replay(), 300);
      const again = (await Promise.all(processes.map((process) => process.metrics()))).map(({ requests }) => requests);
      assert.deepEqual(again, [0, 0]);
    } finally {
      await Promise.all(processes.map((process) => process.kill()));
    }
  });

  it("behaves as Flink's own transport when told to: a message over the frame size vanishes", async () => {
    const spec = serviceSpec(writeModel(identityModel("FP32", ["N", "L"])), { transport: "pekko-rpc" });
    const instance = InstanceProcess.start(spec);
    const client = new RosClient({ spec, endpoints: [await instance.ready()], task: "classify#0" });
    try {
      const call = (length: number) =>
        client.call({ x: { type: "FP32", shape: [length], data: new Float32Array(length) } }, { timeoutMs: 2_000 });
      assert.equal((await call(1000)).y?.data.length, 1000);
      await assert.rejects(call(2_700_000), {
        code: "FL3009",
        message: /10800000 bytes are over the frame size of 10485760/,
      });
    } finally {
      await client.close();
      await instance.kill();
    }
  });

  it("preserves each call's deadline: the late are dropped before they cost device time and counted, the others of their stream are answered", async () => {
    // Some milliseconds a run, one record each, so that the queue is long enough for deadlines to pass in it.
    const cluster = await Cluster.start(
      serviceSpec(writeModel(denseModel(256, 200)), { parallelism: 1, batching: { maxSize: 1, maxDelayMs: 0 } }),
      1,
    );
    const [instance] = cluster.processes;
    try {
      const record: Tensors = { x: { type: "FP32", shape: [256], data: new Float32Array(256) } };
      for (let run = 0; run < 5; run++) await cluster.client.call(record, { timeoutMs: 60_000 });
      cluster.client.takeMetrics();
      await instance.metrics();
      const calls = Array.from({ length: 60 }, (_, index) =>
        cluster.client.call(record, { timeoutMs: index % 3 === 0 ? 60_000 : 30 + (index % 7) }).then(
          () => "answered",
          (error: FaultlineError) => error.code,
        ),
      );
      const outcomes = await Promise.all(calls);
      const patient = outcomes.filter((_, index) => index % 3 === 0);
      assert.deepEqual(new Set(patient), new Set(["answered"]));
      const late = outcomes.filter((outcome) => outcome === "FL3009").length;
      assert.ok(late > 20, `${late} calls were late`);
      assert.equal(cluster.client.takeMetrics().expired, late);
      // One run for each answer, and few for what was under way when its time ended: the time left goes with a call, and on a busy machine the
      // way to the instance is not counted in it. Without the rule there would be sixty.
      const { requests, batches, expired = 0 } = await instance.metrics();
      const underWay = Math.ceil(late / 4);
      assert.ok(batches <= 60 - late + underWay, `${batches} runs for ${60 - late} answers`);
      assert.equal(requests, batches);
      assert.ok(expired >= late - underWay, `${expired} of ${late} were dropped from the queue`);
    } finally {
      await cluster.stop();
    }
  });

  it("is told at once when services would wait for each other: a nested call that comes round is refused by name, not suffered", async () => {
    const spec = serviceSpec(writeModel(affineModel()));
    const instance = InstanceProcess.start(spec);
    const endpoints = [await instance.ready()];
    const client = new RosClient({ spec, endpoints, task: "other#0" });
    try {
      const startedMs = performance.now();
      const [fine, circle, own] = await Promise.allSettled([
        client.call(row(1), { timeoutMs: 10_000, callChain: ["first#0", "other#0"] }),
        client.call(row(1), { timeoutMs: 60_000, callChain: ["model#1", "other#0"] }),
        client.call(row(2), { timeoutMs: 10_000 }),
      ]);
      // Made in the same moment, they do not share a message.
      assert.equal(fine.status === "fulfilled" && first(fine.value), 3);
      assert.equal(own.status === "fulfilled" && first(own.value), 5);
      const reason = circle.status === "rejected" ? (circle.reason as FaultlineError) : undefined;
      assert.equal(reason?.code, "FL1011");
      assert.match(reason?.message ?? "", /model#1 calls other#0 calls model\./);
      assert.ok(performance.now() - startedMs < 30_000, "long before its time was over");
      assert.equal(client.takeMetrics().retried, 0);
    } finally {
      await client.close();
      await instance.kill();
    }
  });

  it("serves strings and models without a batch axis", async () => {
    const cluster = await Cluster.start(serviceSpec(writeModel(identityModel("BYTES", ["N", 1]))), 1);
    const whole = await Cluster.start(serviceSpec(writeModel(identityModel("INT32", [2, 3]))), 1);
    try {
      const text = await Promise.all(
        ["ä", "", "zzz"].map((value) =>
          cluster.client.call({ x: { type: "BYTES", shape: [1], data: [value] } }, { timeoutMs: 10_000 }),
        ),
      );
      assert.deepEqual(
        text.map((outputs) => outputs.y?.data),
        [["ä"], [""], ["zzz"]],
      );
      const cube: Tensors = { x: { type: "INT32", shape: [3], data: Int32Array.of(1, 2, 3) } };
      assert.deepEqual((await whole.client.call(cube, { timeoutMs: 10_000 })).y, cube.x);
    } finally {
      await cluster.stop();
      await whole.stop();
    }
  });
});

describe("EmbeddedClient", function () {
  this.timeout(60_000);

  it("answers as an instance does, in this process, with its own phases and batches", async () => {
    const phases: string[] = [];
    const spec = serviceSpec(writeModel(affineModel()), { deployment: "embedded" });
    const client = await EmbeddedClient.open({ spec, subtask: 0, onPhase: (phase) => phases.push(phase) });
    const outputs = await Promise.all(
      Array.from({ length: 500 }, (_, index) => client.call(row(index), { timeoutMs: 10_000 })),
    );
    assert.deepEqual(
      outputs.map(first),
      Array.from({ length: 500 }, (_, index) => 2 * index + 1),
    );
    assert.deepEqual(phases, ["LOADING", "WARMING", "READY"]);
    assert.equal(client.device, "cpu");
    await assert.rejects(client.call({}, { timeoutMs: 10 }), { code: "FL3004" });
    const { requests, succeeded, failed, inFlight } = client.takeMetrics();
    assert.deepEqual(
      { requests, succeeded, failed, inFlight },
      { requests: 501, succeeded: 500, failed: 1, inFlight: 0 },
    );
    await client.close();
    await assert.rejects(client.call(row(1), { timeoutMs: 10 }), { code: "FL3008" });
  });

  it("does not open a model that is not there", async () => {
    await assert.rejects(EmbeddedClient.open({ spec: serviceSpec("/nowhere.onnx"), subtask: 0 }), { code: "FL3001" });
  });
});

/** A signal is delivered some time after it was sent: resolves when the system says that the process is stopped. */
async function stopped(pid: number | undefined): Promise<void> {
  while (!/^\d+ \(.*\) T/s.test(readFileSync(`/proc/${pid}/stat`, "utf8")))
    await new Promise((resolve) => setTimeout(resolve, 1));
}
