/**
 * The debugger of the stream in one TaskManager of a debug run: breakpoints on operators and edges with a condition on the record, pause, one
 * record or one operator further. It listens on a socket in the run's private folder, with the run's token; who debugs is one at a time, and
 * when that one goes, everything goes on.
 */
import { timingSafeEqual } from "node:crypto";
import type { Server } from "node:net";
import { createServer } from "node:net";
import type { TaskControl } from "../../operators/streamOperator";
import { MessageSocket } from "../messageSocket";
import type {
  BreakpointPlace,
  DebuggerEvent,
  DebuggerRequest,
  DebugValue,
  FramePlace,
  StreamBreakpoint,
} from "../../observe/debuggerMessage";
import { debugValue } from "./debugValue";
import type { RecordExpression, RecordScope } from "./recordExpression";
import { compileExpression, compileLogMessage } from "./recordExpression";
import type { GateFrame, GateKeeper, Stop } from "./taskGate";
import { TaskGate } from "./taskGate";

interface SetBreakpoint {
  readonly id: number;
  readonly place: BreakpointPlace;
  readonly condition: RecordExpression | undefined;
  readonly log: ((scope: RecordScope) => string) | undefined;
}

type Peer = MessageSocket<DebuggerRequest, DebuggerEvent>;

export class StreamDebugger implements GateKeeper {
  pausing = false;
  stopsAtErrors = false;
  /** Resolves when somebody has set what the tasks may begin with. */
  readonly configured: Promise<void>;
  private onConfigured!: () => void;
  private breakpoints: readonly SetBreakpoint[] = [];
  private readonly gates = new Map<string, TaskGate>();
  private peer: Peer | undefined;

  private constructor(
    private readonly token: string,
    private readonly server: Server,
  ) {
    this.configured = new Promise((resolve) => (this.onConfigured = resolve));
  }

  static async listen(path: string, token: string): Promise<StreamDebugger> {
    const server = createServer();
    const created = new StreamDebugger(token, server);
    server.on("connection", (socket) => {
      const peer: Peer = new MessageSocket(
        socket,
        (request) => created.onRequest(peer, request),
        () => created.onGone(peer),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(path, resolve);
    });
    server.unref();
    return created;
  }

  /** A task begins: its gate takes the place of that of the attempt before. */
  gate(task: string, control: TaskControl, viewOf: (operator: string) => Readonly<Record<string, unknown>>): TaskGate {
    const gate = new TaskGate(task, this, control, viewOf);
    this.gates.set(task, gate);
    return gate;
  }

  hit(gate: TaskGate, frame: GateFrame): number | undefined {
    for (const breakpoint of this.breakpoints) {
      if (!isAt(breakpoint.place, frame.place)) continue;
      const scope = scopeOf(gate, frame);
      try {
        if (breakpoint.condition !== undefined && breakpoint.condition(scope) !== true) continue;
        if (breakpoint.log === undefined) return breakpoint.id;
        this.send({ kind: "log", task: gate.task, place: frame.place, text: breakpoint.log(scope) });
      } catch (error) {
        this.send({ kind: "log", task: gate.task, place: frame.place, text: `Breakpoint: ${messageOf(error)}` });
      }
    }
    return undefined;
  }

  hitBefore(frame: GateFrame): number | undefined {
    return this.breakpoints.find(({ place, condition, log }) => {
      if (log !== undefined || !isAt(place, frame.place)) return false;
      try {
        return condition === undefined || condition(scopeOf(undefined, frame)) === true;
      } catch {
        return false;
      }
    })?.id;
  }

  onStopped(gate: TaskGate, stop: Stop): void {
    // The others stop at their next record too.
    this.pausing = true;
    this.send({ kind: "stopped", task: gate.task, ...stop, frames: framesOf(gate) });
  }

  close(): void {
    this.peer?.close();
    this.server.close();
  }

  private onRequest(peer: Peer, request: DebuggerRequest): void {
    if (request.kind === "hello") {
      const [given, wanted] = [Buffer.from(request.token), Buffer.from(this.token)];
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) peer.close();
      else this.peer = peer;
      return;
    }
    if (peer !== this.peer) return;
    switch (request.kind) {
      case "setBreakpoints":
        this.breakpoints = request.breakpoints.flatMap((one) => this.compile(one));
        break;
      case "setExceptions":
        this.stopsAtErrors = request.stop;
        break;
      case "configured":
        this.onConfigured();
        break;
      case "pause":
        this.pausing = true;
        break;
      case "continue":
        this.goOn();
        break;
      case "step":
        this.gates.get(request.task)?.release(request.to);
        break;
      case "back":
        this.goBack(request.task, request.to);
        break;
      case "forward": {
        const gate = this.gates.get(request.task);
        if (gate?.goForward() === true) this.sendShown(gate);
        break;
      }
      case "inspect":
        this.send({ kind: "inspected", request: request.request, scopes: this.scopes(request.task, request.frame) });
        break;
      case "evaluate":
        this.send({ kind: "evaluated", request: request.request, ...this.evaluate(request) });
        break;
    }
  }

