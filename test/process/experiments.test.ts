/** Experiments on real processes: isolation holds with a service of its own, and its twin with the model embedded shows that it need not. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, Workspace } from "./faultlineCli";

const EXPERIMENTS = join(ROOT, "examples/language-detection/experiments");

interface Verdict {
  readonly held: boolean;
  readonly injected: number;
  readonly reasons: readonly string[];
  readonly hypothesis: readonly { readonly name: string; readonly held: boolean; readonly observed: number | null }[];
}

describe("experiments of the example", function () {
  this.timeout(180_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  it("instance-crash: isolation holds, exit 0, JUnit without a failure", async () => {
    const junit = workspace.path("junit.xml");
    const { code, stdout, stderr } = await workspace.cli("experiment", join(EXPERIMENTS, "instance-crash.experiment.json"), "--format", "json", "--junit", junit);
    assert.equal(code, 0, stderr + stdout.slice(0, 2000));
    const verdict = JSON.parse(stdout) as Verdict;
    assert.equal(verdict.injected, 1);
    assert.ok(verdict.held && verdict.hypothesis.every(({ held }) => held));
    assert.match(readFileSync(junit, "utf8"), /<testsuite name="instance-crash" tests="5" failures="0"/);
  });

  it("instance-crash-embedded: the same fault restarts stream tasks, the hypothesis does not hold, exit 1", async () => {
    const { code, stdout, stderr } = await workspace.cli("experiment", join(EXPERIMENTS, "instance-crash-embedded.experiment.json"), "--format", "json");
    assert.equal(code, 1, stderr);
    const verdict = JSON.parse(stdout) as Verdict;
    assert.equal(verdict.injected, 1);
    assert.deepEqual(verdict.reasons, [], "the experiment itself is sound: without faults everything holds");
    const isolation = verdict.hypothesis.find(({ name }) => name === "no stream task restarts");
    assert.equal(isolation?.held, false);
    assert.ok((isolation.observed ?? 0) > 0);
    assert.ok(verdict.hypothesis.filter(({ name }) => name !== "no stream task restarts").every(({ held }) => held), "still nothing is lost");
  });

  it("a fault that never comes: the experiment has failed", async () => {
    const file = workspace.write("never.experiment.json", {
      job: join(EXPERIMENTS, "../language-detection.faultline.json"),
      load: { rate: 4000, limit: 2000 },
      faults: [{ fault: "crash", target: "service:langid#1", atCheckpoint: 1000 }],
      hypothesis: [{ probe: "recordsLost", equals: 0 }],
    });
    const { code, stdout } = await workspace.cli("experiment", file, "--format", "json");
    assert.equal(code, 1);
    const verdict = JSON.parse(stdout) as Verdict;
    assert.equal(verdict.injected, 0);
    assert.deepEqual(verdict.reasons, ["No fault took effect."]);
  });

  it("what only the job can tell is found before anything is started: targets and names, each with its place, exit 2", async () => {
    const file = workspace.write("wrong.experiment.json", {
      job: join(EXPERIMENTS, "../language-detection.faultline.json"),
      faults: [
        { fault: "crash", target: "service:langid#7", after: "1s" },
        { fault: "latency", target: "link:taskmanager:0->service:nope#0", after: "1s" },
      ],
      hypothesis: [{ probe: "streamTasksRestarted", of: "nobody#*", equals: 0 }],
    });
    const { code, stderr, stdout } = await workspace.cli("experiment", file);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    assert.equal(stderr.match(/wrong\.experiment\.json:\d+:\d+: FL1031/g)?.length, 3, stderr);
    assert.deepEqual(JSON.parse((await workspace.cli("ps", "--format", "json")).stdout), { runs: [] });
  });

  it("bad input: every finding with its place, exit 2, nothing started", async () => {
    const file = workspace.write("bad.experiment.json", { job: "x.faultline.json", faults: [{ fault: "crush", target: "nowhere", after: "soon" }], hypothesis: [{ probe: "recordsLost" }] });
    const { code, stderr, stdout } = await workspace.cli("experiment", file);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /bad\.experiment\.json:\d+:\d+: FL1024/);
    assert.deepEqual(JSON.parse((await workspace.cli("ps", "--format", "json")).stdout), { runs: [] });
  });
});
