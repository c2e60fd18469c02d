/** Two bounded jobs on one coordinator call one shared service: one ends, the other goes on being served; and what fails restarts alone. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRun } from "../../simulator/client/openRun";
import type { RunReport } from "../../simulator/observe/runReport";
import { writeChaosJob } from "../chaos/chaosJob";
import type { ChaosJob } from "../chaos/chaosJob";
import { startCli } from "../chaos/chaosRun";
import { processesNaming, runProcesses } from "../chaos/runProcesses";
import { buildRuntime } from "../chaos/runtimeBuild";
import type { RunningCli } from "./faultlineCli";
import { RunUnderTest } from "./faultlineCli";

const RATE = 1_000;

describe("jobs that share services", function () {
  this.timeout(120_000);
  let cli: string;
  let folder: string;
  let running: RunningCli | undefined;
  before(async () => {
    cli = await buildRuntime("shared");
    folder = mkdtempSync(join(tmpdir(), "fl-shared-"));
  });
  after(async () => {
    running?.child.kill("SIGKILL");
    await running?.exit;
    for (const pid of processesNaming(folder)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  /** The example with a name and a size of its own, and its service shared. */
  function job(name: string, records: number, change: (service: Record<string, unknown>) => void = () => {}): ChaosJob {
    const made = writeChaosJob("example", join(folder, "jobs", name), { records, rate: RATE });
    const content = JSON.parse(readFileSync(made.jobFile, "utf8")) as {
      name: string;
      runtime: object;
      services: { langid: Record<string, unknown> };
    };
    content.name = name;
    // On a machine that is busy with something else, nobody is to be taken for silent.
    content.runtime = { ...content.runtime, heartbeat: { interval: "1s", timeout: "60s" } };
    content.services.langid.shared = true;
    change(content.services.langid);
    writeFileSync(made.jobFile, JSON.stringify(content));
    return made;
  }

  it("an instance that fails restarts alone; a job that ends takes nothing along; the coordinator's crash ends nobody's models", async () => {
    const [short, long] = [job("short", 3 * RATE), job("long", 10 * RATE)];
    const directory = join(folder, "together");
    running = startCli(
      cli,
      ["run", short.jobFile, long.jobFile, "--format", "json", "--directory", directory],
      join(folder, "home"),
    );
    const [services, first, second] = ["services", "short", "long"].map(
      (name) => new RunUnderTest(running!, join(directory, name)),
    );
    for (const run of [first, second]) await run.event("checkpoint.completed");
    const loaded = runProcesses(services.directory);
    assert.deepEqual([...loaded.keys()].sort(), ["coordinator", "service:langid#0", "service:langid#1"]);
    for (const run of [first, second]) {
      assert.deepEqual([...runProcesses(run.directory).keys()].sort(), [
        "coordinator",
        "taskmanager:0",
        "taskmanager:1",
      ]);
      assert.equal(
        runProcesses(run.directory).get("coordinator"),
        loaded.get("coordinator"),
        "one coordinator hosts them all",
      );
    }

    await (await openRun(services.directory)).inject({ fault: "crash", target: "service:langid#1" });
    await services.event("failover.finished");
    assert.deepEqual(
      services.of("failover").map(({ tasks, instances }) => [tasks, instances]),
      [[[], ["langid#1"]]],
    );
    await first.event("run.ended");
    for (const run of [first, second])
      assert.deepEqual([run.of("failure"), run.of("failover")], [[], []], "no job noticed");
    const survivors = runProcesses(services.directory);
    assert.ok(
      survivors.has("service:langid#0") && survivors.has("service:langid#1"),
      "the service stays when a job ends",
    );
    assert.deepEqual(
      [...runProcesses(first.directory).keys()],
      ["coordinator"],
      "of the job that ended nothing else is left",
    );

    const servedBefore = second.of("metrics").length;
    await second.event(
      "metrics",
      (event) =>
        event.seq > servedBefore && Object.values(event.tasks ?? {}).some(({ rpc }) => (rpc?.succeeded ?? 0) > 0),
    );
    await (await openRun(second.directory)).inject({ fault: "crash", target: "coordinator" });
    await second.event("coordinator.recovered");
    await services.event("coordinator.recovered");
    await second.event("checkpoint.completed", ({ seq }) => seq > second.of("coordinator.recovered")[0].seq);
    for (const name of ["service:langid#0", "service:langid#1"]) {
      assert.equal(
        runProcesses(services.directory).get(name),
        survivors.get(name),
        `${name} kept its process and its model`,
      );
    }

    assert.equal(await running.exit, 0, running.stderr);
    const { runs, services: shared } = JSON.parse(running.stdout) as { runs: RunReport[]; services: RunReport };
    assert.deepEqual(
      runs.map((report) => [report.run.job, report.run.state, report.records.lost, report.records.duplicated]),
      [
        ["short", "FINISHED", 0, 0],
        ["long", "FINISHED", 0, 0],
      ],
    );
    assert.equal(shared.run.state, "FINISHED");
    assert.deepEqual(short.check(first.directory), []);
    assert.deepEqual(long.check(second.directory), []);
    const end = (run: RunUnderTest): number => run.of("run.ended")[0]?.at ?? NaN;
    await services.event("run.ended");
    assert.ok(end(first) < end(second) && end(second) <= end(services), "it ends after the last of them");
    assert.equal(first.of("coordinator.recovered").length, 0, "what was over stayed over");
    assert.deepEqual(processesNaming(folder), [], "nothing is left");
  });

  it("a shared service that two files describe differently is refused", async () => {
    const other = job("other", RATE, (service) => (service.parallelism = 1));
    const child = startCli(cli, ["run", job("one", RATE).jobFile, other.jobFile], join(folder, "home"));
    assert.equal(await child.exit, 2);
    assert.match(child.stderr, /FL1012: The shared service "langid" is described in two ways/);
  });
});
