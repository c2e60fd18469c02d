/** Messages between two processes of one build: one JSON document a line, on one socket. */
import type { Duplex } from "node:stream";

/** What comes after the other end is gone is dropped. */
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
