/**
 * What an inference service costs and gains. Everything that is compared is measured in turns in one run; ratios are what counts.
 *
 * `npm run bench inference` runs all; `INFERENCE_BENCH=tiny,dense,latency,kill,chunks,cold` chooses.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import * as ort from "onnxruntime-node";
import { COLLECTOR_FLAGS } from "../../simulator/cluster/workerProcesses";
import type { Tensors } from "../../simulator/core/tensor";
import { CHUNK_BYTES } from "../../simulator/inference/chunkedTensors";
import { EmbeddedClient } from "../../simulator/inference/embeddedClient";
import type { InferenceClient } from "../../simulator/inference/inferenceClient";
import { RosClient } from "../../simulator/inference/rosClient";
import { affineModel, denseModel, identityModel, raggedSumModel, writeModel } from "../fixtures/onnxModel";
import { InstanceProcess, serviceSpec } from "../fixtures/serviceInstances";

const CHOSEN = (process.env.INFERENCE_BENCH ?? "tiny,dense,latency,kill,chunks,cold").split(",");
const ROUNDS = Number(process.env.INFERENCE_BENCH_ROUNDS ?? 5);
const ECHO = {
  path: "/echo.Echo/Stream",
  requestStream: true,
  responseStream: true,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
};

const print = (text: string) => process.stdout.write(`${text}\n`);
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? NaN;
const rate = (value: number) => Math.round(value).toLocaleString("en");

/** CPU time of this process, which other processes of the machine do not change much. */
function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Calls a second with `capacity` in flight, over `count` calls. */
async function throughput(client: InferenceClient, record: Tensors, count: number, capacity: number): Promise<number> {
  let sent = 0;
  const worker = async () => {
    while (sent < count) {
      sent += 1;
      await client.call(record, { timeoutMs: 60_000 });
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: capacity }, worker));
  return (count * 1000) / (performance.now() - startedMs);
}

// Echo server, in a process of its own.

async function serveEcho(): Promise<void> {
  const server = new Server();
  server.addService(
    { Stream: ECHO },
    {
      Stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (bytes: Buffer) => call.write(bytes));
        call.on("end", () => call.end());
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  process.send?.(port);
  process.on("disconnect", () => process.exit(0));
}

async function startEcho(): Promise<{ child: ChildProcess; address: string }> {
  const child = fork(__filename, ["echo"], { execArgv: ["--require", "tsx/cjs"] });
  const [port] = (await once(child, "message")) as [number];
  return { child, address: `127.0.0.1:${port}` };
}

/** Messages a second over one bidirectional stream, one payload a message, `capacity` outstanding. */
async function echoRate(client: Client, payload: Buffer, count: number, capacity: number): Promise<number> {
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
    ECHO.path,
    ECHO.requestSerialize,
    ECHO.responseDeserialize,
  );
  let sent = 0;
  let received = 0;
  const startedMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    stream.on("error", reject);
    stream.on("data", () => {
      received += 1;
      if (received === count) resolve();
      else if (sent < count) {
        sent += 1;
        stream.write(payload);
      }
    });
    for (; sent < Math.min(capacity, count); sent++) stream.write(payload);
  });
  const elapsedMs = performance.now() - startedMs;
  stream.end();
  return (count * 1000) / elapsedMs;
}

async function tiny(): Promise<void> {
  const width = 16;
  const spec = serviceSpec(writeModel(affineModel(width)), {
    parallelism: 1,
    batching: { maxSize: 512, maxDelayMs: 0 },
    queue: { maxLength: 20_000, maxWaitMs: 60_000 },
  });
  const instance = InstanceProcess.start(spec);
  const client = new RosClient({ spec, endpoints: [await instance.ready()], task: "bench#0" });
  const { child, address } = await startEcho();
  const echo = new Client(address, credentials.createInsecure());
  const record: Tensors = { x: { type: "FP32", shape: [width], data: new Float32Array(width).fill(1) } };
  const payload = Buffer.alloc(width * 4);
  const inferences: number[] = [];
  const echoes: number[] = [];
  const cpuOfInference: number[] = [];
  const cpuOfEcho: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startCpu = cpuMicroseconds();
    const inferred = await throughput(client, record, 200_000, 2048);
    const betweenCpu = cpuMicroseconds();
    const echoed = await echoRate(echo, payload, 60_000, 2048);
    cpuOfInference.push((betweenCpu - startCpu) / 200_000);
    cpuOfEcho.push((cpuMicroseconds() - betweenCpu) / 60_000);
    // The first round warms both up.
    if (round > 0) {
      inferences.push(inferred);
      echoes.push(echoed);
    }
  }
  print(
    `Tiny model (${width * 4} bytes a record), one client, one instance, against plain grpc-js bidirectional echo of the same bytes`,
  );
  print(`  echo, one message a request   ${rate(median(echoes))} a second`);
  print(`  inferences                    ${rate(median(inferences))} a second`);
  print(
    `  ratio (median of ${ROUNDS})            ${median(inferences.map((value, at) => value / (echoes[at] ?? NaN))).toFixed(2)}   wanted: at least 5`,
  );
  print(
    `  CPU of the caller              ${median(cpuOfInference).toFixed(1)} µs an inference, ${median(cpuOfEcho).toFixed(1)} µs an echo`,
  );
  await client.close();
  echo.close();
  child.disconnect();
  await instance.kill();
}

