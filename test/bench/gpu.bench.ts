/**
 * The GPU of this machine against its CPU: `npm run bench -- gpu`. Tries every accelerator that ONNX Runtime can drive here in a process of
 * its own, says which it got, and refuses in one sentence where there is none. A software Vulkan device counts as one, under its name: it
 * exercises the path, and its times say nothing of a GPU.
 */
import { readFileSync } from "node:fs";
import type { Tensors } from "../../simulator/core/tensor";
import { probeDevices } from "../../simulator/inference/doctorDevices";
import type { InferenceClient } from "../../simulator/inference/inferenceClient";
import { RosClient } from "../../simulator/inference/rosClient";
import { denseModel, gramModel, writeModel } from "../fixtures/onnxModel";
import { InstanceProcess, serviceSpec } from "../fixtures/serviceInstances";

/** Of the models: what a GPU is asked to do in earnest, and one that software can emulate in time. */
const LARGE: readonly Model[] = [
  { width: 1024, layers: 12 },
  { width: 4096, layers: 6 },
];
const SMALL: readonly Model[] = [{ width: 128, layers: 2 }];
interface Model {
  readonly width: number;
  readonly layers: number;
}
const BATCHES = (process.env.GPU_BENCH_BATCHES ?? "1,8,32,128").split(",").map(Number);
const print = (text: string) => process.stdout.write(`${text}\n`);

async function perSecond(client: InferenceClient, width: number, batch: number, forMs: number): Promise<number> {
  const record: Tensors = { x: { type: "FP32", shape: [width], data: new Float32Array(width).fill(0.5) } };
  let done = 0;
  let stop = false;
  const worker = async () => {
    while (!stop) {
      await client.call(record, { timeoutMs: 120_000 });
      done += 1;
    }
  };
  const startedMs = performance.now();
  setTimeout(() => (stop = true), forMs);
  await Promise.all(Array.from({ length: 3 * batch }, worker));
  return (done * 1000) / (performance.now() - startedMs);
}

async function measure(device: string, model: string, width: number): Promise<void> {
  for (const batch of BATCHES) {
    const spec = serviceSpec(model, {
      device,
      parallelism: 1,
      batching: { maxSize: batch, maxDelayMs: 1 },
      queue: { maxLength: 10_000, maxWaitMs: 120_000 },
      warmupRuns: 2,
    });
    const instance = InstanceProcess.start(spec);
    const endpoint = await instance.ready();
    const client = new RosClient({ spec, endpoints: [endpoint], task: "bench#0" });
    const load = await instance.line(({ phase }) => phase === "WARMING");
    const warm = await instance.line(({ phase }) => phase === "READY");
    await perSecond(client, width, batch, 500);
    await instance.metrics();
    const rate = await perSecond(client, width, batch, 2_000);
    const { deviceUtilisation, deviceMemoryBytes, busyMs, batches, requests } = await instance.metrics();
    const told =
      deviceUtilisation === undefined
        ? "not told"
        : `${(deviceUtilisation * 100).toFixed(0)} % busy, ${((deviceMemoryBytes ?? 0) / 1e9).toFixed(1)} GB in use`;
    print(
      `  ${(load.device ?? device).padEnd(20)} batch ${String(batch).padStart(3)}   ${Math.round(rate).toLocaleString("en").padStart(8)} a second   ${(busyMs / batches).toFixed(2).padStart(7)} ms a run of ${(requests / batches).toFixed(0)}   load ${(load.previousPhaseMs ?? NaN).toFixed(0)} ms, warm-up ${(warm.previousPhaseMs ?? NaN).toFixed(0)} ms   device: ${told}`,
    );
    await client.close();
    await instance.kill();
  }
}

/** More than any device has, asked for in earnest: an error with its code, and the instance answers the next call. */
async function outOfMemory(device: string): Promise<void> {
  const spec = serviceSpec(writeModel(gramModel()), {
    device,
    parallelism: 1,
    warmupRuns: 0,
    retry: { maxAttempts: 1, initialBackoffMs: 1, maxBackoffMs: 1 },
  });
  const instance = InstanceProcess.start(spec);
  const client = new RosClient({ spec, endpoints: [await instance.ready()], task: "bench#0" });
  const call = (length: number) =>
    client.call(
      { x: { type: "FP32", shape: [length], data: new Float32Array(length).fill(1) } },
      { timeoutMs: 60_000 },
    );
  await call(4);
  const refused = await call(2 ** 19).then(
    () => "it had enough",
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );
  const after = await call(4).then(
    (outputs) => `the next call was answered (${String(outputs.y?.data[0])})`,
    (error: Error) => `the next call failed: ${error.message}`,
  );
  print(`  1 TiB asked of ${device}: ${refused.slice(0, 200)}; ${after}`);
  await client.close();
  await instance.kill();
}

void (async () => {
  const devices = await probeDevices();
  for (const { device, works, detail, firstRunMs } of devices) {
    print(`  ${device}: ${works ? `works (session and first run ${firstRunMs?.toFixed(0)} ms)` : detail}`);
  }
  const gpus = devices.filter(({ device, works }) => works && device !== "cpu");
  if (gpus.length === 0) {
    print("There is no GPU here that ONNX Runtime can use, so nothing was measured.");
    process.exit(0);
  }
  try {
    print(`  driver: ${readFileSync("/proc/driver/nvidia/version", "utf8").split("\n")[0]}`);
  } catch {
    print("  driver: not NVIDIA's");
  }
  const names = [...gpus.map(({ device }) => device.replace(/ .*/, "")), "cpu"];
  for (const { width, layers } of gpus.every(({ device }) => device.includes("(software)")) ? SMALL : LARGE) {
    const model = writeModel(denseModel(width, layers));
    print(`${layers} layers of ${width} (${((width * width * layers * 4) / 1e6).toFixed(1)} MB), one instance each`);
    for (const device of names) await measure(device, model, width);
  }
  for (const device of names)
    await outOfMemory(device).catch((error: Error) =>
      print(`  1 TiB asked of ${device}: ${error.message.slice(0, 300)}`),
    );
  process.exit(0);
})();
