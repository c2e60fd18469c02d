import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FaultlineError } from "../../simulator/graph/errors";
import type { JobSpec } from "../../simulator/graph/jobFile";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import { compileFunctions, loadFunction, positionInSource } from "../../simulator/operators/functionModule";

describe("operators: functions of a person", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "faultline-functions-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function write(name: string, content: string): string {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  function jobWith(...functions: string[]): JobSpec {
    const operators = Object.fromEntries(functions.map((name, i) => [`m${i}`, { type: "map", function: name }]));
    const ids = ["source", ...Object.keys(operators), "sink"];
    const text = JSON.stringify({
      name: "functions",
      operators: {
        source: { type: "source", connector: "generator", limit: 1 },
        ...operators,
        sink: { type: "sink", connector: "blackhole" },
      },
      edges: ids.slice(1).map((to, i) => ({ from: ids[i], to })),
    });
    const { job, problems } = parseJobFile(text, join(directory, "job.faultline.json"));
    assert.ok(job, JSON.stringify(problems));
    return job;
  }

  const compile = (job: JobSpec) => compileFunctions(job, join(directory, "compiled"));
  const ref = (name: string, exportName: string) => ({ module: join(directory, name), exportName });

  it("are compiled with what they import, from TypeScript, ES modules, CommonJS and packages", async () => {
    write("words.ts", `export const shout = (text: string): string => text.toUpperCase();`);
    write("node_modules/kind/package.json", `{"name":"kind","type":"module","exports":"./index.js"}`);
    write("node_modules/kind/index.js", `export const kind = "package";`);
    write(
      "a.ts",
      `import { shout } from "./words";\nimport { kind } from "kind";\nexport const a = (v: string) => shout(v) + kind;`,
    );
    write("b.mjs", `export function b(v) { return v + import.meta.url.slice(-5); }`);
    write("c.cjs", `exports.c = (v) => v + require("node:path").basename(__dirname);`);
    const { modules, problems } = await compile(jobWith("a.ts#a", "b.mjs#b", "c.cjs#c"));
    assert.deepEqual(problems, []);
    const call = (name: string, exportName: string) =>
      (loadFunction(ref(name, exportName), modules) as (value: string) => string)("x");
    assert.equal(call("a.ts", "a"), "Xpackage");
    assert.equal(call("b.mjs", "b"), "xb.mjs");
    assert.equal(call("c.cjs", "c"), `x${directory.split("/").at(-1)}`);
  });

  it("that are not there are reported, with those that are, and nothing is run", async () => {
    write("a.ts", `throw new Error("was run");\nexport const right = 1, other = 2;\nexport type NotAValue = string;`);
    const { problems } = await compile(jobWith("a.ts#rihgt", "missing.ts#x"));
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["FL1020", "FL1020"],
    );
    const [missing, wrong] = problems.toSorted((a, b) => a.message.length - b.message.length);
    assert.ok(
      [missing, wrong].some(({ hint }) => hint === "It exports: right, other." || hint === "It exports: other, right."),
    );
    assert.ok(problems.every(({ location }) => /^operators\.m\d$/.test(location!.element!)));
  });

  it("that do not compile are reported with their place", async () => {
    write("a.ts", `export const a = (v: string) => v;\nexport const b = v => {{;\n`);
    const { problems } = await compile(jobWith("a.ts#a"));
    assert.equal(problems[0].code, "FL1021");
    assert.equal(problems[0].location?.line, 3);
    assert.match(problems[0].location.file!, /a\.ts$/);
  });

  it("whose module throws while it is loaded are reported with the place in the source", async () => {
    write(
      "deep.ts",
      `interface Config { a: number }\nexport function read(): Config {\n  throw new TypeError("no config");\n}`,
    );
    write("a.ts", `import { read } from "./deep";\nconst config = read();\nexport const a = () => config;`);
    const { modules, problems } = await compile(jobWith("a.ts#a"));
    assert.deepEqual(problems, []);
    assert.throws(
      () => loadFunction(ref("a.ts", "a"), modules),
      (error: FaultlineError) => {
        assert.equal(error.code, "FL1021");
        assert.match(error.message, /no config/);
        assert.match(error.location!.file!, /deep\.ts$/);
        assert.equal(error.location!.line, 3);
        return true;
      },
    );
  });

  it("are traced back to the source with and without Node's own source maps", async () => {
    write(
      "a.ts",
      `interface V { n: number }\n\nexport const a = (v: V) => {\n  return (undefined as unknown as { x: V }).x;\n};`,
    );
    const { modules } = await compile(jobWith("a.ts#a"));
    const script = write(
      "run.ts",
      `import { loadFunction, positionInSource } from ${JSON.stringify(join(__dirname, "../../simulator/operators/functionModule"))};
       const modules = ${JSON.stringify(modules)};
       try { (loadFunction({ module: ${JSON.stringify(join(directory, "a.ts"))}, exportName: "a" }, modules) as any)({ n: 1 }); }
       catch (error) { console.log(JSON.stringify(positionInSource(error, modules))); }`,
    );
    const bundle = join(directory, "run.cjs");
    const { buildSync } = await import("esbuild");
    buildSync({ entryPoints: [script], bundle: true, platform: "node", outfile: bundle, external: ["esbuild"] });
    for (const flags of [[], ["--enable-source-maps"]]) {
      const printed = execFileSync(process.execPath, [...flags, bundle], { encoding: "utf8", env: {} });
      assert.deepEqual(JSON.parse(printed), { file: join(directory, "a.ts"), line: 4, column: 45 });
    }
  });

  it("that throw something else than an error have no place", () => {
    assert.equal(positionInSource("text", {}), undefined);
    assert.equal(positionInSource(undefined, {}), undefined);
  });
});
