import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import Ajv from "ajv";
import fc from "fast-check";
import { parse } from "jsonc-parser";
import { formatDuration, parseDuration } from "../../simulator/graph/durations";
import type { ErrorCode, Problem } from "../../simulator/graph/errors";
import { resolveFrom } from "../../simulator/graph/filePath";
import { JOB_FILE_SCHEMA, MAX_JOB_FILE_BYTES } from "../../simulator/graph/jobFileSchema";
import type { JobSpec } from "../../simulator/graph/jobFile";
import { locateElements, parseJobFile } from "../../simulator/graph/parseJobFile";

const FILE = "/jobs/here/test.faultline.json";
const EXAMPLE = path.join(__dirname, "../../examples/language-detection/language-detection.faultline.json");

const GOOD = `{
  // a job with one of most things
  "name": "words",
  "runtime": { "parallelism": 2, "taskManagers": 2, "slots": 1, "checkpointing": { "interval": "1s" } },
  "services": { "langid": { "model": "model/langid.onnx", "parallelism": 2 } },
  "operators": {
    "texts": { "type": "source", "connector": "file", "path": "../data/texts.ndjson" },
    "classify": { "type": "rpc", "service": "langid", "inputs": { "input:0": "text", "__proto__": "x" } },
    "perLanguage": { "type": "window", "window": { "type": "tumbling", "size": "1s" } },
    "counts": { "type": "sink", "connector": "file", "path": "counts", "parallelism": 1 },
  },
  "edges": [
    { "from": "texts", "to": "classify" },
    { "from": "classify", "to": "perLanguage", "key": "language" },
    { "from": "perLanguage", "to": "counts" },
  ],
}`;

function jobOf(text: string): JobSpec {
  const { job, problems } = parseJobFile(text, FILE);
  assert.deepEqual(problems, []);
  assert.ok(job);
  return job;
}

/** The finding with this code, checked to stand at the marked text. */
function findingOf(text: string, code: ErrorCode, at?: string): Problem {
  const { job, problems } = parseJobFile(text, FILE);
  const spanOf = ({ location }: Problem): string =>
    text.slice(location?.offset, (location?.offset ?? 0) + (location?.length ?? 0));
  const problem = problems.find(
    (candidate) => candidate.code === code && (at === undefined || spanOf(candidate).includes(at)),
  );
  assert.ok(problem, `${code}${at === undefined ? "" : ` at ${at}`} among ${JSON.stringify(problems)}`);
  if (problem.severity === "error") assert.equal(job, undefined);
  if (at !== undefined) {
    const { offset, length, line, column } = problem.location ?? {};
    assert.ok(
      text.slice(offset, offset! + length!).includes(at),
      `${text.slice(offset, offset! + length!)} holds ${at}`,
    );
    const before = text.slice(0, offset).split("\n");
    assert.deepEqual([line, column], [before.length, before[before.length - 1].length + 1]);
  }
  return problem;
}

