import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { exportJob, type ExportTarget } from "../../simulator/client/exportJob";
import { flinkProgram } from "../../simulator/flink/export/flinkProgram";
import { FaultlineError } from "../../simulator/graph/errors";
import type { JobSpec } from "../../simulator/graph/jobFile";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import { onnxSignature } from "../../simulator/inference/onnxSignature";

const EXAMPLE = path.join(__dirname, "../../examples/language-detection/language-detection.faultline.json");

const SOURCE_AND_SINK = {
  operators: {
    a: { type: "source", connector: "generator", limit: 10 },
    s: { type: "sink", connector: "blackhole" },
  },
  edges: [{ from: "a", to: "s" }],
};

describe("faultline export", () => {
  let folder: string;
  let number = 0;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "faultline-export-"))));
  after(() => rmSync(folder, { recursive: true }));
  const exported = async (
    target: ExportTarget,
    jobFile = EXAMPLE,
  ): Promise<{ directory: string; read: (file: string) => string }> => {
    const directory = path.join(folder, `out-${number++}`);
    await exportJob({ jobFile, target, directory, force: false });
    return { directory, read: (file) => readFileSync(path.join(directory, file), "utf8") };
  };
  const jobOf = (job: object): JobSpec => {
    const { job: spec, problems } = parseJobFile(JSON.stringify(job), path.join(folder, "job.faultline.json"));
    assert.ok(spec !== undefined, JSON.stringify(problems));
    return spec;
  };

  it("writes a Flink project with the same operators, uids, parallelism, edges and settings", async () => {
    const { read, directory } = await exported("flink");
    const program = read("src/main/java/job/Job.java");
    for (const id of ["texts", "features", "classify", "perLanguage", "counts", "messages"]) {
      assert.match(program, new RegExp(`\\.uid\\("${id}"\\)\\s+\\.name\\("${id}"\\)\\s+\\.setParallelism\\(2\\)`), id);
    }
    for (const piece of [
      "features.rebalance()",
      "texts.forward()",
      'classify.keyBy(record -> key(record.get("language")), Types.STRING)',
      "TumblingEventTimeWindows.of(Duration.ofMillis(5000))",
      "AsyncDataStream.orderedWait(",
      'options.getOrDefault("texts.rate", "600")',
    ]) {
      assert.ok(program.includes(piece), piece);
    }
    const settings = read("conf/config.yaml");
    for (const line of [
      "execution.checkpointing.interval: 1s",
      "restart-strategy.exponential-delay.initial-backoff: 100ms",
      "restart-strategy.exponential-delay.max-backoff: 5s",
      "jobmanager.execution.failover-strategy: region",
      "taskmanager.numberOfTaskSlots: 1",
    ]) {
      assert.ok(settings.split("\n").includes(line), line);
    }
    const places = read("src/main/java/job/Functions.java");
    for (const place of ["toFeatures", "request", "response"])
      assert.ok(places.includes(`// YOURS: functions/messages.ts#${place}`), place);
    assert.ok(existsSync(path.join(directory, "src/main/proto/open_inference_grpc.proto")));
  });

  it("writes a Triton repository with the same batching and instances", async () => {
    const { read, directory } = await exported("triton");
    const config = read("langid/config.pbtxt");
    for (const piece of [
      "max_batch_size: 32",
      "max_queue_delay_microseconds: 2000",
      "count: 2",
      'name: "ngrams"\n    data_type: TYPE_INT32\n    dims: [ 256 ]',
      'name: "probabilities"\n    data_type: TYPE_FP32\n    dims: [ 13 ]',
    ]) {
      assert.ok(config.includes(piece), piece);
    }
    assert.deepEqual(
      readFileSync(path.join(directory, "langid/1/model.onnx")),
      readFileSync(path.join(EXAMPLE, "../model/langid.onnx")),
    );
  });

  it("writes KServe manifests with a replica for each instance", async () => {
    const { read } = await exported("kserve");
    const manifest = read("langid.inference-service.yaml");
    assert.match(manifest, /minReplicas: 2\n {4}maxReplicas: 2/);
    assert.match(manifest, /protocolVersion: v2/);
    assert.match(read("model-repository/langid/langid/config.pbtxt"), /count: 1/);
  });

  it("writes several services side by side, each with its own batching, instances and models", async () => {
    const model = path.join(EXAMPLE, "../model/langid.onnx");
    const several = (services: object): string => {
      const file = path.join(folder, "several.faultline.json");
      const { operators, edges } = SOURCE_AND_SINK;
      writeFileSync(file, JSON.stringify({ name: "several", services, operators, edges }));
      return file;
    };
    const two = several({
      first: { model, parallelism: 3, device: "cpu", batching: { maxSize: 8, maxDelay: "5ms" } },
      second_one: {
        models: { small: model, large: model },
        parallelism: 1,
        device: "cuda:1",
        batching: { maxSize: 64, maxDelay: "0ms" },
      },
    });
    const write = async (target: "triton" | "kserve", jobFile: string): Promise<(name: string) => string> => {
      const directory = path.join(folder, `several-${target}`);
      await exportJob({ jobFile, target, directory, force: true });
      return (name) => readFileSync(path.join(directory, name), "utf8");
    };
    const triton = await write("triton", two);
    assert.match(
      triton("first/config.pbtxt"),
      /max_batch_size: 8\n[\s\S]*count: 3\n {4}kind: KIND_CPU[\s\S]*max_queue_delay_microseconds: 5000/,
    );
    for (const name of ["small", "large"])
      assert.match(
        triton(`${name}/config.pbtxt`),
        /max_batch_size: 64\n[\s\S]*count: 1\n {4}kind: KIND_GPU\n {4}gpus: \[ 1 \]/,
      );
    assert.match(triton("README.md"), /- service first: model first\n- service second_one: models small, large\n/);
    const kserve = await write("kserve", two);
    assert.match(kserve("first.inference-service.yaml"), /minReplicas: 3\n/);
    assert.match(kserve("second-one.inference-service.yaml"), /minReplicas: 1\n[\s\S]*nvidia.com\/gpu/);
    assert.match(kserve("model-repository/second-one/large/config.pbtxt"), /max_batch_size: 64/);
    const refused = (error: unknown): boolean => error instanceof FaultlineError && error.code === "FL5020";
    // One model name, served in two ways: neither may silently win.
    const clash = several({
      one: { models: { m: model }, parallelism: 1 },
      two: { models: { m: model }, parallelism: 2 },
    });
    await assert.rejects(write("triton", clash), refused);
    await write("kserve", clash);
    await assert.rejects(write("kserve", several({ a_b: { model }, "a-b": { model } })), refused);
  });

  it("writes into no folder that has something in it, unless told to", async () => {
    const directory = path.join(folder, "taken");
    mkdirSync(directory);
    writeFileSync(path.join(directory, "mine.txt"), "mine");
    const options = { jobFile: EXAMPLE, target: "triton", directory } as const;
    await assert.rejects(
      exportJob({ ...options, force: false }),
      (error) => error instanceof FaultlineError && error.code === "FL2001",
    );
    await exportJob({ ...options, force: true });
    assert.equal(readFileSync(path.join(directory, "mine.txt"), "utf8"), "mine");
    assert.ok(existsSync(path.join(directory, "langid/config.pbtxt")));
  });

  it("says what the DataStream API cannot express", () => {
    const job = jobOf({
      name: "two keys",
      operators: {
        a: { type: "source", connector: "generator", limit: 10 },
        b: { type: "source", connector: "generator", limit: 10 },
        w: { type: "window", window: { type: "tumbling", size: "1s", time: "processing" }, aggregate: "count" },
        s: { type: "sink", connector: "blackhole" },
      },
      edges: [
        { from: "a", to: "w", ship: "HASH", key: "seq" },
        { from: "b", to: "w", ship: "HASH", key: "other" },
        { from: "w", to: "s" },
      ],
    });
    assert.throws(
      () => flinkProgram(job, new Map()),
      (error) => error instanceof FaultlineError && error.code === "FL5020" && /several keys/.test(error.message),
    );
  });

  it("says what only Faultline runs: deadlines of records, and services of code", async () => {
    const services = { m: { model: "m.onnx" } };
    const operators = {
      a: { type: "source", connector: "generator", limit: 10 },
      ask: { type: "rpc", service: "m", deadline: "until" },
      s: { type: "sink", connector: "blackhole" },
    };
    const edges = [
      { from: "a", to: "ask" },
      { from: "ask", to: "s" },
    ];
    const refusal = (text: RegExp) => (error: unknown) =>
      error instanceof FaultlineError && error.code === "FL5020" && text.test(error.message);
    assert.throws(
      () => flinkProgram(jobOf({ services, operators, edges }), new Map()),
      refusal(/a deadline of each record/),
    );
    const folder = mkdtempSync(path.join(tmpdir(), "faultline-test-"));
    const jobFile = path.join(folder, "code.faultline.json");
    writeFileSync(
      jobFile,
      JSON.stringify({
        services: { m: { function: "f.ts#f" } },
        operators: { ...operators, ask: { type: "rpc", service: "m" } },
        edges,
      }),
    );
    try {
      for (const target of ["flink", "triton", "kserve"] as const)
        await assert.rejects(
          exportJob({ jobFile, target, directory: path.join(folder, target), force: false }),
          refusal(/runs code/),
        );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("lets no text of a job file out of its Java literal or comment", () => {
    const job = jobOf({
      name: '*/ "); System.exit(1); // \\u0022 \n',
      operators: {
        a: { type: "source", connector: "generator", limit: 10, name: 'quote " and \\ and \u2028' },
        s: { type: "sink", connector: "blackhole" },
      },
      edges: [{ from: "a", to: "s" }],
    });
    const { job: java } = flinkProgram(job, new Map());
    assert.ok(java.includes('env.execute("*/ \\"); System.exit(1); // \\\\u0022 \\n");'));
    assert.ok(java.includes('.name("quote \\" and \\\\ and \\u2028")'));
    const comments = java.match(/\/\*\*[\s\S]*?\*\//g) ?? [];
    assert.ok(comments.every((comment) => !comment.slice(0, -2).includes("*/")));
  });

  it("reads a model's inputs and outputs from its bytes", () => {
    const bytes = readFileSync(path.join(EXAMPLE, "../model/langid.onnx"));
    const signature = onnxSignature(bytes, "langid.onnx");
    assert.deepEqual(signature.inputs, [{ name: "ngrams", type: "INT32", shape: [-1, 256] }]);
    assert.deepEqual(signature.outputs, [{ name: "probabilities", type: "FP32", shape: [-1, 13] }]);
    for (const cut of [0, 10, 1000]) {
      assert.throws(
        () => onnxSignature(bytes.subarray(0, cut), "cut.onnx"),
        (error) => error instanceof FaultlineError && error.code === "FL3002",
      );
    }
  });
});
