/** Region-by-region scheduling and partition loss, in the whole program: what is kept, what is made again, and what is left alone. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { openRun } from "../../simulator/client/openRun";
import type { JournalEventOf } from "../../simulator/observe/journalEvent";
import type { RunUnderTest } from "./faultlineCli";
import { Workspace } from "./faultlineCli";

const RECORDS = 6_000;
const FUNCTIONS = `
  export const record = (id: number) => ({ id, key: id % 50 });
  /** Takes its time, so that there is something to break off. */
  export const slow = (value: unknown) => {
    for (const until = performance.now() + 0.4; performance.now() < until;);
    return value;
  };
`;
const job = (restartStrategy: object): object => ({
  name: "batch-regions",
  runtime: { mode: "batch", parallelism: 2, taskManagers: 2, slots: 1, chaining: false, restartStrategy },
  operators: {
    // Long enough for both TaskManagers to come and take one each.
    numbers: { type: "source", connector: "file", path: "numbers.ndjson", format: "ndjson", rate: 3_000 },
    archive: { type: "sink", connector: "file", path: "archive", identity: "id" },
    work: { type: "map", function: "f.ts#slow" },
    all: { type: "sink", connector: "file", path: "all", identity: "id" },
  },
  edges: [
    { from: "numbers", to: "archive", ship: "FORWARD", partitionType: "BLOCKING" },
    { from: "numbers", to: "work", ship: "REBALANCE" },
    { from: "work", to: "all", ship: "REBALANCE" },
  ],
});
const numbers = Array.from({ length: RECORDS }, (_, id) => `{"id":${id}}\n`).join("");
const RESTARTS = { type: "fixed-delay", attempts: 5, delay: "0ms" };

describe("a batch job runs region by region", function () {
  this.timeout(90_000);
  let workspace: Workspace;
  beforeEach(() => {
    workspace = new Workspace();
    workspace.write("f.ts", FUNCTIONS);
    workspace.write("numbers.ndjson", numbers);
  });
  afterEach(() => workspace.dispose());

  it("a TaskManager that holds finished results is killed: their producer runs again, and the other does not", async () => {
    const run = workspace.run(workspace.write("job.faultline.json", job(RESTARTS)));
    await Promise.all(["work#0", "work#1"].map((task) => reached(run, task, "RUNNING")));
    await Promise.all(["archive#0", "archive#1"].map((task) => reached(run, task, "FINISHED")));
    const placed = new Map(run.of("task.state").flatMap(({ task, process, to }) => (to === "RUNNING" ? [[task, process] as const] : [])));
    const [kept, lost] = placed.get("numbers#0") === "taskmanager:0" ? ["0", "1"] : ["1", "0"];
    assert.equal(placed.get(`numbers#${lost}`), "taskmanager:1");
    const client = await openRun(run.directory);
    await assert.rejects(client.stop("drain"), { code: "FL1000" });
    await client.inject({ fault: "crash", target: "taskmanager:1" });
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.deepEqual([report.records.lost, report.records.duplicated], [0, 0]);
    const attempts = lastAttempts(run);
    assert.equal(attempts.get(`numbers#${lost}`), 1, "its results were lost, and read from");
    assert.equal(attempts.get(`numbers#${kept}`), 0, "its results were kept");
    // It reads from the producer that was kept alone; the other reads from the one that ran again.
    assert.equal(attempts.get(`archive#${kept}`), 0);
    assert.equal(attempts.get(`archive#${lost}`), 1);
    assert.ok(["work#0", "work#1"].every((task) => (attempts.get(task) ?? 0) >= 1));
    assert.equal(attempts.get("all#0"), 0, "it had not begun");
    for (const sink of ["archive", "all"]) {
      const ids = run.committed(sink).map(({ id }) => id);
      assert.deepEqual([ids.length, new Set(ids).size], [RECORDS, RECORDS], sink);
    }
    const failover = run.of("failover")[0];
    assert.ok(failover.tasks.includes(`numbers#${lost}`) && failover.untouched > 0);
    assert.throws(() => readdirSync(join(run.directory, "partitions")), "no results are left");
  });

  it("a coordinator that dies while the output is committed: the next one commits, and nothing runs again", async () => {
    const run = workspace.run(workspace.write("job.faultline.json", job(RESTARTS)));
    const over = new Set<string>();
    await run.event("task.state", ({ task, to }) => to === "FINISHED" && over.add(task).size === 8);
    await (await openRun(run.directory)).inject({ fault: "crash", target: "coordinator" }).catch(() => undefined);
    const report = await run.report();
    assert.equal(report.run.state, "FINISHED");
    assert.deepEqual([report.records.lost, report.records.duplicated], [0, 0]);
    assert.ok([...lastAttempts(run).values()].every((attempt) => attempt === 0));
  });

  it("a failure without restarts leaves no output", async () => {
    workspace.write("f.ts", FUNCTIONS.replace("return value;", `if ((value as { id: number }).id === 4000) throw new Error("no"); return value;`));
    const run = workspace.run(workspace.write("job.faultline.json", job({ type: "none" })));
    const report = await run.report();
    assert.equal(report.run.state, "FAILED");
    assert.deepEqual(run.committed("archive"), []);
  });
});

async function reached(run: RunUnderTest, task: string, state: string): Promise<JournalEventOf<"task.state">> {
  return run.event("task.state", (event) => event.task === task && event.to === state);
}

function lastAttempts(run: RunUnderTest): Map<string, number> {
  return new Map(run.of("task.state").map(({ task, attempt }) => [task, attempt]));
}