describe("job file", () => {
  it("reads the example that ships", () => {
    const { job, problems } = parseJobFile(readFileSync(EXAMPLE, "utf8"), EXAMPLE);
    assert.deepEqual(problems, []);
    assert.equal(job?.services[0].deployment, "rpc-service");
  });

  it("fills in Flink's defaults, and resolves paths against the file's folder", () => {
    const job = jobOf(GOOD);
    assert.deepEqual(job.runtime.restartStrategy, {
      type: "exponential-delay",
      initialBackoffMs: 1000,
      maxBackoffMs: 60_000,
      backoffMultiplier: 1.5,
      jitterFactor: 0.1,
      resetBackoffThresholdMs: 3_600_000,
      attemptsBeforeResetBackoff: Infinity,
    });
    assert.deepEqual(job.runtime.checkpointing, {
      intervalMs: 1000,
      mode: "EXACTLY_ONCE",
      timeoutMs: 600_000,
      minPauseMs: 0,
      maxConcurrent: 1,
      tolerableFailed: 0,
      unaligned: false,
      retained: 2,
    });
    assert.equal(job.runtime.failoverStrategy, "region");
    assert.equal(job.runtime.heartbeatTimeoutMs, 50_000);
    assert.equal(job.services[0].model, "/jobs/here/model/langid.onnx");
    assert.deepEqual(job.services[0].restartStrategy, { type: "fixed-delay", attempts: Infinity, delayMs: 0 });
    const [texts, classify] = job.operators;
    assert.ok(texts.kind === "source" && texts.source.connector.kind === "file");
    assert.equal(texts.source.connector.path, "/jobs/data/texts.ndjson");
    assert.ok(classify.kind === "rpc");
    assert.deepEqual([classify.rpc.capacity, classify.rpc.timeoutMs, classify.rpc.ordered], [100, 10_000, true]);
    assert.deepEqual(Object.entries(classify.rpc.inputs), [
      ["input:0", "text"],
      ["__proto__", "x"],
    ]);
    assert.deepEqual(
      job.edges.map(({ ship, partitionType }) => [ship, partitionType]),
      [
        ["FORWARD", "PIPELINED_BOUNDED"],
        ["HASH", "PIPELINED_BOUNDED"],
        ["REBALANCE", "PIPELINED_BOUNDED"],
      ],
    );
  });

  it("has no restart strategy without checkpoints, as Flink", () => {
    const job = jobOf(GOOD.replace(', "checkpointing": { "interval": "1s" }', ""));
    assert.deepEqual(job.runtime.restartStrategy, { type: "none" });
    assert.equal(job.runtime.checkpointing, undefined);
  });

  it("makes batch exchanges BLOCKING, except where operators are chained", () => {
    const job = jobOf(GOOD.replace('"parallelism": 2,', '"parallelism": 2, "mode": "batch",'));
    assert.deepEqual(
      job.edges.map(({ partitionType }) => partitionType),
      ["PIPELINED_BOUNDED", "BLOCKING", "BLOCKING"],
    );
  });

  it("agrees with the schema that the editor uses", () => {
    const ajv = new Ajv({ strict: false, allErrors: false });
    const validate = ajv.compile(JOB_FILE_SCHEMA);
    for (const text of [GOOD, readFileSync(EXAMPLE, "utf8")]) {
      assert.ok(validate(parse(text, [], { allowTrailingComma: true })), JSON.stringify(validate.errors));
    }
    const broken = [
      GOOD.replace('"tumbling"', '"tumblin"'),
      GOOD.replace('"1s"', '"1"'),
      GOOD.replace('"key"', '"keys"'),
      GOOD.replace('"parallelism": 2', '"parallelism": 0'),
      GOOD.replace('"connector": "file", ', ""),
    ];
    for (const text of broken) {
      assert.ok(!validate(parse(text, [], { allowTrailingComma: true })), text);
      assert.equal(parseJobFile(text, FILE).job, undefined, text);
    }
  });

  it("names line and column of broken JSON", () => {
    const problem = findingOf(GOOD.replace('"name": "words",', '"name": "words"'), "FL1002");
    assert.deepEqual([problem.location?.line, problem.location?.column], [4, 3]);
    assert.equal(findingOf("", "FL1002").message, "The file is empty.");
    findingOf('{ "name": "w', "FL1002");
  });

  it("says what to write instead of an unknown field, value or name", () => {
    assert.match(
      findingOf(GOOD.replace('"slots"', '"taskmanager.numberOfTaskSlots"'), "FL1003", "Slots").hint!,
      /"slots".*Flink/,
    );
    assert.match(findingOf(GOOD.replace('"key"', '"kee"'), "FL1003", "kee").hint!, /"key"/);
    assert.match(findingOf(GOOD.replace('"tumbling"', '"Tumbling "'), "FL1003", "Tumbling").hint!, /"tumbling"/);
    assert.match(
      findingOf(GOOD.replace('"service": "langid"', '"service": "langed"'), "FL1010", "langed").hint!,
      /"langid"/,
    );
    assert.match(findingOf(GOOD.replace('"to": "counts"', '"to": "count"'), "FL1010", "count").hint!, /"counts"/);
    assert.match(findingOf(GOOD.replace('"to": "counts"', '"to": "langid"'), "FL1010", "langid").hint!, /service/);
    assert.match(findingOf(GOOD.replace('"1s" } }', '"1" } }'), "FL1024", '"1"').hint!, /10s/);
    findingOf(GOOD.replace('"size": "1s"', '"size": "0s"'), "FL1024", "0s");
  });

  it("finds graphs that cannot be", () => {
    const cycle = findingOf(GOOD.replace('"to": "counts"', '"to": "classify"'), "FL1011");
    assert.match(cycle.message, /classify → perLanguage → classify/);
    findingOf(GOOD.replace('"from": "texts"', '"from": "counts"'), "FL1015", "counts");
    findingOf(GOOD.replace('"to": "classify"', '"to": "texts"'), "FL1015", "texts");
    findingOf(GOOD.replace('"key": "language"', '"ship": "HASH"'), "FL1015");
    findingOf(GOOD.replace('"to": "counts"', '"to": "counts", "ship": "FORWARD"'), "FL1015", "FORWARD");
    findingOf(GOOD.replace('"to": "counts"', '"to": "counts", "ship": "CUSTOM"'), "FL1015");
    findingOf(GOOD.replace('"to": "counts"', '"to": "counts", "sideOutput": "late"'), "FL1015", "late");
    findingOf(GOOD.replace('"counts":', '"texts":'), "FL1012", "texts");
    findingOf(GOOD.replace('"counts":', '"langid":').replace('"to": "counts"', '"to": "langid"'), "FL1012");
  });

  it("checks parallelism and slots, with the numbers", () => {
    for (const parallelism of ["0", "-1", "10000000", "1.5", "1e400"]) {
      const problem = findingOf(
        GOOD.replace('"path": "counts", "parallelism": 1', `"path": "counts", "parallelism": ${parallelism}`),
        "FL1013",
      );
      assert.equal(problem.location?.element, "operators.counts.parallelism");
    }
    const slots = findingOf(GOOD.replace('"taskManagers": 2', '"taskManagers": 1'), "FL1023");
    assert.match(slots.message, /needs 2 slots .*has 1/);
    const groups = GOOD.replace('"path": "counts",', '"path": "counts", "slotSharingGroup": "sinks",');
    assert.match(findingOf(groups, "FL1023").message, /needs 3 slots \(2 for group "default", 1 for group "sinks"\)/);
    // In batch, regions take turns, and the largest has to fit.
    const batch = GOOD.replace('"taskManagers": 2', '"mode": "batch", "taskManagers": 1');
    assert.deepEqual(parseJobFile(batch, "/job.faultline.json").problems, []);
    const pipelined = batch.replaceAll('{ "from":', '{ "partitionType": "PIPELINED", "from":');
    assert.match(findingOf(pipelined, "FL1023").message, /One pipelined region of this batch job needs 2 slots and there are 1/);
  });

  it("does not take several unaligned checkpoints at once", () => {
    const several = GOOD.replace('"interval": "1s"', '"interval": "1s", "unaligned": true, "maxConcurrent": 2');
    assert.match(findingOf(several, "FL1003").message, /several at once/);
  });

  it("checks services", () => {
    findingOf(GOOD.replace('"model": "model/langid.onnx"', '"deployment": "external"'), "FL1003");
    findingOf(GOOD.replace('"model": "model/langid.onnx", ', ""), "FL1003");
    findingOf(
      GOOD.replace('"model": "model/langid.onnx"', '"model": "m.onnx", "calls": ["nobody"]'),
      "FL1010",
      "nobody",
    );
    findingOf(
      GOOD.replace('"model": "model/langid.onnx"', '"model": "m.onnx", "slotSharingGroup": "default"'),
      "FL1015",
      "default",
    );
    const unused = parseJobFile(
      GOOD.replace(
        '{ "type": "rpc", "service": "langid",',
        '{ "type": "standIn", "name": "x" }, "unused": { "type": "rpc", "service": "langid",',
      ),
      FILE,
    );
    assert.equal(unused.job, undefined);
    const warned = parseJobFile(GOOD.replace('"services": {', '"services": { "other": { "model": "m.onnx" },'), FILE);
    assert.ok(warned.job, "a warning is no error");
    assert.deepEqual(
      warned.problems.map(({ code, severity }) => [code, severity]),
      [["FL1010", "warning"]],
    );
  });

  it("accepts infinite where Flink does", () => {
    const text = GOOD.replace(
      '"slots": 1,',
      '"slots": 1, "restartStrategy": { "type": "fixed-delay", "attempts": "infinite", "delay": "5 s" },',
    );
    assert.deepEqual(jobOf(text).runtime.restartStrategy, { type: "fixed-delay", attempts: Infinity, delayMs: 5000 });
  });

  it("takes hostile names for what they are", () => {
    findingOf(GOOD.replaceAll('"counts"', '"__proto__"'), "FL1003", "__proto__");
    findingOf(GOOD.replace('"name"', '"__proto__"'), "FL1003", "__proto__");
    assert.equal(({} as Record<string, unknown>).type, undefined, "nothing was polluted");
    const html = "<img src=x onerror=alert(1)>";
    assert.equal(jobOf(GOOD.replace('"words"', JSON.stringify(html))).name, html);
  });

  it("states its limits", function () {
    this.timeout(60_000);
    assert.match(findingOf(" ".repeat(MAX_JOB_FILE_BYTES + 1), "FL1004").message, /1048576/);
    assert.match(findingOf("[".repeat(100_000), "FL1004").message, /200/);
    const many = `{"operators":{${Array.from({ length: 10_001 }, (_, i) => `"o${i}":{"type":"union"}`).join(",")}}}`;
    assert.match(findingOf(many, "FL1004").message, /10000/);
    const wrong = `{"operators":{${Array.from({ length: 5000 }, (_, i) => `"o${i}":{"type":"unin"}`).join(",")}}}`;
    assert.ok(parseJobFile(wrong, FILE).problems.length <= 101);
  });

  it("never throws, whatever is cut, swapped or put in", function () {
    this.timeout(120_000);
    const pieces = fc.constantFrom(
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "null",
      "1e999",
      "-0",
      '"__proto__"',
      "//",
      "/*",
      "\\u00",
      "\u2028",
      '""',
      "{}",
      "[]",
    );
    const edits = fc.array(fc.record({ at: fc.nat(GOOD.length), cut: fc.nat(40), put: pieces }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(edits, (list) => {
        const text = list.reduce(
          (before, { at, cut, put }) => before.slice(0, at) + put + before.slice(at + cut),
          GOOD,
        );
        const { job, problems } = parseJobFile(text, FILE);
        assert.equal(
          job === undefined,
          problems.some(({ severity }) => severity === "error"),
        );
        for (const { location } of problems) {
          assert.equal(location?.file, FILE);
          if (location?.line !== undefined)
            assert.ok(location.line >= 1 && location.line <= text.split(/\r\n|\r|\n/).length);
        }
        locateElements(text, FILE);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.json(), (text) => void parseJobFile(text, FILE)),
      { numRuns: 300 },
    );
  });

  it("knows where every element stands", () => {
    const places = locateElements(GOOD, FILE);
    assert.deepEqual([...places.keys()].slice(0, 3), [
      "operators.texts",
      "operators.classify",
      "operators.perLanguage",
    ]);
    const edge = places.get("edges[1]")!;
    assert.equal(edge.line, 14);
    assert.match(GOOD.slice(edge.offset, edge.offset! + edge.length!), /^\{ "from": "classify".*\}$/);
  });
});

describe("durations", () => {
  it("are read with their units", () => {
    assert.deepEqual(
      ["250ms", "10s", "5m", "1h", "1d", "1.5s", "10 min", "2 hours", "0s"].map(parseDuration),
      [250, 10_000, 300_000, 3_600_000, 86_400_000, 1500, 600_000, 7_200_000, 0],
    );
    for (const text of ["", "10", "s", "-1s", "1e3s", "1 fortnight", "99999999999d", "constructor", "1__proto__"]) {
      assert.equal(parseDuration(text), undefined, text);
    }
  });

  it("are written so that they are read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 10 }), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)),
    );
  });
});

describe("paths of a job file", () => {
  it("are resolved as text, with either separator", () => {
    assert.equal(resolveFrom("/a/b/job.json", "c/d.ts"), "/a/b/c/d.ts");
    assert.equal(resolveFrom("/a/b/job.json", "../../../x"), "/x");
    assert.equal(resolveFrom("/a/b/job.json", "c\\d.ts"), "/a/b/c/d.ts");
    assert.equal(resolveFrom("/a/b/job.json", "/abs/./x"), "/abs/x");
    assert.equal(resolveFrom("C:\\a\\b\\job.json", "../c/d.ts"), "C:\\a\\c\\d.ts");
    assert.equal(resolveFrom("C:/a/job.json", "D:\\x"), "D:\\x");
    assert.equal(resolveFrom("\\\\host\\share\\job.json", "x.ts"), "\\\\host\\share\\x.ts");
    assert.equal(resolveFrom("job.json", "./x.ts"), "x.ts");
    assert.equal(resolveFrom("job.json", "../x.ts"), "../x.ts");
  });
});
