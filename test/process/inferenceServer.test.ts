import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status, type ServiceError } from "@grpc/grpc-js";
import { Reader, Writer } from "protobufjs";
import { FileDescriptorProto } from "protobufjs/ext/descriptor";
import { affineModel, denseModel, identityModel, lookupModel, writeModel } from "../fixtures/onnxModel";
import { float32Bytes, float32Numbers, IndependentClient, type Message } from "../fixtures/independentClient";
import { InstanceProcess, serviceSpec } from "../fixtures/serviceInstances";

/** Slow enough that requests pile up behind a run of it; one row, so that they cannot share runs. */
const SLOW = { batching: { maxSize: 1, maxDelayMs: 0 }, warmupRuns: 1 };

function infer(rows: number[][], more: object = {}): object {
  return {
    modelName: "model",
    inputs: [{ name: "x", datatype: "FP32", shape: [rows.length, rows[0].length] }],
    rawInputContents: [float32Bytes(rows.flat())],
    ...more,
  };
}

async function refusedWith(code: status, answer: Promise<unknown>, details?: RegExp): Promise<void> {
  await assert.rejects(answer, (error: ServiceError) => {
    assert.equal(status[error.code], status[code], error.details);
    if (details !== undefined) assert.match(error.details, details);
    return true;
  });
}

