/** Edits of a job file that come from its picture: they do what they say, and nothing else in the file changes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applyEdits, parse } from "jsonc-parser";
import * as fc from "fast-check";
import { editJobFile, edgesOf, type JobFileEdit } from "../../extension/language/jobFileEdits";
import { nodeAtPath, readTree } from "../../extension/language/jobFileTree";
import { FaultlineError } from "../../simulator/graph/errors";
import { parseJobFile } from "../../simulator/graph/parseJobFile";

const FILE = join(__dirname, "../../examples/language-detection/language-detection.faultline.json");
const EXAMPLE = readFileSync(FILE, "utf8");

function edited(text: string, edit: JobFileEdit): string {
  return applyEdits(text, [...editJobFile(text, edit)]);
}

function comments(text: string): readonly string[] {
  return text.match(/\/\/[^\n]*/g) ?? [];
}

/** The text of an operator's definition. */
function within(text: string, operator: string): string {
  const node = nodeAtPath(readTree(text), ["operators", operator]);
  return node === undefined ? "" : text.slice(node.offset, node.offset + node.length);
}

function problems(text: string): readonly string[] {
  return parseJobFile(text, FILE)
    .problems.filter(({ severity }) => severity !== "warning")
    .map(({ message }) => message);
}

describe("edits of a job file", () => {
  it("change one number and nothing else", () => {
    const text = edited(EXAMPLE, { kind: "setField", symbol: "service", id: "langid", field: "parallelism", value: 3 });
    assert.equal(text, EXAMPLE.replace('"parallelism": 2,\n      //', '"parallelism": 3,\n      //'));
  });

  it("add a field within the line of an operator that has one line, and on a line of its own elsewhere", () => {
    const inLine = edited(EXAMPLE, {
      kind: "setField",
      symbol: "operator",
      id: "features",
      field: "parallelism",
      value: 1,
    });
    assert.ok(inLine.includes('"functions/messages.ts#toFeatures", "parallelism": 1 },'));
    const below = edited(EXAMPLE, {
      kind: "setField",
      symbol: "operator",
      id: "classify",
      field: "parallelism",
      value: 1,
    });
    assert.ok(below.includes('"timeout": "10s",\n      "parallelism": 1\n    },'));
    assert.deepEqual([problems(inLine), problems(below)], [[], []]);
    const back = edited(below, {
      kind: "setField",
      symbol: "operator",
      id: "classify",
      field: "parallelism",
      value: undefined,
    });
    assert.equal(back, EXAMPLE);
  });

  it("rename an operator wherever it is named", () => {
    const text = edited(EXAMPLE, { kind: "rename", symbol: "operator", id: "classify", newId: "detect" });
    assert.equal(text, EXAMPLE.replaceAll('"classify"', '"detect"'));
    assert.throws(
      () => editJobFile(EXAMPLE, { kind: "rename", symbol: "operator", id: "classify", newId: "counts" }),
      (error) => error instanceof FaultlineError && /already/.test(error.message),
    );
  });

  it("add an operator behind another, with its edge", () => {
    const operator = { type: "sink", connector: "file", path: "features" };
    const text = edited(EXAMPLE, { kind: "addOperator", after: "features", id: "copy", operator });
    assert.deepEqual(problems(text), []);
    assert.ok(
      text.includes('#toFeatures" },\n    "copy": { "type": "sink", "connector": "file", "path": "features" },\n'),
    );
    assert.ok(text.includes('"to": "messages" },\n    { "from": "features", "to": "copy" }\n  ]'));
    assert.deepEqual(comments(text), comments(EXAMPLE));
    assert.equal(
      edited(text, { kind: "removeOperator", id: "copy" }),
      EXAMPLE,
      "and taking it away gives the same file",
    );
  });

  it("take an operator out of the middle: what read it reads what it read", () => {
    const text = edited(EXAMPLE, { kind: "removeOperator", id: "features" });
    assert.deepEqual(
      edgesOf(text).map(({ from, to }) => `${from} ${to}`),
      ["texts classify", "classify perLanguage", "perLanguage counts", "classify messages"],
    );
    assert.ok(text.includes('{ "from": "texts", "to": "classify", "ship": "REBALANCE" }'), "how the edge ships stays");
    assert.deepEqual(comments(text), comments(EXAMPLE));
  });

  it("take the last operator and the last edge away, with a comment before them", () => {
    const text = edited(EXAMPLE, { kind: "removeOperator", id: "messages" });
    assert.deepEqual(problems(text), []);
    assert.deepEqual(comments(text), comments(EXAMPLE));
    assert.ok(!text.includes('"messages"'));
    assert.doesNotMatch(text, /,\s*[\]}]/, "no comma is left over");
  });

  it("add and take away an edge", () => {
    const text = edited(EXAMPLE, { kind: "addEdge", from: "texts", to: "messages", ship: "HASH", key: "id" });
    assert.ok(text.endsWith('{ "from": "texts", "to": "messages", "ship": "HASH", "key": "id" }\n  ]\n}\n'));
    assert.equal(edited(text, { kind: "removeEdge", from: "texts", to: "messages" }), EXAMPLE);
    for (const edit of [
      { kind: "addEdge", from: "texts", to: "features" },
      { kind: "addEdge", from: "texts", to: "nothing" },
      { kind: "removeEdge", from: "counts", to: "texts" },
      { kind: "removeOperator", id: "nothing" },
    ] as const) {
      assert.throws(
        () => editJobFile(EXAMPLE, edit),
        (error) => error instanceof FaultlineError && error.code === "FL1010",
      );
    }
  });

  it("keep every comment and every value they are not about, whatever the layout", () => {
    const layouts = [
      (text: string) => text,
      (text: string) => text.replaceAll("\n", "\r\n"),
      (text: string) => text.replaceAll("  ", "\t"),
      (text: string) => text.replace(/,(\n)/g, ", // why$1"),
      (text: string) => text.replace(/,(\n)/g, " /* why */,$1"),
      (text: string) => JSON.stringify(parse(text)),
    ];
    const ids = ["texts", "features", "classify", "perLanguage", "counts", "messages"];
    const id = fc.constantFrom(...ids);
    const edit = fc.oneof(
      fc.record({
        kind: fc.constant("rename" as const),
        symbol: fc.constant("operator" as const),
        id,
        newId: fc.constant("renamed"),
      }),
      fc.record({
        kind: fc.constant("setField" as const),
        symbol: fc.constant("operator" as const),
        id,
        field: fc.constantFrom("parallelism", "name"),
        value: fc.constantFrom(7, undefined),
      }),
      fc.record({
        kind: fc.constant("addOperator" as const),
        after: id,
        id: fc.constant("added"),
        operator: fc.constant({ type: "sink", connector: "file", path: "x" }),
      }),
      fc.record({ kind: fc.constant("removeOperator" as const), id }),
      fc.record({
        kind: fc.constant("removeEdge" as const),
        from: fc.constant("classify"),
        to: fc.constantFrom("perLanguage", "messages"),
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...layouts), fc.array(edit, { minLength: 1, maxLength: 5 }), (layout, edits) => {
        let text = layout(EXAMPLE);
        for (const one of edits) {
          let next: string;
          try {
            next = edited(text, one);
          } catch (error) {
            if (error instanceof FaultlineError) continue;
            throw error;
          }
          const errors: unknown[] = [];
          const value = parse(next, errors as never, { allowTrailingComma: false }) as Record<string, unknown>;
          assert.deepEqual(errors, [], `${JSON.stringify(one)}\n${next}`);
          assert.deepEqual(value["runtime"], (parse(EXAMPLE) as Record<string, unknown>)["runtime"]);
          // What stood inside an operator that is gone goes with it.
          const gone = one.kind === "removeOperator" ? comments(within(text, one.id)).length : 0;
          assert.equal(
            comments(next).length,
            comments(text).length - gone,
            `${JSON.stringify(one)}\n${text}\n\n${next}`,
          );
          text = next;
        }
      }),
      { numRuns: 300 },
    );
  });
});
