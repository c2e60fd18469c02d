/** `faultline compare` on real processes: what each way to run the example costs when one copy of its model is killed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Workspace } from "./faultlineCli";

interface Compared {
  readonly deployments: readonly {
    readonly deployment: string;
    readonly run: { readonly state: string };
    readonly records: { readonly lost: number; readonly duplicated: number };
    readonly restartedTasks: number;
    readonly modelsLoadedAgain: number;
    readonly lostThroughputs: readonly number[];
    readonly lostThroughputNoise: number;
    readonly loadMs: number | null;
    readonly repetitions: readonly { readonly recoveredAfterMs: number | null; readonly injected: boolean }[];
  }[];
  readonly lostThroughputRatio: { readonly median: number; readonly repetitions: readonly { readonly ratio: number; readonly isBound: boolean }[] };
  readonly html: string;
}

describe("compare", function () {
  this.timeout(240_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("embedded restarts the whole region and stands still for the load, rpc-service restarts no stream task; external is killed, and served again, outside", async () => {
    const job = workspace.exampleJob((one) => Object.assign(one.operators.texts, { rate: 600, limit: 5_000 }));
    const page = workspace.path("compare.html");
    const { code, stdout, stderr } = await workspace.cli(
      ...["compare", job, "--fault", "crash", "--target", "service:langid#1", "--deployments", "embedded,rpc-service,external"],
      ...["--after", "3s", "--load-delay", "2s", "--no-baseline", "--format", "json", "--out", page],
    );
    assert.equal(code, 0, stderr);
    const { deployments, lostThroughputRatio, html } = JSON.parse(stdout) as Compared;
    const [embedded, service, external] = deployments;
    assert.ok(embedded !== undefined && service !== undefined && external !== undefined);
    for (const one of deployments) {
      assert.deepEqual([one.run.state, one.records.lost, one.records.duplicated, one.repetitions[0]?.injected], ["FINISHED", 0, 0, true], one.deployment);
      const back = one.repetitions[0]?.recoveredAfterMs ?? 0;
      assert.ok(back >= 2_000 && back < 20_000, `${one.deployment} was back after ${back} ms, 2 s of stated load included`);
      assert.ok((one.loadMs ?? 2_000) >= 2_000, `${one.deployment}: a load took ${one.loadMs} ms`);
    }
    assert.deepEqual(deployments.map((one) => [one.deployment, one.restartedTasks, one.modelsLoadedAgain]), [["embedded", 6, 2], ["rpc-service", 0, 1], ["external", 0, 1]]);
    // In records of the sources, of which 600 come in a second: two seconds of load at least, and not twice as many for the two sinks.
    const [lost = 0] = embedded.lostThroughputs;
    assert.ok(lost > 1_000 && lost < 2_600, `${lost} records late under embedded`);
    assert.ok((service.lostThroughputs[0] ?? 0) < lost / 2, stdout.slice(0, 500));
    assert.equal(lostThroughputRatio.repetitions.length, 1);
    assert.ok(lostThroughputRatio.median > 2, JSON.stringify(lostThroughputRatio));
    assert.equal(html, page);
    assert.match(readFileSync(page, "utf8"), /What a crash of service:langid#1 costs language-detection[^]*no stream task restarted[^]*6 stream tasks restarted|6 stream tasks restarted[^]*no stream task restarted/);
  });

  it("bad input: exit 2 with a code, and nothing was started", async () => {
    const job = workspace.exampleJob();
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [["--fault", "crush", "--target", "service:langid#1"], /FL1030/],
      [["--fault", "crash", "--target", "service:nope#1"], /FL1031/],
      [["--fault", "crash", "--target", "service:langid#1", "--deployments", "embeded"], /FL1000.*embeded/],
      [["--fault", "hang", "--target", "service:langid#1", "--set", "duration=5 parsecs"], /FL1024/],
      [["--fault", "crash", "--target", "service:langid#1", "--repeat", "0"], /FL1000/],
      [["--fault", "crash", "--target", "service:langid#1", "--load-delay", "soon"], /FL1024/],
      // Under external the process is no process of the run: what cannot be done to it is said before the first run.
      [["--fault", "slow-inference", "--target", "service:langid#1", "--deployments", "rpc-service,external"], /FL1033/],
    ];
    for (const [options, expected] of wrong) {
      const { code, stdout, stderr } = await workspace.cli("compare", job, ...options);
      assert.equal(code, 2, `${options.join(" ")}: ${stderr}`);
      assert.equal(stdout, "");
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /without a fault|with the fault/);
    }
    assert.deepEqual(JSON.parse((await workspace.cli("ps", "--format", "json")).stdout), { runs: [] });
  });
});
