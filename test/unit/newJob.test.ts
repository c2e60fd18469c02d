import { strict as assert } from "node:assert";
import { functionJobFiles } from "../../extension/newJob/functionJob";
import { moduleExports } from "../../extension/language/moduleExports";
import { analyzeJob, describeAnalyzed } from "../../simulator/graph/describeGraph";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

describe("a new job", () => {
  const files = functionJobFiles("readings-of-today");

  it("has nothing that the validator complains of, and two regions less than tasks", () => {
    const { job, problems } = parseJobFile(files["readings-of-today.faultline.json"] ?? "", "/job/x.faultline.json");
    assert.deepEqual(problems, []);
    assert.ok(job);
    assert.equal(job.name, "readings-of-today");
    assert.equal(describeAnalyzed(analyzeJob(job)).regions.length, 1);
  });

  it("names only functions that its module exports", () => {
    const exported = moduleExports(files["functions/readings.ts"] ?? "").map(({ name }) => name);
    const named = [...(files["readings-of-today.faultline.json"] ?? "").matchAll(/readings\.ts#(\w+)/g)].map(
      ([, name]) => name,
    );
    assert.ok(named.length >= 2);
    for (const name of named) assert.ok(exported.includes(name ?? ""), name);
  });
});
