/** Experiments on real processes: isolation holds with a service of its own, and its twin with the model embedded shows that it need not. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
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

  it("every trigger, and probes of every part of the run, of some alone, of memory and of a person's own command", async () => {
    const file = workspace.write("all.experiment.json", {
      job: join(EXPERIMENTS, "../language-detection.faultline.json"),
      load: { rate: 1000, limit: 18_000 },
      faults: [
        { fault: "slow-inference", target: "service:langid#0", set: { delay: "20ms", duration: "300ms" }, atRecord: 3000 },
        { fault: "crash", target: "service:langid#1", atCheckpoint: 4 },
        { fault: "hang", target: "service:langid#0", set: { duration: "200ms" }, on: { event: "checkpoint.completed", where: { checkpoint: 6 } } },
        { fault: "latency", target: "link:taskmanager:*->service:langid#0", set: { delay: "5ms", duration: "1s", probability: "90%", direction: "forward" }, random: { count: 1, every: "2s", seed: 3 } },
      ],
      hypothesis: [
        { name: "steady before", probe: "lowestThroughput", during: "before", atLeast: 100 },
        { name: "calls are answered all the time", probe: "highestP99Ms", during: "during", atMost: 5000, inControl: false },
        { name: "the pace is back", probe: "throughputPerSecond", during: "after", atLeast: 300, inControl: false },
        { probe: "streamTasksRestarted", of: "classify#*", equals: 0 },
        { probe: "instancesRestarted", of: "langid#0", equals: 0 },
        { name: "one instance restarts", probe: "instancesRestarted", equals: 1, inControl: false },
        { probe: "checkpointsCompleted", atLeast: 4 },
        { probe: "peakMemoryBytes", of: "taskmanager:*", atMost: 2_000_000_000 },
        { name: "what restarts is back soon; what only was slow is healed", probe: "recoveryMs", atMost: 20_000 },
        { name: "my own check finds the journal", probe: "commandExit", command: 'test -s journal.ndjson && test "$FAULTLINE_RUN" = "$PWD"', equals: 0 },
        { name: "my own check that says 3", probe: "commandExit", command: "exit 3", equals: 3 },
        { probe: "recordsLost", equals: 0 },
      ],
    });
    const { code, stdout, stderr } = await workspace.cli("experiment", file, "--format", "json");
    const verdict = JSON.parse(stdout) as Verdict;
    assert.equal(code, 0, stderr + JSON.stringify([verdict.reasons, verdict.hypothesis]));
    assert.ok(verdict.injected >= 4, `${verdict.injected} faults took effect`);
    assert.ok(verdict.hypothesis.every(({ observed }) => observed !== null), JSON.stringify(verdict.hypothesis));
  });

  it("a gate that does not hold: no fault is injected, the experiment has failed and says why", async () => {
    const file = workspace.write("gate.experiment.json", {
      job: join(EXPERIMENTS, "../language-detection.faultline.json"),
      load: { rate: 1000, limit: 4000 },
      faults: [{ fault: "crash", target: "service:langid#1", atRecord: 3000 }],
      hypothesis: [{ name: "an impossible pace", probe: "lowestThroughput", during: "before", atLeast: 1e9, inControl: false }],
    });
    const { code, stdout } = await workspace.cli("experiment", file, "--format", "json");
    assert.equal(code, 1);
    const verdict = JSON.parse(stdout) as Verdict;
    assert.equal(verdict.injected, 0);
    assert.ok(verdict.reasons.some((reason) => /an impossible pace.*No fault was injected/.test(reason)), JSON.stringify(verdict.reasons));
  });

  it("a folder: 0 when its twin fails as it must, and JUnit without a failure", async () => {
    const folder = workspace.path("folder");
    mkdirSync(folder);
    for (const [name, deployment] of [["isolated", "rpc-service"], ["twin", "embedded"]] as const) {
      const isolation = { name: "no stream task restarts", probe: "streamTasksRestarted", equals: 0, mustFail: deployment === "embedded" };
      workspace.write(`folder/${name}.experiment.json`, {
        job: join(EXPERIMENTS, "../language-detection.faultline.json"),
        deployment,
        load: { rate: 2000, limit: 6000 },
        faults: [{ fault: "crash", target: "service:langid#1", after: "1500ms" }],
        hypothesis: [isolation, { probe: "recordsLost", equals: 0 }],
      });
    }
    const junit = workspace.path("junit.xml");
    const { code, stdout, stderr } = await workspace.cli("experiment", folder, "--junit", junit);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /1 of 2 experiments held; twin did not, as it must not\./);
    assert.match(stderr, /twin: did not hold, as it has to be \(2 of 2\)/);
    assert.doesNotMatch(readFileSync(junit, "utf8"), /<failure/);
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
