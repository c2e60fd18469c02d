import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applyEdits } from "jsonc-parser";
import { completionsAt, fileReferenceAt } from "../../extension/language/jobFileCompletion";
import { elementPath, quickFixes } from "../../extension/language/jobFileFixes";
import { hoverAt } from "../../extension/language/jobFileHover";
import { outline } from "../../extension/language/jobFileOutline";
import {
  occurrenceAt,
  occurrencesOf,
  renameProblem,
  symbolOccurrences,
} from "../../extension/language/jobFileReferences";
import { moduleExports } from "../../extension/language/moduleExports";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const EXAMPLE = readFileSync(
  join(__dirname, "../../examples/language-detection/language-detection.faultline.json"),
  "utf8",
);
const FILE = "/job/test.faultline.json";

/** Text with a `|` where the cursor is. */
function cursor(marked: string): { readonly text: string; readonly offset: number } {
  const offset = marked.indexOf("|");
  return { text: marked.slice(0, offset) + marked.slice(offset + 1), offset };
}

function labels(marked: string): string[] {
  const { text, offset } = cursor(marked);
  return completionsAt(text, offset).map(({ label }) => label);
}

describe("job file completion", () => {
  it("offers the fields that are not written yet, required ones first", () => {
    const offered = labels('{ "name": "x", | }');
    assert.ok(offered.includes("operators") && offered.includes("runtime"));
    assert.ok(!offered.includes("name"));
    const { text, offset } = cursor('{ "operators": { "a": { "type": "map", "|" } } }');
    const first = completionsAt(text, offset).find(({ label }) => label === "function");
    assert.equal(first?.preferred, true);
  });

  it("offers the fields of the operator's own type only", () => {
    const offered = labels('{ "operators": { "a": { "type": "rpc", | } } }');
    assert.ok(offered.includes("service") && offered.includes("capacity"));
    assert.ok(!offered.includes("path") && !offered.includes("window"));
  });

  it("tells the connectors of a source apart", () => {
    const offered = labels('{ "operators": { "a": { "type": "source", "connector": "generator", | } } }');
    assert.ok(offered.includes("seed"));
    assert.ok(!offered.includes("format"));
  });

  it("offers operators for the ends of an edge: no sink as its start, no source as its end", () => {
    const job = (edge: string): string =>
      `{ "operators": { "in": { "type": "source" }, "mid": { "type": "map" }, "out": { "type": "sink" } }, "edges": [${edge}] }`;
    assert.deepEqual(labels(job('{ "from": "|" }')), ["in", "mid"]);
    assert.deepEqual(labels(job('{ "to": "|" }')), ["mid", "out"]);
  });

  it("offers services where one is named", () => {
    assert.deepEqual(
      labels('{ "services": { "a": {}, "b": {} }, "operators": { "x": { "type": "rpc", "service": | } } }'),
      ["a", "b"],
    );
    assert.deepEqual(labels('{ "services": { "a": { "calls": ["|"] }, "b": {} } }'), ["b"]);
    assert.deepEqual(labels('{ "services": { "a": { "calls": "|" }, "b": {} } }'), ["any"]);
  });

  it("offers the values of a choice with the default marked", () => {
    const { text, offset } = cursor('{ "runtime": { "failoverStrategy": "|" } }');
    const proposals = completionsAt(text, offset);
    assert.deepEqual(proposals.map(({ label }) => label).sort(), ["full", "region"]);
    assert.equal(proposals.find(({ label }) => label === "region")?.preferred, true);
    assert.equal(text.slice(proposals[0]?.replace.offset, offset + 1), '""');
  });

  it("writes whole operators that the validator takes", () => {
    const { text, offset } = cursor('{ "operators": { | } }');
    const templates = completionsAt(text, offset);
    assert.ok(templates.length >= 10);
    for (const { snippet } of templates) {
      const written = snippet
        .replace(/\$\{\d+\|([^,|}]*)[^}]*\}/g, "$1")
        .replace(/\$\{\d+:([^}]*)\}/g, "$1")
        .replace(/\$\d+/g, "");
      const whole = text.slice(0, offset) + written + text.slice(offset);
      const broken = parseJobFile(whole, FILE).problems.filter(
        ({ code }) => code === "FL1002" || /Unknown field/.test(code),
      );
      assert.deepEqual(broken, [], whole);
    }
  });

  it("adds the comma that the next field needs, and none after the last", () => {
    const insert = (marked: string): string | undefined => {
      const { text, offset } = cursor(marked);
      return completionsAt(text, offset).find(({ label }) => label === "slots")?.snippet;
    };
    assert.match(insert('{ "runtime": { "|" "mode": "batch" } }') ?? "", /,$/);
    assert.match(insert('{ "runtime": { "|" } }') ?? "", /[^,]$/);
  });

  it("replaces only the name of a field that has a value", () => {
    const { text, offset } = cursor('{ "runtime": { "slo|": 3 } }');
    assert.equal(completionsAt(text, offset).find(({ label }) => label === "slots")?.snippet, '"slots"');
  });

  it("is silent in comments", () => {
    assert.deepEqual(labels('{\n  // "na|\n}'), []);
  });

  it("knows what kind of file a text names", () => {
    const at = (marked: string): string | undefined => {
      const { text, offset } = cursor(marked);
      return fileReferenceAt(text, offset)?.kind;
    };
    assert.equal(at('{ "services": { "a": { "model": "m|" } } }'), "model");
    assert.equal(at('{ "operators": { "a": { "type": "map", "function": "f|" } } }'), "function");
    assert.equal(at('{ "operators": { "a": { "type": "source", "path": "|" } } }'), "data");
    assert.equal(at('{ "operators": { "a": { "name": "n|" } } }'), undefined);
  });
});

