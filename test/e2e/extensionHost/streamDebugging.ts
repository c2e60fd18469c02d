/** Runs inside the extension host, beside the installed extension: breakpoints in a job file, and one record after the other. */
import assert from "node:assert/strict";
import * as vscode from "vscode";

const JOB = "language-detection.faultline.json";
/** Longer than anything that is waited for here takes. */
const LIMIT_MS = 40_000;

interface Stopped {
  readonly reason: string;
  readonly threadId: number;
  readonly text?: string;
  readonly preserveFocusHint?: boolean;
}

interface StackFrame {
  readonly id: number;
  readonly name: string;
  readonly line: number;
}

interface Variable {
  readonly name: string;
  readonly value: string;
  readonly variablesReference: number;
}

describe("debugging the stream of a job", () => {
  const stops: Stopped[] = [];
  const output: string[] = [];
  /** How many breakpoints the debugger took, each time it was told. */
  const answered: number[] = [];
  const waiting = new Set<() => void>();
  const disposables: vscode.Disposable[] = [];
  let session: vscode.DebugSession;
  let jobFile: vscode.Uri;
  let document: vscode.TextDocument;

  /** Resolves as soon as `look` gives something; it looks again with every message of the debugger. Says what came instead when nothing does. */
  function until<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        waiting.delete(once);
        const last = JSON.stringify({ stops: stops.slice(-6), answered: answered.slice(-6), output: output.slice(-6) });
        reject(new Error(`Waited ${LIMIT_MS / 1000} s for a message of the debugger. The last there were: ${last}`));
      }, LIMIT_MS);
      const once = (): void => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(limit);
        waiting.delete(once);
        resolve(found);
      };
      waiting.add(once);
      once();
    });
  }

  async function request<T>(command: string, body: object = {}): Promise<T> {
    return (await session.customRequest(command, body)) as T;
  }

  async function frames(threadId: number): Promise<readonly StackFrame[]> {
    return (await request<{ stackFrames: StackFrame[] }>("stackTrace", { threadId })).stackFrames;
  }

  async function scope(frameId: number, name: string): Promise<readonly Variable[]> {
    const { scopes } = await request<{ scopes: { name: string; variablesReference: number }[] }>("scopes", { frameId });
    const found = scopes.find((one) => one.name === name);
    assert.ok(found, `${name} among ${scopes.map((one) => one.name).join(", ")}`);
    const { variablesReference } = found;
    return (await request<{ variables: Variable[] }>("variables", { variablesReference })).variables;
  }

  async function evaluate(frameId: number, expression: string): Promise<string> {
    return (await request<{ result: string }>("evaluate", { frameId, expression, context: "watch" })).result;
  }

  /** The only breakpoints from now on; the debugger has heard of them when this resolves. */
  async function setBreakpoints(...wanted: readonly vscode.SourceBreakpoint[]): Promise<void> {
    const before = answered.length;
    if (vscode.debug.breakpoints.length === 0 && wanted.length === 0) return;
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    if (wanted.length > 0) vscode.debug.addBreakpoints(wanted);
    await until(() => (answered.slice(before).at(-1) === wanted.length ? true : undefined));
  }

  /** The next stop of a step at a record: one that is said only because no record came yet has no place. */
  async function stepped(from: number, threadId: number): Promise<readonly StackFrame[]> {
    for (let at = from; ; at++) {
      const stop = await until(() => stops[at]);
      if (stop.reason !== "step" || stop.threadId !== threadId) continue;
      const stack = await frames(threadId);
      if (stack[0]?.name !== "waits for a record") return stack;
    }
  }

  function breakpointAt(text: string, condition?: string, logMessage?: string): vscode.SourceBreakpoint {
    const position = document.positionAt(document.getText().indexOf(text));
    return new vscode.SourceBreakpoint(new vscode.Location(jobFile, position), true, condition, undefined, logMessage);
  }

  before(async () => {
    const folder = vscode.workspace.workspaceFolders?.[0];
    assert.ok(folder);
    jobFile = vscode.Uri.joinPath(folder.uri, JOB);
    document = await vscode.workspace.openTextDocument(jobFile);
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    disposables.push(
      vscode.debug.registerDebugAdapterTrackerFactory("faultline", {
        createDebugAdapterTracker: (started) => {
          session = started;
          return {
            onDidSendMessage: (message: {
              event?: string;
              command?: string;
              body?: Stopped & { output?: string; breakpoints?: readonly unknown[] };
            }) => {
              if (message.command === "setBreakpoints") answered.push(message.body?.breakpoints?.length ?? 0);
              if (message.event === "stopped" && message.body !== undefined) stops.push(message.body);
              if (message.event === "output") output.push(message.body?.output ?? "");
              for (const look of waiting) look();
            },
          };
        },
      }),
    );
  });

  after(async () => {
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    for (const disposable of disposables) disposable.dispose();
  });

  it("holds the record that a condition on a node names, with its chain as the stack", async () => {
    vscode.debug.addBreakpoints([breakpointAt('"features": {', "record.id === 41")]);
    const started = await vscode.debug.startDebugging(vscode.workspace.workspaceFolders?.[0], {
      type: "faultline",
      request: "launch",
      name: "Debug the stream",
      job: jobFile.fsPath,
    });
    assert.ok(started);
    const stop = await until(() => stops.find(({ reason }) => reason === "breakpoint"));
    const { threads } = await request<{ threads: { id: number; name: string }[] }>("threads");
    assert.match(threads.find(({ id }) => id === stop.threadId)?.name ?? "", /^texts#\d$/);
    const stack = await frames(stop.threadId);
    assert.deepEqual(
      stack.map(({ name }) => name),
      ["features", "texts"],
    );
    assert.equal(stack[0]?.line, document.positionAt(document.getText().indexOf('"features": {')).line + 1);
    const record = await scope(stack[0]?.id ?? 0, "Record");
    assert.equal(record.find(({ name }) => name === "id")?.value, "41");
    assert.equal(await evaluate(stack[0]?.id ?? 0, "record.id + 1"), "42");
  });

  it("stops everything else too, and lets one task go one record further", async () => {
    const first = stops.find(({ reason }) => reason === "breakpoint");
    assert.ok(first);
    // Its neighbour stands at its next record by now, or has none.
    await setBreakpoints();
    const { threadId } = first;
    let before = stops.length;
    await request("next", { threadId });
    const stack = await stepped(before, threadId);
    assert.equal(stack[0]?.name, "texts", "the next record of the chain begins at its head");
    const record = await scope(stack[0].id, "Record");
    const id = record.find(({ name }) => name === "id")?.value;
    assert.notEqual(id, "41");
    before = stops.length;
    await request("stepIn", { threadId });
    const inside = await stepped(before, threadId);
    assert.equal(inside[0]?.name, "features", "one operator further");
    assert.equal(await evaluate(inside[0].id, "record.id"), id, "with the same record");
  });

  it("goes back to the record before, to the one that a breakpoint names, and forth again", async () => {
    const first = stops.find(({ reason }) => reason === "breakpoint");
    assert.ok(first);
    const { threadId } = first;
    const shown = async (): Promise<{ readonly place: string; readonly id: string }> => {
      const [top] = await frames(threadId);
      assert.ok(top);
      return { place: top.name, id: await evaluate(top.id, "record.id") };
    };
    const go = async (command: string): Promise<{ readonly place: string; readonly id: string }> => {
      const before = stops.length;
      await request(command, { threadId });
      await until(() => stops.slice(before).find((stop) => stop.threadId === threadId));
      return shown();
    };
    const now = await shown();
    assert.deepEqual(await go("stepBack"), { place: "texts", id: now.id }, "where the same record came from");
    assert.deepEqual(await go("stepBack"), { place: "features", id: "41" }, "the record before");
    assert.deepEqual(await go("next"), { place: "texts", id: now.id });
    await setBreakpoints(breakpointAt('"texts": {', "record.id === 41"));
    assert.deepEqual(await go("reverseContinue"), { place: "texts", id: "41" });
    const [top] = await frames(threadId);
    assert.ok(top);
    await scope(top.id, "Recorded");
    await setBreakpoints();
  });

  it("holds records on an edge, and shows key, state and calls of the operators", async () => {
    const before = stops.length;
    await setBreakpoints(breakpointAt('{ "from": "classify", "to": "messages" }'));
    await request("continue", { threadId: stops[0]?.threadId ?? 1 });
    const edge = await until(() => stops.slice(before).find(({ reason }) => reason === "breakpoint"));
    const [top] = await frames(edge.threadId);
    assert.equal(top?.name, "classify → messages");
    assert.match(await evaluate(top.id, "record.language"), /^"\w+"$/);

    await setBreakpoints(breakpointAt('"perLanguage": {'));
    const next = stops.length;
    await request("continue", { threadId: edge.threadId });
    const window = await until(() => stops.slice(next).find(({ reason }) => reason === "breakpoint"));
    const [frame] = await frames(window.threadId);
    assert.equal(frame?.name, "perLanguage");
    const key = await scope(frame.id, "Key");
    assert.equal(key[0]?.value, await evaluate(frame.id, "record.language"), "keyed by the language");
    await scope(frame.id, "State");
  });

  it("writes what a logpoint says, and nothing restarts after all that", async () => {
    await setBreakpoints(breakpointAt('"messages": {', "record.id % 20 === 0", "committed {record.id}"));
    await request("continue", { threadId: 1 });
    await until(() => (output.some((text) => /messages|classify#\d: committed \d+/.test(text)) ? true : undefined));
    assert.ok(!output.some((text) => /Restarting|failed/.test(text)), output.join(""));
    await setBreakpoints();
  });

  it("stops at the record that a function throws on, and says why", async () => {
    const from = stops.length;
    // The job runs: to go on here as well would release the record that may stand at the breakpoint by then.
    await setBreakpoints(breakpointAt('"features": {'));
    const held = await until(() => stops.slice(from).find(({ reason }) => reason === "breakpoint"));
    const [standing] = await frames(held.threadId);
    assert.ok(standing);
    const id = await evaluate(standing.id, "record.id");
    // The function counts on a text.
    await evaluate(standing.id, "delete record.text");
    await setBreakpoints();
    const before = stops.length;
    await request("continue", { threadId: held.threadId });
    const stop = await until(() => stops.slice(before).find(({ reason }) => reason === "exception"));
    assert.equal(stop.threadId, held.threadId);
    assert.ok(stop.text, "what the function threw");
    const [top] = await frames(stop.threadId);
    assert.equal(top?.name, "features");
    assert.equal(await evaluate(top.id, "record.id"), id);
  });

  it("ends the run with the session, wherever a record stands", async () => {
    await vscode.debug.stopDebugging(session);
    await until(() => (output.some((text) => /Run CANCELED/.test(text)) ? true : undefined));
  });
});
