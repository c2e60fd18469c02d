import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { autoAccelerators, probeDevices } from "../../simulator/inference/doctorDevices";
import { affineModel, writeModel } from "../fixtures/onnxModel";
import { float32Bytes, float32Numbers, IndependentClient } from "../fixtures/independentClient";

const MAIN = join(__dirname, "..", "..", "simulator", "cli", "main.ts");

function serve(...args: string[]): ChildProcess {
  return spawn(process.execPath, ["--require", require.resolve("tsx/cjs"), MAIN, "serve", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function output(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let out = "";
  let err = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

describe("faultline serve", function () {
  this.timeout(60_000);
  const model = writeModel(affineModel());

  it("says in one line of JSON where the model is, serves it with its token, and ends on SIGTERM", async () => {
    const child = serve(model, "--format", "json", "--device", "cpu");
    const ended = output(child);
    const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
    const served = JSON.parse(line) as { address: string; model: string; token: string; device: string };
    assert.match(served.address, /^127\.0\.0\.1:\d+$/);
    assert.equal(served.model, "model");
    assert.equal(served.device, "cpu");
    const client = new IndependentClient(served.address, served.token);
    const request = {
      modelName: "model",
      inputs: [{ name: "x", datatype: "FP32", shape: [1, 4] }],
      rawInputContents: [float32Bytes([1, 2, 3, 4])],
    };
    assert.deepEqual(float32Numbers((await client.call("ModelInfer", request)).rawOutputContents[0]), [3, 5, 7, 9]);
    const stranger = new IndependentClient(served.address);
    await assert.rejects(stranger.call("ModelInfer", request), /UNAUTHENTICATED/);
    client.close();
    stranger.close();
    child.kill("SIGTERM");
    const { code, out } = await ended;
    assert.equal(code, 0);
    assert.equal(out.trim().split("\n").length, 1, "one line and nothing else");
  });

  it("serves without a token under another name when asked to", async () => {
    const child = serve(model, "--format", "json", "--no-token", "--name", "other", "--device", "cpu");
    const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
    const served = JSON.parse(line) as { address: string; model: string };
    assert.ok(!("token" in served));
    const client = new IndependentClient(served.address);
    assert.equal((await client.call("ModelReady", { name: "other" })).ready, true);
    client.close();
    const ended = once(child, "close");
    child.kill("SIGINT");
    await ended;
  });

  it("ends with 2 and one clear sentence on bad input", async () => {
    const text = join(dirname(model), "text.onnx");
    writeFileSync(text, "not a model");
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as { port: number };
    const cases = [
      ["FL3001", ["/nowhere.onnx"]],
      ["FL3002", [text]],
      ["FL3003", [model, "--device", "quantum"]],
      ["FL3003", [model, "--device", "cuda:99"]],
      ["FL3005", [model, "--port", String(port), "--device", "cpu"]],
      ["FL1000", [model, "--port", "99999"]],
    ] as const;
    const outcomes = await Promise.all(
      cases.map(async ([code, args]) => ({ expected: code, ...(await output(serve(...args))) })),
    );
    blocker.close();
    for (const { expected, code, out, err } of outcomes) {
      assert.equal(code, 2, `${expected}: ${err}`);
      assert.equal(out, "");
      assert.match(err, new RegExp(`^${expected}: `));
      assert.doesNotMatch(err, /\n\s+at /, "no stack trace");
    }
  });
});

describe("devices of this machine", function () {
  this.timeout(120_000);

  it("are each tried in a process of their own; the CPU works, and what does not says why", async () => {
    const probes = await probeDevices();
    const cpu = probes.find(({ device }) => device === "cpu");
    assert.equal(cpu?.works, true);
    assert.ok((cpu?.firstRunMs ?? 0) > 0);
    assert.ok(probes.every(({ works, detail }) => works || detail.length > 10));
    for (const name of await autoAccelerators()) {
      assert.ok(
        probes.some(({ device, works }) => works && device.startsWith(name)),
        `auto would try ${name}, which does not work`,
      );
    }
  });
});
