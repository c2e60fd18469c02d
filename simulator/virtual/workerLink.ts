/** A virtual worker's one connection to the coordinator: the rules of `cluster/workerConnection`. */
import type { JobMasterCommand, JobMasterInput } from "../core/jobMasterState";
import type { StateHandle } from "../core/deployment";
import type { JournalEventBody, ProcessName, SubtaskName } from "../observe/journalEvent";
import type { ConnectionEnd, VirtualConnection } from "./virtualConnection";
import type { VirtualProcess } from "./virtualProcess";

export type Hello = Omit<Extract<JobMasterInput, { kind: "workerConnected" }>, "kind">;

export type WorkerMessage =
  | ({ readonly kind: "hello" } & Hello)
  | { readonly kind: "input"; readonly input: JobMasterInput }
  /** Many tasks of a process acknowledge in one moment: as many messages as tasks, at the price of one. */
  | { readonly kind: "acknowledgements"; readonly checkpoint: number; readonly handle: StateHandle; readonly tasks: readonly { readonly name: SubtaskName; readonly number: number; readonly attempt: number }[] }
  | { readonly kind: "journal"; readonly at: number; readonly body: JournalEventBody };

export type CoordinatorMessage = { readonly kind: "welcome" } | { readonly kind: "command"; readonly command: JobMasterCommand };

export type ControlConnection = VirtualConnection<WorkerMessage, CoordinatorMessage>;

const GIVE_UP_MS = 30_000;
const RETRY_MS = 50;

/** Whose connection it is. */
export interface WorkerLinkOwner {
  readonly process: VirtualProcess;
  readonly heartbeatIntervalMs: number;
  /** Undefined when nobody listens. */
  dial(worker: ConnectionEnd<CoordinatorMessage>): ControlConnection | undefined;
  hello(): Hello;
  handle(command: JobMasterCommand): void;
  onDisconnected(): void;
}

/** The worker's end of one connection. A link may have another one by the time that something comes. */
class LinkEnd implements ConnectionEnd<CoordinatorMessage> {
  connection: ControlConnection | undefined;

  constructor(
    private readonly link: WorkerLink,
    readonly process: VirtualProcess,
  ) {}

  onMessage(message: CoordinatorMessage): void {
    this.link.onMessage(this.connection, message);
  }

  onClosed(): void {
    this.link.onClosed(this.connection);
  }
}

export class WorkerLink {
  private connection: ControlConnection | undefined;
  private welcomed = false;
  private disconnectedAtMs: number | undefined;
  private waiting: WorkerMessage[] = [];
  private heartbeatEpoch = 0;

  constructor(private readonly owner: WorkerLinkOwner) {
    this.connect();
  }

  get process(): ProcessName {
    return this.owner.process.name;
  }

  get worker(): VirtualProcess {
    return this.owner.process;
  }

  /** Looks for a coordinator before it is time to, where it has none. */
  connectNow(): void {
    if (this.connection === undefined) this.connect();
  }

  /** Sends now, or as soon as a coordinator welcomes this worker; the latter only for what still means something then. */
  send(input: JobMasterInput): void {
    this.deliver({ kind: "input", input }, input.kind === "instancePhase" || input.kind === "instanceFailed" || input.kind === "instanceLoad");
  }

  acknowledge(checkpoint: number, handle: StateHandle, tasks: Extract<WorkerMessage, { kind: "acknowledgements" }>["tasks"]): void {
    if (this.welcomed) this.connection?.sendUp({ kind: "acknowledgements", checkpoint, handle, tasks }, tasks.length);
  }

  journal(body: JournalEventBody): void {
    this.deliver({ kind: "journal", at: this.owner.process.now, body }, true);
  }

  /** The process ends in order: what was sent arrives. */
  close(): void {
    this.connection?.closeByWorker();
  }

  /** A fault of the network. */
  reset(): void {
    this.connection?.reset();
  }

  private deliver(message: WorkerMessage, keep: boolean): void {
    if (this.welcomed) this.connection?.sendUp(message);
    else if (keep) this.waiting.push(message);
  }

  private connect(): void {
    const { owner } = this;
    const end = new LinkEnd(this, owner.process);
    const connection = owner.dial(end);
    end.connection = connection;
    this.connection = connection;
    if (connection === undefined) this.onClosed(undefined);
    else connection.sendUp({ kind: "hello", ...owner.hello() });
  }

  onMessage(connection: ControlConnection | undefined, message: CoordinatorMessage): void {
    if (this.connection !== connection) return;
    if (message.kind === "command") {
      this.owner.handle(message.command);
      return;
    }
    this.welcomed = true;
    this.disconnectedAtMs = undefined;
    this.beat(++this.heartbeatEpoch);
    for (const late of this.waiting.splice(0)) this.connection?.sendUp(late);
  }

  private beat(epoch: number): void {
    const { owner } = this;
    const { process } = owner;
    process.timer(process.now + owner.heartbeatIntervalMs, () => {
      if (epoch !== this.heartbeatEpoch) return;
      this.connection?.sendUp({ kind: "input", input: { kind: "heartbeat", process: process.name } });
      this.beat(epoch);
    });
  }

  onClosed(connection: ControlConnection | undefined): void {
    if (this.connection !== connection) return;
    const { owner } = this;
    const { now } = owner.process;
    const wasConnected = this.welcomed;
    this.welcomed = false;
    this.connection = undefined;
    this.heartbeatEpoch++;
    this.disconnectedAtMs ??= now;
    if (wasConnected) owner.onDisconnected();
    if (now - this.disconnectedAtMs > GIVE_UP_MS) owner.process.exit(1);
    else owner.process.timer(now + RETRY_MS, () => this.connectNow());
  }
}
