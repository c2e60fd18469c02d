/** Runs inside the extension host, beside the installed extension and VS Code's JavaScript debugger: F5 on a job. */
import assert from "node:assert/strict";
import * as vscode from "vscode";

const JOB = "language-detection.faultline.json";
const FUNCTIONS = "functions/messages.ts";

interface Stop {
  readonly session: vscode.DebugSession;
  readonly threadId: number;
  /** `taskmanager:0` */
  readonly process: string;
}

interface StackFrame {
  readonly id: number;
  readonly name: string;
  readonly line: number;
  readonly source?: { readonly path?: string };
}

function file(name: string): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder);
  return vscode.Uri.joinPath(folder.uri, name);
}

async function lineOf(text: string): Promise<number> {
  const document = await vscode.workspace.openTextDocument(file(FUNCTIONS));
  const offset = document.getText().indexOf(text);
  assert.ok(offset >= 0, `${text} is in ${FUNCTIONS}`);
  return document.positionAt(offset).line;
}

/** What the JavaScript debugger tells VS Code, over all its sessions. */
class DebuggerWatch implements vscode.Disposable {
  readonly stops: Stop[] = [];
  readonly output: string[] = [];
  jobSession: vscode.DebugSession | undefined;
  private readonly waiting = new Set<() => void>();
  private readonly disposables: vscode.Disposable[] = [];

  constructor() {
    for (const type of ["pwa-node", "faultline"]) {
      this.disposables.push(
        vscode.debug.registerDebugAdapterTrackerFactory(type, {
          createDebugAdapterTracker: (session) => ({
            onDidSendMessage: (message: { event?: string; body?: { threadId?: number; output?: string } }) => {
              if (message.event === "stopped") {
                this.stops.push({ session, threadId: message.body?.threadId ?? 0, process: processOf(session) });
              }
              if (message.event === "output") this.output.push(message.body?.output ?? "");
              for (const look of this.waiting) look();
            },
          }),
        }),
      );
    }
    this.disposables.push(
      vscode.debug.onDidStartDebugSession((session) => {
        if (session.type === "faultline") this.jobSession = session;
      }),
      vscode.debug.onDidTerminateDebugSession(() => {
        for (const look of this.waiting) look();
      }),
    );
  }

  /** Resolves as soon as `look` gives something; it looks again with every message of a debugger. */
  until<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const once = (): void => {
        const found = look();
        if (found === undefined) return;
        this.waiting.delete(once);
        resolve(found);
      };
      this.waiting.add(once);
      once();
    });
  }

  /** The next stop of this process after the first `from` stops. */
  stopOf(process: string, from = 0): Promise<Stop> {
    return this.until(() => this.stops.slice(from).find((stop) => stop.process === process));
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
  }
}

/** The session that stops is under the one that carries the process's name. */
function processOf(session: vscode.DebugSession): string {
  for (let one: vscode.DebugSession | undefined = session; one !== undefined; one = one.parentSession) {
    if (/^(taskmanager:\d+)$/.test(one.name)) return one.name;
  }
  return session.name;
}

async function topFrame({ session, threadId }: Stop): Promise<StackFrame> {
  const answer = (await session.customRequest("stackTrace", { threadId, startFrame: 0, levels: 1 })) as {
    stackFrames: StackFrame[];
  };
  const [frame] = answer.stackFrames;
  assert.ok(frame);
  return frame;
}

async function evaluate(stop: Stop, expression: string): Promise<string> {
  const { id } = await topFrame(stop);
  const answer = (await stop.session.customRequest("evaluate", { expression, frameId: id, context: "watch" })) as {
    result: string;
  };
  return answer.result;
}

