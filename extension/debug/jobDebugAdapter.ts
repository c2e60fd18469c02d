/**
 * The debug adapter of type `faultline`: launching is starting a run whose TaskManagers wait for a debugger. It lives in the extension host.
 *
 * A person's functions are debugged by sessions of VS Code's JavaScript debugger under this one, one for each TaskManager. This session is
 * about the stream: subtasks are its threads, the chain of operators is the stack of a record, and breakpoints are set in the job file.
 */
import * as vscode from "vscode";
import type { DebuggerEvent, StreamBreakpoint } from "../../simulator/observe/debuggerMessage";
import type { JournalEvent, ProcessName, SubtaskName } from "../../simulator/observe/journalEvent";
import { loadBundle } from "../bundles/loadBundle";
import { DisposableList } from "../disposableList";
import { isJobFile } from "../jobFile/jobFileSelector";
import type { PlaceInFile } from "../language/jobFileBreakpoints";
import { problemOf, problemText } from "../problem";
import type { RunSession } from "../runs/runSession";
import type { RunStore } from "../runs/runStore";
import type {
  AdapterEvent,
  Breakpoint,
  Capabilities,
  OutputCategory,
  Request,
  Response,
  SetBreakpointsArguments,
  StoppedBody,
} from "./debugProtocol";
import { errorBody } from "./debugProtocol";
import type { JobDebugConfiguration } from "./launchConfiguration";
import { placeName } from "./placeName";
import { outputOf } from "./runOutput";
import { StreamConnections } from "./streamConnections";
import type { RecordFrame } from "./streamThreads";
import { StreamThreads } from "./streamThreads";
import { TaskManagerSessions } from "./taskManagerSessions";

const CAPABILITIES: Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsTerminateRequest: true,
  supportsConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsStepBack: true,
  supportsEvaluateForHovers: true,
  exceptionBreakpointFilters: [
    {
      filter: "record",
      label: "Errors on a Record",
      description: "Stop at the record that a function of the job throws on",
      default: true,
    },
  ],
};

/** A task that has no record to step to within this time says so. */
const STEP_LIMIT_MS = 1_000;

export class JobDebugAdapter implements vscode.DebugAdapter {
  private readonly disposables = new DisposableList();
  private readonly sent = this.disposables.push(new vscode.EventEmitter<vscode.DebugProtocolMessage>());
  readonly onDidSendMessage = this.sent.event;
  private run: RunSession | undefined;
  private jobFile = "";
  private places: readonly PlaceInFile[] = [];
  private taskManagers: TaskManagerSessions | undefined;
  private stream: StreamConnections | undefined;
  private readonly threads = new StreamThreads();
  /** Tasks of which a recorded step is looked at. */
  private readonly inPast = new Set<SubtaskName>();
  /** The tasks begin only when the breakpoints are set. */
  private onConfigured!: () => void;
  private readonly configured = new Promise<void>((resolve) => (this.onConfigured = resolve));
  private stopped = false;
  /** The session was ended, maybe while its run was still being started. */
  private disconnected = false;
  private stepTimer: NodeJS.Timeout | undefined;
  private nextBreakpoint = 1;
  private seq = 1;
  private over = false;

  constructor(
    private readonly session: vscode.DebugSession,
    private readonly runs: RunStore,
    private readonly ownCode: string,
  ) {}

  handleMessage(message: vscode.DebugProtocolMessage): void {
    const request = message as Request;
    if (request.type !== "request") return;
    this.handle(request).then(
      (body) => this.respond(request, { success: true, body }),
      (error: unknown) => {
        const text = problemText(problemOf(error));
        this.respond(request, { success: false, message: text, body: errorBody(text) });
      },
    );
  }

  dispose(): void {
    // A session that goes without a word (its window closes) takes its run along, as any owner does.
    clearTimeout(this.stepTimer);
    this.stream?.close();
    this.taskManagers?.dispose();
    this.disposables.dispose();
  }

