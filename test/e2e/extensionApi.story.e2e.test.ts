/** The API-level tests of the installed extension, inside the real extension host. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { assertAllPassed, runExtensionHostTests } from "./harness/extensionHostTests";
import { VscodeServer } from "./harness/vscodeServer";
import { REPOSITORY, extensionVsix } from "./extensionVsix";

describe("the extension in the extension host", function () {
  this.timeout(180_000);
  let server: VscodeServer;

  before(async () => {
    server = await VscodeServer.start({
      workspace: { kind: "copy", from: join(REPOSITORY, "examples", "language-detection") },
      vsix: [await extensionVsix()],
    });
    // A workspace with experiments wakes the extension up, so that the Test Explorer shows them.
    rmSync(join(server.workspace, "experiments"), { recursive: true });
  });

  after(async () => {
    const report = await server?.dispose();
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  it("wakes up lightly: one file is loaded, and nothing runs on", () => runInside("activation.ts"));

  it("passes its own tests there", () => runInside("jobFileEditing.ts"));

  it("answers a language model that calls its tools, and leaves nothing behind", () =>
    runInside("languageModelTools.ts"));

  async function runInside(file: string): Promise<void> {
    const result = await runExtensionHostTests(server, {
      files: [join(__dirname, "extensionHost", file)],
      testLimitMs: 70_000,
      limitMs: 170_000,
    });
    for (const { title, durationMs } of result.tests)
      process.stdout.write(`      ${title}: ${Math.round(durationMs)} ms\n`);
    for (const line of result.log.filter((one) => one.includes("activation:"))) process.stdout.write(`      ${line}\n`);
    assertAllPassed(result);
  }
});
