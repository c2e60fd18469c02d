/**
 * The debug adapter of type `faultline`: launching is starting a run whose TaskManagers wait for a debugger. It lives in the extension host;
 * the processes that are debugged have sessions of VS Code's JavaScript debugger under this one.
 */
import * as vscode from "vscode";
import type { JournalEvent } from "../../simulator/observe/journalEvent";
import { DisposableList } from "../disposableList";
import { problemOf, problemText } from "../problem";
import type { RunSession } from "../runs/runSession";
import type { RunStore } from "../runs/runStore";
import type { AdapterEvent, Capabilities, OutputCategory, Request, Response } from "./debugProtocol";
import { errorBody } from "./debugProtocol";
import type { JobDebugConfiguration } from "./jobDebugConfiguration";
import { outputOf } from "./runOutput";
import { TaskManagerSessions } from "./taskManagerSessions";

const CAPABILITIES: Capabilities = { supportsConfigurationDoneRequest: true, supportsTerminateRequest: true };

export class JobDebugAdapter implements vscode.DebugAdapter {
  private readonly disposables = new DisposableList();
  private readonly sent = this.disposables.push(new vscode.EventEmitter<vscode.DebugProtocolMessage>());
  readonly onDidSendMessage = this.sent.event;
  private run: RunSession | undefined;
  private taskManagers: TaskManagerSessions | undefined;
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
    this.taskManagers?.dispose();
    this.disposables.dispose();
  }

  private async handle(request: Request): Promise<unknown> {
    switch (request.command) {
      case "initialize":
        return CAPABILITIES;
      case "launch":
        await this.launch(request.arguments as JobDebugConfiguration);
        this.send({ event: "initialized" });
        return undefined;
      case "threads":
        return { threads: [] };
      case "setBreakpoints":
      case "setExceptionBreakpoints":
        return { breakpoints: [] };
      case "configurationDone":
        return undefined;
      case "terminate":
        // Who stands at a breakpoint hears of no cancellation.
        await this.taskManagers?.detachAll();
        await this.run?.stop("cancel");
        return undefined;
      case "disconnect":
        await this.taskManagers?.detachAll();
        if (this.run?.active === true) await this.run.kill();
        return undefined;
      default:
        throw new Error(`This debugger does not know the request "${request.command}".`);
    }
  }

  private async launch({ job, deployment, skipFiles }: JobDebugConfiguration): Promise<void> {
    const run = await this.runs.start(job, { inspect: true, deployment });
    this.run = run;
    const { directory } = run;
    this.taskManagers = new TaskManagerSessions(this.session, {
      directory,
      ownCode: this.ownCode,
      skipFiles: skipFiles ?? [],
    });
    this.output("console", `Run ${run.id} in ${directory}`);
    for (const event of run.snapshot().events) this.observe(event);
    this.disposables.push(run.onDidAddEvents(({ events }) => events.forEach((event) => this.observe(event))));
    this.disposables.push(run.onDidEnd(() => this.end(run.endedAs ?? "UNKNOWN")));
    if (run.endedAs !== undefined) this.end(run.endedAs);
  }

  private observe(event: JournalEvent): void {
    const line = outputOf(event);
    if (line !== undefined) this.output(line.category, line.text);
    if (event.kind === "process.inspectable") void this.attach(event.process, event.port);
  }

  private async attach(process: string, port: number): Promise<void> {
    const attached = await this.taskManagers?.attach(process, port);
    if (attached === false && !this.over)
      this.output("stderr", `The debugger did not attach to ${process} (port ${port}).`);
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
    this.sent.fire({ type: "event", seq: this.seq++, ...event });
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