  private async handle({ command, arguments: given }: Request): Promise<unknown> {
    const threadId = (given as { readonly threadId?: number } | undefined)?.threadId ?? 0;
    switch (command) {
      case "initialize":
        return CAPABILITIES;
      case "launch":
        await this.launch(given as JobDebugConfiguration);
        this.send({ event: "initialized" });
        return undefined;
      case "setBreakpoints":
        return { breakpoints: this.setBreakpoints(given as SetBreakpointsArguments) };
      case "setExceptionBreakpoints":
        this.stream?.setExceptions((given as { readonly filters: readonly string[] }).filters.includes("record"));
        return undefined;
      case "configurationDone":
        this.onConfigured();
        return undefined;
      case "threads":
        return { threads: this.tasks().map((name) => ({ id: this.threads.idOf(name), name })) };
      case "pause":
        this.stream?.pause();
        this.stop({ reason: "pause", threadId });
        return undefined;
      case "continue":
        this.goOn();
        return { allThreadsContinued: true };
      case "next":
      case "stepOut":
        this.step(threadId, "record");
        return undefined;
      case "stepIn":
        this.step(threadId, "operator");
        return undefined;
      case "stepBack":
        this.goBack(threadId, "step");
        return undefined;
      case "reverseContinue":
        this.goBack(threadId, "breakpoint");
        return undefined;
      case "stackTrace": {
        const task = this.threads.taskOf(threadId);
        const stackFrames = task === undefined ? [] : this.threads.stackOf(task, this.places, this.jobFile);
        return { stackFrames, totalFrames: stackFrames.length };
      }
      case "scopes": {
        const frame = this.frameOf(given);
        const values = frame === undefined ? [] : await this.stream?.inspect(frame.task, frame.index);
        return { scopes: this.threads.scopes(values ?? []) };
      }
      case "variables": {
        const { variablesReference } = given as { readonly variablesReference: number };
        return { variables: this.threads.variables(variablesReference) };
      }
      case "evaluate":
        return this.evaluate(given as { readonly expression: string });
      case "terminate":
        this.disconnected = true;
        await this.letGo();
        await this.run?.stop("cancel");
        return undefined;
      case "disconnect":
        this.disconnected = true;
        await this.letGo();
        if (this.run?.active === true) await this.run.kill();
        return undefined;
      default:
        throw new Error(`This debugger does not know the request "${command}".`);
    }
  }