describe("job file hover", () => {
  it("says what a field is, its default and Flink's name for it", () => {
    const { text, offset } = cursor('{ "runtime": { "fail|overStrategy": "full" } }');
    const { markdown } = hoverAt(text, offset) ?? { markdown: "" };
    assert.match(markdown, /What restarts with a task that failed/);
    assert.match(markdown, /Default: `region`/);
    assert.match(markdown, /jobmanager\.execution\.failover-strategy/);
  });

  it("says what the written choice means", () => {
    const { text, offset } = cursor('{ "runtime": { "failoverStrategy": "fu|ll" } }');
    assert.match(hoverAt(text, offset)?.markdown ?? "", /`full`: Everything/);
  });
});

describe("job file references", () => {
  it("finds an operator where it is defined and where edges name it", () => {
    const found = symbolOccurrences(EXAMPLE).filter(({ id }) => id === "classify");
    assert.deepEqual(
      found.map(({ definition }) => definition),
      [true, false, false, false],
    );
    for (const { span } of found) assert.equal(EXAMPLE.slice(span.offset, span.offset + span.length), "classify");
  });

  it("renames an operator everywhere and leaves a valid job", () => {
    const occurrence = occurrenceAt(EXAMPLE, EXAMPLE.indexOf('"perLanguage"') + 3);
    assert.ok(occurrence?.definition);
    const edits = occurrencesOf(EXAMPLE, occurrence).map(({ span }) => ({ ...span, content: "counting" }));
    const renamed = applyEdits(EXAMPLE, edits);
    assert.ok(!renamed.includes("perLanguage"));
    assert.deepEqual(parseJobFile(renamed, FILE).problems, []);
    assert.ok(renamed.includes("// Every message once more"), "comments stay");
  });

  it("refuses ids that are taken or no ids", () => {
    const occurrence = occurrenceAt(EXAMPLE, EXAMPLE.indexOf('"features"') + 1);
    assert.ok(occurrence);
    assert.match(renameProblem(EXAMPLE, occurrence, "langid") ?? "", /already the id of a service/);
    assert.match(renameProblem(EXAMPLE, occurrence, "a b") ?? "", /letters, digits/);
    assert.equal(renameProblem(EXAMPLE, occurrence, "features"), undefined);
  });
});

describe("job file outline", () => {
  it("lists operators with their types and edges with their ends", () => {
    const sections = outline(EXAMPLE);
    const operators = sections.find(({ name }) => name === "operators")?.children ?? [];
    assert.deepEqual(
      operators.map(({ name, detail }) => `${name}: ${detail}`),
      [
        "texts: source file",
        "features: map",
        "classify: rpc langid",
        "perLanguage: window",
        "counts: sink file",
        "messages: sink file",
      ],
    );
    const edges = sections.find(({ name }) => name === "edges")?.children ?? [];
    assert.equal(edges[2]?.name, "classify → perLanguage");
    assert.equal(edges[2]?.detail, "HASH");
  });
});

