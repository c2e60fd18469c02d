/**
 * A socket between a client in this process and whom it calls, put in while a fault is on that link: gRPC reads and writes its sockets in
 * native code, so that nothing can be done on them from within.
 */
import type { AddressInfo, NetConnectOpts, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import type { LinkRule } from "./linkShaper";
import { LinkShaper } from "./linkShaper";

export interface RelayRules {
  /** From this process to the other. */
  out(): readonly LinkRule[];
  in(): readonly LinkRule[];
}

export class LinkRelay {
  private readonly shapers = new Set<LinkShaper>();
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private target: NetConnectOpts,
    private readonly rules: RelayRules | ((near: Socket) => RelayRules),
  ) {
    server.on("connection", (socket) => this.onConnection(socket));
  }

  /**
   * @param rules for all connections, or by the connection as it comes in: callers that share a relay can be told apart
   * @param path of a Unix-domain socket to listen on; any free port on loopback without it
   */
  static async open(target: NetConnectOpts, rules: RelayRules | ((near: Socket) => RelayRules), path?: string): Promise<LinkRelay> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      if (path === undefined) server.listen(0, "127.0.0.1", resolve);
      else server.listen(path, resolve);
    });
    server.unref();
    return new LinkRelay(server, target, rules);
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** For connections to come. */
  retarget(target: NetConnectOpts): void {
    this.target = target;
  }

  rulesChanged(): void {
    for (const shaper of this.shapers) shaper.rulesChanged();
  }

  /** Takes no more connections; those there are go on. */
  retire(): void {
    this.server.close();
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private onConnection(near: Socket): void {
    const far = connect(this.target);
    const rules = typeof this.rules === "function" ? this.rules(near) : this.rules;
    const reset = (): void => {
      for (const socket of [near, far]) {
        if (socket.remoteFamily === undefined) socket.destroy();
        else socket.resetAndDestroy();
      }
    };
    const shapers = [this.join(near, far, () => rules.out(), reset), this.join(far, near, () => rules.in(), reset)];
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.sockets.delete(socket);
        other.destroy();
        for (const shaper of shapers) {
          shaper.close();
          this.shapers.delete(shaper);
        }
      });
    }
  }

  private join(from: Socket, to: Socket, rules: () => readonly LinkRule[], reset: () => void): LinkShaper {
    const shaper = new LinkShaper(rules, {
      deliver: (chunk) => void to.write(chunk),
      reset,
      onFull: (full) => (full ? from.pause() : from.resume()),
    });
    this.shapers.add(shaper);
    from.on("data", (chunk: Buffer) => shaper.push(chunk));
    from.on("end", () => to.end());
    return shaper;
  }
}
