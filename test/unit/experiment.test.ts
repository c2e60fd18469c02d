/** Experiments: read with the place of every finding, and judged by what was measured. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judge } from "../../simulator/faults/verdict";
import type { HypothesisResult, RunMeasures } from "../../simulator/faults/verdict";
import { junitXml } from "../../simulator/cli/junitXml";
import type { ExperimentResult } from "../../simulator/client/runExperiment";
import { randomTimes } from "../../simulator/faults/randomTimes";
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
    ["random faults after the end", { ...valid, duration: "1s", faults: [{ fault: "crash", target: "coordinator", random: { count: 9, every: "1s" } }] }, "FL1032", /faults\[0\]\.random/],
    ["a fault that lasts beyond the end", { ...valid, duration: "5s", faults: [{ ...valid.faults[0], fault: "hang", set: { duration: "4s" } }] }, "FL1032", /faults\[0\]\.set\.duration/],
    ["a fault without a time", { ...valid, faults: [{ fault: "crash", target: "coordinator" }] }, "FL1003", /faults\[0\]/],
    ["a fault with two times", { ...valid, faults: [{ ...valid.faults[0], atCheckpoint: 1 }] }, "FL1003", /faults\[0\]/],
    ["an unknown probe", { ...valid, hypothesis: [{ probe: "happiness", equals: 1 }] }, "FL1003", /hypothesis\[0\]\.probe/],
    ["a hypothesis with nothing to compare", { ...valid, hypothesis: [{ probe: "p99Ms" }] }, "FL1003", /hypothesis\[0\]/],
    ["a unit that no parameter has", { ...valid, faults: [{ ...valid.faults[0], fault: "slow-inference", set: { delay: "5 parsecs" } }] }, "FL1024", /faults\[0\]\.set\.delay/],
    ["a parameter out of range", { ...valid, faults: [{ ...valid.faults[0], fault: "wrong-output", set: { probability: "130%" } }] }, "FL1032", /faults\[0\]\.set\.probability/],
    ["a window of what has none", { ...valid, hypothesis: [{ probe: "recordsLost", equals: 0, during: "after" }] }, "FL1003", /hypothesis\[0\]\.during/],
    ["names of what has none", { ...valid, hypothesis: [{ probe: "recordsLost", equals: 0, of: "a#0" }] }, "FL1003", /hypothesis\[0\]\.of/],
    ["a command that is not said", { ...valid, hypothesis: [{ probe: "commandExit", equals: 0 }] }, "FL1003", /hypothesis\[0\]/],
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

describe("faults at random", () => {
  it("a seed replays the same schedule, and another one another", () => {
    const trigger = { kind: "random" as const, count: 5, meanMs: 1000, seed: 7 };
    assert.deepEqual(randomTimes(trigger), randomTimes(trigger));
    assert.notDeepEqual(randomTimes(trigger), randomTimes({ ...trigger, seed: 8 }));
    const times = randomTimes({ ...trigger, count: 2000 });
    assert.ok(Math.abs((times.at(-1)?.atMs ?? 0) / 2000 - 1000) < 100, "the mean is what was asked for");
    assert.ok(times.every(({ pick }) => pick >= 0 && pick < 1));
  });
});

describe("verdicts", () => {
  const measures = { report: { rpc: { p99Ms: null, failed: 3 }, records: { lost: 0 }, failures: [] }, modelsLoaded: 2, peakMemory: new Map([["taskmanager:0", 5], ["coordinator", 9]]), commandExits: new Map([["true", 0]]) } as unknown as RunMeasures;
  const hypothesis = { name: "h", equals: undefined, atMost: undefined, atLeast: undefined, inControl: true, location: undefined, of: undefined, during: "run" as const, command: undefined, mustFail: false };

  it("a bound holds up to itself", () => {
    assert.equal(judge({ ...hypothesis, probe: "callsFailed", atMost: 3 }, measures).held, true);
    assert.equal(judge({ ...hypothesis, probe: "callsFailed", atMost: 2 }, measures).held, false);
    assert.equal(judge({ ...hypothesis, probe: "modelsLoaded", atLeast: 2 }, measures).held, true);
  });

  it("a process, and a person's own command", () => {
    assert.equal(judge({ ...hypothesis, probe: "peakMemoryBytes", of: "taskmanager:*", atMost: 5 }, measures).held, true);
    assert.equal(judge({ ...hypothesis, probe: "peakMemoryBytes", atMost: 5 }, measures).held, false);
    assert.equal(judge({ ...hypothesis, probe: "commandExit", command: "true", equals: 0 }, measures).held, true);
    assert.equal(judge({ ...hypothesis, probe: "commandExit", command: "false", equals: 0 }, measures).held, false);
  });

  it("JUnit: what the faults have to break passes when it is broken, and fails when it holds or could not be measured", () => {
    const suite = (results: readonly HypothesisResult[]): string => junitXml([{ experiment: "twin", held: false, asExpected: true, reasons: [], hypothesis: results, report: { run: { durationMs: 1000 } } } as unknown as ExperimentResult]);
    const broken = { ...judge({ ...hypothesis, probe: "callsFailed", equals: 0, mustFail: true }, measures) };
    assert.deepEqual([broken.held, broken.mustFail], [false, true]);
    assert.match(suite([broken]), /tests="1" failures="0"/);
    assert.match(suite([{ ...broken, held: true, observed: 0 }]), /failures="1"[^]*held, though the faults have to break it/);
    assert.match(suite([{ ...broken, observed: null }]), /failures="1"/);
    assert.match(suite([{ ...broken, mustFail: false }]), /failures="1"/);
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
      settings: { "execution.checkpointing.interval": "2s", "restart-strategy.fixed-delay.attempts": "3" },
      cluster: { kind: "started", taskManagers: 2, slots: 2 },
      services: [{ name: "m", model: "/folder/m.onnx", deployment: "external", instances: 2, argument: "--m.addresses", loadDelayMs: 0 }],
    });
    const python = read({ engine: "flink", flink: { python: "job.py", interpreter: "venv/bin/python" } });
    assert.deepEqual(python.experiment?.flink?.program, { kind: "python", path: "/folder/job.py", interpreter: "/folder/venv/bin/python", arguments: [] });
    for (const wrong of [{}, { engine: "flink" }, { engine: "flink", flink: {} }, { engine: "flink", flink: { jar: "a.jar", sql: "a.sql" } }]) {
      const found = read(wrong);
      assert.equal(found.experiment, undefined, JSON.stringify(wrong));
      assert.equal(found.problems[0]?.code, "FL1003");
    }
  });
});
