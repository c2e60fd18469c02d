import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { jobFileDocs } from "../../simulator/graph/jobFileDocs";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const PAGE = path.join(__dirname, "../../docs/job-file.md");

describe("docs/job-file.md", () => {
  it("is what the schema says; `npx tsx scripts/writeDocs.ts` writes it", () => {
    assert.equal(readFileSync(PAGE, "utf8"), jobFileDocs());
  });

  it("holds an example that is a job", () => {
    const [, example] = /```jsonc\n([^]*?)```/.exec(jobFileDocs()) ?? assert.fail("there is an example");
    assert.deepEqual(parseJobFile(example, "/jobs/example.faultline.json").problems, []);
  });
});
