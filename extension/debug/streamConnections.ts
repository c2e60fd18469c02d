/** The stream debuggers of all TaskManagers of one debug run, as one. A TaskManager that is started again gets what the others have. */
import type {
  DebuggerEvent,
  DebuggerRequest,
  DebugValue,
  StreamBreakpoint,
} from "../../simulator/observe/debuggerMessage";
import type { StreamDebugConnection } from "../../simulator/client/streamDebugConnection";
import type { ProcessName, SubtaskName } from "../../simulator/observe/journalEvent";
import { loadBundle } from "../bundles/loadBundle";

/** A process that stands at a breakpoint of the JavaScript debugger answers nothing. */
const ANSWER_LIMIT_MS = 3_000;

type Answer = Extract<DebuggerEvent, { readonly request: number }>;

export class StreamConnections {
  private readonly connections = new Map<ProcessName, StreamDebugConnection>();
  private readonly breakpoints = new Map<string, readonly StreamBreakpoint[]>();
  private stopsAtErrors = false;
  private paused = false;
  private nextRequest = 1;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  constructor(
    private readonly directory: string,
    private readonly onEvent: (event: Exclude<DebuggerEvent, Answer>) => void,
    private readonly processOf: (task: SubtaskName) => ProcessName | undefined,
  ) {}

  async connect(process: ProcessName, pid: number): Promise<void> {
    const { connectStreamDebugger } = loadBundle("extensionRun");
    let closed = false;
    const connection = await connectStreamDebugger(
      this.directory,
      process,
      pid,
      (event) => this.receive(event),
      () => {
        closed = true;
        if (this.connections.get(process) === connection) this.connections.delete(process);
      },
    );
    if (connection === undefined || closed) return;
    this.connections.set(process, connection);
    connection.send({ kind: "setExceptions", stop: this.stopsAtErrors });
    connection.send({ kind: "setBreakpoints", breakpoints: this.allBreakpoints() });
    if (this.paused) connection.send({ kind: "pause" });
    connection.send({ kind: "configured" });
  }

  /** Of one file; those of other files stay. */
  setBreakpoints(file: string, breakpoints: readonly StreamBreakpoint[]): void {
    this.breakpoints.set(file, breakpoints);
    this.sendAll({ kind: "setBreakpoints", breakpoints: this.allBreakpoints() });
  }

  setExceptions(stop: boolean): void {
    this.stopsAtErrors = stop;
    this.sendAll({ kind: "setExceptions", stop });
  }

  pause(): void {
    this.paused = true;
    this.sendAll({ kind: "pause" });
  }

  goOn(): void {
    this.paused = false;
    this.sendAll({ kind: "continue" });
  }

  step(task: SubtaskName, to: "record" | "operator"): void {
    this.connectionOf(task)?.send({ kind: "step", task, to });
  }

  back(task: SubtaskName, to: "step" | "breakpoint"): void {
    this.connectionOf(task)?.send({ kind: "back", task, to });
  }

  forward(task: SubtaskName): void {
    this.connectionOf(task)?.send({ kind: "forward", task });
  }

  async inspect(task: SubtaskName, frame: number): Promise<readonly DebugValue[]> {
    const answer = await this.ask(task, (request) => ({ kind: "inspect", request, task, frame }));
    return answer?.kind === "inspected" ? answer.scopes : [];
  }

  /** @throws Error with what the expression throws */
  async evaluate(task: SubtaskName, frame: number, expression: string): Promise<DebugValue | undefined> {
    const answer = await this.ask(task, (request) => ({ kind: "evaluate", request, task, frame, expression }));
    if (answer?.kind !== "evaluated") return undefined;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  close(): void {
    for (const connection of this.connections.values()) connection.close();
    this.connections.clear();
  }

  private allBreakpoints(): readonly StreamBreakpoint[] {
    return [...this.breakpoints.values()].flat();
  }

  private connectionOf(task: SubtaskName): StreamDebugConnection | undefined {
    const process = this.processOf(task);
    return process === undefined ? undefined : this.connections.get(process);
  }

  private ask(task: SubtaskName, request: (id: number) => DebuggerRequest): Promise<Answer | undefined> {
    const connection = this.connectionOf(task);
    if (connection === undefined) return Promise.resolve(undefined);
    const id = this.nextRequest++;
    return new Promise((resolve) => {
      const limit = setTimeout(() => {
        this.waiting.delete(id);
        resolve(undefined);
      }, ANSWER_LIMIT_MS);
      this.waiting.set(id, (answer) => {
        clearTimeout(limit);
        this.waiting.delete(id);
        resolve(answer);
      });
      connection.send(request(id));
    });
  }

  private receive(event: DebuggerEvent): void {
    if (event.kind === "inspected" || event.kind === "evaluated") {
      this.waiting.get(event.request)?.(event);
      return;
    }
    if (event.kind === "stopped" && !this.paused) this.pause();
    this.onEvent(event);
  }

  private sendAll(request: DebuggerRequest): void {
    for (const connection of this.connections.values()) connection.send(request);
  }
}
