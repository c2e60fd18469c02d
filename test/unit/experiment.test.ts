/** Experiments: read with the place of every finding, and judged by what was measured. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judge } from "../../simulator/faults/verdict";
import type { RunMeasures } from "../../simulator/faults/verdict";
import { parseExperiment } from "../../simulator/faults/parseExperiment";

const FOLDER = join(__dirname, "../../examples/language-detection/experiments");
const FILE = "/experiments/x.experiment.json";
const valid = {
  job: "../job.faultline.json",
  faults: [{ fault: "crash", target: "service:langid#1", after: "2s" }],
  hypothesis: [{ probe: "recordsLost", equals: 0 }],
};

describe("experiment files", () => {
  it("those of the example are read without a finding", () => {
    const names = readdirSync(FOLDER).filter((name) => name.endsWith(".experiment.json"));
    assert.ok(names.length >= 8);
    for (const name of names) {
      const { experiment, problems } = parseExperiment(readFileSync(join(FOLDER, name), "utf8"), join(FOLDER, name));
      assert.deepEqual(problems, [], name);
      const job = name.startsWith("batch-") ? "../batch.faultline.json" : "../language-detection.faultline.json";
      assert.equal(experiment?.jobFile, join(FOLDER, job));
    }
  });

  const bad: readonly (readonly [string, object, string, RegExp])[] = [
    ["an unknown fault", { ...valid, faults: [{ ...valid.faults[0], fault: "crush" }] }, "FL1030", /faults\[0\]\.fault/],
    ["an unknown target", { ...valid, faults: [{ ...valid.faults[0], target: "langid" }] }, "FL1031", /faults\[0\]\.target/],
    ["a target on which the fault cannot act", { ...valid, faults: [{ ...valid.faults[0], target: "task:a#0" }] }, "FL1033", /faults\[0\]\.target/],
    ["a parameter that the fault does not have", { ...valid, faults: [{ ...valid.faults[0], set: { hard: 1 } }] }, "FL1032", /faults\[0\]\.set\.hard/],
    ["a unit that is none", { ...valid, faults: [{ ...valid.faults[0], after: "2 lightyears" }] }, "FL1024", /faults\[0\]\.after/],
    ["a fault after the end", { ...valid, duration: "1s" }, "FL1032", /faults\[0\]\.after/],
    ["a fault without a time", { ...valid, faults: [{ fault: "crash", target: "coordinator" }] }, "FL1003", /faults\[0\]/],
    ["a fault with two times", { ...valid, faults: [{ ...valid.faults[0], atCheckpoint: 1 }] }, "FL1003", /faults\[0\]/],
    ["an unknown probe", { ...valid, hypothesis: [{ probe: "happiness", equals: 1 }] }, "FL1003", /hypothesis\[0\]\.probe/],
    ["a hypothesis with nothing to compare", { ...valid, hypothesis: [{ probe: "p99Ms" }] }, "FL1003", /hypothesis\[0\]/],
    ["no hypothesis", { ...valid, hypothesis: [] }, "FL1003", /hypothesis/],
  ];
  for (const [what, content, code, element] of bad) {
    it(`${what}: ${code}, with its place`, () => {
      const { experiment, problems } = parseExperiment(JSON.stringify(content, undefined, 2), FILE);
      assert.equal(experiment, undefined);
      const found = problems.find((problem) => problem.code === code);
      assert.ok(found, JSON.stringify(problems));
      assert.match(found.location?.element ?? "", element);
      assert.ok((found.location?.line ?? 0) > 0);
    });
  }
});

describe("verdicts", () => {
  const measures = { report: { rpc: { p99Ms: null, failed: 3 }, records: { lost: 0 }, failures: [] }, modelsLoaded: 2, peakMemoryBytes: 5 } as unknown as RunMeasures;
  const hypothesis = { name: "h", equals: undefined, atMost: undefined, atLeast: undefined, inControl: true, location: undefined };

  it("a bound holds up to itself", () => {
    assert.equal(judge({ ...hypothesis, probe: "callsFailed", atMost: 3 }, measures).held, true);
    assert.equal(judge({ ...hypothesis, probe: "callsFailed", atMost: 2 }, measures).held, false);
    assert.equal(judge({ ...hypothesis, probe: "modelsLoaded", atLeast: 2 }, measures).held, true);
  });

  it("what could not be measured has not held", () => {
    const { held, observed } = judge({ ...hypothesis, probe: "p99Ms", atMost: 1_000_000 }, measures);
    assert.equal(held, false);
    assert.equal(observed, null);
  });

  it("reads what a real Flink runs", () => {
    const common = { faults: [{ fault: "crash", target: "taskmanager:0", after: "5s" }], hypothesis: [{ probe: "recoveryMs", atMost: 1000 }] };
    const read = (more: object) => parseExperiment(JSON.stringify({ ...common, ...more }), "/folder/x.experiment.json");
    const { experiment, problems } = read({
      engine: "flink",
      flink: {
        jar: "job.jar",
        settings: { "execution.checkpointing.interval": "2s", "restart-strategy.fixed-delay.attempts": 3 },
        services: [{ model: "m.onnx", instances: 2, argument: "--m.addresses" }],
      },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(experiment?.flink, {
      program: { kind: "jar", path: "/folder/job.jar", entryClass: undefined, arguments: [] },
      parallelism: undefined,
      taskManagers: 2,
      slots: 2,
      settings: { "execution.checkpointing.interval": "2s", "restart-strategy.fixed-delay.attempts": "3" },
      services: [{ model: "/folder/m.onnx", name: undefined, instances: 2, argument: "--m.addresses" }],
    });
    for (const wrong of [{}, { engine: "flink" }, { engine: "flink", flink: {} }, { engine: "flink", flink: { jar: "a.jar", sql: "a.sql" } }]) {
      const found = read(wrong);
      assert.equal(found.experiment, undefined, JSON.stringify(wrong));
      assert.equal(found.problems[0]?.code, "FL1003");
    }
  });
});