  private async launch({ job, deployment, skipFiles, run: started }: JobDebugConfiguration): Promise<void> {
    this.jobFile = job;
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(vscode.Uri.file(job)));
    this.places = loadBundle("extensionLanguage").placesOf(text, job);
    const known = started === undefined ? undefined : this.runs.get(started);
    const run = known ?? (await this.runs.start(job, { inspect: true, deployment }));
    this.run = run;
    if (this.disconnected) {
      await run.kill();
      this.end("CANCELED");
      return;
    }
    const { directory } = run;
    this.taskManagers = new TaskManagerSessions(this.session, {
      directory,
      ownCode: this.ownCode,
      skipFiles: skipFiles ?? [],
    });
    this.stream = new StreamConnections(
      directory,
      (event) => this.onStreamEvent(event),
      (task) => run.view.tasks.get(task)?.process,
    );
    this.output("console", `Run ${run.id} in ${directory}`);
    for (const event of run.snapshot().events) this.observe(event);
    this.disposables.push(run.onDidAddEvents(({ events }) => events.forEach((event) => this.observe(event))));
    this.disposables.push(run.onDidEnd(() => this.end(run.endedAs ?? "UNKNOWN")));
    if (run.endedAs !== undefined) this.end(run.endedAs);
  }

  private setBreakpoints({ source, breakpoints = [] }: SetBreakpointsArguments): readonly Breakpoint[] {
    const { path } = source;
    // Those in a person's functions belong to the JavaScript debugger.
    if (path === undefined || !isJobFile(vscode.Uri.file(path))) return breakpoints.map(() => ({ verified: false }));
    const { placeAt } = loadBundle("extensionLanguage");
    const set: StreamBreakpoint[] = [];
    const answers = breakpoints.map(({ line, condition, logMessage }): Breakpoint => {
      const found = path === this.jobFile ? placeAt(this.places, line) : undefined;
      if (found === undefined)
        return { verified: false, message: "There is no operator and no edge of this job here." };
      const id = this.nextBreakpoint++;
      set.push({ id, place: found.place, condition, logMessage });
      return { id, verified: true, line: found.firstLine };
    });
    this.stream?.setBreakpoints(path, set);
    return answers;
  }

  private observe(event: JournalEvent): void {
    const line = outputOf(event);
    if (line !== undefined) this.output(line.category, line.text);
    if (event.kind === "process.inspectable") void this.attach(event.process, event.pid, event.port);
    // An attempt that ends takes its record along.
    if (event.kind === "task.state" && event.to !== "RUNNING") this.threads.go(event.task);
    if (event.kind === "task.state" && event.to === "RUNNING" && event.vertexKind === "stream") {
      this.send({ event: "thread", body: { reason: "started", threadId: this.threads.idOf(event.task) } });
    }
  }

  private async attach(process: ProcessName, pid: number, port: number): Promise<void> {
    const attached = await this.taskManagers?.attach(process, port);
    if (attached === false && !this.over) {
      this.output("stderr", `The debugger did not attach to ${process} (port ${port}).`);
    }
    await this.configured;
    await this.stream?.connect(process, pid);
  }

  private onStreamEvent(event: Extract<DebuggerEvent, { readonly kind: "stopped" | "log" }>): void {
    if (event.kind === "log") {
      this.output("console", `${event.task === "" ? placeName(event.place) : event.task}: ${event.text}`);
      return;
    }
    this.threads.stop(event.task, event.frames);
    const { reason, text, breakpoint, past } = event;
    if (past === undefined) this.inPast.delete(event.task);
    else this.inPast.add(event.task);
    this.stop({
      reason,
      threadId: this.threads.idOf(event.task),
      text,
      description:
        text !== undefined ? "Paused on an error" : past === undefined ? undefined : "Looking at a recorded step",
      hitBreakpointIds: breakpoint === undefined ? undefined : [breakpoint],
    });
  }

  /** The first stop stops everything and takes the focus; those that follow only show where they stand. */
  private stop(body: StoppedBody): void {
    clearTimeout(this.stepTimer);
    const follows = this.stopped && body.reason === "pause";
    this.stopped = true;
    this.send({
      event: "stopped",
      body: follows ? { ...body, preserveFocusHint: true } : { ...body, allThreadsStopped: true },
    });
  }

  private goOn(): void {
    clearTimeout(this.stepTimer);
    this.inPast.clear();
    this.stopped = false;
    this.threads.go();
    this.stream?.goOn();
  }

  private step(threadId: number, to: "record" | "operator"): void {
    const task = this.threads.taskOf(threadId);
    if (task === undefined) return;
    if (this.inPast.has(task)) return this.stream?.forward(task);
    this.threads.go(task);
    this.stream?.step(task, to);
    this.stepTimer = setTimeout(() => {
      this.output("console", `${task} has no record to go on with: step its producer, or continue.`);
      this.stop({ reason: "step", threadId });
    }, STEP_LIMIT_MS);
  }

  /** The task stays where it is; looked at is what it did before, as far as that is recorded. */
  private goBack(threadId: number, to: "step" | "breakpoint"): void {
    const task = this.threads.taskOf(threadId);
    if (task === undefined) throw new Error("This task has not begun.");
    this.stream?.back(task, to);
  }

  private async evaluate(given: { readonly expression: string }): Promise<unknown> {
    const frame = this.frameOf(given);
    if (frame === undefined) throw new Error("No record stands anywhere: pause the job first.");
    const value = await this.stream?.evaluate(frame.task, frame.index, given.expression);
    if (value === undefined) throw new Error(`The process of ${frame.task} does not answer.`);
    const { value: result, type, variablesReference } = this.threads.variable(value);
    return { result, type, variablesReference };
  }

  private frameOf(given: unknown): RecordFrame | undefined {
    const { frameId } = given as { readonly frameId?: number };
    return frameId === undefined ? undefined : this.threads.frame(frameId);
  }

  private tasks(): readonly SubtaskName[] {
    const tasks = [...(this.run?.view.tasks.values() ?? [])];
    return tasks.filter(({ vertexKind }) => vertexKind === "stream").map(({ name }) => name);
  }

  /** Who stands at a breakpoint hears of no cancellation. */
  private async letGo(): Promise<void> {
    this.stream?.close();
    await this.taskManagers?.detachAll();
  }

  private end(state: string): void {
    if (this.over) return;
    this.over = true;
    this.send({ event: "exited", body: { exitCode: state === "FINISHED" || state === "CANCELED" ? 0 : 1 } });
    this.send({ event: "terminated" });
  }

  private output(category: OutputCategory, text: string): void {
    this.send({ event: "output", body: { category, output: `${text}\n` } });
  }

  private send(event: AdapterEvent): void {
    const message: AdapterEvent & { readonly type: string; readonly seq: number } = {
      type: "event",
      seq: this.seq++,
      ...event,
    };
    this.sent.fire(message);
  }

  private respond({ seq, command }: Request, result: Pick<Response, "success" | "message" | "body">): void {
    const response: Response & { readonly seq: number } = {
      type: "response",
      seq: this.seq++,
      request_seq: seq,
      command,
      ...result,
    };
    this.sent.fire(response);
  }
}
