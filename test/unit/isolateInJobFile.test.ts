/** The edit that takes a model out of its task: it keeps the file's comments, and the edited file has the graph that was shown. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applyEdits } from "jsonc-parser";
import { isolateInJobFile } from "../../extension/language/isolateInJobFile";
import { analyzeJob, describeAnalyzed } from "../../simulator/graph/describeGraph";
import { FaultlineError } from "../../simulator/graph/errors";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const FOLDER = join(__dirname, "../../examples/language-detection");
const FILE = join(FOLDER, "language-detection.faultline.json");
const EXAMPLE = readFileSync(FILE, "utf8");
const EMBEDDED = EXAMPLE.replace('"deployment": "rpc-service"', '"deployment": "embedded"');
const SPACES = { tabSize: 2, insertSpaces: true };

describe("isolating a model in the job file", () => {
  it("gives an embedded model a deployment of its own, and nothing else changes", () => {
    const { edits, changes, after } = isolateInJobFile(EMBEDDED, FILE, "classify", SPACES);
    const edited = applyEdits(EMBEDDED, [...edits]);
    assert.equal(edited, EXAMPLE);
    assert.deepEqual(changes, ['The deployment of "langid" becomes rpc-service; it was embedded.']);
    assert.deepEqual(
      after.vertices.filter(({ kind }) => kind === "service").map(({ id }) => id),
      ["langid"],
    );
    const { job } = parseJobFile(edited, FILE);
    assert.ok(job !== undefined);
    assert.deepEqual(after, describeAnalyzed(analyzeJob(job)));
  });

  it("makes an operator that computes by itself the client of a new service", () => {
    const { edits, changes, after } = isolateInJobFile(EXAMPLE, FILE, "features", SPACES);
    const edited = applyEdits(EXAMPLE, [...edits]);
    const { job, problems } = parseJobFile(edited, FILE);
    assert.deepEqual(
      problems.filter(({ severity }) => severity !== "warning"),
      [],
    );
    assert.ok(job !== undefined);
    assert.equal(job.operators.find(({ id }) => id === "features")?.kind, "rpc");
    assert.ok(edited.includes("// Every message once more by itself"), "comments stay");
    assert.equal(changes.length, 2);
    const services = (graph: typeof after): string[] =>
      graph.vertices.filter(({ kind }) => kind === "service").map(({ id }) => id);
    assert.deepEqual(services(after).sort(), services(describeAnalyzed(analyzeJob(job))).sort());
  });

  it("refuses what cannot be a service, or is one", () => {
    for (const [operator, code] of [
      ["classify", "FL1015"],
      ["texts", "FL1015"],
      ["counts", "FL1015"],
      ["nothing", "FL1010"],
    ] as const) {
      assert.throws(
        () => isolateInJobFile(EXAMPLE, FILE, operator, SPACES),
        (error) => error instanceof FaultlineError && error.code === code,
        operator,
      );
    }
  });
});
