import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { registerGraphCommands } from "../../simulator/cli/graphCommands";
import { FaultlineError } from "../../simulator/graph/errors";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const PLANS = path.join(__dirname, "../fixtures/plans");
const EXAMPLE = path.join(__dirname, "../../examples/language-detection/language-detection.faultline.json");

async function faultline(...argv: string[]): Promise<{ out: string; err: string }> {
  let out = "";
  let err = "";
  const io = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    isTerminal: false,
    columns: 100,
    colors: false,
  };
  const program = new Command("faultline").exitOverride().configureOutput({ writeErr: () => undefined });
  registerGraphCommands(program, io);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
  await program.parseAsync(["node", "faultline", ...argv]);
  return { out, err };
}

async function failure(...argv: string[]): Promise<FaultlineError> {
  let result: unknown;
  await assert.rejects(faultline(...argv), (error) => {
    result = error;
    return error instanceof FaultlineError;
  });
  return result as FaultlineError;
}

describe("faultline graph", function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "faultline-graph-"))));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    const at = path.join(folder, name);
    writeFileSync(at, text);
    return at;
  };

  it("prints one JSON document with the agreed fields", async () => {
    const { out, err } = await faultline("graph", EXAMPLE, "--format", "json");
    assert.equal(err, "");
    const document = JSON.parse(out);
    assert.deepEqual(Object.keys(document).slice(0, 4), ["name", "vertices", "edges", "regions"]);
    const classify = document.vertices.find(({ id }: { id: string }) => id === "classify");
    assert.deepEqual([classify.kind, classify.parallelism, classify.operators[0].id], ["stream", 2, "classify"]);
    assert.deepEqual(Object.keys(document.edges[0]).slice(0, 5), [
      "source",
      "target",
      "partitionType",
      "pattern",
      "shipStrategy",
    ]);
    assert.deepEqual(document.regions.at(-1), { id: "region-2", vertices: ["langid"], subtasks: ["langid#1"] });
    assert.deepEqual(document.calls, [{ source: "classify", target: "langid" }]);
  });

  it("prints text for people, without control characters of names", async () => {
    const plan = readFileSync(path.join(PLANS, "rest-plan.classic.json"), "utf8").replace("Fraud", "\\u001b[31mFraud");
    const { out } = await faultline("graph", file("colour.json", plan));
    assert.match(out, /Pipelined regions/);
    assert.ok(!out.includes("\u001b"));
    assert.match(out, /cbc357cc#0-1/, "ids of 32 digits are cut");
  });

  it("draws pictures in which names are text", async () => {
    const hostile = readFileSync(path.join(PLANS, "rest-plan.classic.json"), "utf8").replaceAll(
      /Fraud scores|Score &amp; filter/g,
      '</text><script>alert(1)</script>]]>\\"&quot;--&gt; end',
    );
    const plan = file("hostile.json", hostile);
    const { out: svg } = await faultline("graph", plan, "--format", "svg");
    assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    assert.ok(!svg.includes("<script"));
    assert.equal(svg.match(/<text /g)?.length, svg.match(/<\/text>/g)?.length);
    const { out: mermaid } = await faultline("graph", plan, "--format", "mermaid");
    assert.match(mermaid, /^flowchart LR\n/);
    assert.ok(!mermaid.includes("<script"));
    for (const line of mermaid.split("\n").slice(1)) {
      assert.match(
        line,
        /^(|  subgraph r\d+\["[^"]*"\]|    v\d+(\["[^"]*"\]|\(\["[^"]*"\]\))|  end|  v\d+ (-->|==>)\|"[^"]*"\| v\d+|  v\d+ -\. calls \.-> v\d+)$/,
      );
    }
  });

  it("makes a job file of a plan, and never replaces one unasked", async () => {
    const target = path.join(folder, "made.faultline.json");
    await faultline("graph", path.join(PLANS, "rest-plan.typed.json"), "--to-job", target);
    const text = readFileSync(target, "utf8");
    assert.match(text, /\/\/ Fill in/);
    const { job, problems } = parseJobFile(text, target);
    assert.ok(job, JSON.stringify(problems));
    assert.equal((await failure("graph", path.join(PLANS, "rest-plan.typed.json"), "--to-job", target)).code, "FL1000");
    await faultline("graph", path.join(PLANS, "execution-plan.json"), "--to-job", target, "--force");
    assert.notEqual(readFileSync(target, "utf8"), text);
    const { out } = await faultline(
      "graph",
      path.join(PLANS, "execution-plan.json"),
      "--to-job",
      "--isolate",
      "5/Classify",
    );
    assert.equal(parseJobFile(out, "/x.json").job?.services[0].deployment, "rpc-service");
    assert.equal((await failure("graph", EXAMPLE, "--to-job")).code, "FL1000");
  });

  it("shows what moving an operator into a service changes", async () => {
    const { out } = await faultline(
      "graph",
      path.join(PLANS, "execution-plan.json"),
      "--isolate",
      "5/Classify",
      "--format",
      "json",
    );
    const { isolated, regions } = JSON.parse(out);
    assert.equal(isolated.before.modelFails.restart.length, 5);
    assert.deepEqual(isolated.after.modelFails.restart, ["classify-service#0"]);
    assert.equal(isolated.after.taskFails.restart.length, 5);
    assert.equal(regions.length, isolated.after.regionCount);
    assert.match(
      (await faultline("graph", path.join(PLANS, "execution-plan.json"), "--isolate", "5/0")).out,
      /BEFORE +AFTER/,
    );
    assert.equal((await failure("graph", EXAMPLE, "--isolate", "classify/classify")).code, "FL1015", "it calls one already");
  });

  it("answers bad input with a code and a place", async () => {
    assert.equal((await failure("graph", path.join(folder, "nobody.json"))).code, "FL1001");
    assert.equal((await failure("graph", folder)).code, "FL1001");
    assert.equal((await failure("graph", file("latin1.json", ""))).code, "FL1002");
    writeFileSync(path.join(folder, "bytes.json"), Buffer.from([0x7b, 0xff, 0xfe]));
    assert.equal((await failure("graph", path.join(folder, "bytes.json"))).code, "FL1002");
    const broken = await failure("graph", file("broken.json", '{\n"operators": {]}'));
    assert.deepEqual(
      [broken.code, broken.location?.file, broken.location?.line, broken.location?.column],
      ["FL1002", path.join(folder, "broken.json"), 2, 15],
    );
    const many = await failure(
      "graph",
      file(
        "many.json",
        JSON.stringify({
          operators: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`o${i}`, { type: "x" }])),
        }),
      ),
    );
    assert.equal(many.problems.length, 21);
    assert.match(many.problems[20].message, /more/);
  });

  it("does not read a file over the limit", async () => {
    const big = file("big.json", "");
    truncateSync(big, 200 * 1024 * 1024);
    const before = process.memoryUsage.rss();
    const error = await failure("graph", big);
    assert.equal(error.code, "FL1004");
    assert.match(error.message, /209715200.*64 MB/);
    assert.ok(process.memoryUsage.rss() - before < 100 * 1024 * 1024);
  });
});