describe("debugging a job", () => {
  let watch: DebuggerWatch;
  let line: number;

  before(async () => {
    watch = new DebuggerWatch();
    line = await lineOf("ngrams: hashedNgrams(");
  });

  after(async () => {
    watch.dispose();
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  });

  it("stops at a breakpoint in a function, in both TaskManagers", async () => {
    const location = new vscode.Location(file(FUNCTIONS), new vscode.Position(line, 0));
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location)]);
    const folder = vscode.workspace.workspaceFolders?.[0];
    const started = await vscode.debug.startDebugging(folder, {
      type: "faultline",
      request: "launch",
      name: "Debug the example",
      job: file(JOB).fsPath,
    });
    assert.ok(started);
    for (const process of ["taskmanager:0", "taskmanager:1"]) {
      const stop = await watch.stopOf(process);
      const frame = await topFrame(stop);
      assert.ok(frame.source?.path?.endsWith(file(FUNCTIONS).fsPath), `the person's own source: ${frame.source?.path}`);
      assert.equal(frame.line, line + 1);
      assert.match(await evaluate(stop, "message.text.length > 0"), /true/);
    }
  });

  it("stops there again after one of the processes was killed", async () => {
    const stops = newestStops(watch.stops);
    const [pid, neighbourPid] = await Promise.all(
      stops.map(async (stop) => Number(await evaluate(stop, "process.pid"))),
    );
    assert.ok(pid !== undefined && pid > 0 && neighbourPid !== undefined && neighbourPid > 0);
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    const location = new vscode.Location(file(FUNCTIONS), new vscode.Position(line, 0));
    // Its neighbour must be able to go on: it belongs to the same region.
    const newcomersOnly = `process.pid !== ${pid} && process.pid !== ${neighbourPid}`;
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location, true, newcomersOnly)]);
    const before = watch.stops.length;
    // A process that stood may stop once more where the old breakpoint was, until it has heard of the new one.
    const goOn = (stop: Stop): void => {
      void stop.session.customRequest("continue", { threadId: stop.threadId }).then(undefined, () => undefined);
    };
    for (const stop of stops) goOn(stop);
    process.kill(pid, "SIGKILL");
    const killedAt = performance.now();
    let seen = before;
    let again: Stop | undefined;
    while (again === undefined) {
      const at = seen++;
      const stop = await watch.until(() => watch.stops[at]);
      const where = await evaluate(stop, "process.pid").then(Number, () => undefined);
      if (where === undefined || where === pid || where === neighbourPid) goOn(stop);
      else again = stop;
    }
    assert.equal(again.process, stops[0]?.process);
    console.log(`debugging: stopped again ${Math.round(performance.now() - killedAt)} ms after the kill`);
    assert.equal((await topFrame(again)).line, line + 1);
    assert.notEqual(Number(await evaluate(again, "process.pid")), pid, "another process");
  });

  it("obeys conditions and log messages, and the job goes on meanwhile", async () => {
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    const before = watch.stops.length;
    const position = new vscode.Position(line, 0);
    const location = new vscode.Location(file(FUNCTIONS), position);
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location, true, "message.id % 50 === 7")]);
    const texts = new vscode.Location(
      file(FUNCTIONS),
      new vscode.Position((await lineOf("export function toFeatures")) + 1, 0),
    );
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(texts, true, undefined, undefined, "saw {message.id}")]);
    // Everybody who stands somewhere goes on, and comes back with the condition alone.
    for (const stop of newestStops(watch.stops)) {
      await stop.session.customRequest("continue", { threadId: stop.threadId }).then(undefined, () => undefined);
    }
    let seen = before;
    for (;;) {
      const at = seen++;
      const stop = await watch.until(() => watch.stops[at]);
      const rest = await evaluate(stop, "message.id % 50").then(Number, () => undefined);
      if (rest === 7) break;
      // It stood where the breakpoint before had held it.
      await stop.session.customRequest("continue", { threadId: stop.threadId }).then(undefined, () => undefined);
    }
    await watch.until(() => (watch.output.some((text) => /saw \d+/.test(text)) ? true : undefined));
  });

  it("ends the run with the session", async () => {
    await vscode.debug.stopDebugging(watch.jobSession);
    await watch.until(() => (watch.output.some((text) => /Run CANCELED/.test(text)) ? true : undefined));
    await watch.until(() => (vscode.debug.activeDebugSession === undefined ? true : undefined));
  });
});

/** Of each process its newest. */
function newestStops(stops: readonly Stop[]): readonly Stop[] {
  return [...new Map(stops.map((stop) => [stop.process, stop])).values()];
}
