/** Runs inside the extension host, beside the installed extension: the tools as a language model calls them, with good and with bad input. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";

const JOB = "language-detection.faultline.json";
const OTHER_JOB = "batch.faultline.json";
/** Longer than anything that is waited for here takes. */
const LIMIT_MS = 60_000;

interface Graph {
  readonly graph?: {
    readonly name: string;
    readonly vertices: readonly { readonly id: string; readonly kind: string }[];
    readonly regions: readonly { readonly subtasks: readonly string[] }[];
  };
  readonly problems: readonly { readonly code: string; readonly message: string }[];
}

interface Report {
  readonly run: { readonly id: string; readonly job: string };
  readonly failures: readonly {
    readonly fault?: string;
    readonly target?: string;
    readonly restartedTasks: readonly string[];
    readonly restartedInstances: readonly string[];
  }[];
}

function file(name: string): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder);
  return vscode.Uri.joinPath(folder.uri, name);
}

describe("the tools for language models", () => {
  /** What the tool answers: one JSON document. */
  async function invoke(name: string, input: object): Promise<unknown> {
    const result = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
    const [part, ...more] = result.content;
    assert.ok(part instanceof vscode.LanguageModelTextPart, "a text");
    assert.equal(more.length, 0, "and nothing else");
    return JSON.parse(part.value) as unknown;
  }

  /** The sentence with which the tool refuses. */
  async function refusal(name: string, input: object): Promise<string> {
    const answer = await invoke(name, input).then(
      (value) => assert.fail(`it answered ${JSON.stringify(value)}`),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    assert.doesNotMatch(answer, /\n\s+at /, "no stack trace");
    return answer;
  }

  /** Looks again whenever the run's journal may have grown, until the text is in it. */
  async function journalSays(directory: string, text: RegExp): Promise<void> {
    const journal = join(directory, "journal.ndjson");
    const end = Date.now() + LIMIT_MS;
    while (!existsSync(journal) || !text.test(readFileSync(journal, "utf8"))) {
      assert.ok(Date.now() < end, `${String(text)} in ${journal}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  let run: { readonly run: string; readonly directory: string };

  it("are those of the manifest, each with a schema", () => {
    const own = vscode.lm.tools.filter(({ name }) => name.startsWith("faultline_"));
    assert.deepEqual(own.map(({ name }) => name).sort(), [
      "faultline_explain_recovery",
      "faultline_get_job_graph",
      "faultline_inject_failure",
      "faultline_run_job",
    ]);
    for (const { name, inputSchema } of own) assert.ok(inputSchema, name);
  });

  it("give the graph and regions of a job file", async () => {
    const { graph, problems } = (await invoke("faultline_get_job_graph", { jobFile: JOB })) as Graph;
    assert.deepEqual(problems, []);
    assert.equal(graph?.name, "language-detection");
    assert.equal(graph.vertices.find(({ id }) => id === "langid")?.kind, "service");
    assert.ok(graph.regions.some(({ subtasks }) => subtasks.length === 1 && subtasks[0] === "langid#1"));
  });

  it("say which file there is none of, and what is wrong with one", async () => {
    assert.match(await refusal("faultline_get_job_graph", { jobFile: "nowhere.faultline.json" }), /nowhere/);
    const broken = file("broken/broken.faultline.json");
    const text =
      '{ "operators": { "a": { "type": "map", "function": "f.ts#f" } }, "edges": [{ "from": "a", "to": "b" }] }';
    await vscode.workspace.fs.writeFile(broken, new TextEncoder().encode(text));
    const jobFile = "broken/broken.faultline.json";
    assert.match(await refusal("faultline_run_job", { jobFile }), /"a" has no input\. Add an edge/);
    const { graph, problems } = (await invoke("faultline_get_job_graph", { jobFile })) as Graph;
    assert.equal(graph, undefined);
    assert.ok(problems.length > 0 && problems.every(({ code }) => /^FL1\d{3}$/.test(code)), JSON.stringify(problems));
    await vscode.workspace.fs.delete(file("broken"), { recursive: true });
  });

  it("need no name where there is one job file alone", async () => {
    const several = await refusal("faultline_get_job_graph", {});
    assert.match(several, /several job files/);
    for (const name of [JOB, OTHER_JOB]) assert.ok(several.includes(name), several);
    await vscode.workspace.fs.delete(file(OTHER_JOB));
    const { graph } = (await invoke("faultline_get_job_graph", {})) as Graph;
    assert.equal(graph?.name, "language-detection");
  });

  it("know no run before there is one", async () => {
    assert.match(await refusal("faultline_explain_recovery", {}), /No job has been run|no run/i);
    assert.match(await refusal("faultline_inject_failure", { fault: "crash", target: "service:langid#0" }), /run/i);
  });

  it("run a job, and give the run's id and folder", async () => {
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file(JOB)));
    // The example's texts last for half a minute; the test ends its run itself.
    const lasting = text.replace('"format": "ndjson"', '"format": "ndjson", "repeat": 100');
    await vscode.workspace.fs.writeFile(file(JOB), new TextEncoder().encode(lasting));
    run = (await invoke("faultline_run_job", { jobFile: JOB })) as typeof run;
    assert.match(run.run, /^\d{8}-\d{6}-[0-9a-f]{4}$/);
    await journalSays(run.directory, /"kind":"job\.state"[^\n]*"to":"RUNNING"/);
  });

  it("break an instance of it, and refuse what is no fault and no target", async () => {
    const unknown = await refusal("faultline_inject_failure", { fault: "explode", target: "service:langid#0" });
    assert.match(unknown, /explode/);
    const nobody = await refusal("faultline_inject_failure", { fault: "crash", target: "service:nobody#0" });
    assert.match(nobody, /nobody/);
    const elsewhere = { run: "20000101-000000-0000", fault: "crash", target: "service:langid#0" };
    assert.match(await refusal("faultline_inject_failure", elsewhere), /20000101-000000-0000/);
    const answer = await invoke("faultline_inject_failure", { fault: "crash", target: "service:langid#0" });
    assert.deepEqual(answer, { run: run.run, injected: "crash", target: "service:langid#0" });
    await journalSays(run.directory, /"kind":"failover"[^\n]*"langid#0"/);
    const again = /"kind":"task\.state"[^\n]*"langid#0"[^\n]*"attempt":1[^\n]*"RUNNING"/;
    await journalSays(run.directory, again);
  });

  it("explain what restarted and what did not", async () => {
    const report = (await invoke("faultline_explain_recovery", { run: run.run })) as Report;
    assert.equal(report.run.id, run.run);
    const [failure, ...more] = report.failures;
    assert.equal(more.length, 0);
    assert.deepEqual([failure?.fault, failure?.target], ["crash", "service:langid#0"]);
    assert.deepEqual(failure?.restartedInstances, ["langid#0"]);
    assert.deepEqual(failure?.restartedTasks, []);
    assert.match(await refusal("faultline_explain_recovery", { run: "nothing" }), /nothing/);
  });

  it("see a run end that was canceled", async () => {
    await vscode.commands.executeCommand("faultline.cancelRun", run.run);
    await journalSays(run.directory, /"kind":"run\.ended"/);
    const report = (await invoke("faultline_explain_recovery", {})) as Report;
    assert.equal(report.run.id, run.run, "the newest is meant where none is named");
  });
});
