/** The catalogue of faults: one entry says everything, and what is made from it agrees with it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { FAULT_CHOICES } from "../../extension/runs/faultChoices";
import { checkAvailable, FAULT_CATALOGUE, findFault } from "../../simulator/faults/catalogue";
import { EXPERIMENT_SCHEMA } from "../../simulator/faults/experimentSchema";
import { faultDocs } from "../../simulator/faults/faultDocs";
import type { FaultParameter } from "../../simulator/faults/faultParameter";
import { formatParameter, parameterValues, readParameter } from "../../simulator/faults/faultParameter";
import { linkProcesses, matchLinks, matchTargets, parseFaultTarget } from "../../simulator/faults/faultTarget";
import { FaultlineError } from "../../simulator/graph/errors";

const code = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof FaultlineError) return error.code;
    throw error;
  }
  return "none";
};

describe("the catalogue of faults", () => {
  it("names are kebab-case and unique; a parameter's default is inside its own limits", () => {
    const names = FAULT_CATALOGUE.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const fault of FAULT_CATALOGUE) {
      assert.match(fault.name, /^[a-z]+(-[a-z]+)*$/);
      assert.ok(fault.targets.length > 0, fault.name);
      for (const parameter of fault.parameters) {
        const written = formatParameter(parameter.unit, parameter.default);
        assert.equal(readParameter(parameter, written), parameter.default, `${fault.name}.${parameter.name} = ${written}`);
      }
      // What lasts can be ended by hand and by itself.
      assert.equal(fault.heal !== undefined, fault.parameters.some(({ name }) => name === "duration"), fault.name);
    }
  });

  it("docs/faults.md is what the catalogue says; `npx tsx scripts/writeDocs.ts` writes it", () => {
    assert.equal(readFileSync(path.join(__dirname, "../../docs/faults.md"), "utf8"), faultDocs());
  });

  it("the schema of experiments and the editor's pickers have every fault and parameter", () => {
    const { fault, set } = EXPERIMENT_SCHEMA.properties?.faults?.items?.properties ?? {};
    assert.deepEqual(fault?.enum, FAULT_CATALOGUE.map(({ name }) => name));
    for (const one of FAULT_CATALOGUE) {
      for (const { name } of one.parameters) assert.match(set?.properties?.[name]?.description ?? "", new RegExp(one.name));
      const choice = FAULT_CHOICES.find((candidate) => candidate.fault === one.name);
      assert.deepEqual(choice?.parameters.map(({ name }) => name), one.parameters.map(({ name }) => name));
    }
  });

  it("a fault that cannot act on a machine says why", () => {
    const bare = { platform: "win32", addressSpaceLimit: false, fullDevice: false, failingDevice: false, stopSignals: false };
    assert.equal(code(() => checkAvailable(findFault("hang"), bare)), "FL1033");
    assert.equal(code(() => checkAvailable(findFault("crash"), bare)), "none");
    assert.equal(code(() => findFault("crush")), "FL1030");
  });
});

describe("parameters of faults", () => {
  const parameter = (unit: FaultParameter["unit"], more: Partial<FaultParameter> = {}): FaultParameter => ({ name: "p", description: "", unit, default: 0, ...more });

  it("are read in every unit", () => {
    assert.equal(readParameter(parameter("ms"), "1.5s"), 1500);
    assert.equal(readParameter(parameter("ms"), 20), 20);
    assert.equal(readParameter(parameter("bytes"), "64 KiB"), 65_536);
    assert.equal(readParameter(parameter("bytes/s"), "1MB/s"), 1e6);
    assert.equal(readParameter(parameter("ratio"), "50%"), 0.5);
    assert.equal(readParameter(parameter("count"), "3"), 3);
    assert.equal(readParameter(parameter("text", { values: ["a", "b"] }), "b"), "b");
  });

  it("say what is wrong: FL1024 for what cannot be read, FL1032 for what is out of range", () => {
    const problem = (one: FaultParameter, given: unknown): unknown => (readParameter(one, given) as { code?: string }).code;
    assert.equal(problem(parameter("ms"), "2 lightyears"), "FL1024");
    assert.equal(problem(parameter("bytes"), "ten"), "FL1024");
    assert.equal(problem(parameter("count"), "1.5"), "FL1024");
    assert.equal(problem(parameter("count"), true), "FL1024");
    assert.equal(problem(parameter("ratio", { minimum: 0, maximum: 1 }), "120%"), "FL1032");
    assert.equal(problem(parameter("ms", { maximum: 1000 }), "1m"), "FL1032");
    assert.equal(problem(parameter("text", { values: ["a", "b"] }), "c"), "FL1032");
    assert.equal(code(() => parameterValues(findFault("hang"), { dura: "1s" })), "FL1032");
    assert.deepEqual(parameterValues(findFault("hang"), { duration: "1s" }), { duration: 1000 });
  });
});

describe("targets of faults", () => {
  const targets = ["service:langid#0", "service:langid#1", "taskmanager:0", "taskmanager:1", "coordinator", "task:texts#0"];

  it("a pattern names those that it fits; one that fits none is FL1031", () => {
    assert.deepEqual(matchTargets("service:*", targets), ["service:langid#0", "service:langid#1"]);
    assert.equal(code(() => matchTargets("service:nope#*", targets)), "FL1031");
    assert.equal(code(() => matchTargets("service:langid#7", targets)), "FL1031");
  });

  it("links join a TaskManager and a service, two TaskManagers, or the coordinator and any", () => {
    assert.deepEqual(matchLinks("link:taskmanager:*->service:langid#1", targets), ["link:taskmanager:0->service:langid#1", "link:taskmanager:1->service:langid#1"]);
    assert.deepEqual(matchLinks("link:taskmanager:0->taskmanager:*", targets), ["link:taskmanager:0->taskmanager:1"]);
    assert.equal(matchLinks("link:*->coordinator", targets).length, 4);
    assert.equal(code(() => matchLinks("link:service:langid#0->service:langid#1", targets)), "FL1033");
    assert.equal(code(() => matchLinks("link:taskmanager:9->coordinator", targets)), "FL1031");
    const ends = (text: string): readonly string[] => linkProcesses(parseFaultTarget(text) as never);
    assert.deepEqual(ends("link:service:langid#0->taskmanager:1"), ["taskmanager:1"]);
    assert.deepEqual(ends("link:taskmanager:0->taskmanager:1"), ["taskmanager:0", "taskmanager:1"]);
    assert.deepEqual(ends("link:coordinator->service:langid#0"), ["service:langid#0"]);
  });
});