describe("quick fixes", () => {
  const INDENTATION = { tabSize: 2, insertSpaces: true };

  /** The text after the preferred (else the first) fix of the first finding with that code. */
  function fixed(text: string, code: string, title?: RegExp): string {
    const problem = parseJobFile(text, FILE).problems.find((one) => one.code === code && one.severity !== "warning");
    assert.ok(problem, `no ${code} in ${JSON.stringify(parseJobFile(text, FILE).problems)}`);
    const fixes = quickFixes(text, problem, INDENTATION);
    const fix =
      title === undefined
        ? (fixes.find(({ preferred }) => preferred) ?? fixes[0])
        : fixes.find((one) => title.test(one.title));
    assert.ok(fix, `no fix for ${problem.message} among ${fixes.map((one) => one.title).join(", ")}`);
    return applyEdits(text, [...fix.edits]);
  }

  const broken: readonly (readonly [what: string, change: (text: string) => string, code: string])[] = [
    [
      "an operator that is misspelt in an edge",
      (text) => text.replace('"from": "features"', '"from": "featurs"'),
      "FL1010",
    ],
    ["a service that is misspelt", (text) => text.replace('"service": "langid"', '"service": "langidd"'), "FL1010"],
    [
      "a field that is misspelt",
      (text) => text.replace('"parallelism": 2,\n    "taskManagers"', '"paralelism": 2,\n    "taskManagers"'),
      "FL1003",
    ],
    ["a choice that is misspelt", (text) => text.replace('"rpc-service"', '"rpc-servce"'), "FL1003"],
    ["a duration without a unit", (text) => text.replace('"interval": "1s"', '"interval": 1000'), "FL1024"],
    [
      "an edge of FORWARD that changes the parallelism",
      (text) =>
        text
          .replace('"type": "map",', '"type": "map", "parallelism": 1,')
          .replace('"to": "features" }', '"to": "features", "ship": "FORWARD" }'),
      "FL1015",
    ],
    ["a key on an edge that is not HASH", (text) => text.replace('"ship": "HASH"', '"ship": "REBALANCE"'), "FL1015"],
    ["a HASH edge without a key", (text) => text.replace(', "key": "language"', ""), "FL1015"],
    ["too few slots", (text) => text.replace('"taskManagers": 2', '"taskManagers": 1'), "FL1023"],
    ["an operator without input", (text) => text.replace('    { "from": "texts", "to": "features" },\n', ""), "FL1015"],
  ];
  for (const [what, change, code] of broken) {
    it(`mend ${what}, and comments stay`, () => {
      const text = change(EXAMPLE);
      assert.notEqual(text, EXAMPLE);
      const after = fixed(text, code);
      const left = parseJobFile(after, FILE).problems.filter((problem) => problem.severity !== "warning");
      assert.deepEqual(left, [], after);
      assert.ok(after.includes("// The model runs as an RpcOperator service"));
    });
  }

  it("adds the field that is missing", () => {
    const after = fixed('{ "operators": { "a": { "type": "map" } } }', "FL1003", /Add "function"/);
    assert.match(after, /"function"/);
  });

  it("follows element paths through ids with dots", () => {
    assert.deepEqual(elementPath('{ "operators": { "a.b": { "window": {} } } }', "operators.a.b.window"), [
      "operators",
      "a.b",
      "window",
    ]);
    assert.deepEqual(elementPath('{ "edges": [{}, { "to": "x" }] }', "edges[1].to"), ["edges", 1, "to"]);
  });
});

describe("exports of a module", () => {
  it("are read from its text", () => {
    const text = [
      "// export function notThis() {}",
      "export function one() {}",
      "export async function two() {}",
      "export const three = 3, more = 4;",
      "function four() {} const five = 5;",
      "export { four, five as renamed, type Six };",
      "module.exports.seven = 1;",
    ].join("\n");
    const found = moduleExports(text);
    assert.deepEqual(
      found.map(({ name }) => name),
      ["one", "two", "three", "four", "renamed", "seven"],
    );
    for (const { name, offset } of found) assert.equal(text.slice(offset, offset + name.length), name);
  });
});
