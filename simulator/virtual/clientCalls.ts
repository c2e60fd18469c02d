/**
 * What a client of a service in virtual time has under way: calls, by their time limits, and attempts at them, by the connections that they went
 * out on. Lists are linked through their members, since of these there are as many as records of the job.
 */
import type { ServiceEndpoint } from "../core/deployment";
import type { InstanceRecord } from "../core/outlierEjection";
import type { SubtaskName } from "../observe/journalEvent";
import type { VirtualEvent } from "./eventLoop";
import type { InstanceRequest, Refusal, VirtualInstance } from "./virtualInstance";

/** Who waits for the answer of a call. */
export interface ServiceCaller {
  onResult(): void;
  onError(message: string): void;
}

/** A call that is not answered yet. It is in the list of its time limit, so that one that is over keeps no memory. */
export class Call {
  attempts = 0;
  lastInstance: SubtaskName | undefined;
  /** The one that is under way. */
  attempt: Attempt | undefined;
  settled = false;
  before: Call | undefined;
  after: Call | undefined;
  /** Open calls of the same origin, where one client asks for several. */
  earlier: Call | undefined;
  later: Call | undefined;

  constructor(
    readonly origin: number,
    readonly deadlineMs: number,
    readonly caller: ServiceCaller,
    readonly list: Deadlines,
  ) {}
}

interface Linked<T> {
  before: T | undefined;
  after: T | undefined;
}

/** Members in the order in which they came; one leaves from any place without a search. */
class LinkedMembers<T extends Linked<T>> {
  first: T | undefined;
  private last: T | undefined;

  append(member: T): void {
    member.before = this.last;
    if (this.last === undefined) this.first = member;
    else this.last.after = member;
    this.last = member;
  }

  /** @param member that is in it. */
  remove(member: T): void {
    if (member.before === undefined) this.first = member.after;
    else member.before.after = member.after;
    if (member.after === undefined) this.last = member.before;
    else member.after.before = member.before;
    member.before = undefined;
    member.after = undefined;
  }
}

/** Open calls with one time limit, in the order in which they come to it: one timer for all of them. */
export class Deadlines extends LinkedMembers<Call> {
  armed = false;

  constructor(readonly timeoutMs: number) {
    super();
  }
}

export class Connection {
  /** Under way, the oldest first. */
  private readonly attempts = new LinkedMembers<Attempt>();
  /** Calls outstanding. */
  load = 0;
  state: "connecting" | "ready" | "retired" | "lost" = "connecting";
  private lastAnswerMs = -Infinity;
  /** How well it answers, once it can be called. */
  record: InstanceRecord | undefined;

  constructor(
    readonly endpoint: ServiceEndpoint,
    readonly target: VirtualInstance | undefined,
  ) {}

  get instance(): string {
    return this.endpoint.instance;
  }

  /** The oldest attempt under way. */
  get first(): Attempt | undefined {
    return this.attempts.first;
  }

  append(attempt: Attempt): void {
    attempt.open = true;
    this.attempts.append(attempt);
    this.load++;
  }

  /** @returns whether it was under way. */
  remove(attempt: Attempt): boolean {
    if (!attempt.open) return false;
    attempt.open = false;
    this.attempts.remove(attempt);
    this.load--;
    return true;
  }

  /** An answer came, of whatever kind. @returns how long it took. */
  answered(attempt: Attempt, nowMs: number): number {
    this.lastAnswerMs = nowMs;
    return nowMs - attempt.sentMs;
  }

  /** For how long it has answered nothing although it has something to answer. */
  silentMs(nowMs: number): number {
    return this.first === undefined ? 0 : nowMs - Math.max(this.first.sentMs, this.lastAnswerMs);
  }

  takeAll(): Attempt[] {
    const all: Attempt[] = [];
    for (let attempt = this.first; attempt !== undefined; attempt = this.first) {
      all.push(attempt);
      this.remove(attempt);
    }
    return all;
  }
}

/** The client that an attempt was sent by. */
export interface AttemptOwner {
  /** An answer is on its way. */
  back(attempt: Attempt): void;
  /** It is there. */
  onBack(attempt: Attempt, refusal: Refusal | undefined): void;
}

/** A call on its way to one instance, and its answer on the way back: an event of the loop in both directions. */
export class Attempt implements InstanceRequest, VirtualEvent {
  readonly cancelled = false;
  open = false;
  before: Attempt | undefined;
  after: Attempt | undefined;
  private returning = false;
  private refusal: Refusal | undefined;

  constructor(
    private readonly client: AttemptOwner,
    readonly call: Call,
    readonly connection: Connection,
    readonly sentMs: number,
  ) {}

  /** Only instances that were there became candidates. */
  get instance(): VirtualInstance {
    return this.connection.target!;
  }

  get rows(): number {
    return 1;
  }

  get group(): string {
    return "";
  }

  get origin(): number {
    return this.call.origin;
  }

  get deadlineMs(): number {
    return this.call.deadlineMs;
  }

  happen(): void {
    if (this.returning) {
      this.client.onBack(this, this.refusal);
      return;
    }
    const { instance } = this;
    if (instance.process.state === "running") instance.request(this);
    else instance.process.run(() => instance.request(this));
  }

  answered(): void {
    this.comeBack(undefined);
  }

  refused(why: Refusal): void {
    this.comeBack(why);
  }

  private comeBack(refusal: Refusal | undefined): void {
    this.returning = true;
    this.refusal = refusal;
    this.client.back(this);
  }
}
