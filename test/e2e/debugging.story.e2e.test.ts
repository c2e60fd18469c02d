/** F5 on a job: breakpoints in a person's own functions, in every TaskManager, also in one that was started again. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertAllPassed, runExtensionHostTests } from "./harness/extensionHostTests";
import { VscodeServer } from "./harness/vscodeServer";
import { REPOSITORY, extensionVsix } from "./extensionVsix";

const JOB = "language-detection.faultline.json";

describe("debugging a job in VS Code", function () {
  this.timeout(240_000);
  let server: VscodeServer;

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
    });
    const job = join(server.workspace, JOB);
    writeFileSync(job, readFileSync(job, "utf8").replace('"format": "ndjson"', '"format": "ndjson", "repeat": 100'));
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], [], "nothing that the debugger started outlives it");
  });

  it("stops in both TaskManagers, and again in one that was killed", () => runInside("debugging.ts"));

  it("stops at nodes and edges of the job file, and goes on record by record", () => runInside("streamDebugging.ts"));

  async function runInside(file: string): Promise<void> {
    const result = await runExtensionHostTests(server, {
      files: [join(__dirname, "extensionHost", file)],
      testLimitMs: 60_000,
      limitMs: 200_000,
    });
    for (const { title, durationMs } of result.tests)
      process.stdout.write(`      ${title}: ${Math.round(durationMs)} ms\n`);
    for (const line of result.log.filter((one) => one.includes("debugging:"))) process.stdout.write(`      ${line}\n`);
    assertAllPassed(result);
  }
});
