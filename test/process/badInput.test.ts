/** Bad input: a code, a place, what to do; exit 2; never a stack trace; nothing started and nothing left. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { EXAMPLE, processesNaming, Workspace } from "./faultlineCli";
import type { CliResult } from "./faultlineCli";

type Change = Parameters<Workspace["exampleJob"]>[0];

interface BadJob {
  readonly what: string;
  readonly code: string;
  /** Something that names the place. */
  readonly names: RegExp;
  readonly change: (job: Parameters<NonNullable<Change>>[0], workspace: Workspace) => void;
}

const BAD_JOBS: readonly BadJob[] = [
  { what: "a missing model", code: "FL3001", names: /langid.*nowhere\.onnx/, change: (job) => (job.services.langid.model = "nowhere.onnx") },
  {
    what: "a model that is not ONNX",
    code: "FL3002",
    names: /not\.onnx|langid/,
    change: (job, workspace) => (job.services.langid.model = workspace.write("not.onnx", "this is no model".repeat(100))),
  },
  { what: "a function that does not exist", code: "FL1020", names: /toFeature\b/, change: (job) => (job.operators.features.function = String(job.operators.features.function).replace("#toFeatures", "#toFeature")) },
  { what: "a module that does not exist", code: "FL1020", names: /nowhere\.ts/, change: (job) => (job.operators.features.function = "nowhere.ts#f") },
  {
    what: "a function that throws at load",
    code: "FL1021",
    names: /throws\.ts:2/,
    change: (job, workspace) => {
      workspace.write("throws.ts", 'export const f = (x: unknown): unknown => x;\nthrow new Error("no database here");\n');
      job.operators.features.function = "throws.ts#f";
    },
  },
  { what: "an unknown operator in an edge", code: "FL1010", names: /classifyy/, change: (job) => (job.edges[1].to = "classifyy") },
  { what: "an unknown service", code: "FL1010", names: /langidd/, change: (job) => (job.operators.classify.service = "langidd") },
  { what: "a cycle", code: "FL1011", names: /classify/, change: (job) => job.edges.push({ from: "classify", to: "features", ship: "REBALANCE" }) },
  { what: "a wrong type", code: "FL1003", names: /batching/, change: (job) => (job.services.langid.batching = "large") },
  { what: "a parallelism of 0", code: "FL1013", names: /parallelism/, change: (job) => (job.runtime.parallelism = 0) },
  { what: "a duration that is none", code: "FL1024", names: /interval/, change: (job) => (job.runtime.checkpointing = { interval: "soon" }) },
  { what: "an empty source", code: "FL1022", names: /empty\.ndjson/, change: (job, workspace) => (job.operators.texts.path = workspace.write("empty.ndjson", "\n\n")) },
  { what: "a source that is a folder", code: "FL1001", names: /texts/, change: (job, workspace) => (job.operators.texts.path = workspace.folder) },
  { what: "a source that is not there", code: "FL1001", names: /nowhere\.ndjson/, change: (job) => (job.operators.texts.path = "nowhere.ndjson") },
  { what: "too few slots", code: "FL1023", names: /slots/, change: (job) => (job.runtime.taskManagers = 1) },
];

describe("bad input", function () {
  this.timeout(60_000);
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.dispose());

  for (const bad of BAD_JOBS) {
    it(`${bad.what}: ${bad.code}, exit 2`, async () => {
      const result = await workspace.cli("run", workspace.exampleJob((job) => bad.change(job, workspace)), "--format", "json", "--directory", workspace.path("run"));
      assertProblem(result, bad.code, bad.names);
      assert.deepEqual(committedFiles(workspace), [], "no sink file that looks complete");
    });
  }

  it("a job file that is not JSON: line and column", async () => {
    const file = workspace.write("broken.faultline.json", '{\n  "name": "x",\n  "runtime": { oops }\n}\n');
    const result = await workspace.cli("run", file);
    assertProblem(result, "FL1002", /broken\.faultline\.json:3:/);
  });

  it("a job file that is not there", async () => assertProblem(await workspace.cli("run", workspace.path("none.faultline.json")), "FL1001", /none\.faultline\.json/));
  it("an unknown option", async () => {
    const result = await workspace.cli("run", EXAMPLE, "--nope");
    assert.equal(result.code, 2);
    assertNoStack(result);
  });
  it("an unknown fault", async () => assertProblem(await workspace.cli("inject", "latest", "crush", "taskmanager:0"), "FL1030", /crash/));
  it("a run that is not there", async () => assertProblem(await workspace.cli("stop", "20200101-000000-aaaa"), "FL1040", /20200101/));
  it("a folder for the run that is not empty: nothing in it is touched", async () => {
    mkdirSync(workspace.path("full"));
    writeFileSync(workspace.path("full", "precious.txt"), "mine");
    assertProblem(await workspace.cli("run", EXAMPLE, "--directory", workspace.path("full")), "FL2001", /full/);
    assert.deepEqual(readdirSync(workspace.path("full")), ["precious.txt"]);
  });

  it("a port in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const result = await workspace.cli("serve", join(EXAMPLE, "../model/langid.onnx"), "--port", String(port), "--device", "cpu", "--format", "json");
      assertProblem(result, "FL3005", new RegExp(String(port)));
    } finally {
      server.close();
    }
  });

  it("a full disk in the run's folder while the job runs: the job fails with a code, exit 1", async () => {
    const job = workspace.exampleJob((change) => {
      change.operators.texts.rate = 2_000;
      change.runtime.restartStrategy = { type: "none" };
    });
    const run = workspace.run(job);
    // From here on, the files that one sink is going to open lie on a device that is always full.
    await run.event("checkpoint.completed");
    const folder = join(run.directory, "output", "messages");
    for (const subtask of [0, 1]) {
      for (let part = 0; part < 50; part++) {
        const name = `.part-${subtask}-${part}.inprogress.0`;
        if (!existsSync(join(folder, name))) symlinkSync("/dev/full", join(folder, name));
      }
    }
    const report = await run.report();
    assert.equal(report.run.state, "FAILED");
    assert.equal(await run.cli.exit, 1);
    assert.match(run.cli.stderr, /FL2009/);
    assertNoStack({ code: 1, stdout: "", stderr: run.cli.stderr });
  });

  function assertProblem(result: CliResult, code: string, names: RegExp): void {
    assert.equal(result.code, 2, result.stderr);
    assert.match(result.stderr, new RegExp(code));
    assert.match(result.stderr, names);
    assertNoStack(result);
    assert.deepEqual(processesNaming(workspace.folder), [], "nothing was left running");
  }
});

function assertNoStack({ stdout, stderr }: CliResult): void {
  assert.doesNotMatch(stderr + stdout, /^\s+at .+:\d+:\d+/m, "no stack trace");
}

/** Files under a final name in any run of the workspace. */
function committedFiles(workspace: Workspace): string[] {
  const output = workspace.path("run", "output");
  if (!existsSync(output)) return [];
  return readdirSync(output, { recursive: true, encoding: "utf8" }).filter((name) => /(^|\/)part-/.test(name));
}