describe("a service instance, to a client written from the protocol alone", function () {
  this.timeout(60_000);
  const model = writeModel(affineModel());
  let instance: InstanceProcess;
  let address: string;
  let client: IndependentClient;

  before(async () => {
    instance = InstanceProcess.start(serviceSpec(model));
    address = (await instance.ready()).address;
    client = new IndependentClient(address);
  });
  after(async () => {
    client.close();
    await instance.kill();
  });
  afterEach(async () => {
    // Whatever a test sent: the server lives and answers rightly.
    const response = await client.call("ModelInfer", infer([[1, 2, 3, 4]]));
    assert.deepEqual(float32Numbers(response.rawOutputContents[0]), [3, 5, 7, 9]);
  });

  it("is live, ready, and says what it serves", async () => {
    assert.equal((await client.call("ServerLive", {})).live, true);
    assert.equal((await client.call("ServerReady", {})).ready, true);
    assert.equal((await client.call("ModelReady", { name: "model" })).ready, true);
    assert.equal((await client.call("ServerMetadata", {})).name, "faultline");
    const metadata = await client.call("ModelMetadata", { name: "model" });
    assert.deepEqual(metadata.inputs, [{ name: "x", datatype: "FP32", shape: [-1, 4] }]);
    assert.deepEqual(metadata.outputs, [{ name: "y", datatype: "FP32", shape: [-1, 4] }]);
    assert.deepEqual(metadata.versions, ["1"]);
    assert.equal(metadata.platform, "onnxruntime_onnx");
  });

  it("answers raw contents raw and typed contents typed, with the id of the request", async () => {
    const raw = await client.call(
      "ModelInfer",
      infer(
        [
          [0, 1, 2, 3],
          [4, 5, 6, 7],
        ],
        { id: "r1" },
      ),
    );
    assert.equal(raw.id, "r1");
    assert.deepEqual(raw.outputs[0].shape, [2, 4]);
    assert.deepEqual(float32Numbers(raw.rawOutputContents[0]), [1, 3, 5, 7, 9, 11, 13, 15]);
    const typed = await client.call("ModelInfer", {
      modelName: "model",
      inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], contents: { fp32Contents: [0, 1, 2, 3] } }],
      outputs: [{ name: "y" }],
    });
    assert.deepEqual(typed.outputs[0].contents.fp32Contents, [1, 3, 5, 7]);
    assert.equal(typed.rawOutputContents.length, 0);
  });

  it("answers many requests on one stream, an error of one without ending the others", async () => {
    const stream = client.stream();
    const answers: Message[] = [];
    stream.on("data", (answer: Message) => answers.push(answer));
    for (let id = 0; id < 50; id++) stream.write(infer([[id, 0, 0, 0]], { id: String(id) }));
    stream.write(infer([[1, 2, 3]], { id: "bad" }));
    stream.end();
    await once(stream, "end");
    assert.equal(answers.length, 51);
    for (const { inferResponse, errorMessage } of answers) {
      if (inferResponse.id === "bad") assert.match(errorMessage, /must be FP32\[\?,4\], FP32\[1,3\] came/);
      else assert.equal(float32Numbers(inferResponse.rawOutputContents[0])[0], 2 * Number(inferResponse.id) + 1);
    }
  });

  it("refuses what is malformed with the right status", async () => {
    const bad = status.INVALID_ARGUMENT;
    const input = { name: "x", datatype: "FP32", shape: [1, 4] };
    const raw = [float32Bytes([1, 2, 3, 4])];
    const call = (request: object) => client.call("ModelInfer", { modelName: "model", ...request });
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, shape: [1, 5] }], rawInputContents: [float32Bytes([1, 2, 3, 4, 5])] }),
      /\[\?,4\]/,
    );
    await refusedWith(bad, call({ inputs: [{ ...input, shape: [4] }], rawInputContents: raw }));
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, shape: [-1, 4] }], rawInputContents: raw }),
      /every size must be known/,
    );
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, datatype: "INT32" }], rawInputContents: raw }),
      /is of type FP32, INT32 came/,
    );
    await refusedWith(bad, call({ inputs: [{ ...input, datatype: "" }], rawInputContents: raw }));
    await refusedWith(
      bad,
      call({ inputs: [input], rawInputContents: [float32Bytes([1, 2, 3])] }),
      /16 bytes of raw contents, 12 came/,
    );
    await refusedWith(bad, call({ inputs: [input], rawInputContents: [...raw, ...raw] }), /one for each/);
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, shape: [2 ** 26, 4] }], rawInputContents: raw }),
      /at most 16 rows/,
    );
    await refusedWith(bad, call({ inputs: [{ ...input, shape: [2 ** 40, 4] }], contents: {} }));
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, shape: [0, 4] }], rawInputContents: [Buffer.alloc(0)] }),
      /empty/,
    );
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, name: "z" }], rawInputContents: raw }),
      /no input "z"; its inputs are: x/,
    );
    await refusedWith(bad, call({ inputs: [] }), /"x" is missing/);
    await refusedWith(bad, call({ inputs: [input, input], rawInputContents: [...raw, ...raw] }), /twice/);
    await refusedWith(bad, call({ inputs: [input] }), /no contents/);
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, contents: { fp32Contents: [1] } }] }),
      /4 elements of FP32 are expected/,
    );
    await refusedWith(
      bad,
      call({ inputs: [{ ...input, contents: { fp32Contents: [1, 2, 3, 4] } }], rawInputContents: raw }),
    );
    await refusedWith(bad, call({ inputs: [input], rawInputContents: raw, outputs: [{ name: "q" }] }), /no output "q"/);
    await refusedWith(
      bad,
      client.call("ModelInfer", infer(Array.from({ length: 17 }, () => [1, 2, 3, 4]))),
      /at most 16 rows/,
    );
    await refusedWith(
      status.NOT_FOUND,
      client.call("ModelInfer", infer([[1, 2, 3, 4]], { modelName: "other" })),
      /there is: model/,
    );
    await refusedWith(status.NOT_FOUND, client.call("ModelMetadata", { name: "model", version: "7" }));
    await refusedWith(
      status.RESOURCE_EXHAUSTED,
      call({ inputs: [input], rawInputContents: [Buffer.alloc(65 * 1024 * 1024)] }),
    );
  });

  it("takes no memory for a gigabyte that is only claimed, in a message's length or by a tensor in chunks", async () => {
    const before = await instance.peakRssBytes();
    const bytes = 2 ** 30;
    const session = connect(`http://${address}`);
    const post = session.request({
      ":method": "POST",
      ":path": "/inference.GRPCInferenceService/ModelInfer",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const length = Buffer.alloc(5);
    length.writeUInt32BE(bytes, 1);
    const refusedStatus = new Promise((resolve) => {
      const look = (headers: Readonly<Record<string, unknown>>) => {
        if (headers["grpc-status"] !== undefined) resolve(headers["grpc-status"]);
      };
      post.on("response", look).on("trailers", look);
    });
    post.resume().on("error", () => undefined);
    post.write(Buffer.concat([length, Buffer.from("a few bytes")]));
    assert.equal(Number(await refusedStatus), status.RESOURCE_EXHAUSTED);
    session.destroy();

    const stream = client.stream();
    const answer = once(stream, "data");
    stream.write({
      modelName: "model",
      id: "huge",
      inputs: [
        { name: "x", datatype: "FP32", shape: [2 ** 26, 4], parameters: { chunked_bytes: { int64Param: bytes } } },
      ],
    });
    const [{ errorMessage, inferResponse }] = (await answer) as [Message];
    assert.match(errorMessage as string, /at most 16 rows/);
    assert.equal(inferResponse.id, "huge");
    stream.end();
    const grownMb = ((await instance.peakRssBytes()) - before) / 1e6;
    assert.ok(grownMb < 100, `the instance grew by ${grownMb.toFixed(0)} MB`);
  });

  it("refuses a request for which it waits itself, and names the circle", async () => {
    const nested = (chain: string) =>
      client.call("ModelInfer", infer([[1, 2, 3, 4]], { parameters: { call_chain: { stringParam: chain } } }));
    assert.equal((await nested("other")).outputs.length, 1);
    await refusedWith(
      status.FAILED_PRECONDITION,
      nested("model,other"),
      /wait for each other: model calls other calls model/,
    );
  });

  it("tells by reflection how it is called, to one that knows only descriptors", async () => {
    // Requests and answers of reflection by field number: 7 list_services, 4 file_containing_symbol; 4 descriptors in field 1.
    const ask = async (version: "v1" | "v1alpha", field: number, text: string) =>
      Reader.create(
        await client.reflect(
          version,
          Buffer.from(
            Writer.create()
              .uint32((field << 3) | 2)
              .string(text)
              .finish(),
          ),
        ),
      );
    const fields = (reader: Reader): Map<number, Uint8Array[]> => {
      const found = new Map<number, Uint8Array[]>();
      while (reader.pos < reader.len) {
        const tag = reader.uint32();
        if ((tag & 7) === 2) found.set(tag >>> 3, [...(found.get(tag >>> 3) ?? []), reader.bytes()]);
        else reader.skipType(tag & 7);
      }
      return found;
    };
    const inner = (bytes: Uint8Array | undefined) => fields(Reader.create(bytes ?? new Uint8Array()));
    for (const version of ["v1", "v1alpha"] as const) {
      const listed = inner(fields(await ask(version, 7, "")).get(6)?.[0]).get(1) ?? [];
      const names = listed.map((service) => Buffer.from(inner(service).get(1)?.[0] ?? []).toString());
      assert.ok(names.includes("inference.GRPCInferenceService") && names.includes("grpc.health.v1.Health"));
    }
    for (const symbol of [
      "inference.GRPCInferenceService",
      "inference.GRPCInferenceService.ModelInfer",
      "inference.ModelInferRequest",
    ]) {
      const [descriptor] = inner(fields(await ask("v1", 4, symbol)).get(4)?.[0]).get(1) ?? [];
      assert.ok(descriptor !== undefined, symbol);
      const file = FileDescriptorProto.decode(descriptor) as Message;
      assert.equal(file.package, "inference");
      const request = file.messageType.find(({ name }: Message) => name === "ModelInferRequest");
      const raw = request.field.find(({ name }: Message) => name === "raw_input_contents");
      assert.deepEqual([raw.number, raw.jsonName], [7, "rawInputContents"]);
      const inputs = request.field.find(({ name }: Message) => name === "inputs");
      assert.equal(inputs.typeName, ".inference.ModelInferRequest.InferInputTensor");
      assert.ok(
        request.nestedType.some(({ name, options }: Message) => name === "ParametersEntry" && options.mapEntry),
      );
      const infer = file.service[0].method.find(({ name }: Message) => name === "ModelStreamInfer");
      assert.deepEqual(
        [infer.inputType, infer.clientStreaming, infer.serverStreaming],
        [".inference.ModelInferRequest", true, true],
      );
    }
    for (const nothing of ["inference", "inference.Nothing", "inference.GRPCInferenceService.Nothing", ""]) {
      assert.ok(fields(await ask("v1", 4, nothing)).has(7), `"${nothing}" is answered with an error`);
    }
  });

  it("answers health checks, also for what it does not know", async () => {
    assert.equal(await client.health(), "SERVING");
    assert.equal(await client.health("inference.GRPCInferenceService"), "SERVING");
    assert.equal(await client.health("model"), "SERVING");
    await refusedWith(status.NOT_FOUND, client.health("nothing"));
    const watch = client.watch("nothing");
    const [first] = (await once(watch, "data")) as [Message];
    assert.equal(first.status, "SERVICE_UNKNOWN");
    watch.on("error", () => undefined).cancel();
  });
});

