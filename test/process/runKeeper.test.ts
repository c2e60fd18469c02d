/** A run that belongs to a window of the editor: it ends with whoever owns it, and goes on only where it was handed over. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as bundle from "../../extension/bundles/extensionRun";
import type { KeptRun } from "../../simulator/client/keptRun";
import type { Run } from "../../simulator/client/run";
import { isAlive } from "../../simulator/client/processAlive";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { writeChaosJob } from "../chaos/chaosJob";
import { ROOT, processesNaming, until } from "./faultlineCli";

const GONE_MS = 5_000;
/** As the extension loads it. */
const BUNDLE = join(ROOT, "dist", "extensionRun.js");
const { runExperiment, startKeptRun, takeOverRun } = createRequire(__filename)(BUNDLE) as typeof bundle;

/** Another process that starts the run and owns it. */
function spawnOwner(jobFile: string, directory: string): ChildProcess {
  const options = JSON.stringify({ jobFile, directory });
  return spawn(process.execPath, ["-e", `require(${JSON.stringify(BUNDLE)}).startKeptRun(${options})`], {
    stdio: "ignore",
  });
}

function ownerPid(directory: string): number {
  return (JSON.parse(readFileSync(join(directory, "run.json"), "utf8")) as { ownerPid: number }).ownerPid;
}

async function untilRunning(run: Run): Promise<JournalEvent> {
  for await (const event of run.events()) if (event.kind === "checkpoint.completed") return event;
  throw new Error("the run ended before its first checkpoint");
}

describe("the keeper of a run", function () {
  this.timeout(60_000);
  let folder: string;
  let run: KeptRun | undefined;

  async function start(handOverLimitMs?: number): Promise<KeptRun> {
    const { jobFile } = writeChaosJob("generated", folder, { records: 1_000_000, rate: 2_000 });
    run = await startKeptRun({ jobFile, directory: join(folder, "run") }, handOverLimitMs);
    await untilRunning(run);
    return run;
  }

  async function assertGone(): Promise<void> {
    const keeper = ownerPid(join(folder, "run"));
    const gone = (): boolean => processesNaming(folder).length === 0 && !isAlive(keeper);
    await until(gone, "every process of the run is gone", GONE_MS);
  }

  beforeEach(() => {
    run = undefined;
    folder = mkdtempSync(join(tmpdir(), "fl-keep-"));
  });
  afterEach(async () => {
    await run?.dispose();
    for (const pid of processesNaming(folder)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it("lets the run go on where it was handed over, and gives it to the next owner", async () => {
    const first = await start();
    const before = processesNaming(folder).sort();
    await first.handOver();
    await first.dispose();
    const next = await takeOverRun(join(folder, "run"));
    assert.ok(next, "the run was kept");
    run = next;
    assert.equal(next.owned, true);
    assert.deepEqual(processesNaming(folder).sort(), before, "the same processes");
    await next.dispose();
    await assertGone();
    assert.equal(await takeOverRun(join(folder, "run")), undefined, "nobody keeps it any more");
  });

  it("ends a run that nobody takes over, after the limit", async () => {
    const first = await start(200);
    await first.handOver();
    await assertGone();
    assert.equal(existsSync(join(folder, "run", "s")), false, "its sockets are gone");
  });

  it("ends with an owner that goes without a word", async () => {
    const { jobFile } = writeChaosJob("generated", folder, { records: 1_000_000, rate: 2_000 });
    const owner = spawnOwner(jobFile, join(folder, "run"));
    // Its own command line names the folder too.
    const started = (): boolean => processesNaming(join(folder, "run")).filter((pid) => pid !== owner.pid).length >= 3;
    await until(started, "the run has its processes", 20_000);
    owner.kill("SIGKILL");
    await assertGone();
  });

  it("ends the run of an experiment that is canceled", async () => {
    const { jobFile } = writeChaosJob("generated", folder, { records: 1_000_000, rate: 2_000 });
    const canceling = new AbortController();
    const experiment = {
      ...{
        name: "long",
        file: join(folder, "long.experiment.json"),
        jobFile,
        deployment: undefined,
        durationMs: undefined,
      },
      ...{ load: { ratePerSecond: undefined, limit: undefined }, flink: undefined, faults: [], hypothesis: [] },
    };
    let directory = "";
    const judging = runExperiment(experiment, undefined, {
      start: (options) => startKeptRun({ ...options, directory: join(folder, "run") }),
      signal: canceling.signal,
      onRun: (one) => {
        directory = one.directory;
        void untilRunning(one).then(() => canceling.abort());
      },
    });
    await assert.rejects(judging, { name: "AbortError" });
    assert.equal(directory, join(folder, "run"));
    await assertGone();
  });

  it("hands back what is wrong with a job file, and leaves no process", async () => {
    await assert.rejects(startKeptRun({ jobFile: join(folder, "nothing.faultline.json") }), { code: "FL1001" });
  });
});