/** A model for which a full batch takes at least 5 ms on one thread, found by trying. */
async function denseAtLeast5ms(
  width: number,
  batch: number,
): Promise<{ model: string; runMs: number; layers: number }> {
  for (let layers = 2; ; layers = Math.ceil(layers * 1.5)) {
    const model = writeModel(denseModel(width, layers));
    const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
    const runMs = median(await directRuns(session, width, batch, 15));
    await session.release();
    if (runMs >= 6) return { model, runMs, layers };
  }
}

/** Milliseconds of each of `runs` runs, called directly. */
async function directRuns(
  session: ort.InferenceSession,
  width: number,
  batch: number,
  runs: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const data = new Float32Array(batch * width).fill(0.5);
    const startedMs = performance.now();
    await session.run({ x: new ort.Tensor("float32", data, [batch, width]) });
    times.push(performance.now() - startedMs);
  }
  return times;
}

const DENSE_WIDTH = 256;
const DENSE_BATCH = 32;
function denseRecord(): Tensors {
  return { x: { type: "FP32", shape: [DENSE_WIDTH], data: new Float32Array(DENSE_WIDTH).fill(0.5) } };
}

async function dense(): Promise<void> {
  const { model, runMs, layers } = await denseAtLeast5ms(DENSE_WIDTH, DENSE_BATCH);
  const threads = availableParallelism() > 1 ? { parallelism: availableParallelism() } : { parallelism: 1 };
  const batched = serviceSpec(model, {
    ...threads,
    batching: { maxSize: DENSE_BATCH, maxDelayMs: 2 },
    queue: { maxLength: 4096, maxWaitMs: 60_000 },
  });
  const single = { ...batched, batching: { maxSize: 1, maxDelayMs: 0 } };
  const instances = [InstanceProcess.start(batched), InstanceProcess.start(single)];
  const [many, one] = await Promise.all(
    instances.map(
      async (instance, at) =>
        new RosClient({ spec: at === 0 ? batched : single, endpoints: [await instance.ready()], task: "bench#0" }),
    ),
  );
  if (many === undefined || one === undefined) throw new Error("no instances");
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const busy: number[] = [];
  const direct: number[] = [];
  const direct1: number[] = [];
  const served: number[] = [];
  const served1: number[] = [];
  const efficiency: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const cpuBefore = cpuMicroseconds();
    const runs = await directRuns(session, DENSE_WIDTH, DENSE_BATCH, 60);
    const directCpuMs = (cpuMicroseconds() - cpuBefore) / 1000;
    const runs1 = await directRuns(session, DENSE_WIDTH, 1, 200);
    await instances[0]?.metrics();
    const servedCpuBefore = (await instances[0]?.cpuMs()) ?? NaN;
    const startedMs = performance.now();
    const all = await throughput(many, denseRecord(), 60 * DENSE_BATCH, 4 * DENSE_BATCH);
    const elapsedMs = performance.now() - startedMs;
    busy.push(((await instances[0]?.metrics())?.busyMs ?? NaN) / elapsedMs);
    const servedCpuMs = ((await instances[0]?.cpuMs()) ?? NaN) - servedCpuBefore;
    const each = await throughput(one, denseRecord(), 400, 64);
    if (round === 0) continue;
    direct.push((DENSE_BATCH * 1000 * runs.length) / runs.reduce((a, b) => a + b));
    direct1.push((1000 * runs1.length) / runs1.reduce((a, b) => a + b));
    served.push(all);
    served1.push(each);
    // As many batches on either side: what the instance spends beside the model is the whole difference.
    efficiency.push(directCpuMs / servedCpuMs);
  }
  const ratios = served.map((value, at) => value / (direct[at] ?? NaN));
  print(
    `Model of ${runMs.toFixed(1)} ms a batch of ${DENSE_BATCH} (${layers} layers of ${DENSE_WIDTH}), one thread, CPU`,
  );
  print(`  ONNX Runtime in this process, batch ${DENSE_BATCH}   ${rate(median(direct))} a second`);
  print(`  service, single requests               ${rate(median(served))} a second`);
  print(`  ratio (median of ${ROUNDS})                     ${median(ratios).toFixed(3)}   wanted: at least 0.95`);
  print(
    `  processor time of as many batches, in process over in the instance   ${median(efficiency).toFixed(3)}   (what the ratio can be where a core is free for the caller)`,
  );
  print(`  of its time the model ran              ${(median(busy) * 100).toFixed(1)} %`);
  print(
    `  service with maxSize 1                 ${rate(median(served1))} a second; in process ${rate(median(direct1))}`,
  );
  print(
    `  gain of dynamic batching               ${(median(served) / median(served1)).toFixed(2)}   wanted: at least 3 where the model gains that (it gains ${(median(direct) / median(direct1)).toFixed(2)})`,
  );
  await Promise.all([many.close(), one.close(), session.release()]);
  await Promise.all(instances.map((instance) => instance.kill()));
}