describe("a service instance with a token", function () {
  this.timeout(60_000);
  it("answers nobody without it, but health checks", async () => {
    const instance = InstanceProcess.start(serviceSpec(writeModel(affineModel())), 0, 0, { token: "secret" });
    const { address } = await instance.ready();
    const clients = {
      right: new IndependentClient(address, "secret"),
      wrong: new IndependentClient(address, "Secret"),
      none: new IndependentClient(address),
    };
    try {
      assert.deepEqual(
        float32Numbers((await clients.right.call("ModelInfer", infer([[1, 1, 1, 1]]))).rawOutputContents[0]),
        [3, 3, 3, 3],
      );
      for (const client of [clients.wrong, clients.none]) {
        await refusedWith(status.UNAUTHENTICATED, client.call("ModelInfer", infer([[1, 1, 1, 1]])));
        await refusedWith(status.UNAUTHENTICATED, client.call("ServerLive", {}));
        const stream = client.stream();
        const [error] = (await once(stream, "error")) as [ServiceError];
        assert.equal(error.code, status.UNAUTHENTICATED);
        assert.equal(await client.health(), "SERVING");
      }
    } finally {
      for (const client of Object.values(clients)) client.close();
      await instance.kill();
    }
  });
});

describe("the life of a service instance", function () {
  this.timeout(60_000);

  it("goes through its phases, watched by a health client, and drains without losing an answer", async () => {
    const spec = serviceSpec(writeModel(denseModel(512, 8)), {
      ...SLOW,
      loadDelayMs: 50,
      queue: { maxLength: 100, maxWaitMs: 60_000 },
    });
    const instance = InstanceProcess.start(spec);
    const { address } = await instance.ready();
    const client = new IndependentClient(address);
    try {
      const watch = client.watch();
      const states: string[] = [];
      watch.on("data", ({ status: state }: Message) => states.push(state as string));
      watch.on("error", () => undefined);
      await once(watch, "data");
      const row = [Array.from({ length: 512 }, () => 0.5)];
      const answers = Promise.all(Array.from({ length: 30 }, () => client.call("ModelInfer", infer(row))));
      await instance.line(({ phase }) => phase === "SERVING");
      instance.send("drain");
      await instance.line(({ phase }) => phase === "DRAINING");
      const late = assert.rejects(client.call("ModelInfer", infer(row)));
      // Calls sent before the drain was known may have been refused; none may hang or be lost.
      const outcome = await answers.then(
        (all) => all.length,
        (error: ServiceError) => error.code,
      );
      assert.ok(outcome === 30 || outcome === Number(status.UNAVAILABLE), `${outcome}`);
      await late;
      assert.deepEqual(states.slice(0, 2), ["SERVING", "NOT_SERVING"]);
      const phases = instance.lines.filter(({ phase }) => phase !== undefined);
      assert.deepEqual(
        phases.map(({ phase }) => phase),
        ["LOADING", "WARMING", "READY", "SERVING", "DRAINING"],
      );
      assert.equal(phases[1]?.loadDelayMs, 50);
      assert.ok((phases[1]?.previousPhaseMs ?? 0) >= 50, "the stated delay is in the time to load");
      assert.equal(phases[2]?.device, "cpu");
    } finally {
      client.close();
      await instance.kill();
    }
  });

  it("says RESOURCE_EXHAUSTED when its queue is full and when a request waited too long, and answers the rest", async () => {
    const spec = serviceSpec(writeModel(denseModel(1024, 12)), { ...SLOW, queue: { maxLength: 4, maxWaitMs: 60_000 } });
    const instance = InstanceProcess.start(spec);
    const client = new IndependentClient((await instance.ready()).address);
    try {
      const row = [Array.from({ length: 1024 }, () => 0.5)];
      const outcomes = await Promise.allSettled(
        Array.from({ length: 40 }, () => client.call("ModelInfer", infer(row))),
      );
      const codes = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? status.OK : (outcome.reason as ServiceError).code,
      );
      assert.ok(codes.includes(status.OK) && codes.includes(status.RESOURCE_EXHAUSTED));
      assert.ok(codes.every((code) => code === status.OK || code === status.RESOURCE_EXHAUSTED));
      const metrics = await instance.metrics();
      assert.equal(metrics.rejected, codes.filter((code) => code === status.RESOURCE_EXHAUSTED).length);
      assert.equal(metrics.requests, codes.filter((code) => code === status.OK).length);
    } finally {
      client.close();
      await instance.kill();
    }
  });

  it("drops what is over its deadline and what its caller gave up, and counts what ran for nobody", async () => {
    const spec = serviceSpec(writeModel(denseModel(1024, 24)), {
      ...SLOW,
      queue: { maxLength: 1000, maxWaitMs: 60_000 },
    });
    const instance = InstanceProcess.start(spec);
    const client = new IndependentClient((await instance.ready()).address);
    try {
      const row = [Array.from({ length: 1024 }, () => 0.5)];
      // By Triton's parameter on a stream, since there is no deadline of gRPC for one request of it.
      const stream = client.stream();
      const answers: Message[] = [];
      stream.on("data", (answer: Message) => answers.push(answer));
      for (let id = 0; id < 20; id++)
        stream.write(infer(row, { id: String(id), parameters: { timeout: { int64Param: 1 } } }));
      stream.end();
      await once(stream, "end");
      assert.ok(answers.some(({ errorMessage }) => /deadline passed/.test(errorMessage as string)));
      await instance.metrics();
      const abandoned = client.stream();
      abandoned.on("error", () => undefined);
      for (let id = 0; id < 50; id++) abandoned.write(infer(row, { id: String(id) }));
      await once(abandoned, "data");
      abandoned.cancel();
      await client.call("ModelInfer", infer(row));
      const metrics = await instance.metrics();
      assert.ok(metrics.requests < 51, `${metrics.requests} ran although their caller had gone`);
      assert.equal(metrics.queueDepth, 0);
      assert.ok(metrics.wastedMs > 0, "the run that was under way was for nobody");
    } finally {
      client.close();
      await instance.kill();
    }
  });

  it("ends as it was told to, also in the middle of a run, and says nothing", async () => {
    const instance = InstanceProcess.start(serviceSpec(writeModel(denseModel(1024, 24)), SLOW));
    const client = new IndependentClient((await instance.ready()).address);
    try {
      let stderr = "";
      instance.child.stderr?.on("data", (text: string) => (stderr += text));
      const row = [Array.from({ length: 1024 }, () => 0.5)];
      const calls = Array.from({ length: 50 }, () => client.call("ModelInfer", infer(row)).catch(() => undefined));
      await instance.line(({ phase }) => phase === "SERVING");
      const closed = once(instance.child, "close");
      instance.child.stdin?.end();
      assert.deepEqual(await closed, [0, null]);
      assert.equal(stderr, "");
      await Promise.all(calls);
    } finally {
      client.close();
      await instance.kill();
    }
  });

  it("answers every request of a batch but the one that the model fails on", async () => {
    const spec = serviceSpec(writeModel(lookupModel()), { batching: { maxSize: 16, maxDelayMs: 100 } });
    const instance = InstanceProcess.start(spec);
    const client = new IndependentClient((await instance.ready()).address);
    try {
      const lookup = (index: number) =>
        client.call("ModelInfer", {
          modelName: "model",
          inputs: [{ name: "i", datatype: "INT64", shape: [1, 1], contents: { int64Contents: [index] } }],
        });
      const outcomes = await Promise.allSettled([3, 99, 5, 7].map(lookup));
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status),
        ["fulfilled", "rejected", "fulfilled", "fulfilled"],
      );
      const values = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? outcome.value.outputs[0].contents.fp32Contents : undefined,
      );
      assert.deepEqual(values, [[6, 7], undefined, [10, 11], [14, 15]]);
      assert.equal((outcomes[1] as PromiseRejectedResult).reason.code, status.INTERNAL);
      assert.ok(
        Object.keys((await instance.metrics()).batchSizes).some((size) => Number(size) > 1),
        "they shared a batch",
      );
    } finally {
      client.close();
      await instance.kill();
    }
  });

  it("serves models of every tensor type, with fixed, dynamic and no batch axis", async () => {
    const cases = [
      ["BOOL", ["N", 2], [1, 2], { boolContents: [true, false] }],
      ["INT64", ["N"], [2], { int64Contents: [-(2 ** 40), 7] }],
      ["FP64", [2, 2], [2, 2], { fp64Contents: [0.1, 1e300, -0, 4] }],
      ["BYTES", ["N", 1], [2, 1], { bytesContents: [Buffer.from("straße"), Buffer.from("")] }],
      ["UINT8", [3], [3], { uintContents: [1, 2, 255] }],
    ] as const;
    await Promise.all(
      cases.map(async ([datatype, declared, shape, contents]) => {
        const instance = InstanceProcess.start(serviceSpec(writeModel(identityModel(datatype, declared))));
        const client = new IndependentClient((await instance.ready()).address);
        try {
          const request = { modelName: "model", inputs: [{ name: "x", datatype, shape, contents }] };
          const { outputs } = await client.call("ModelInfer", request);
          assert.deepEqual(outputs[0].shape, shape);
          const [field, expected] = Object.entries(contents)[0];
          assert.deepEqual(outputs[0].contents[field].map(String), expected.map(String));
        } finally {
          client.close();
          await instance.kill();
        }
      }),
    );
  });

  for (const [what, code, prepare] of [
    ["a model that is not there", "FL3001", () => "/nowhere/model.onnx"],
    ["a folder", "FL3001", () => "/"],
    [
      "a file that is not ONNX",
      "FL3002",
      (folder: string) => (writeFileSync(join(folder, "text.onnx"), "not a model"), join(folder, "text.onnx")),
    ],
    [
      "an empty file",
      "FL3002",
      (folder: string) => (writeFileSync(join(folder, "empty.onnx"), ""), join(folder, "empty.onnx")),
    ],
  ] as const) {
    it(`fails with ${code} on ${what}`, async () => {
      const folder = join(writeModel(affineModel()), "..");
      const instance = InstanceProcess.start(serviceSpec(prepare(folder)));
      const { failed } = await instance.line((line) => line.failed !== undefined);
      assert.equal(failed?.code, code);
      assert.doesNotMatch(failed?.message ?? "", /\n|onnxruntime_src|at .*\.ts/);
      await instance.kill();
    });
  }

  it("runs on a software Vulkan device when told to, and its name says what it is", async function () {
    const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
    // Comes with Debian's chromium, which the editor's tests need anyway.
    if (!existsSync(driver)) this.skip();
    const before = { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR };
    process.env.VK_ICD_FILENAMES = driver;
    process.env.XDG_RUNTIME_DIR ??= tmpdir();
    const instance = InstanceProcess.start(serviceSpec(writeModel(affineModel()), { device: "webgpu" }));
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    const client = new IndependentClient((await instance.ready()).address);
    try {
      const { device } = await instance.line(({ phase }) => phase === "READY");
      assert.equal(device, "webgpu (software)");
      const response = await client.call("ModelInfer", infer([[1, 2, 3, 4]]));
      assert.deepEqual(float32Numbers(response.rawOutputContents[0]), [3, 5, 7, 9]);
    } finally {
      client.close();
      await instance.kill();
    }
  });

  it("fails with FL3003 on a device that is not here, and FL3005 on a port in use", async () => {
    const model = writeModel(affineModel());
    const device = InstanceProcess.start(serviceSpec(model, { device: "quantum" }));
    assert.equal((await device.line((line) => line.failed !== undefined)).failed?.code, "FL3003");
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as { port: number };
    const taken = InstanceProcess.start(serviceSpec(model), 0, 0, { port });
    const { failed } = await taken.line((line) => line.failed !== undefined);
    assert.equal(failed?.code, "FL3005");
    assert.match(failed?.message ?? "", new RegExp(`Port ${port} is in use`));
    blocker.close();
    await Promise.all([device.kill(), taken.kill()]);
  });
});
