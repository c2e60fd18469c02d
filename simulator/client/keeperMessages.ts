/** What a run's keeper and the editor window that owns it say to each other: one JSON document a line, on one socket. */
import type { Duplex } from "node:stream";
import type { RunRecord } from "../cluster/runDirectory";
import type { Problem } from "../graph/errors";
import type { StartRunOptions } from "./run";

export type OwnerMessage =
  | { readonly kind: "start"; readonly options: StartRunOptions; readonly handOverLimitMs: number }
  /** The first message of a new owner. */
  | { readonly kind: "takeOver"; readonly token: string }
  /** The owner goes, and another may come within the limit. Whoever goes without this word takes the run along. */
  | { readonly kind: "handOver" }
  /** Ends every process of the run at once. */
  | { readonly kind: "end" };

export type KeeperMessage =
  | { readonly kind: "started"; readonly record: RunRecord }
  | { readonly kind: "notStarted"; readonly problems: readonly Problem[] }
  | { readonly kind: "takenOver" }
  | { readonly kind: "handingOver" }
  | { readonly kind: "ended"; readonly state: string; readonly exitCode: number };

/** Messages over a socket. What comes after the other end is gone is dropped. */
export class MessageSocket<Incoming, Outgoing> {
  private rest = "";

  constructor(
    private readonly socket: Duplex,
    onMessage: (message: Incoming) => void,
    onClosed: () => void,
  ) {
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      const lines = (this.rest + chunk).split("\n");
      this.rest = lines.pop() ?? "";
      for (const line of lines) onMessage(JSON.parse(line) as Incoming);
    });
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.once("close", onClosed);
  }

  /** Resolves when the message has left this process, or nobody is there to get it. */
  send(message: Outgoing): Promise<void> {
    return new Promise((resolve) => this.socket.write(`${JSON.stringify(message)}\n`, () => resolve()));
  }

  close(): void {
    this.socket.destroy();
  }
}
