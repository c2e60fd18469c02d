/** One direction of a link while a fault is on it: takes what was read and passes it on when the faults let it, in order. */
import type { ParameterValues } from "../../faults/faultParameter";

/** A fault on a link. */
export interface LinkRule {
  readonly fault: string;
  readonly parameters: ParameterValues;
  /** It was seen to act. */
  readonly seen: (evidence: string) => void;
  /** A connection was reset by it. */
  readonly onReset: () => void;
}

export interface LinkEnds {
  /** Passes on what has come through. */
  deliver(chunk: Buffer): void;
  reset(): void;
  /** What waits is too much, or no longer: whoever sends should stop, or go on. */
  onFull(full: boolean): void;
}

interface Waiting {
  readonly chunk: Buffer;
  readonly atMs: number;
}

/** What may wait before the sender has to. */
const FULL_BYTES = 1024 * 1024;

/** A connection is reset in the middle of what it carries, and not while it is being made. */
const RESET_AFTER_BYTES = 2_048;

export class LinkShaper {
  private readonly waiting: Waiting[] = [];
  private waitingBytes = 0;
  private lastAtMs = 0;
  private carriedBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private full = false;
  private closed = false;
  /** Black holes that a piece has gone into. */
  private readonly swallowing = new Set<LinkRule>();

  constructor(
    /** The rules for this direction, as of now. */
    private readonly rules: () => readonly LinkRule[],
    private readonly ends: LinkEnds,
  ) {}

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** The chunk must be memory of its own. */
  push(chunk: Buffer): void {
    const rules = this.rules();
    this.carriedBytes += chunk.length;
    for (const rule of rules) {
      if (rule.fault !== "reset" || this.carriedBytes < RESET_AFTER_BYTES || !hits(rule)) continue;
      rule.seen(`a connection that had carried ${this.carriedBytes} bytes was reset`);
      rule.onReset();
      this.ends.reset();
      return;
    }
    let pieces: Waiting[] = [{ chunk, atMs: performance.now() }];
    for (const rule of rules) pieces = this.delay(rule, pieces);
    for (const { chunk: piece, atMs } of pieces) {
      // Nothing overtakes what is before it.
      this.lastAtMs = Math.max(this.lastAtMs, atMs);
      this.waiting.push({ chunk: piece, atMs: this.lastAtMs });
      this.waitingBytes += piece.length;
    }
    this.pump();
  }

  /** Rules have changed. With none left, what waits goes on at once. */
  rulesChanged(): void {
    if (this.rules().length === 0) {
      this.lastAtMs = 0;
      for (const one of this.waiting.splice(0)) this.pass(one);
    }
    this.pump();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.waiting.length = 0;
  }

  private delay(rule: LinkRule, pieces: readonly Waiting[]): Waiting[] {
    const { fault, parameters, seen } = rule;
    const number = (name: string): number => Number(parameters[name]);
    switch (fault) {
      case "latency": {
        if (!hits(rule)) return [...pieces];
        const delayMs = Math.max(0, number("delay") + number("jitter") * (2 * Math.random() - 1));
        seen(`${bytesOf(pieces)} bytes are held back for ${Math.round(delayMs)} ms`);
        return pieces.map(({ chunk, atMs }) => ({ chunk, atMs: atMs + delayMs }));
      }
      case "bandwidth": {
        if (!hits(rule)) return [...pieces];
        seen(`${bytesOf(pieces)} bytes go through at ${number("rate")} bytes a second`);
        // Small enough that a slow link does not stand still between two of them.
        const size = Math.max(1, Math.min(16 * 1024, Math.floor(number("rate") / 20)));
        let freeAtMs = this.lastAtMs;
        return cut(pieces, size).map(({ chunk, atMs }) => {
          freeAtMs = Math.max(atMs, freeAtMs) + (chunk.length / number("rate")) * 1000;
          return { chunk, atMs: freeAtMs };
        });
      }
      case "slicing": {
        if (!hits(rule)) return [...pieces];
        const slices = cut(pieces, number("size"));
        seen(`${bytesOf(pieces)} bytes go on in ${slices.length} pieces`);
        let beforeMs = this.lastAtMs;
        return slices.map(({ chunk, atMs }) => {
          beforeMs = Math.max(atMs, beforeMs + number("pause"));
          return { chunk, atMs: beforeMs };
        });
      }
      case "black-hole":
        // What follows a piece that was swallowed is swallowed too: the link keeps its order.
        if (!this.swallowing.has(rule) && !hits(rule)) return [...pieces];
        this.swallowing.add(rule);
        seen(`${bytesOf(pieces)} bytes do not arrive`);
        return [...pieces];
      default:
        return [...pieces];
    }
  }

  private pump(): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    const swallowed = this.swallowing.size > 0 && this.rules().some((rule) => this.swallowing.has(rule));
    while (!swallowed) {
      const [next] = this.waiting;
      if (next === undefined) break;
      const waitMs = next.atMs - performance.now();
      if (waitMs > 0.5) {
        this.timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.waiting.shift();
      this.pass(next);
    }
    const full = this.waitingBytes > FULL_BYTES;
    if (full !== this.full) {
      this.full = full;
      this.ends.onFull(full);
    }
  }

  private pass({ chunk }: Waiting): void {
    this.waitingBytes -= chunk.length;
    if (!this.closed) this.ends.deliver(chunk);
  }
}

function hits({ parameters }: LinkRule): boolean {
  return Math.random() < Number(parameters.probability ?? 1);
}

function cut(pieces: readonly Waiting[], size: number): Waiting[] {
  return pieces.flatMap(({ chunk, atMs }) => {
    const count = Math.ceil(chunk.length / size);
    return Array.from({ length: count }, (_, index) => ({ chunk: chunk.subarray(index * size, (index + 1) * size), atMs }));
  });
}

function bytesOf(pieces: readonly Waiting[]): number {
  return pieces.reduce((sum, { chunk }) => sum + chunk.length, 0);
}