  private goBack(task: string, to: "step" | "breakpoint"): void {
    const gate = this.gates.get(task);
    if (gate === undefined) return;
    const found = gate.goBack(to);
    const place = gate.shown?.at(-1)?.place;
    if (found === "beginning" && place !== undefined)
      this.send({ kind: "log", task, place, text: "Nothing before this is recorded." });
    this.sendShown(gate, found === "beginning" ? undefined : found.breakpoint);
  }

  private sendShown(gate: TaskGate, breakpoint?: number): void {
    this.send({
      kind: "stopped",
      task: gate.task,
      reason: breakpoint === undefined ? "step" : "breakpoint",
      breakpoint,
      frames: framesOf(gate),
      ...(gate.back === 0 ? {} : { past: gate.back }),
    });
  }

  private onGone(peer: Peer): void {
    if (peer !== this.peer) return;
    this.peer = undefined;
    this.breakpoints = [];
    this.stopsAtErrors = false;
    this.onConfigured();
    this.goOn();
  }

  private goOn(): void {
    this.pausing = false;
    for (const gate of this.gates.values()) gate.release();
  }

  private compile({ id, place, condition, logMessage }: StreamBreakpoint): readonly SetBreakpoint[] {
    try {
      return [
        {
          id,
          place,
          condition: condition === undefined ? undefined : compileExpression(condition),
          log: logMessage === undefined ? undefined : compileLogMessage(logMessage),
        },
      ];
    } catch (error) {
      this.send({ kind: "log", task: "", place, text: `Breakpoint: ${messageOf(error)}` });
      return [];
    }
  }

  private scopes(task: string, index: number): readonly DebugValue[] {
    const found = this.frame(task, index);
    if (found === undefined) return [];
    const { gate, frame } = found;
    const at = frame.timestamp === undefined ? [] : [debugValue("Event time", new Date(frame.timestamp))];
    if (gate.back > 0) {
      // Key, state and timers are those of now, which were not those of then.
      return [debugValue("Record", frame.value), ...at, debugValue("Recorded", `${gate.back} steps ago`)];
    }
    const view = frame.place.kind === "operator" ? gate.viewOf(frame.place.operator) : {};
    const known = frame.key === undefined ? view : { ...view, Key: frame.key };
    return [
      debugValue("Record", frame.value),
      ...at,
      ...Object.entries(known).map(([name, value]) => debugValue(name, value)),
    ];
  }

  private evaluate(request: Extract<DebuggerRequest, { kind: "evaluate" }>): { value?: DebugValue; error?: string } {
    const found = this.frame(request.task, request.frame);
    if (found === undefined) return { error: "No record stands here." };
    try {
      const { gate, frame } = found;
      const value = compileExpression(request.expression)(scopeOf(gate.back > 0 ? undefined : gate, frame));
      return { value: debugValue("", value) };
    } catch (error) {
      return { error: messageOf(error) };
    }
  }

  /** `index` counts from the innermost. */
  private frame(task: string, index: number): { readonly gate: TaskGate; readonly frame: GateFrame } | undefined {
    const gate = this.gates.get(task);
    const frame = gate?.shown?.at(-1 - index);
    return gate === undefined || frame === undefined ? undefined : { gate, frame };
  }

  private send(event: DebuggerEvent): void {
    void this.peer?.send(event);
  }
}

/** A breakpoint on a source holds what comes out of it: nothing goes into it. */
function isAt(wanted: BreakpointPlace, place: BreakpointPlace): boolean {
  if (wanted.kind === "edge") return place.kind === "edge" && place.from === wanted.from && place.to === wanted.to;
  return place.kind === "operator" && place.operator === wanted.operator;
}

/** Innermost first. */
function framesOf(gate: TaskGate): readonly FramePlace[] {
  return [...(gate.shown ?? [])].reverse().map(({ place }) => ({ place }));
}

/** Of a record that was recorded (no gate), the key is not known any more. */
function scopeOf(gate: TaskGate | undefined, { place, value, timestamp, key }: GateFrame): RecordScope {
  const current = place.kind === "operator" ? gate?.viewOf(place.operator).Key : undefined;
  return { record: value, key: key ?? current, timestamp };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
