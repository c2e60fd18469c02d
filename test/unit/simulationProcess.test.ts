/** What the view `Simulate at Scale` asks for: the command line's words for it, and the process that does it. */
import { strict as assert } from "node:assert";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simulationArguments } from "../../extension/simulate/simulationArguments";
import { SimulationProcess } from "../../extension/simulate/simulationProcess";
import type { SimulationSettings } from "../../webview/simulate/protocol";

const ROOT = join(__dirname, "../..");
const JOB = join(ROOT, "examples/language-detection/language-detection.faultline.json");

const SETTINGS: SimulationSettings = {
  parallelism: 4,
  instances: 2,
  gpus: undefined,
  rate: 100,
  loadTime: "2s",
  duration: "1m",
  seeds: 2,
  deployments: ["embedded", "rpc-service"],
  strategies: ["region"],
  mtbf: { model: "1m" },
  sweep: undefined,
  calibrate: undefined,
};

describe("what a simulation is asked for", () => {
  it("is said in the words of the command line, and keeps journals", () => {
    assert.deepEqual(simulationArguments("/job.faultline.json", SETTINGS).join(" ").split(" --"), [
      "simulate /job.faultline.json",
      "duration 1m",
      "seeds 2",
      "deployments embedded,rpc-service",
      "strategies region",
      "parallelism 4",
      "instances 2",
      "rate 100",
      "load-time 2s",
      "mtbf model=1m",
      "keep",
      "progress json",
      "format json",
    ]);
  });

  it("sweeps from a sixteenth to what is set, and keeps no journal of each point", () => {
    const words = simulationArguments("/job.faultline.json", { ...SETTINGS, parallelism: 64, sweep: "parallelism" });
    assert.ok(words.includes("parallelism=4..64"));
    assert.ok(!words.includes("--keep"));
  });
});

describe("a simulation in a process of its own", function () {
  this.timeout(60_000);
  let home: string;
  const start = (
    settings: SimulationSettings,
    onProgress: (share: number) => void = () => undefined,
  ): SimulationProcess =>
    new SimulationProcess({
      node: process.execPath,
      cli: join(ROOT, "dist/cli.js"),
      arguments: simulationArguments(JOB, settings),
      onProgress,
    });

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "faultline-simulation-"));
    process.env["FAULTLINE_HOME"] = home;
  });
  afterEach(() => {
    delete process.env["FAULTLINE_HOME"];
    rmSync(home, { recursive: true, force: true });
  });

  it("gives results of each combination, and a journal of each that can be opened as a run", async () => {
    const outcome = await start(SETTINGS).ended;
    assert.ok(outcome !== undefined && !("code" in outcome), JSON.stringify(outcome));
    assert.deepEqual(
      outcome.results?.map(({ deployment }) => deployment),
      ["embedded", "rpc-service"],
    );
    assert.deepEqual(
      outcome.journals.map(({ deployment }) => deployment),
      ["embedded", "rpc-service"],
    );
    for (const { run } of outcome.journals) {
      const lines = readFileSync(join(home, "runs", run, "journal.ndjson"), "utf8")
        .trimEnd()
        .split("\n");
      const events = lines.map((line) => JSON.parse(line) as { seq: number; kind: string });
      assert.ok(
        events.every(({ seq }, index) => seq === index),
        "seq is dense",
      );
      for (const kind of ["run.started", "task.state", "failure", "failover", "metrics", "run.ended"]) {
        assert.ok(
          events.some((event) => event.kind === kind),
          `${run} has ${kind}`,
        );
      }
    }
  });

  it("says how far it is, and ends at once when it is cancelled", async () => {
    let running: SimulationProcess | undefined = undefined;
    let share = -1;
    const outcome = await new Promise<unknown>((resolve) => {
      const started = start({ ...SETTINGS, duration: "30d", rate: 1000, seeds: 20 }, (told) => {
        share = told;
        running?.cancel();
      });
      running = started;
      void started.ended.then(resolve);
    });
    assert.equal(outcome, undefined);
    assert.ok(share >= 0 && share < 1);
  });

  it("says what is wrong with its code and what to do", async () => {
    const outcome = await start({
      ...SETTINGS,
      deployments: ["embedded"],
      gpus: 1,
      instances: 8,
      calibrate: "no-such-run",
    }).ended;
    assert.ok(outcome !== undefined && "code" in outcome);
    assert.equal(outcome.code, "FL1040");
    assert.match(outcome.message, /no run "no-such-run"/);
    assert.ok(!existsSync(join(home, "runs")));
  });
});