describe("faultline failover", function () {
  this.timeout(60_000);
  it("prints the agreed fields", async () => {
    const { out } = await faultline("failover", EXAMPLE, "--task", "classify#0", "--format", "json");
    const answer = JSON.parse(out);
    assert.deepEqual([answer.failed, answer.regions, answer.restart.length], ["classify#0", ["region-0"], 6]);
    const service = JSON.parse((await faultline("failover", EXAMPLE, "--task", "langid#1", "--format", "json")).out);
    assert.deepEqual(service.restart, ["langid#1"]);
    const full = JSON.parse(
      (await faultline("failover", EXAMPLE, "--task", "langid#1", "--strategy", "full", "--format", "json")).out,
    );
    assert.equal(full.restart.length, 8);
  });

  it("takes lost partitions into account, by list, by name and by edge", async () => {
    const plan = path.join(PLANS, "rest-plan.typed.json");
    const restart = async (...argv: string[]): Promise<string[]> =>
      JSON.parse((await faultline("failover", plan, "--format", "json", ...argv)).out).restart.map((id: string) =>
        id.slice(-4),
      );
    assert.deepEqual(await restart("--task", "000000000000000000000000000000a3#1"), ["a3#1"]);
    assert.deepEqual(await restart("--task", "Join#1", "--lost", "000000000000000000000000000000a2#1"), [
      "a2#1",
      "a3#0",
      "a3#1",
      "a3#2",
    ]);
    assert.deepEqual(await restart("--task", "Join#1", "--lost", "Sort#0,Sort#1->Join"), [
      "a2#0",
      "a2#1",
      "a3#0",
      "a3#1",
      "a3#2",
    ]);
    assert.deepEqual(
      await restart("--task", "Sort#1", "--finished", "Source: orders"),
      ["a2#1"],
      "what was not scheduled does not restart",
    );
  });

  it("says why, and what stays", async () => {
    const { out } = await faultline("failover", path.join(PLANS, "rest-plan.typed.json"), "--task", "Sort#1");
    assert.match(out, /fails \(strategy region\): 4 of 8 tasks restart, in 4 regions/);
    assert.match(out, /it consumes from region-3/);
    assert.match(out, /Untouched: .*\(4 tasks\)/);
  });

  it("takes the strategy from the job file; the adaptive scheduler restarts everything", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "faultline-failover-"));
    try {
      const text = readFileSync(EXAMPLE, "utf8").replace('"failoverStrategy": "region"', '"scheduler": "adaptive"');
      const job = path.join(folder, "adaptive.faultline.json");
      writeFileSync(job, text);
      assert.equal(
        JSON.parse((await faultline("failover", job, "--task", "langid#0", "--format", "json")).out).restart.length,
        8,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("knows no other tasks", async () => {
    assert.equal((await failure("failover", EXAMPLE, "--task", "classify#2")).code, "FL1017");
    assert.match((await failure("failover", EXAMPLE, "--task", "clasify#0")).hint!, /"classify"/);
    assert.equal((await failure("failover", EXAMPLE, "--task", "classify")).code, "FL1017");
    assert.equal(
      (await failure("failover", EXAMPLE, "--task", "classify#0", "--lost", "perLanguage#0")).code,
      "FL1017",
    );
    await assert.rejects(faultline("failover", EXAMPLE), /--task/);
    await assert.rejects(faultline("failover", EXAMPLE, "--task", "classify#0", "--strategy", "half"), /half/);
  });
});
