/** `faultline simulate`: its JSON depends on the job file and what was asked for alone; bad input has a code and exit 2. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { EXAMPLE, Workspace } from "./faultlineCli";

const ASKED = ["--duration", "30s", "--seeds", "1", "--rate", "50", "--load-time", "2s", "--fault-every", "5s", "--repair", "2s"];

describe("faultline simulate", function () {
  this.timeout(60_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("prints the same JSON for the same seed, and other JSON for another one", async () => {
    const simulate = (seed: string): ReturnType<Workspace["cli"]> => workspace.cli("simulate", EXAMPLE, ...ASKED, "--seed", seed, "--format", "json");
    const [first, again, other] = [await simulate("7"), await simulate("7"), await simulate("8")];
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout, again.stdout);
    assert.notEqual(first.stdout, other.stdout);
    const { results } = JSON.parse(first.stdout) as { results: { deployment: string; faults: { mean: number } }[] };
    assert.deepEqual([...new Set(results.map(({ deployment }) => deployment))], ["embedded", "sidecar", "rpc-service", "external"]);
    assert.ok(results.every(({ faults }) => faults.mean >= 3));
  });

  it("sweeps, and writes a chart", async () => {
    const chart = workspace.path("sweep.html");
    const { code, stdout } = await workspace.cli("simulate", EXAMPLE, ...ASKED, "--deployments", "rpc-service", "--strategies", "region", "--sweep", "parallelism=1..4", "--chart", chart);
    assert.equal(code, 0);
    assert.ok(existsSync(chart));
    assert.equal(stdout.split("\n").filter((line) => line.includes("rpc-service")).length, 3);
  });

  for (const [args, problem] of [
    [["--rate", "0"], "FL1050"],
    [["--gpus", "0"], "FL1050"],
    [["--mtbf", "disk=1h"], "FL1000"],
    [["--duration", "soon"], "FL1024"],
    [["--model-memory", "140GB", "--device-memory", "80GB"], "FL1051"],
    [["--calibrate", "no-such-run"], "FL1040"],
  ] as const) {
    it(`${args.join(" ")}: ${problem}, exit 2`, async () => {
      const { code, stdout, stderr } = await workspace.cli("simulate", EXAMPLE, ...args, "--format", "json");
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.ok(stderr.includes(`${problem}: `) && !/\n\s+at /.test(stderr), stderr);
    });
  }
});
