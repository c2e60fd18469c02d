/** The same model and the same job run in four ways, one word changed (and, for `external`, where the instances are). */
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { once } from "node:events";
import type { Deployment } from "../../simulator/graph/jobFile";
import { EXAMPLE, Workspace, type RunUnderTest } from "./faultlineCli";
import { join } from "node:path";

interface Message {
  readonly id: number;
  readonly confidence: number;
}

/**
 * ONNX Runtime sums in another order when a batch has another size, so that the last bits of a number depend on who happened to share its
 * batch: 0.99377537 and 0.99377549 have been seen for one text.
 */
const LAST_BITS = 1e-5;

/** What the job said of each message, in the order of their ids. */
function messages(run: RunUnderTest): Message[] {
  return (run.committed("messages") as unknown as Message[]).sort((a, b) => a.id - b.id);
}

describe("one job under four deployments", function () {
  this.timeout(120_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("gives the same output, and runs the model where each says", async () => {
    const served = workspace.start(
      "serve",
      join(EXAMPLE, "..", "model", "langid.onnx"),
      "--device",
      "cpu",
      "--format",
      "json",
    );
    const [line] = (await once(createInterface({ input: served.child.stdout! }), "line")) as [string];
    const { address, token } = JSON.parse(line) as { address: string; token: string };
    const run = (deployment: Deployment): RunUnderTest =>
      workspace.run(
        workspace.exampleJob((job) => {
          Object.assign(job.services.langid, { deployment, device: "cpu" });
          if (deployment === "external") Object.assign(job.services.langid, { addresses: [address], token });
          delete job.operators.texts.rate;
          job.operators.texts.limit = 2_000;
        }),
      );
    const outputs = new Map<Deployment, Message[]>();
    for (const deployment of ["embedded", "sidecar", "rpc-service", "external"] as const) {
      const running = run(deployment);
      const report = await running.report();
      assert.equal(report.run.state, "FINISHED", `${deployment}: ${JSON.stringify(report.run.cause)}`);
      assert.deepEqual(
        [report.run.deployment, report.records.lost, report.records.duplicated, report.rpc.failed],
        [deployment, 0, 0, 0],
      );
      const instances = running.of("process.started").filter(({ process }) => process.startsWith("service:"));
      assert.equal(instances.length, deployment === "sidecar" || deployment === "rpc-service" ? 2 : 0, deployment);
      const loaded = running.of("instance.phase").filter(({ phase }) => phase === "LOADING");
      assert.equal(loaded.length, deployment === "external" ? 0 : 2, deployment);
      // Who answered is told wherever this job can see it.
      const answered = report.services
        .flatMap(({ instances }) => instances)
        .reduce((sum, one) => sum + one.requests, 0);
      assert.equal(answered, deployment === "external" ? 0 : 2_000, deployment);
      outputs.set(deployment, messages(running));
    }
    const expected = outputs.get("rpc-service") ?? [];
    assert.equal(expected.length, 2_000);
    const exact = (rows: readonly Message[]) => rows.map((row) => ({ ...row, confidence: undefined }));
    for (const [deployment, output] of outputs) {
      assert.deepEqual(exact(output), exact(expected), deployment);
      for (const [at, { id, confidence }] of output.entries()) {
        const other = expected[at]?.confidence ?? NaN;
        assert.ok(
          Math.abs(confidence - other) <= LAST_BITS,
          `${deployment}, message ${id}: ${confidence} and ${other}`,
        );
      }
    }
    served.child.kill("SIGTERM");
    assert.equal(await served.exit, 0, "serve ends by itself");
  });
});