/** Latencies, ms, of calls that arrive one by one at `perSecond`, whether or not those before are answered. */
async function openLoop(
  client: InferenceClient,
  record: Tensors,
  perSecond: number,
  durationMs: number,
): Promise<number[]> {
  // What the caller keeps of each call is a number: nothing that its garbage collector would have to copy.
  const latencies = new Float64Array(Math.ceil((perSecond * durationMs) / 1000) + 1);
  const startedMs = performance.now();
  let [made, answered] = [0, 0];
  let over: () => void = () => undefined;
  while (performance.now() - startedMs < durationMs) {
    const due = Math.min(latencies.length, Math.floor(((performance.now() - startedMs) * perSecond) / 1000));
    for (; made < due; made++) {
      const plannedMs = startedMs + (made * 1000) / perSecond;
      void client.call(record, { timeoutMs: 60_000 }).then(() => {
        latencies[answered++] = performance.now() - plannedMs;
        if (answered === made) over();
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  if (answered < made) await new Promise<void>((resolve) => (over = resolve));
  return Array.from(latencies.subarray(0, answered));
}

async function latency(): Promise<void> {
  const { model, runMs } = await denseAtLeast5ms(DENSE_WIDTH, DENSE_BATCH);
  const spec = serviceSpec(model, {
    parallelism: availableParallelism(),
    batching: { maxSize: DENSE_BATCH, maxDelayMs: 2 },
    queue: { maxLength: 4096, maxWaitMs: 60_000 },
  });
  const instance = InstanceProcess.start(spec);
  const served = new RosClient({ spec, endpoints: [await instance.ready()], task: "bench#0" });
  const embedded = await EmbeddedClient.open({ spec, subtask: 0, intraOpThreads: 1 });
  await throughput(served, denseRecord(), 60 * DENSE_BATCH, 4 * DENSE_BATCH);
  const highest = await throughput(served, denseRecord(), 100 * DENSE_BATCH, 4 * DENSE_BATCH);
  // A stall of the machine, 20 ms long, is one in a hundred of the calls of two seconds: so both sides are asked for short times in turns, each
  // first as often as the other, and a p99 is that of all calls of one side.
  const inProcess: number[] = [];
  const overService: number[] = [];
  const turns = 4 * ROUNDS;
  const differences: number[] = [];
  for (let turn = 0; turn <= turns; turn++) {
    const sides = [
      { client: embedded, all: inProcess, p99: NaN },
      { client: served, all: overService, p99: NaN },
    ];
    for (const side of turn % 2 === 0 ? sides : [...sides].reverse()) {
      const latencies = await openLoop(side.client, denseRecord(), highest / 2, 2_000);
      side.p99 = quantile(latencies, 0.99);
      // The first turn warms both up.
      if (turn > 0) side.all.push(...latencies);
    }
    if (turn > 0) differences.push((sides[1]?.p99 ?? NaN) - (sides[0]?.p99 ?? NaN));
  }
  print(`Latency at half of the highest load (${rate(highest / 2)} a second; ${runMs.toFixed(1)} ms a full batch)`);
  const told = (all: readonly number[]) =>
    `p99 ${quantile(all, 0.99).toFixed(1)} ms, p50 ${quantile(all, 0.5).toFixed(1)} ms, p95 ${quantile(all, 0.95).toFixed(1)} ms of ${rate(all.length)} calls`;
  print(`  in process   ${told(inProcess)}`);
  print(`  service      ${told(overService)}`);
  const apart = quantile(overService, 0.99) - quantile(inProcess, 0.99);
  print(`  difference of p99   ${apart.toFixed(1)} ms   wanted: at most 3`);
  print(`  the same of each of the ${turns} turns alone, median   ${median(differences).toFixed(1)} ms`);
  await Promise.all([served.close(), embedded.close()]);
  await instance.kill();
}

async function kill(): Promise<void> {
  const model = writeModel(affineModel(256));
  const spec = serviceSpec(model, {
    parallelism: 3,
    batching: { maxSize: 64, maxDelayMs: 0 },
    balancing: "least-request",
  });
  const instances = Array.from({ length: 3 }, (_, index) => InstanceProcess.start(spec, index));
  const endpoints = await Promise.all(instances.map((instance) => instance.ready()));
  const events: { atMs: number; requests: number }[] = [];
  const client = new RosClient({
    spec,
    endpoints,
    task: "bench#0",
    onEvent: (event) => event.kind === "retry" && events.push({ atMs: performance.now(), requests: event.requests }),
  });
  const record: Tensors = { x: { type: "FP32", shape: [256], data: new Float32Array(256).fill(1) } };
  const again = InstanceProcess.hold(spec, 0, 1);
  instances.push(again);
  await throughput(client, record, 20_000, 256);
  const WANTED = 50_000;
  const done: number[] = [];
  const atKill: number[] = [];
  let failed = 0;
  let killedMs = Infinity;
  let backMs = Infinity;
  let coldMs = NaN;
  let stop = false;
  const worker = async () => {
    while (!stop) {
      const startedMs = performance.now();
      try {
        await client.call(record, { timeoutMs: 20_000 });
      } catch {
        failed += 1;
      }
      const nowMs = performance.now();
      done.push(nowMs);
      if (startedMs < killedMs && nowMs > killedMs) atKill.push(nowMs - killedMs);
    }
  };
  const workers = Array.from({ length: 256 }, worker);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  killedMs = performance.now();
  instances[0]?.child.kill("SIGKILL");
  again.release();
  client.updateEndpoints(endpoints.slice(1));
  const endpoint = await again.ready();
  backMs = performance.now();
  coldMs = backMs - killedMs;
  client.updateEndpoints([endpoint, ...endpoints.slice(1)]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  while (done.length < WANTED) await new Promise((resolve) => setTimeout(resolve, 50));
  stop = true;
  await Promise.all(workers);
  const firstAnswer = await again.line((line) => line.phase === "SERVING");
  const WINDOW = 50;
  const SUSTAINED = 4;
  const perWindow = (fromMs: number) => done.filter((at) => at >= fromMs && at < fromMs + WINDOW).length;
  const before = Array.from({ length: 20 }, (_, at) => perWindow(killedMs - (at + 1) * WINDOW));
  const full = median(before);
  /** When it begins to hold `level` calls in a window, on the mean of the next {@link SUSTAINED} windows. */
  const holds = (level: number) => {
    for (let atMs = killedMs; atMs < killedMs + 5_000; atMs += 5) {
      const windows = Array.from({ length: SUSTAINED }, (_, at) => perWindow(atMs + at * WINDOW));
      if (windows.reduce((a, b) => a + b) / SUSTAINED >= level) return atMs - killedMs;
    }
    return NaN;
  };
  const retried = events.reduce((sum, { requests }) => sum + requests, 0);
  // Which of those in flight were issued again is not told: at worst it is the slowest.
  const slowest = [...atKill].sort((a, b) => b - a).slice(0, retried);
  const rateOf = (level: number) => rate((level * 1000) / WINDOW);
  print(`One of three instances killed at full load (${rateOf(full)} calls a second, ${done.length} calls)`);
  print(`  failed calls                          ${failed}   wanted: 0`);
  print(
    `  calls issued again                    ${retried === 0 ? "none were in flight there" : `${retried}, noticed after ${((events[0]?.atMs ?? NaN) - killedMs).toFixed(1)} ms`}`,
  );
  print(
    `  p99 after the kill of calls in flight ${quantile(atKill, 0.99).toFixed(1)} ms; of as many as were issued again, the slowest: ${quantile(slowest, 0.99).toFixed(1)} ms   wanted: at most 100`,
  );
  print(
    `  levels are of the median of 20 windows of ${WINDOW} ms before the kill (${Math.min(...before)} to ${Math.max(...before)} calls), on the mean of ${SUSTAINED} windows`,
  );
  print(
    `  holds 2/3 (${rateOf((full * 2) / 3)} a second) after           ${holds((full * 2) / 3).toFixed(0)} ms   wanted: at most 200`,
  );
  print(
    `  holds 95 % (${rateOf(full * 0.95)} a second) after          ${holds(full * 0.95).toFixed(0)} ms   wanted: at most ${(coldMs + 200).toFixed(0)}, the cold start of ${coldMs.toFixed(0)} ms (from source) + 200`,
  );
  print(
    `  new instance: from ready to its first answer   ${firstAnswer.previousPhaseMs?.toFixed(1)} ms   wanted: at most 50`,
  );
  await client.close();
  await Promise.all(instances.map((instance) => instance.kill()));
}

async function cold(): Promise<void> {
  const spec = serviceSpec(writeModel(denseModel(512, 1)));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    const instance = InstanceProcess.start(spec);
    await instance.ready();
    times.push(performance.now() - startedMs);
    await instance.kill();
  }
  print(
    `Cold start of an instance with a model of 1 MB, from source: ${median(times).toFixed(0)} ms (median of ${ROUNDS}; ${times.map((ms) => ms.toFixed(0)).join(", ")})`,
  );
}

/** A client in a process of its own, so that its peak memory is its own: sends one record of `bytes` after a small one. */
async function chunkClient(specJson: string, endpointJson: string, bytes: number): Promise<void> {
  const client = new RosClient({ spec: JSON.parse(specJson), endpoints: [JSON.parse(endpointJson)], task: "bench#0" });
  const call = (length: number) =>
    client.call(
      { x: { type: "FP32", shape: [length], data: new Float32Array(length).fill(1) } },
      { timeoutMs: 120_000 },
    );
  await call(1);
  const before = process.memoryUsage.rss();
  const startedMs = performance.now();
  await call(bytes / 4);
  process.send?.({ before, peak: process.resourceUsage().maxRSS * 1024, ms: performance.now() - startedMs });
  await client.close();
  process.disconnect();
}

async function chunks(): Promise<void> {
  const bytes = 100_000_000;
  for (const [name, graph, tensors] of [
    ["100 MB in, one number out", raggedSumModel(), bytes],
    ["100 MB in, 100 MB out", identityModel("FP32", ["N", "L"]), 2 * bytes],
  ] as const) {
    const spec = serviceSpec(writeModel(graph), { parallelism: 1 });
    const instance = InstanceProcess.start(spec);
    const endpoint = await instance.ready();
    const before = await instance.peakRssBytes();
    const child = fork(__filename, ["chunk-client", JSON.stringify(spec), JSON.stringify(endpoint), String(bytes)], {
      execArgv: ["--require", "tsx/cjs"],
    });
    const [client] = (await once(child, "message")) as [{ before: number; peak: number; ms: number }];
    const server = (await instance.peakRssBytes()) - before;
    const MB = (value: number) => `${(value / 1e6).toFixed(0)} MB`;
    print(`Large tensors in chunks: ${name}, ${client.ms.toFixed(0)} ms`);
    print(
      `  peak over what it had before   client ${MB(client.peak - client.before)}, instance ${MB(server)}   wanted: at most ${MB(3 * (tensors + 4 * CHUNK_BYTES))}`,
    );
    await instance.kill();
  }
}

const PARTS: Readonly<Record<string, () => Promise<void>>> = { tiny, dense, latency, kill, chunks, cold };

const [, , role, ...roleArgs] = process.argv;
if (role === "echo") void serveEcho();
else if (role === "chunk-client") void chunkClient(roleArgs[0] ?? "", roleArgs[1] ?? "", Number(roleArgs[2]));
else if (COLLECTOR_FLAGS.some((flag) => !process.execArgv.includes(flag))) {
  // This process stands for a worker, and how one collects garbage decides over its slowest calls.
  process.stderr.write("Run it with `npm run bench inference`, which starts it as a worker is started.\n");
  process.exit(2);
} else {
  void (async () => {
    for (const part of CHOSEN) {
      print(`(load of the machine: ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores)`);
      await PARTS[part]?.();
    }
    process.exit(0);
  })();
}
